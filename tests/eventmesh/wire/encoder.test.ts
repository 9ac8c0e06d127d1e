import { describe, expect, it } from "vitest";
import fc from "fast-check";
import { MessageTooLargeError } from "../../../lib/errors.ts";
import {
  type Command,
  COMMANDS,
  createTemplate,
  FrameWriter,
  type Header,
  MAX_FRAME,
  SELECTORS,
} from "../../../lib/eventmesh/wire/mod.ts";
import { decodeAll, facts, hex, joined, randomOf, rawFrame, seed, splits } from "./frames.ts";
import { isReadAlike } from "../../support/json.ts";

/** Texts with everything that JSON and UTF-8 treat differently. */
const anyText = fc.string({
  unit: fc.oneof(
    fc.constantFrom("\ud800", "\udc00", '"', "\\", "\n", "\u2028"),
    fc.string({ unit: "binary", minLength: 1, maxLength: 1 }),
  ),
});
const command = fc.constantFrom(...COMMANDS.map(({ name }) => name));
const body = fc.oneof(fc.constant(undefined), anyText, fc.uint8Array({ maxLength: 300 }));
const header: fc.Arbitrary<Header> = fc.record({
  cmd: command,
  code: fc.option(fc.integer(), { nil: undefined }),
  desc: fc.option(anyText, { nil: undefined }),
  seq: fc.option(anyText, { nil: undefined }),
  properties: fc.option(
    fc.dictionary(anyText, fc.oneof(anyText, fc.jsonValue())).filter((names) =>
      isReadAlike(JSON.stringify(names))
    ),
    { nil: undefined },
  ),
});

/** The header as the Java codec would write it, by way of `JSON.stringify`. */
const reference = ({ cmd, code = 0, desc, seq, properties = {} }: Header): string =>
  JSON.stringify({ cmd, code, desc, seq, properties, command: cmd });

const one = (write: (writer: FrameWriter) => void): string => {
  const writer = new FrameWriter();
  write(writer);
  return hex(writer.take());
};

