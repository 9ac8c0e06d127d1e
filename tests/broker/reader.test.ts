import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Blocks } from "../../lib/broker/blocks.ts";
import { propertyOf, readEnvelope } from "../../lib/broker/envelope.ts";
import { EnvelopeReader, type LookedProperty } from "../../lib/broker/reader.ts";
import { type EventProtocol, withProperties } from "../../lib/eventmesh/wire/mod.ts";

const looked: readonly LookedProperty[] = ["correlation99id", "reply99to99client", "ttl", "cluster"];
const blocks = new Blocks();
const encoder = new TextEncoder();

/** Bytes somewhere inside of others, as they come in a chunk. */
function within(body: Uint8Array, before = 3): { bytes: Uint8Array; start: number; end: number } {
  const bytes = new Uint8Array(before + body.length + 9).fill(0x22);
  bytes.set(body, before);
  return { bytes, start: before, end: before + body.length };
}

/** Whether the reader says yes; then all that it has found must be what parsing finds. */
function isRead(reader: EnvelopeReader, protocol: EventProtocol, body: Uint8Array): boolean {
  const { bytes, start, end } = within(body);
  const read = reader.read(protocol, bytes, start, end);
  const envelope = readEnvelope(protocol, body);
  if (!read) return false;
  if (typeof envelope === "string") throw new Error(`Was read, but ${envelope}`);
  expect(reader.topic).toBe(envelope.topic);
  for (const name of looked) expect(reader.property(name)).toBe(propertyOf(envelope, name));
  const [id = "", ttl] = [propertyOf(envelope, "correlation99id"), propertyOf(envelope, "ttl")];
  expect(reader.answered("abc")).toBe(/^abc[1-9][0-9]{0,14}$/.test(id) ? Number(id.slice(3)) : NaN);
  expect(reader.answered("abcd0")).toBe(/^abcd0[1-9][0-9]{0,14}$/.test(id) ? Number(id.slice(5)) : NaN);
  expect(reader.ttl).toBe(ttl === undefined ? 0 : /^[1-9][0-9]{0,14}$/.test(ttl) ? Number(ttl) : NaN);
  expect(new Uint8Array(reader.body)).toEqual(body);
  const missing = (name: LookedProperty): boolean => propertyOf(envelope, name) === undefined;
  if (reader.extensible) {
    expect(missing("correlation99id") && missing("reply99to99client")).toBe(true);
    const added = {
      correlation99id: "abc1020",
      reply99to99client: "session-7",
      ...(missing("ttl") ? { ttl: "3000" } : {}),
      ...(missing("cluster") ? { cluster: 'a "b" \u00e4' } : {}),
    };
    const result = reader.withProperties("abc", 1_020, "session-7", 3_000, 'a "b" \u00e4', blocks);
    const wanted = withProperties(protocol, body, added);
    const decoder = new TextDecoder();
    expect(JSON.parse(decoder.decode(result))).toEqual(JSON.parse(decoder.decode(wanted)));
    // In another order, but the same bytes.
    expect(sorted(result)).toBe(sorted(wanted));
  }
  return true;
}

/** Bytes in their order, without white space. */
function sorted(bytes: Uint8Array): string {
  return bytes.filter((byte) => byte > 0x20).sort().join();
}

const usual: Readonly<Record<EventProtocol, object>> = {
  eventmeshmessage: { topic: "t", properties: { ttl: "3000", color: "red" }, headers: {}, body: "hello" },
  cloudevents: {
    specversion: "1.0",
    id: "1",
    source: "/",
    type: "a",
    datacontenttype: "application/cloudevents+json",
    subject: "t",
    ttl: "3000",
    color: "red",
    data: { a: [1, -2.5e3, null, true, "x"] },
  },
};

