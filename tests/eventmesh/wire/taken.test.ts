import { describe, expect, it } from "vitest";
import { FrameDecoder, FrameWriter, type Header } from "../../../lib/eventmesh/wire/mod.ts";
import { joined } from "./frames.ts";

const confirmation: Omit<Header, "seq"> = { cmd: "ASYNC_MESSAGE_TO_SERVER_ACK", desc: "success" };

function frame(header: Header, body?: string): Uint8Array {
  const writer = new FrameWriter();
  writer.frame(header, body);
  return writer.take();
}

const confirmed = (seq: number, body?: string): Uint8Array =>
  frame({ ...confirmation, seq: String(seq) }, body);

/** A decoder that knows the header of a confirmation, and what it has taken and emitted since. */
function greeted(takes: (seq: number) => boolean = () => true): {
  push(chunk: Uint8Array): void;
  taken: number[];
  emitted: string[];
} {
  const decoder = new FrameDecoder();
  const taken: number[] = [];
  const emitted: string[] = [];
  decoder.push(joined([frame({ cmd: "HELLO_RESPONSE", seq: "1" }), confirmed(2), confirmed(3)]), () => {});
  const push = (chunk: Uint8Array): void =>
    decoder.push(
      chunk,
      ({ seq }) => void emitted.push(seq!),
      ({ command, code }, seq) => {
        expect({ command, code }).toEqual({ command: "ASYNC_MESSAGE_TO_SERVER_ACK", code: 0 });
        if (!takes(seq)) return false;
        taken.push(seq);
        return true;
      },
    );
  return { push, taken, emitted };
}

describe("FrameDecoder with somebody who takes what has no body", () => {
  it("does not emit what was taken, and emits the rest as it stands", () => {
    const { push, taken, emitted } = greeted((seq) => seq % 2 === 0);
    push(joined([confirmed(4), confirmed(5), confirmed(6), confirmed(7)]));
    expect(taken).toEqual([4, 6]);
    expect(emitted).toEqual(["5", "7"]);
  });

  it("offers neither a frame with a body nor a header that is new", () => {
    const { push, taken, emitted } = greeted();
    push(joined([confirmed(4, "{}"), frame({ ...confirmation, code: 1, seq: "5" }), confirmed(6)]));
    expect(emitted).toEqual(["4", "5"]);
    expect(taken).toEqual([6]);
  });

  it("hands over every frame once, wherever the chunks are cut", () => {
    const all = Array.from({ length: 20 }, (_, i) => confirmed(100 + i, i % 3 === 0 ? "{}" : undefined));
    const bytes = joined(all);
    for (let size = 1; size < 300; size += 7) {
      const { push, taken, emitted } = greeted();
      for (let at = 0; at < bytes.length; at += size) push(bytes.slice(at, at + size));
      expect([...taken, ...emitted.map(Number)].sort((a, b) => a - b)).toEqual(all.map((_, i) => 100 + i));
    }
  });

  it("goes on behind a frame for which taking threw", () => {
    const { push, taken } = greeted((seq) => {
      if (seq === 5) throw new Error("no");
      return true;
    });
    expect(() => push(joined([confirmed(4), confirmed(5), confirmed(6)]))).toThrow("no");
    push(new Uint8Array(0));
    expect(taken).toEqual([4, 6]);
  });
});
