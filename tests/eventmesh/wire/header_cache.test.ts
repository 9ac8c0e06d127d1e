import { describe, expect, it } from "vitest";
import { ProtocolError } from "../../../lib/errors.ts";
import { FrameDecoder, type Packet } from "../../../lib/eventmesh/wire/mod.ts";
import { decodeAll, facts, joined, randomOf, rawFrame, seed } from "./frames.ts";

const text = new TextEncoder();
const push =
  '{"cmd":"ASYNC_MESSAGE_TO_CLIENT","code":0,"seq":"1234567890","properties":{"protocoltype":"cloudevents","n":"1234567890"},"command":"ASYNC_MESSAGE_TO_CLIENT"}';
const ack =
  '{"cmd":"ASYNC_MESSAGE_TO_SERVER_ACK","code":0,"desc":"success","seq":"1234567891","properties":{},"command":"ASYNC_MESSAGE_TO_SERVER_ACK"}';

/** What a decoder makes of a frame, an error included. */
function outcome(decoder: FrameDecoder, frame: Uint8Array): unknown {
  try {
    return decodeAll([frame], decoder).map(facts);
  } catch (error) {
    expect(error).toBeInstanceOf(ProtocolError);
    return (error as ProtocolError).message;
  }
}

/** A decoder that has seen these headers often enough to know them by heart. */
function trained(...headers: string[]): FrameDecoder {
  const decoder = new FrameDecoder();
  for (let i = 0; i < 3; i++) decodeAll(headers.map((header) => rawFrame(header)), decoder);
  return decoder;
}

function expectSame(header: string | Uint8Array, ...known: string[]): void {
  const frame = rawFrame(header, "body");
  expect(outcome(trained(...known), frame)).toEqual(outcome(new FrameDecoder(), frame));
}