describe.each(["eventmeshmessage", "cloudevents"] as const)("a reader of bodies of %s", (protocol) => {
  const text = JSON.stringify(usual[protocol]);
  const spaced = JSON.stringify(usual[protocol], undefined, "\t");

  it("reads what clients write", () => {
    const reader = new EnvelopeReader();
    for (
      const body of [
        text,
        spaced,
        text.replace("hello", 'say \\"\\u00e4\\n\\"'),
        text.replace("red", "r\u00e4d"),
      ]
    ) {
      expect(isRead(reader, protocol, encoder.encode(body))).toBe(true);
    }
  });

  it("says nothing else about a body than parsing it, whatever byte of it is another", () => {
    const reader = new EnvelopeReader();
    for (const body of [encoder.encode(text), encoder.encode(spaced)]) {
      for (let at = 0; at < body.length; at++) {
        for (const byte of [0, 0x1f, 0x20, 0x22, 0x2c, 0x30, 0x5c, 0x65, 0x6e, 0x7b, 0x7d, 0x80, 0xff]) {
          const changed = body.slice();
          changed[at] = byte;
          isRead(reader, protocol, changed);
          isRead(reader, protocol, body.slice(0, at));
        }
        // What it has learnt of the right one may be all it looks at.
        expect(isRead(reader, protocol, body)).toBe(true);
      }
    }
  });

  it("says nothing else about a body than parsing it, whatever it is made of", () => {
    const reader = new EnvelopeReader();
    const name = fc.oneof(
      fc.constantFrom(...Object.keys(usual[protocol]), ...looked, "__proto__", "data_base64", "Ab", ""),
      fc.string({ maxLength: 5 }),
    );
    const value = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.jsonValue({ maxDepth: 4 }),
      fc.constantFrom("", "1.0", "t"),
    );
    const member = fc.tuple(name, value);
    let count = 0;
    fc.assert(
      fc.property(fc.array(member, { maxLength: 4 }), fc.array(member, { maxLength: 3 }), (top, inner) => {
        const object = (members: [string, unknown][]): string =>
          `{${members.map(([key, each]) => `${JSON.stringify(key)}:${JSON.stringify(each)}`).join(",")}}`;
        const own = Object.entries(usual[protocol]).filter(([key]) => key !== "properties");
        const members = [...own, ...top].map(([key, each]) =>
          `${JSON.stringify(key)}:${JSON.stringify(each)}`
        );
        if (protocol === "eventmeshmessage") members.splice(1, 0, `"properties":${object(inner)}`);
        if (isRead(reader, protocol, encoder.encode(`{${members.join(",")}}`))) count++;
      }),
      { numRuns: 600 },
    );
    expect(count).toBeGreaterThan(5);
  });

  it("reads on when a topic, a property or all of the text is another", () => {
    const reader = new EnvelopeReader();
    for (let i = 0; i < 200; i++) {
      const change = { topic: `t${i >> 5}`, subject: `t${i >> 5}` };
      const body = {
        ...usual[protocol],
        ...change,
        ...(protocol === "cloudevents" ? {} : { body: `text ${i}` }),
      };
      const bytes = encoder.encode(JSON.stringify(body).replace("3000", String(i >> 4)));
      expect(isRead(reader, protocol, bytes)).toBe(true);
      expect(isRead(reader, protocol, bytes.slice(0, -1))).toBe(false);
      expect(isRead(reader, protocol, encoder.encode(`${JSON.stringify(body)}}`))).toBe(false);
    }
  });

  it("says nothing else about texts that are empty, escaped or not ASCII when it knows all around them", () => {
    const reader = new EnvelopeReader();
    const values = ["t", "3000", "red", ...(protocol === "cloudevents" ? ["1", "/", "a"] : ["hello"])];
    for (const value of values) {
      for (
        const other of ["", "tt", "30\\u0030", 'a\\"', "\u00e4", "\\", "\u007f", "\t", "x".repeat(2_000)]
      ) {
        expect(isRead(reader, protocol, encoder.encode(text))).toBe(true);
        isRead(reader, protocol, encoder.encode(text.replace(`"${value}"`, `"${other}"`)));
      }
    }
  });

  it("adds properties to those of a request, whatever is in front of them, and finds the identity of a reply", () => {
    const reader = new EnvelopeReader();
    const given = [{}, { ttl: "20" }, { ttl: "020" }, { color: "red" }, {
      correlation99id: "abc12",
      color: "red",
    }];
    for (let i = 0; i < 60; i++) {
      const properties = given[i % given.length]!;
      const text = `${i}`.repeat([1, 200, 3_000][i % 3]!);
      const body = protocol === "cloudevents"
        ? { specversion: "1.0", ...properties, id: "1", source: "/", type: "a", subject: "topic", data: text }
        : { body: text, topic: `topic ${i % 7}`, properties, headers: {} };
      expect(isRead(reader, protocol, encoder.encode(JSON.stringify(body)))).toBe(true);
      expect(reader.extensible).toBe(!("correlation99id" in properties));
    }
  });

  it("knows one topic from another, however many there are", () => {
    const reader = new EnvelopeReader();
    for (let i = 0; i < 8_000; i++) {
      const topic = `t${String((i * 7) % 4_000).padStart(5, "0")}`;
      const body = encoder.encode(JSON.stringify({ ...usual[protocol], topic, subject: topic }));
      expect(reader.read(protocol, body, 0, body.length)).toBe(true);
      expect(reader.topic).toBe(topic);
    }
  });

  it("leaves what is nested deep, or written with escapes in names, to parsing", () => {
    const reader = new EnvelopeReader();
    const deep = `${"[".repeat(100)}${"]".repeat(100)}`;
    expect(isRead(reader, protocol, encoder.encode(text.replace("{", `{"extra":${deep},`)))).toBe(false);
    expect(isRead(reader, protocol, encoder.encode(text.replace('"color"', '"c\\u006flor"')))).toBe(false);
    expect(isRead(reader, protocol, encoder.encode(text.replace('"t"', '"\\u0074"')))).toBe(false);
    expect(isRead(reader, protocol, encoder.encode(`\ufeff${text}`))).toBe(false);
  });
});