describe("FrameWriter", () => {
  it("writes any header and body as the format says", () => {
    fc.assert(fc.property(header, body, (header, body) => {
      expect(one((writer) => writer.frame(header, body))).toBe(hex(rawFrame(reference(header), body)));
    }));
  });

  it(`writes what the decoder reads back, through random splits (SEED=${seed})`, () => {
    const random = randomOf(seed);
    fc.assert(fc.property(fc.array(fc.tuple(header, body), { maxLength: 8 }), (frames) => {
      const writer = new FrameWriter();
      for (const [header, body] of frames) writer.frame(header, body);
      const packets = decodeAll(splits(writer.take(), random));
      expect(packets.length).toBe(frames.length);
      frames.forEach(([header, body], i) => {
        const packet = packets[i]!;
        expect(packet.command).toBe(header.cmd);
        expect(packet.code).toBe(header.code ?? 0);
        expect(packet.description).toBe(header.desc);
        expect(packet.seq).toBe(header.seq);
        expect(JSON.stringify(packet.properties)).toBe(JSON.stringify(header.properties ?? {}));
        expect(hex(packet.body)).toBe(
          hex(typeof body === "string" ? new TextEncoder().encode(body) : body ?? new Uint8Array(0)),
        );
      });
    }));
  });

  it("omits null for desc and seq, and writes empty properties", () => {
    const header = { cmd: "LISTEN_REQUEST", desc: null, seq: null, properties: null } as unknown as Header;
    expect(one((writer) => writer.frame(header))).toBe(hex(rawFrame(reference({ cmd: "LISTEN_REQUEST" }))));
  });

  it.each<[field: string, header: Record<string, unknown>]>([
    ["cmd", { cmd: "NOPE" }],
    ["cmd", {}],
    ["code", { code: 1.5 }],
    ["code", { code: 2 ** 31 }],
    ["code", { code: "0" }],
    ["desc", { desc: 1 }],
    ["seq", { seq: 1 }],
    ["properties", { properties: [] }],
    ["properties", { properties: "x" }],
    ["properties", { properties: { toJSON: () => "x" } }],
  ])("names the field of a header that is wrong: %s", (field, header) => {
    const writer = new FrameWriter();
    writer.frame({ cmd: "HEARTBEAT_REQUEST", seq: "1" });
    const before = hex(writer.view());
    const cmd = field === "cmd" ? {} : { cmd: "HELLO_REQUEST" };
    expect(() => writer.frame({ ...cmd, ...header } as unknown as Header)).toThrow(
      new RegExp(`^Cannot encode a header: ${field} is .*, must be `),
    );
    expect(() => writer.frame({ ...cmd, ...header } as unknown as Header)).toThrow(TypeError);
    expect(hex(writer.view())).toBe(before);
  });

  it("keeps earlier frames when it grows", () => {
    const random = randomOf(seed);
    const writer = new FrameWriter();
    const wanted: Uint8Array[] = [];
    for (let i = 0; i < 60; i++) {
      const text = "aé€😀".repeat(random(2000));
      writer.frame({ cmd: "ASYNC_MESSAGE_TO_SERVER", seq: `${i}` }, text);
      wanted.push(rawFrame(reference({ cmd: "ASYNC_MESSAGE_TO_SERVER", seq: `${i}` }), text));
    }
    expect(hex(writer.view())).toBe(hex(joined(wanted)));
    expect(writer.length).toBe(joined(wanted).length);
  });

  it("hands over its bytes for good, few or many", () => {
    for (const size of [10, 60_000, 200_000]) {
      const writer = new FrameWriter();
      writer.frame({ cmd: "HEARTBEAT_REQUEST" }, "x".repeat(size));
      const taken = writer.take();
      const before = hex(taken);
      expect(writer.length).toBe(0);
      expect(writer.take().length).toBe(0);
      writer.frame({ cmd: "HELLO_REQUEST" }, "y".repeat(size));
      expect(hex(taken)).toBe(before);
      if (size === 10) expect(taken.buffer.byteLength).toBe(taken.length);
    }
  });

  it("leaves its memory to whoever viewed it after renew", () => {
    const writer = new FrameWriter();
    writer.frame({ cmd: "HEARTBEAT_REQUEST" });
    const viewed = writer.view();
    const before = hex(viewed);
    writer.renew();
    expect(writer.length).toBe(0);
    writer.frame({ cmd: "HELLO_REQUEST" });
    expect(hex(viewed)).toBe(before);
  });

  it("uses its memory again after clear, unless that became large", () => {
    const writer = new FrameWriter();
    writer.frame({ cmd: "HEARTBEAT_REQUEST" });
    const { buffer } = writer.view();
    writer.clear();
    expect(writer.length).toBe(0);
    writer.frame({ cmd: "HEARTBEAT_REQUEST" });
    expect(writer.view().buffer).toBe(buffer);
    for (let i = 0; i < 40; i++) writer.frame({ cmd: "HELLO_REQUEST" }, "x".repeat(40_000));
    writer.clear();
    writer.frame({ cmd: "HEARTBEAT_REQUEST" });
    expect(writer.view().buffer.byteLength).toBeLessThan(100_000);
  });

  it.each<[kind: string, body: (size: number) => string | Uint8Array]>([
    ["bytes", (size) => new Uint8Array(size)],
    ["ASCII text", (size) => "x".repeat(size)],
    ["text of three bytes per unit", (size) => "€".repeat(size / 3) + "x".repeat(size % 3)],
  ])("writes a frame of the limit and refuses one byte more, with %s", (_, make) => {
    const header: Header = { cmd: "ASYNC_MESSAGE_TO_SERVER", seq: "1000000001" };
    const template = createTemplate({ cmd: header.cmd });
    const room = MAX_FRAME - 21 - reference(header).length;
    const writer = new FrameWriter();
    writer.frame({ cmd: "HEARTBEAT_REQUEST" });
    const start = writer.length;
    writer.frame(header, make(room));
    writer.templated(template, 1000000001, make(room));
    const before = writer.view();
    expect(before.length).toBe(start + 2 * MAX_FRAME);
    expect(new DataView(before.buffer).getInt32(start + 13)).toBe(4_194_296);
    expect(decodeAll([before])[2]!.bodyLength).toBe(room);
    for (
      const write of [
        () => writer.frame(header, make(room + 1)),
        () => writer.templated(template, 1000000001, make(room + 1)),
        () => writer.templated(template, "1000000001", make(room + 1)),
        () => writer.frame({ ...header, desc: "x".repeat(MAX_FRAME) }),
      ]
    ) {
      expect(write).toThrow(MessageTooLargeError);
      expect(writer.length).toBe(start + 2 * MAX_FRAME);
    }
    try {
      writer.frame(header, make(room + 1));
      expect.unreachable();
    } catch (error) {
      expect(error).toMatchObject({ code: "ERR_MESSAGE_TOO_LARGE", size: MAX_FRAME + 1, limit: MAX_FRAME });
    }
    writer.clear();
    writer.frame({ cmd: "HEARTBEAT_REQUEST" });
    expect(hex(writer.take())).toBe(hex(rawFrame(reference({ cmd: "HEARTBEAT_REQUEST" }))));
  });

  it("has a limit of one's own", () => {
    const writer = new FrameWriter({ maxFrame: 200 });
    expect(() => writer.frame({ cmd: "HEARTBEAT_REQUEST" }, "x".repeat(120))).toThrow(MessageTooLargeError);
    expect(writer.length).toBe(0);
    expect(() => new FrameWriter({ maxFrame: 5 })).toThrow(RangeError);
  });
});

