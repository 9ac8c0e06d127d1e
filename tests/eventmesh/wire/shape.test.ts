import { describe, expect, it } from "vitest";
import fc from "fast-check";
import {
  bodyBound,
  BodyShapes,
  bodyText,
  createTemplate,
  encodeEvent,
  FrameWriter,
  SELECTORS,
} from "../../../lib/eventmesh/wire/mod.ts";

const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const publish = createTemplate({ cmd: "ASYNC_MESSAGE_TO_SERVER", properties: SELECTORS.eventmeshmessage });

/** Texts below and above the length from which they are written by the native, some of which need escapes. */
const texts = fc.oneof(
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.string({ unit: "grapheme-ascii", maxLength: 600 }),
  fc.array(fc.constantFrom("a", "~", '"', "\\", "\n", "\u0000", "\u007f", "é", "🎉", "\ud800"), {
    maxLength: 20,
  }).map((units) => units.join("")),
);
const topics = fc.oneof(fc.constantFrom("orders", "T"), texts.filter((text) => text.trim() !== ""));
const names = fc.constantFrom("kind", "tenant", "a", "averyverylongname0", "7");
const messages = fc.record({
  topic: topics,
  properties: fc.dictionary(names, texts, { maxKeys: 4 }),
  text: texts,
  ttl: fc.option(fc.constantFrom("1", "20000"), { nil: undefined }),
});

/** What stands in the frame behind its header. */
function written(writer: FrameWriter, body: Parameters<FrameWriter["templated"]>[2]): string {
  const start = writer.length;
  writer.templated(publish, 1_000_000_001, body);
  return utf8.decode(writer.view().subarray(start + publish.bytes.length));
}

function frame(...[template, seq, body]: Parameters<FrameWriter["templated"]>): string {
  const writer = new FrameWriter();
  writer.templated(template, seq, body);
  return utf8.decode(writer.take());
}

describe("the shape of a body", () => {
  it("gives what encoding the event gives, in any order of topics and properties", () => {
    fc.assert(
      fc.property(fc.array(messages, { minLength: 1, maxLength: 12 }), (all) => {
        const shapes = new BodyShapes();
        const writer = new FrameWriter();
        for (const { topic, properties, text, ttl } of [...all, ...all.flatMap((one) => [one, one])]) {
          const own = ttl === undefined ? undefined : "ttl";
          const body = shapes.body(publish, topic, properties, text, own, ttl);
          if (body === undefined) {
            shapes.learn(properties, own);
            continue;
          }
          const more = ttl === undefined ? {} : { ttl };
          const wanted = encodeEvent("eventmeshmessage", {
            topic,
            data: text,
            properties: { ...properties, ...more },
          });
          expect(bodyText(body)).toBe(wanted);
          expect(written(writer, body)).toBe(utf8.decode(bytesOf(wanted)));
          expect(bytesOf(wanted).length).toBeLessThanOrEqual(bodyBound(body));
        }
      }),
    );
  });

  it("is known after one message, for whatever topic and values come next", () => {
    const shapes = new BodyShapes();
    expect(shapes.body(publish, "orders", { kind: "a", tenant: "b" }, "text")).toBeUndefined();
    shapes.learn({ kind: "a", tenant: "b" });
    for (const topic of ["orders", "orders", "bills", "orders"]) {
      const body = shapes.body(publish, topic, { kind: "c", tenant: "d" }, "more")!;
      expect(JSON.parse(bodyText(body))).toEqual({
        topic,
        properties: { kind: "c", tenant: "d" },
        headers: {},
        body: "more",
      });
    }
  });

  it("goes behind the header of whatever template, under whatever number it is written", () => {
    const shapes = new BodyShapes();
    const broadcast = createTemplate({
      cmd: "BROADCAST_MESSAGE_TO_SERVER",
      properties: SELECTORS.eventmeshmessage,
    });
    shapes.learn({ kind: "a" });
    for (const made of [publish, publish, publish, broadcast, broadcast, publish, publish]) {
      for (const topic of ["orders", "orders", "bills"]) {
        const body = shapes.body(made, topic, { kind: "c" }, "text")!;
        for (const template of [publish, broadcast]) {
          for (const seq of [1_234_567_890, "1234567890", "7"]) {
            expect(frame(template, seq, body)).toBe(frame(template, seq, bodyText(body)));
          }
        }
      }
    }
  });

  it("keeps the values that it was made with", () => {
    const shapes = new BodyShapes();
    const properties = { kind: "before" };
    shapes.learn(properties);
    const body = shapes.body(publish, "orders", properties, "text")!;
    properties.kind = "after";
    expect(bodyText(body)).toContain('"kind":"before"');
    expect(written(new FrameWriter(), body)).toBe(bodyText(body));
  });

  it.each(
    [
      [{ tenant: "b", kind: "a" }],
      [{ kind: "a" }],
      [{ kind: "a", tenant: "b", more: "c" }],
      [{ kind: "a", tenant: 7 as unknown as string }],
      [{}],
    ],
  )("is none for other properties, nor for values that cannot be sent: %j", (properties) => {
    const shapes = new BodyShapes();
    shapes.learn({ kind: "a", tenant: "b" });
    expect(shapes.body(publish, "orders", properties, "text")).toBeUndefined();
    expect(shapes.body(publish, "orders", { kind: "a", tenant: "b" }, "text", "ttl", "1")).toBeUndefined();
  });

  it.each(["", " ", undefined, 7])("is none for a topic that cannot be sent: %j", (topic) => {
    const shapes = new BodyShapes();
    shapes.learn({});
    for (let i = 0; i < 3; i++) expect(shapes.body(publish, topic as string, {}, "text")).toBeUndefined();
    expect(shapes.body(publish, "orders", {}, "text")).toBeDefined();
  });

  it("is soon learnt no more where all are different, and those that come back still are", () => {
    const shapes = new BodyShapes();
    let known = 0;
    for (let i = 0; i < 1_000; i++) {
      const properties = { [`n${i}`]: "x" };
      if (shapes.body(publish, "orders", properties, "text") === undefined) shapes.learn(properties);
      if (shapes.body(publish, "orders", properties, "text") !== undefined) known++;
    }
    // The second look counts as a message that comes back: it makes learning worth while again.
    expect(known).toBeGreaterThan(0);
    const fresh = new BodyShapes();
    for (let i = 0; i < 1_000; i++) fresh.learn({ [`n${i}`]: "x" });
    const kept = Array.from(
      { length: 1_000 },
      (_, i) => fresh.body(publish, "orders", { [`n${i}`]: "x" }, "text"),
    );
    expect(kept.filter((body) => body !== undefined).length).toBe(8);
  });

  it("gives way to the text where the buffer has no room for all that it might take", () => {
    const shapes = new BodyShapes();
    shapes.learn({ kind: "a" });
    const writer = new FrameWriter({ maxFrame: 1_024 });
    const body = shapes.body(publish, "orders", { kind: "a" }, "x".repeat(700))!;
    expect(written(writer, body)).toBe(bodyText(body));
    const before = writer.length;
    const large = shapes.body(publish, "orders", { kind: "a" }, "x".repeat(2_000))!;
    expect(() => writer.templated(publish, 2, large)).toThrow(/exceed the limit/);
    expect(writer.length).toBe(before);
  });
});
