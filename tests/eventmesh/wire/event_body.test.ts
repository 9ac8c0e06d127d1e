import { describe, expect, it } from "vitest";
import fc from "fast-check";
import {
  bodyBound,
  bodyText,
  createTemplate,
  decodeEvent,
  encodeEvent,
  eventBody,
  type EventProtocol,
  FrameWriter,
  replyBody,
  SELECTORS,
  type WireEvent,
} from "../../../lib/eventmesh/wire/mod.ts";

const protocols: readonly EventProtocol[] = ["eventmeshmessage", "cloudevents"];
const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const publish = createTemplate({ cmd: "ASYNC_MESSAGE_TO_SERVER", properties: SELECTORS.eventmeshmessage });

/** The body of a frame that a writer made of an event. */
function written(writer: FrameWriter, body: Parameters<FrameWriter["templated"]>[2]): string {
  const start = writer.length;
  writer.templated(publish, 1_000_000_001, body);
  return utf8.decode(writer.view().subarray(start + publish.bytes.length));
}

/** Texts of which some need escapes, at any place in their words of four bytes. */
const texts = fc.oneof(
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.string({ unit: "grapheme-ascii", maxLength: 600 }),
  fc.array(
    fc.constantFrom("a", "~", " ", '"', "\\", "\n", "\u0000", "\u001f", "\u007f", "é", "🎉", "\ud800"),
    {
      maxLength: 12,
    },
  ).map((units) => units.join("")),
);

describe.each(protocols)("the body of an event as %s", (protocol) => {
  const event = (data: string | Uint8Array): WireEvent => ({
    topic: "T",
    id: "1",
    data,
    properties: { a: "b" },
  });

  it("is written as its text says, wherever it lies in the buffer", () => {
    fc.assert(
      fc.property(fc.array(texts, { minLength: 1, maxLength: 6 }), (all) => {
        const writer = new FrameWriter();
        // With room from the beginning, and a buffer that must grow at first.
        for (const data of [...all, ...all]) {
          const body = eventBody(protocol, event(data));
          expect(written(writer, body)).toBe(utf8.decode(bytesOf(encodeEvent(protocol, event(data)))));
          expect(bytesOf(bodyText(body)).length).toBeLessThanOrEqual(bodyBound(body));
        }
      }),
    );
  });

  it("is refused where it exceeds the frame, and leaves the writer as it was", () => {
    const writer = new FrameWriter({ maxFrame: 1_024 });
    writer.templated(publish, 1, "{}");
    const before = writer.length;
    for (const data of ["x".repeat(2_000), "\u0001".repeat(200), "é".repeat(500)]) {
      expect(() => writer.templated(publish, 2, eventBody(protocol, event(data)))).toThrow(
        /exceed the limit/,
      );
      expect(writer.length).toBe(before);
    }
  });

  it("of a reply carries what ties it to its request, but for the name that is its own", () => {
    const request = {
      correlation99id: "7",
      averyveryverylongnamethatisnoneofours: "8",
      "No!": "9",
      msgid: "10",
      subject: "11",
    };
    const reply = replyBody(protocol, { ...event("x"), properties: request }, "re: x", "msgid");
    const read = decodeEvent(protocol, bytesOf(bodyText(reply)));
    expect(read.data).toBe("re: x");
    expect(read.topic).toBe("T");
    expect({ ...read.properties }).toEqual({
      correlation99id: "7",
      averyveryverylongnamethatisnoneofours: "8",
    });
  });

  it.each(["42", "-1", "true", "null", '"x"', "[1]"])("carries JSON, such as %s, unharmed", (data) => {
    const body = bodyText(eventBody(protocol, event(data)));
    const { data: read, body: text } = JSON.parse(body) as { data?: unknown; body?: unknown };
    // A CloudEvent holds JSON as it is, the other protocol holds texts only.
    expect(protocol === "cloudevents" ? read : text).toEqual(
      protocol === "cloudevents" ? JSON.parse(data) : data,
    );
  });

  it("carries more properties behind its own", () => {
    const body = bodyText(eventBody(protocol, event('{"json":true}'), { ttl: "30000" }));
    expect({ ...decodeEvent(protocol, bytesOf(body)).properties }).toEqual({ a: "b", ttl: "30000" });
  });
});
