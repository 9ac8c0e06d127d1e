import { describe, expect, it } from "vitest";
import fc from "fast-check";
import { ProtocolError } from "../../../lib/errors.ts";
import {
  decodeEvent,
  encodeEvent,
  type EventProtocol,
  eventProtocol,
  FrameWriter,
  isPropertyName,
  peekTopic,
  SELECTORS,
  type WireEvent,
} from "../../../lib/eventmesh/wire/mod.ts";
import { decodeAll, hex, rawFrame } from "./frames.ts";
import { isReadAlike } from "../../support/json.ts";

const text = new TextEncoder();
const protocols: [EventProtocol][] = [["cloudevents"], ["eventmeshmessage"]];
const event: WireEvent = { topic: "T", id: "9b2e", data: '{"content":"hi"}', properties: { ttl: "30000" } };

/** Through the bytes and back. */
const passed = (protocol: EventProtocol, event: WireEvent): WireEvent =>
  decodeEvent(protocol, text.encode(encodeEvent(protocol, event)));
const bytesOf = (data: string | Uint8Array): string =>
  hex(typeof data === "string" ? text.encode(data) : data);

const propertyName = fc.stringMatching(/^[a-z0-9]{1,20}$/).filter(isPropertyName);
const properties = fc.dictionary(propertyName, fc.string({ unit: "binary" })).map((from) => ({ ...from }));
const topic = fc.string({ unit: "binary" }).filter((text) => text.trim() !== "");
const json = fc.json().filter(isReadAlike);
const data = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.uint8Array(),
  json,
  json.map((json) => ` ${json}\n`),
  json.map((json) => text.encode(json)),
  fc.constantFrom(
    "",
    " ",
    "null",
    '"quoted"',
    "1.0",
    "1e400",
    "\ufeff{}",
    '{"a":1,"a":2}',
    "{",
    "[1 , 2]",
    "\u2028",
  ),
);