describe("a decoder that knows a header", () => {
  it("keeps nothing of a long one, which a peer could make it hold", () => {
    const long = push.replace('"n":"1234567890"', `"n":"${"x".repeat(2_000)}"`);
    const decoder = trained(long);
    const [one, other] = [0, 1].map(() => decodeAll([rawFrame(long)], decoder)[0]!.properties);
    expect(other).toEqual(one);
    expect(other).not.toBe(one);
  });

  it("keeps it when others come whose seq is a number, which it cannot recognise", () => {
    const decoder = trained(push);
    const known = decodeAll([rawFrame(push)], decoder)[0]!.properties;
    const numbers = Array.from(
      { length: 8 },
      (_, i) => ack.replace('"1234567891"', `1${i}`).replace("success", `s${i}`),
    );
    decodeAll(numbers.map((header) => rawFrame(header)), decoder);
    expect(decodeAll([rawFrame(push)], decoder)[0]!.properties).toBe(known);
  });

  it("shares what equal headers say, and counts on", () => {
    const packets = decodeAll(
      ["1234567890", "0000000007", "9999999999", "12", "123456789012345", "000"].map((seq) =>
        rawFrame(push.replace("1234567890", seq))
      ),
    );
    expect(packets.map(({ seq }) => seq)).toEqual([
      "1234567890",
      "0000000007",
      "9999999999",
      "12",
      "123456789012345",
      "000",
    ]);
    expect(packets.map(({ seqNumber }) => seqNumber)).toEqual([
      1234567890,
      7,
      9999999999,
      12,
      123456789012345,
      0,
    ]);
    // The first headers are not worth remembering.
    for (const packet of packets.slice(2)) {
      expect(packet.properties).toBe(packets[2]!.properties);
      expect(packet.property("n")).toBe("1234567890");
    }
    expect(Object.isFrozen(packets[0]!.properties)).toBe(true);
  });

  it("knows several at a time", () => {
    const decoder = trained(push, ack);
    const packets = decodeAll([push, ack, push, ack].map((header) => rawFrame(header)), decoder);
    expect(packets[2]!.properties).toBe(packets[0]!.properties);
    expect(packets[3]!.properties).toBe(packets[1]!.properties);
    expect(packets.map(({ name }) => name)).toEqual([0, 1, 0, 1].map((i) => JSON.parse([push, ack][i]!).cmd));
  });

  it("is not misled by any other byte at any place of it", () => {
    const bytes = text.encode(push);
    for (let at = 0; at < bytes.length; at++) {
      for (const byte of text.encode('0a"\\{}:, \u0000')) {
        const changed = bytes.slice();
        changed[at] = byte;
        expectSame(changed, push);
      }
    }
  });

  it("is not misled by two headers run into one another", () => {
    const bytes = text.encode(push);
    for (let at = 1; at < bytes.length; at++) {
      expectSame(bytes.slice(0, at), push);
      expectSame(joined([bytes.slice(0, at), text.encode("0"), bytes.slice(at)]), push);
      expectSame(joined([bytes.slice(0, at), bytes.slice(at + 1)]), push);
    }
  });

  it.each([
    ["a seq with a quote", push.replace("1234567890", '12345\\"678')],
    ["a seq that ends early", push.replace('"1234567890"', '"12345"     ')],
    ["a seq with a letter", push.replace("1234567890", "123456789x")],
    ["a seq with a sign", push.replace("1234567890", "-123456789")],
    ["a seq with a space", push.replace("1234567890", " 123456789")],
    ["an escaped digit", push.replace("1234567890", "\\u0031234")],
    ["a full-width digit", push.replace("1234567890", "1234567\uff11")],
    ["an empty seq", push.replace("1234567890", "")],
    ["a seq beyond 15 digits", push.replace("1234567890", "1234567890123456")],
    ["a seq beyond 16 digits", push.replace("1234567890", "99999999999999999")],
    ["a numeric seq", push.replace('"1234567890"', "1234567890  ")],
    ["no seq", push.replace('"seq":"1234567890",', "")],
    ["another property value", push.replace('"n":"1234567890"', '"n":"1234567899"')],
    ["another property name", push.replace('"n":', '"m":')],
    ["another code", push.replace('"code":0', '"code":1')],
    ["another command in `command` only", push.replace('"command":"ASYNC_M', '"command":"ASYNC_N')],
    ["a second seq behind", push.replace("}}", '},"seq":"5"}')],
  ])("is not misled by %s, whichever of the two came first", (_, header) => {
    expectSame(header, push);
    expectSame(push, header);
    expectSame(header, header, push, ack);
    expectSame(header.replaceAll("1", "2"), header);
  });

  it.each([
    ["a repeated seq", '{"seq":"1","cmd":"HELLO_REQUEST","seq":"1","command":"x"}'],
    ["a seq hidden by an escape", '{"seq":"1","cmd":"HELLO_REQUEST","s\\u0065q":"1","command":"x"}'],
    ["a seq of a property", '{"cmd":"HELLO_REQUEST","properties":{"seq":"1"},"command":"xxxx"}'],
    [
      "a seq in a nested value of equal text",
      '{"cmd":"HELLO_REQUEST","a":{"seq":"1"},"seq":"1","command":"x"}',
    ],
    ["a text that looks like one", '{"cmd":"HELLO_REQUEST","desc":"\\",\\"seq\\":\\"1","command":"xxx"}'],
  ])("learns nothing wrong from %s", (_, header) => {
    for (let at = 0; at < header.length; at++) {
      if (header[at] === "1") expectSame(`${header.slice(0, at)}2${header.slice(at + 1)}`, header);
    }
  });

  it("does not take the escape of a digit for the digit", () => {
    const known = '{"cmd":"HELLO_REQUEST","seq":"\\u0031","command":"HELLO_REQUEST"}';
    expectSame(known.replace("\\u0031", "5u0031"), known);
    expect(decodeAll([rawFrame(known), rawFrame(known)]).map(({ seq }) => seq)).toEqual(["1", "1"]);
  });

  it("does not share values that could be changed", () => {
    const header =
      '{"cmd":"HELLO_REQUEST","seq":"1","properties":{"deep":{"a":1}},"command":"HELLO_REQUEST"}';
    const decoder = trained(header);
    const [first, second] = decodeAll([rawFrame(header), rawFrame(header)], decoder) as [Packet, Packet];
    expect(second.properties.deep).toEqual({ a: 1 });
    expect(second.properties.deep).not.toBe(first.properties.deep);
  });

  it(`decodes any mix of headers as a new decoder would (SEED=${seed})`, () => {
    const random = randomOf(seed);
    const decoder = new FrameDecoder();
    const commands = ["ASYNC_MESSAGE_TO_CLIENT", "HEARTBEAT_RESPONSE", "RESPONSE_TO_CLIENT", "X"];
    for (let i = 0; i < 3000; i++) {
      const cmd = commands[random(commands.length)]!;
      const properties = [{}, { protocoltype: "cloudevents" }, { x: String(random(30)) }][random(3)];
      const desc = ["success", undefined, 'a "b"'][random(3)];
      const seq = random(10) === 0 ? undefined : String(random(0xffffffff)).padStart(random(17), "0");
      const frame = rawFrame(
        JSON.stringify({ cmd, code: random(2), desc, seq, properties, command: cmd }),
        "x",
      );
      expect(outcome(decoder, frame)).toEqual(outcome(new FrameDecoder(), frame));
    }
  });
});
