import { describe, expect, it } from "vitest";
import { Buffer } from "node:buffer";
import { ProtocolError } from "../../../lib/errors.ts";
import { FrameDecoder, MAX_FRAME, type Packet } from "../../../lib/eventmesh/wire/mod.ts";
import { decodeAll, facts, fromHex, heartbeatHex, joined, rawFrame } from "./frames.ts";

const heartbeat = fromHex(heartbeatHex);
const text = new TextEncoder();

/** Feeds bytes one by one and returns the error, how many bytes it took, and what was emitted before. */
function refusal(
  bytes: Uint8Array,
  maxFrame?: number,
): { error: ProtocolError; after: number; names: string[] } {
  const decoder = new FrameDecoder({ maxFrame });
  const names: string[] = [];
  for (let at = 0; at < bytes.length; at++) {
    try {
      decoder.push(bytes.slice(at, at + 1), ({ name }) => names.push(name));
    } catch (error) {
      expect(error).toBeInstanceOf(ProtocolError);
      return { error: error as ProtocolError, after: at + 1, names };
    }
  }
  throw new Error("nothing was refused");
}

describe("FrameDecoder refuses", () => {
  it.each<[what: string, bytes: Uint8Array, offset: number, after: number]>([
    ["another protocol, at its first byte", text.encode("GET / HTTP/1.1\r\n\r\n"), 0, 1],
    ["a magic that goes wrong late, at that byte", text.encode("EventMash0000"), 6, 7],
    ["a version of another kind, at that byte", text.encode("EventMesh0001"), 12, 13],
    ["a length of 0", rawFrame("", "", { length: 0 }), 13, 17],
    ["a negative length", rawFrame("", "", { length: -1 }), 13, 17],
    ["a length without room for its own prefix", rawFrame("", "", { length: 12 }), 13, 17],
    [
      "a length above the limit, before any of it is there",
      rawFrame("", "", { length: MAX_FRAME - 7 }),
      13,
      17,
    ],
    ["the largest length there is", rawFrame("", "", { length: 0x7fffffff }), 13, 17],
    ["a header longer than the frame", rawFrame("{}", "", { header: 3 }), 17, 21],
    ["a negative header length", rawFrame("{}", "", { header: -1 }), 17, 21],
    ["a header that is not JSON", rawFrame("{'cmd'}"), 21, 28],
    ["a header that is no object", rawFrame("[1]"), 21, 24],
    ["a header with a byte order mark", rawFrame("\ufeff{}"), 21, 26],
    ["a command that is no name", rawFrame('{"cmd":{}}'), 21, 31],
    ["a code that is no integer", rawFrame('{"code":"x"}'), 21, 33],
    ["a code beyond 32 bits", rawFrame('{"code":4294967296}'), 21, 40],
    ["properties that are no object", rawFrame('{"properties":[]}'), 21, 38],
  ])("%s", (_, bytes, offset, after) => {
    const refused = refusal(joined([bytes, heartbeat]));
    expect(refused).toMatchObject({ after, names: [] });
    expect(refused.error.offset).toBe(offset);
    expect(refused.error.message).toMatch(/^Cannot decode a (frame|header): /);
    // Whole, and behind a frame that is right, it is refused for the same reason.
    const decoder = new FrameDecoder();
    const names: string[] = [];
    expect(() => decoder.push(joined([heartbeat, bytes, heartbeat]), ({ name }) => names.push(name)))
      .toThrow(refused.error.message);
    expect(names).toEqual(["HEARTBEAT_REQUEST"]);
  });

  it("a wrong byte anywhere in the prefix of a frame that is otherwise right", () => {
    for (let at = 0; at < 13; at++) {
      const frame = heartbeat.slice();
      frame[at]! ^= 1;
      const decoder = new FrameDecoder();
      expect(() => decoder.push(frame, () => expect.unreachable())).toThrow(ProtocolError);
      expect(decoder.failure!.offset).toBe(at);
    }
  });

  it("everything after an error, with the same error", () => {
    const decoder = new FrameDecoder();
    const emit = (): never => expect.unreachable();
    let first: unknown;
    try {
      decoder.push(text.encode("nope"), emit);
    } catch (error) {
      first = error;
    }
    expect(first).toBeInstanceOf(ProtocolError);
    expect(decoder.failure).toBe(first);
    for (const chunk of [heartbeat, new Uint8Array(0)]) {
      try {
        decoder.push(chunk, emit);
        expect.unreachable();
      } catch (error) {
        expect(error).toBe(first);
      }
    }
    expect(decoder.held).toBe(0);
    expect(decoder.partial).toBe(0);
  });

  it("a limit that no frame fits into", () => {
    for (const maxFrame of [0, 20, -1, 1.5, NaN, 2 ** 31]) {
      expect(() => new FrameDecoder({ maxFrame })).toThrow(RangeError);
    }
  });

  it("a frame one byte above the limit, and takes one of exactly the limit", () => {
    expect(decodeAll([rawFrame("", "x".repeat(79))], new FrameDecoder({ maxFrame: 100 }))[0]!.bodyLength)
      .toBe(79);
    expect(refusal(rawFrame("", "x".repeat(80)), 100).after).toBe(17);
  });

  it("a frame above the limit until that is raised, which counts from the next frame on", () => {
    const decoder = new FrameDecoder({ maxFrame: 100 });
    decoder.push(joined([79, 80].map((size) => rawFrame("", "x".repeat(size)))), () => decoder.raise(101));
    expect(() => decoder.push(rawFrame("", "x".repeat(81)), () => {})).toThrow("from 13 to 93");
  });
});

