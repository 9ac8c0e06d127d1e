import { expect, it } from "vitest";
import { ProtocolError } from "../../../lib/errors.ts";
import {
  bodyText,
  decodeEvent,
  EventReader,
  FrameWriter,
  type OutgoingBody,
  type Packet,
  replyBody,
  type WireEvent,
} from "../../../lib/eventmesh/wire/mod.ts";
import { decodeAll, joined, randomOf, rawFrame, seed } from "./frames.ts";

const text = new TextEncoder();
const pushed =
  '{"topic":"orders","properties":{"kind":"new","note":"","ttl":"20000"},"headers":{},"body":"hello you"}';
const asked =
  '{"topic":"orders","properties":{"kind":"new","correlation99id":"61df","1":"x"},"headers":{},"body":"hello you"}';
const java =
  '{"topic":"T","properties":{"protocoltype":"eventmeshmessage","ttl":"4","aNameOfTheirs":"x"},"headers":{"datacontenttype":"text/plain"},"body":"b"}';

/** A packet that lies in the middle of other bytes. */
function packetOf(body: string | Uint8Array): Packet {
  const header = '{"cmd":"ASYNC_MESSAGE_TO_CLIENT","seq":"1"}';
  return decodeAll([joined([header, body, header].map((part) => rawFrame(header, part)))])[1]!;
}

/** A reader that has seen these bodies often enough to know them by heart. */
function trained(...bodies: string[]): EventReader {
  const reader = new EventReader();
  for (let i = 0; i < 2; i++) for (const body of bodies) outcome(reader, body);
  return reader;
}

/** Hits, so that what it does not know is not passed over. */
function remind(reader: EventReader, packet: Packet): void {
  for (let i = 0; i < 4; i++) reader.read("eventmeshmessage", packet);
}

function orError(act: () => unknown): unknown {
  try {
    return act();
  } catch (error) {
    return (error as Error).message;
  }
}

/** A body as it is written into a frame with more than enough room. */
function written(body: OutgoingBody): string {
  const writer = new FrameWriter();
  writer.frame({ cmd: "HEARTBEAT_REQUEST" }, new Uint8Array(10_000));
  writer.clear();
  writer.frame({ cmd: "RESPONSE_TO_SERVER" }, body);
  return decodeAll([writer.take()])[0]!.text();
}

/** All that a reader says of a body. */
function outcome(reader: EventReader, body: string | Uint8Array): unknown {
  return orError(() => {
    const event = reader.read("eventmeshmessage", packetOf(body));
    return facts(event, event.tied, (data) => {
      const reply = event.reply(data, "msgid");
      expect(written(reply)).toBe(bodyText(reply));
      return bodyText(reply);
    });
  });
}

/** The same as parsing says it. */
function parsed(body: string | Uint8Array): unknown {
  const { body: bytes, bodyOffset } = packetOf(body);
  return orError(() => {
    const event = decodeEvent("eventmeshmessage", bytes, bodyOffset);
    return facts(
      event,
      ["correlation99id", "reply99to99client"].some((name) => Object.hasOwn(event.properties, name)),
      (data) => bodyText(replyBody("eventmeshmessage", event, data, "msgid")),
    );
  });
}

function facts(
  { topic, id, source, type, data, contentType, properties }: WireEvent,
  tied: boolean,
  reply: (data: string | Uint8Array) => string,
): unknown {
  return {
    fields: { topic, id, source, type, data, contentType },
    properties: Object.entries(properties),
    tied,
    replies: ['say "yes"', new Uint8Array([0xff])].map((data) => orError(() => JSON.parse(reply(data)))),
  };
}

function expectSame(body: string | Uint8Array, ...known: string[]): void {
  expect(outcome(trained(...known), body)).toEqual(parsed(body));
}

it("reads bodies that are built alike, whatever their texts are", () => {
  for (const known of [pushed, asked, java, asked.replace('"kind"', '"msgid"')]) {
    for (
      const other of ["", "x", "a longer one, with spaces", 'q"\\\n\u2028', "grün 🎉", "\ufeff", "\u007f"]
    ) {
      const quoted = JSON.stringify(other).slice(1, -1);
      for (const at of ["orders", "new", "61df", "hello you", '"b"', '"T"', '"4"', '"x"']) {
        expectSame(known.replace(at, at.startsWith('"') ? `"${quoted}"` : quoted), known);
      }
    }
  }
});

it("does not parse what is built like the body before, and looks at no text before it is asked for", () => {
  const reader = trained(asked);
  const packet = packetOf(asked.replace("hello", "other"));
  const event = reader.read("eventmeshmessage", packet);
  const { source, bodyEnd } = packet;
  source[bodyEnd - 3] = 0x21;
  expect(event.data).toBe("other yo!");
  source[bodyEnd - 3] = 0x3f;
  expect(event.data).toBe("other yo!");
  // Another that is read in between does not come into its way.
  reader.read("eventmeshmessage", packetOf(asked.replace("61df", "1").replace("hello", "another")));
  expect({ ...event.properties }).toEqual({ 1: "x", kind: "new", correlation99id: "61df" });
  expect(event.properties).toBe(event.properties);
});

it("is not misled by any other byte at any place", () => {
  for (const known of [asked, java]) {
    const reader = trained(known);
    const packet = packetOf(known);
    const bytes = text.encode(known);
    for (let at = 0; at < bytes.length; at++) {
      for (const byte of [...text.encode('0"\\{}:, \u0000\u001f'), 0x80, 0xc3]) {
        const changed = bytes.slice();
        changed[at] = byte;
        remind(reader, packet);
        expect(outcome(reader, changed)).toEqual(parsed(changed));
      }
    }
  }
});