describe("a template", () => {
  const withoutSeq = header.map(({ cmd, code, desc, properties }) => ({ cmd, code, desc, properties }));

  it("writes what the header written in full would be, with ten digits as seq", () => {
    fc.assert(
      fc.property(withoutSeq, fc.integer({ min: 0, max: 9_999_999_999 }), body, (header, number, body) => {
        const template = createTemplate(header);
        const seq = String(number).padStart(10, "0");
        const wanted = one((writer) => writer.frame({ ...header, seq }, body));
        expect(one((writer) => writer.templated(template, number, body))).toBe(wanted);
        expect(one((writer) => writer.templated(template, seq, body))).toBe(wanted);
      }),
    );
  });

  it("writes any text as seq", () => {
    fc.assert(fc.property(withoutSeq, fc.oneof(anyText, fc.nat().map(String)), body, (header, seq, body) => {
      const template = createTemplate(header);
      const wanted = one((writer) => writer.frame({ ...header, seq }, body));
      expect(one((writer) => writer.templated(template, seq, body))).toBe(wanted);
    }));
  });

  it("is not spoilt by use, nor by a change of the properties it was made of", () => {
    const properties: Record<string, unknown> = { ...SELECTORS.cloudevents };
    const template = createTemplate({ cmd: "ASYNC_MESSAGE_TO_SERVER", properties });
    properties.later = "x";
    const writer = new FrameWriter();
    for (const seq of [0, 9_999_999_999, "7", 'quo"te', 1_234_567_890]) writer.templated(template, seq, "b");
    const packets = decodeAll([writer.take()]).map(facts);
    expect(packets.map(({ seq }) => seq)).toEqual(["0000000000", "9999999999", "7", 'quo"te', "1234567890"]);
    for (const packet of packets) {
      expect(packet).toMatchObject({ command: "ASYNC_MESSAGE_TO_SERVER", body: "62" });
      expect(packet.properties).toEqual(SELECTORS.cloudevents);
    }
  });

  it("refuses numbers that are no sequence number, and names of no command", () => {
    const template = createTemplate({ cmd: "HEARTBEAT_REQUEST" });
    const writer = new FrameWriter();
    for (const seq of [-1, 1.5, NaN, Infinity, 10_000_000_000]) {
      expect(() => writer.templated(template, seq)).toThrow(RangeError);
    }
    expect(writer.length).toBe(0);
    expect(() => createTemplate({ cmd: "NOPE" as Command })).toThrow(TypeError);
  });
});
