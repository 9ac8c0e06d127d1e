import { describe, expect, it } from "vitest";
import fc from "fast-check";
import { ProtocolError } from "../../../lib/errors.ts";
import {
  decodeEvent,
  encodeEvent,
  type EventProtocol,
  isPropertyName,
  withProperties,
} from "../../../lib/eventmesh/wire/mod.ts";

const text = new TextEncoder();
const utf8 = new TextDecoder();
const added = (protocol: EventProtocol, body: string, properties: Record<string, string>): string =>
  utf8.decode(withProperties(protocol, text.encode(body), properties));

const properties = fc.dictionary(fc.stringMatching(/^[a-z0-9]{1,20}$/).filter(isPropertyName), fc.string());

describe.each<[EventProtocol]>([["cloudevents"], ["eventmeshmessage"]])(
  "withProperties on %s",
  (protocol) => {
    it("adds and replaces properties, and nothing else", () => {
      fc.assert(
        fc.property(properties, properties, fc.oneof(fc.string(), fc.json()), (before, more, data) => {
          const body = encodeEvent(protocol, {
            topic: "T",
            id: "1",
            data,
            contentType: "a/b",
            properties: before,
          });
          const event = decodeEvent(protocol, text.encode(body));
          const result = decodeEvent(protocol, withProperties(protocol, text.encode(body), more));
          expect(result).toEqual({ ...event, properties: { ...event.properties, ...more } });
        }),
      );
    });

    it("allows names longer than those of one's own events", () => {
      const body = encodeEvent(protocol, { topic: "T", id: "1", data: "1", properties: {} });
      const result = withProperties(protocol, text.encode(body), { reqc2eventmeshtimestamp: "1" });
      expect(decodeEvent(protocol, result).properties).toEqual({ reqc2eventmeshtimestamp: "1" });
    });

    it("returns bytes of its own, even when there is nothing to do", () => {
      const body = text.encode('{"topic":"T"}');
      const result = withProperties(protocol, body, {});
      expect(utf8.decode(result)).toBe('{"topic":"T"}');
      expect(result.buffer).not.toBe(body.buffer);
    });

    it.each([
      "",
      "{",
      "[]",
      "null",
      "{}{}",
      '{"a":1,}',
      '{"a" 1}',
      '{"a":}',
      "{1:2}",
      '{"a":"x}',
      '{"a":[1}',
    ])(
      "is a ProtocolError for %j",
      (body) => expect(() => added(protocol, body, { a: "1" })).toThrow(ProtocolError),
    );

    it("refuses names and values that the protocol does not allow", () => {
      for (const name of ["my-key", "TTL", "", "dataencoding", "protocoltype"]) {
        expect(() => added(protocol, "{}", { [name]: "1" })).toThrow(TypeError);
      }
      expect(() => added(protocol, "{}", { a: 1 as never })).toThrow(TypeError);
    });
  },
);

describe("withProperties", () => {
  it("keeps every byte of a CloudEvent that it does not replace", () => {
    expect(added("cloudevents", ' { "a" : 1.0,"b":[1 , 2],\n"c":{"a":"}"} , "a":2 } ', { a: "x", d: "y" }))
      .toBe(
        '{"b":[1 , 2],\n"c":{"a":"}"},"a":"x","d":"y"}',
      );
    expect(added("cloudevents", '{"\\u0061":1}', { a: "x" })).toBe('{"a":"x"}');
    expect(added("cloudevents", " {} ", { a: "x" })).toBe('{"a":"x"}');
    const malformed = Uint8Array.of(...text.encode('{"b":"'), 0xff, ...text.encode('"}'));
    expect([...withProperties("cloudevents", malformed, { a: "é" })]).toEqual(
      [...malformed.slice(0, -1), ...text.encode(',"a":"é"}')],
    );
  });

  it("does not let a CloudEvent lose an attribute", () => {
    for (const name of ["id", "data", "subject", "specversion"]) {
      expect(() => added("cloudevents", "{}", { [name]: "1" })).toThrow(TypeError);
    }
    expect(added("eventmeshmessage", "{}", { id: "1" })).toBe('{"properties":{"id":"1"}}');
  });

  it("keeps every byte of an eventmeshmessage that it does not replace", () => {
    expect(
      added("eventmeshmessage", ' { "topic":"T","properties":{ "a":"1" ,"b":"2"}, "body":"\\u0061" } ', {
        a: "é",
      }),
    )
      .toBe(' { "topic":"T","properties":{"b":"2","a":"é"}, "body":"\\u0061" } ');
    expect(added("eventmeshmessage", '{"topic":"T","properties":null,"body":"x"}', { a: "1" })).toBe(
      '{"topic":"T","body":"x","properties":{"a":"1"}}',
    );
    expect(added("eventmeshmessage", '{"topic":"T"}', { a: "1" })).toBe(
      '{"topic":"T","properties":{"a":"1"}}',
    );
  });

  it("refuses properties that are no object", () => {
    for (const value of ["[]", "5", '"x"']) {
      expect(() => added("eventmeshmessage", `{"properties":${value}}`, { a: "1" })).toThrow(ProtocolError);
    }
  });
});