it("is not misled by bodies that are cut, or run into one another", () => {
  const bytes = text.encode(asked);
  const reader = trained(asked);
  const packet = packetOf(asked);
  for (let at = 0; at <= bytes.length; at++) {
    for (const more of ["", '"', "\\", "é", "}", '"}']) {
      remind(reader, packet);
      const changed = joined([bytes.slice(0, at), text.encode(more), bytes.slice(at)]);
      expect(outcome(reader, changed)).toEqual(parsed(changed));
    }
    expect(outcome(reader, bytes.slice(0, at))).toEqual(parsed(bytes.slice(0, at)));
    const without = joined([bytes.slice(0, at), bytes.slice(at + 1)]);
    expect(outcome(reader, without)).toEqual(parsed(without));
  }
});

it.each([
  ["a text that says how to read the body", '"kind":', '"dataencoding":'],
  ["a text that is the content type", '"kind":', '"contenttype":'],
  ["a name given twice", '"kind":', '"ttl":'],
  ["a name that is escaped", '"kind":', '"k\\u0069nd":'],
  ["a name of the language", '"kind":', '"__proto__":'],
  ["a name that is not ASCII", '"kind":', '"größe":'],
  ["a name that no event may have", '"kind":', '"No!":'],
  ["a name of the protocol", '"kind":', '"protocoltype":'],
  ["an empty name", '"kind":', '"":'],
  ["a number", '"20000"', "20000"],
  ["a null", '"20000"', "null"],
  ["an object", '"20000"', '{"a":"b"}'],
  ["no properties", '{"kind":"new","note":"","ttl":"20000"}', "{}"],
  ["properties that are none", '{"kind":"new","note":"","ttl":"20000"}', '["kind"]'],
  ["headers", '"headers":{}', '"headers":{"datacontenttype":"text/plain","a":{"b":"\\n"}}'],
  ["another order", '"headers":{},"body":"hello you"', '"body":"hello you","headers":{}'],
  ["one thing more", '"headers":{}', '"more":"x","headers":{}'],
  ["one thing more behind it", '"hello you"', '"hello you","body":"again"'],
  ["spaces", '"headers":{},"body":"hello you"', ' "headers" :{ } ,\n"body": "hello you" '],
  ["no topic", '"topic":"orders",', ""],
  ["a topic of spaces", '"orders"', '"   "'],
  ["a body that is no text", '"hello you"', '["hello you"]'],
])("learns nothing wrong from %s", (_, part, put) => {
  for (const known of [pushed.replace(part, put), pushed]) {
    const reader = trained(known);
    for (const body of [pushed, pushed.replace(part, put)]) {
      for (const other of [body, body.replace("new", "/w=="), body.replace('"hello you"', '"/w=="')]) {
        expect(outcome(reader, other)).toEqual(parsed(other));
      }
    }
  }
});

it("keeps nothing of a long one, which a peer could make it hold", () => {
  const name = "x".repeat(2_000);
  const long = pushed.replace('"kind"', `"${name}"`);
  const packet = packetOf(long);
  const event = trained(long).read("eventmeshmessage", packet);
  packet.source[packet.bodyEnd - 3] = 0x21;
  expect(event.data).toBe("hello you");
  expectSame(long, long);
});

it("knows several kinds at a time, and one that comes after many that are all different", () => {
  const reader = new EventReader();
  /** Whether it knows a body: then it has not looked at its text. */
  const knows = (body: string): boolean => {
    const packet = packetOf(body);
    const event = reader.read("eventmeshmessage", packet);
    packet.source[packet.bodyEnd - 3] = 0x21;
    return event.data !== (JSON.parse(body) as { body: string }).body;
  };
  const kinds = Array.from({ length: 8 }, (_, i) => pushed.replace('"kind"', `"kind${i}"`));
  for (let i = 0; i < 100; i++) kinds.forEach(knows);
  expect(kinds.every(knows)).toBe(true);
  for (let i = 0; i < 1_000; i++) expect(knows(pushed.replace('"kind"', `"other${i}"`))).toBe(false);
  for (let i = 0; i < 100; i++) knows(asked);
  expect(knows(asked)).toBe(true);
});

it("reads CloudEvents, and refuses what is none of either", () => {
  const reader = trained(pushed);
  const event = reader.read(
    "cloudevents",
    packetOf('{"subject":"T","id":"i","source":"/","a":"b","data":"x"}'),
  );
  expect([event.topic, event.id, event.source, event.data]).toEqual(["T", "i", "/", '"x"']);
  expect(event.tied).toBe(false);
  const tied = '{"subject":"T","id":"i","source":"/","reply99to99client":"b","data":"x"}';
  expect(reader.read("cloudevents", packetOf(tied)).tied).toBe(true);
  expect(() => reader.read("eventmeshmessage", packetOf("[]"))).toThrow(ProtocolError);
  expect(() => reader.read("eventmeshmessage", packetOf(""))).toThrow(ProtocolError);
});

it(`reads any mix of bodies as a parser would (SEED=${seed})`, () => {
  const random = randomOf(seed);
  const reader = new EventReader();
  const pick = <T>(values: readonly T[]): T => values[random(values.length)]!;
  const bytes = ["a", "kind", "ttl", "x".repeat(random(90)), "", " ", '"', "\\", "é", "\u0001", "🎉", "}"];
  for (let i = 0; i < 3_000; i++) {
    const properties: Record<string, unknown> = {};
    for (let left = random(4); left > 0; left--) properties[pick(bytes)] = pick<unknown>([...bytes, 5, null]);
    const message = { topic: pick(bytes), properties, headers: pick([{}, { datacontenttype: "a" }]) };
    const body = JSON.stringify({ ...message, body: pick(bytes) + pick(bytes) });
    expect(outcome(reader, body)).toEqual(parsed(body));
  }
});