describe("FrameDecoder accepts", () => {
  const heads: [what: string, header: string, body: string, facts: Record<string, unknown>][] = [
    ["an unknown command", '{"cmd":"NEW_ONE","seq":"1"}', "x", {
      command: undefined,
      name: "NEW_ONE",
      seq: "1",
    }],
    ["a command in the wrong case", '{"cmd":"hello_request"}', "", {
      command: undefined,
      name: "hello_request",
    }],
    ["a command by its number", '{"cmd":2}', "", { command: "HELLO_REQUEST", name: "HELLO_REQUEST" }],
    ["a command by its number as text", '{"cmd":"0"}', "", {
      command: "HEARTBEAT_REQUEST",
      name: "HEARTBEAT_REQUEST",
    }],
    ["a text that is no command's number", '{"cmd":"37"}', "", { command: undefined, name: "37" }],
    ["a number that is no command", '{"cmd":37}', "", { command: undefined, name: "37" }],
    ["no command, with a body", '{"seq":"1"}', "x", {
      command: undefined,
      name: "",
      hasHeader: true,
      body: "78",
    }],
    ["no command, without a body", '{"cmd":null}', "", { command: undefined, name: "" }],
    ["`command` in place of `cmd`", '{"command":"HELLO_RESPONSE"}', "", { command: "HELLO_RESPONSE" }],
    ["`cmd` before `command`", '{"command":"HELLO_RESPONSE","cmd":"LISTEN_RESPONSE"}', "", {
      command: "LISTEN_RESPONSE",
    }],
    ["unknown keys", '{"cmd":"HELLO_RESPONSE","msg":"x","a":{"b":[1]}}', "", { command: "HELLO_RESPONSE" }],
    ["a number as seq", '{"seq":12}', "", { seq: "12", seqNumber: 12 }],
    ["a long number as seq, to its last digit", '{"seq":12345678901234567890}', "", {
      seq: "12345678901234567890",
      seqNumber: NaN,
    }],
    ["a seq that is no number", '{"seq":"a-1"}', "", { seq: "a-1", seqNumber: NaN }],
    ["an empty seq", '{"seq":""}', "", { seq: "", seqNumber: NaN }],
    ["the largest safe seq", '{"seq":"9007199254740991"}', "", { seqNumber: 9007199254740991 }],
    ["a seq beyond", '{"seq":"9007199254740992"}', "", { seq: "9007199254740992", seqNumber: NaN }],
    ["null for seq and desc", '{"seq":null,"desc":null}', "", { seq: undefined, description: undefined }],
    ["a code as text", '{"code":"3"}', "", { code: 3 }],
    ["a code with a fraction", '{"code":1.9}', "", { code: 1 }],
    ["null and nothing for the code", '{"code":null}', "", { code: 0 }],
    ["the last of equal keys", '{"cmd":"HELLO_REQUEST","seq":"1","seq":"2","cmd":"HELLO_RESPONSE"}', "", {
      command: "HELLO_RESPONSE",
      seq: "2",
    }],
    ["null for properties", '{"properties":null}', "", { properties: {} }],
    ["properties of any type", '{"properties":{"a":1,"b":{"c":null}}}', "", {
      properties: { a: 1, b: { c: null } },
    }],
    ["no header, with a body", "", "x", {
      hasHeader: false,
      command: undefined,
      name: "",
      body: "78",
      bodyOffset: 21,
    }],
    ["no header, without a body", "", "", { hasHeader: false, code: 0, seq: undefined, properties: {} }],
    ["`null` as header", "null", "", { hasHeader: false }],
    ["a body where none belongs", '{"cmd":"HEARTBEAT_REQUEST"}', "{", {
      command: "HEARTBEAT_REQUEST",
      body: "7b",
    }],
    ["space in the header", ' { "cmd" : "HELLO_REQUEST" } ', "", { command: "HELLO_REQUEST" }],
  ];

  it.each(heads)("%s", (_, header, body, wanted) => {
    const frame = rawFrame(header, body);
    const [whole] = decodeAll([frame]);
    const [bytewise] = decodeAll([...frame].map((byte) => Uint8Array.of(byte)));
    expect(facts(whole!)).toMatchObject(wanted);
    expect(facts(bytewise!)).toEqual(facts(whole!));
  });

  it("malformed UTF-8 in texts, as U+FFFD", () => {
    const frame = rawFrame(
      Uint8Array.of(...text.encode('{"desc":"'), 0xff, ...text.encode('"}')),
      Uint8Array.of(0xc3),
    );
    const [packet] = decodeAll([frame]);
    expect(packet!.description).toBe("\ufffd");
    expect(packet!.text()).toBe("\ufffd");
  });
});