describe.each(protocols)("an event as %s", (protocol) => {
  it("is read back as it was written, data to the last byte", () => {
    fc.assert(
      fc.property(
        topic,
        topic,
        data,
        fc.option(fc.constantFrom("text/plain", "application/json", 'a/b; c="d"'), { nil: undefined }),
        properties,
        (topic, id, data, contentType, properties) => {
          const event = passed(protocol, { topic, id, data, contentType, properties });
          expect(event.topic).toBe(topic);
          expect(event.contentType).toBe(contentType);
          expect(event.properties).toEqual(properties);
          expect(bytesOf(event.data)).toBe(bytesOf(data));
          if (typeof data === "string") expect(event.data).toBe(data);
          if (protocol === "cloudevents") {
            expect(event).toMatchObject({ id, source: "/", type: "cloudevents" });
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it("keeps a lone surrogate of a text", () => {
    for (const data of ["\ud800", '"\udc00"', '{"a":"\ud83d"}']) {
      expect(passed(protocol, { ...event, data }).data).toBe(data);
    }
  });

  it("gives bytes back as text where they are text, and as bytes where they are not", () => {
    expect(passed(protocol, { ...event, data: text.encode("grüße") }).data).toBe("grüße");
    const binary = Uint8Array.of(0xff, 0, 1, 2);
    const back = passed(protocol, { ...event, data: binary }).data;
    expect(back).toBeInstanceOf(Uint8Array);
    expect([...back as Uint8Array]).toEqual([...binary]);
    expect(passed(protocol, { ...event, data: new Uint8Array(0) }).data).toBe("");
  });

  it("writes bytes of a view, and no others of its memory", () => {
    const memory = Uint8Array.of(1, 0xff, 0xfe, 2);
    const back = passed(protocol, { ...event, data: memory.subarray(1, 3) }).data;
    expect([...back as Uint8Array]).toEqual([0xff, 0xfe]);
  });

  it.each<[name: string, value: unknown, reason: string]>([
    ["TTL", "1", "its name must consist of lower-case letters and digits"],
    ["my-key", "1", "its name must consist of lower-case letters and digits"],
    ["my_key", "1", "its name must consist of lower-case letters and digits"],
    ["", "1", "its name must consist of lower-case letters and digits"],
    ["é", "1", "its name must consist of lower-case letters and digits"],
    ["a".repeat(21), "1", "its name has 21 characters, must have at most 20"],
    ["data", "1", "its name is in use by the protocol, must be another"],
    ["id", "1", "its name is in use by the protocol, must be another"],
    ["protocoltype", "1", "its name is in use by the protocol, must be another"],
    ["dataencoding", "1", "its name is in use by the protocol, must be another"],
    ["contenttype", "1", "its name is in use by the protocol, must be another"],
    ["ttl", 30000, "its value is of type number, must be a string"],
    ["ttl", null, "its value is null, must be a string"],
    ["ttl", undefined, "its value is of type undefined, must be a string"],
  ])("refuses the property %s: %s", (name, value, reason) => {
    const encode = (): string => encodeEvent(protocol, { ...event, properties: { [name]: value as string } });
    expect(encode).toThrow(TypeError);
    expect(encode).toThrow(`Cannot encode the property ${JSON.stringify(name)}: ${reason}`);
  });

  it("refuses fields of the wrong kind, naming them", () => {
    const wrong: [Partial<Record<keyof WireEvent, unknown>>, string][] = [
      [{ topic: "" }, 'topic is "", must be a non-blank string'],
      [{ topic: " " }, 'topic is " ", must be a non-blank string'],
      [{ topic: undefined }, "topic is of type undefined, must be a non-blank string"],
      [{ data: null }, "data is null, must be a string or bytes"],
      [{ data: { a: 1 } }, "data is of type object, must be a string or bytes"],
      [{ contentType: 5 }, "contentType is of type number, must be a string"],
    ];
    for (const [field, message] of wrong) {
      const encode = (): string => encodeEvent(protocol, { ...event, ...field } as WireEvent);
      expect(encode).toThrow(TypeError);
      expect(encode).toThrow(`Cannot encode an event: ${message}`);
    }
  });

  it.each(["", "{", "[]", "null", "5", '"x"'])("is a ProtocolError when it is %j", (body) => {
    try {
      decodeEvent(protocol, text.encode(body), 99);
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(ProtocolError);
      expect((error as ProtocolError).offset).toBe(99);
    }
  });

  it("tells its topic without being decoded", () => {
    fc.assert(fc.property(topic, properties, (topic, properties) => {
      const body = text.encode(encodeEvent(protocol, { ...event, topic, properties }));
      expect(peekTopic(protocol, body)).toBe(topic);
    }));
    for (
      const body of ["", "{", "{}", "[]", '{"topic":5,"subject":{}}', '{"topic":"a\\x","subject":"a\\x"}']
    ) {
      expect(peekTopic(protocol, text.encode(body))).toBeUndefined();
    }
  });

  it("comes with selectors in the header, from which its protocol is known", () => {
    const writer = new FrameWriter();
    writer.frame({ cmd: "ASYNC_MESSAGE_TO_SERVER", seq: "1", properties: SELECTORS[protocol] });
    const [packet] = decodeAll([writer.take()]);
    expect(packet!.properties).toEqual({
      protocoltype: protocol,
      protocolversion: "1.0",
      protocoldesc: "tcp",
    });
    expect(eventProtocol(packet!)).toBe(protocol);
  });
});

describe("the protocol of an event", () => {
  it.each<[string, EventProtocol | undefined]>([
    ["{}", "eventmeshmessage"],
    ['{"properties":{"protocoltype":"openmessage"}}', undefined],
    ['{"properties":{"protocoltype":1}}', undefined],
  ])("of a packet with the header %s is %s", (header, protocol) => {
    expect(eventProtocol(decodeAll([rawFrame(header)])[0]!)).toBe(protocol);
  });
});

describe("cloudevents", () => {
  it("are written with the one content type that the runtime delivers, and JSON data as it is", () => {
    expect(encodeEvent("cloudevents", { ...event, source: "/s", type: "t", contentType: "application/json" }))
      .toBe(
        '{"specversion":"1.0","id":"9b2e","source":"/s","type":"t","datacontenttype":"application/cloudevents+json","subject":"T","ttl":"30000","contenttype":"application/json","data":{"content":"hi"}}',
      );
    expect(encodeEvent("cloudevents", { ...event, data: "hi", properties: {} })).toContain(
      '"subject":"T","dataencoding":"text","data":"hi"}',
    );
    expect(encodeEvent("cloudevents", { ...event, data: Uint8Array.of(255), properties: {} })).toContain(
      '"subject":"T","dataencoding":"base64","data":"/w=="}',
    );
  });

  it("need an id", () => {
    const { id: _, ...anonymous } = event;
    expect(() => encodeEvent("cloudevents", anonymous)).toThrow(
      "id is undefined, must be a non-empty string",
    );
    expect(() => encodeEvent("cloudevents", { ...event, source: "" })).toThrow(TypeError);
  });

  it.each<[what: string, members: string, wanted: Partial<WireEvent>]>([
    ["JSON data, to the letter", '"data": {"a" : 1.0, "a": [1e400,"}"]} ', {
      data: '{"a" : 1.0, "a": [1e400,"}"]}',
    }],
    ["a string as data, quotes included", '"data":"hi"', { data: '"hi"' }],
    ["a string that says base64 and is not", '"dataencoding":"base64","data":"a$b="', {
      data: '"a$b="',
      properties: {},
    }],
    ["base64 that was cut", '"dataencoding":"base64","data":"AAA"', { data: '"AAA"' }],
    ["an encoding that is not known", '"dataencoding":"gzip","data":"hi"', { data: '"hi"', properties: {} }],
    ["an encoding of what is no string", '"dataencoding":"text","data":{"a":1}', { data: '{"a":1}' }],
    ["null as data", '"data":null', { data: "null" }],
    ["the last of two", '"data":1,"data":[2]', { data: "[2]" }],
    ["a name with an escape", '"d\\u0061ta":[2]', { data: "[2]" }],
    ["data nested in data", '"data":{"data":"x"}', { data: '{"data":"x"}' }],
    ["data as base64 by the standard", '"data_base64":"/w=="', { data: Uint8Array.of(255) }],
    ["no data", '"id":"1"', { data: "", id: "1" }],
    ["another content type", '"datacontenttype":"text/plain","data":1', { contentType: "text/plain" }],
    ["the usual content type", '"datacontenttype":"application/cloudevents+json"', {
      contentType: undefined,
    }],
    ["extensions of any type", '"a":1,"b":true,"c":null,"time":"x","protocoltype":"cloudevents"', {
      properties: { a: "1", b: "true" },
    }],
    ["names that objects have already", '"__proto__":"x","constructor":"y"', {
      properties: { constructor: "y" } as never,
    }],
    ["nothing", '"x":"y"', { topic: "", id: undefined, source: undefined, type: undefined }],
  ])("of others are read: %s", (_, members, wanted) => {
    const read = decodeEvent("cloudevents", text.encode(`{${members}}`));
    for (const [name, value] of Object.entries(wanted)) {
      expect(read[name as keyof WireEvent]).toEqual(value);
    }
  });
});

describe("an eventmeshmessage", () => {
  it("is written with its members in the order of the Java class", () => {
    expect(encodeEvent("eventmeshmessage", { ...event, contentType: "text/plain", data: 'say "hi"' })).toBe(
      '{"topic":"T","properties":{"ttl":"30000"},"headers":{"datacontenttype":"text/plain"},"body":"say \\"hi\\""}',
    );
    expect(encodeEvent("eventmeshmessage", { topic: "T", data: Uint8Array.of(255), properties: {} })).toBe(
      '{"topic":"T","properties":{"dataencoding":"base64"},"headers":{},"body":"/w=="}',
    );
  });

  it.each<[what: string, body: string, wanted: Partial<WireEvent>]>([
    ["nothing", "{}", { topic: "", data: "", contentType: undefined, properties: {} }],
    ["null everywhere", '{"topic":null,"properties":null,"headers":null,"body":null}', {
      topic: "",
      data: "",
    }],
    ["scalars", '{"topic":5,"properties":{"a":1},"body":true}', {
      topic: "5",
      data: "true",
      properties: { a: "1" },
    }],
    ["other types", '{"properties":[1],"headers":5,"body":{"a":1}}', { data: '{"a":1}', properties: {} }],
    ["base64 that is none", '{"properties":{"dataencoding":"base64"},"body":"?"}', {
      data: "?",
      properties: {},
    }],
    ["a content type among the properties", '{"properties":{"contenttype":"a/b"}}', {
      contentType: "a/b",
      properties: {},
    }],
    ["names that objects have already", '{"properties":{"__proto__":"x","toString":"y"}}', {
      properties: { toString: "y" } as never,
    }],
  ])("of others is read: %s", (_, body, wanted) => {
    const read = decodeEvent("eventmeshmessage", text.encode(body));
    for (const [name, value] of Object.entries(wanted)) expect(read[name as keyof WireEvent]).toEqual(value);
  });
});