describe("FrameDecoder", () => {
  it("gives a view of the chunk as body, and of memory of its own when the frame came in pieces", () => {
    const frame = rawFrame("{}", "body");
    const [whole] = decodeAll([frame]);
    expect(whole!.body.buffer).toBe(frame.buffer);
    const halves = [frame.slice(0, 24), frame.slice(24)];
    const [pieced] = decodeAll(halves);
    for (const half of halves) half.fill(0);
    expect(pieced!.text()).toBe("body");
    expect(pieced!.body.buffer.byteLength).toBe(frame.length);
  });

  it("does not take memory for what a peer only claims to send", () => {
    const decoder = new FrameDecoder();
    const emit = (): never => expect.unreachable();
    decoder.push(rawFrame("", "", { length: MAX_FRAME - 8, header: 100 }), emit);
    expect(decoder.partial).toBe(21);
    expect(decoder.held).toBeLessThanOrEqual(16_384);
    const chunk = new Uint8Array(10_000);
    while (decoder.partial + chunk.length < MAX_FRAME) {
      decoder.push(chunk, emit);
      expect(decoder.held).toBeLessThanOrEqual(Math.min(MAX_FRAME, Math.max(16_384, 2 * decoder.partial)));
    }
  });

  it("takes a frame of exactly 4 MiB in pieces", () => {
    const body = new Uint8Array(MAX_FRAME - 21 - 2).fill(0x61);
    const frame = rawFrame("{}", body);
    expect(new DataView(frame.buffer).getInt32(13)).toBe(4_194_296);
    const chunks: Uint8Array[] = [];
    for (let at = 0; at < frame.length; at += 65_536) chunks.push(frame.subarray(at, at + 65_536));
    const [packet] = decodeAll([...chunks, heartbeat]);
    expect(packet!.bodyLength).toBe(body.length);
    expect(packet!.body.every((byte) => byte === 0x61)).toBe(true);
  });

  it("tells how much of a frame is missing when the stream ends", () => {
    const decoder = new FrameDecoder();
    const at: number[] = [];
    for (const byte of heartbeat) {
      decoder.push(Uint8Array.of(byte), () => {});
      at.push(decoder.partial);
    }
    expect(at).toEqual([...heartbeat.keys()].slice(1).concat(0));
  });

  it.each([["whole", 1000], ["in pieces", 30], ["byte by byte", 1]])(
    "goes on behind a packet whose handler threw, %s",
    (_, size) => {
      const stream = joined(["1", "2", "3"].map((seq) => rawFrame(`{"seq":"${seq}"}`, `body ${seq}`)));
      const decoder = new FrameDecoder();
      const seen: string[] = [];
      const errors: unknown[] = [];
      const emit = (packet: Packet): void => {
        seen.push(packet.text());
        throw packet.seq;
      };
      const push = (chunk: Uint8Array): void => {
        try {
          decoder.push(chunk, emit);
        } catch (error) {
          errors.push(error);
        }
      };
      for (let at = 0; at < stream.length; at += size) push(stream.slice(at, at + size));
      for (let i = 0; i < 3; i++) push(new Uint8Array(0));
      expect(seen).toEqual(["body 1", "body 2", "body 3"]);
      expect(errors).toEqual(["1", "2", "3"]);
      expect(decoder.partial).toBe(0);
      expect(decoder.failure).toBeUndefined();
    },
  );

  it("refuses to be fed from inside its own handler, and stays usable", () => {
    const decoder = new FrameDecoder();
    const names: string[] = [];
    expect(() => decoder.push(joined([heartbeat, heartbeat]), () => decoder.push(heartbeat, () => {})))
      .toThrow(TypeError);
    decoder.push(new Uint8Array(0), ({ name }) => names.push(name));
    expect(names).toEqual(["HEARTBEAT_REQUEST"]);
  });

  it("emits what came before an error in the same chunk, and nothing behind it", () => {
    const names: string[] = [];
    const chunk = joined([heartbeat, rawFrame('{"cmd":"HELLO_RESPONSE"}'), rawFrame("{"), heartbeat]);
    expect(() => new FrameDecoder().push(chunk, ({ name }) => names.push(name))).toThrow(ProtocolError);
    expect(names).toEqual(["HEARTBEAT_REQUEST", "HELLO_RESPONSE"]);
  });

  it("reads chunks that are views into larger memory, a Buffer's included", () => {
    const memory = new Uint8Array(300).fill(0x45);
    memory.set(heartbeat, 3);
    expect(decodeAll([memory.subarray(3, 125)])[0]!.seq).toBe("0123456789");
    const [packet] = decodeAll([Buffer.from(memory.buffer, 3, 122)]);
    expect(Object.getPrototypeOf(packet!.body)).toBe(Uint8Array.prototype);
  });
});
