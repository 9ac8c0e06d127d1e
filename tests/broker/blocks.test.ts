import { describe, expect, it } from "vitest";
import { Blocks } from "../../lib/broker/blocks.ts";
import { bodyOf, Model } from "./model.ts";

describe("blocks of memory", () => {
  it("are handed out again, and have room for what they are taken for", () => {
    const blocks = new Blocks();
    for (const length of [0, 1, 63, 64, 65, 600, 1_024, 1_025, 4_096, 4_097, 100_000]) {
      const one = blocks.take(length);
      expect(one.length).toBe(length);
      expect(one.buffer.byteLength).toBe(Blocks.sizeFor(length));
      expect(blocks.take(length).buffer).not.toBe(one.buffer);
      blocks.give(one);
      expect(blocks.take(length).buffer === one.buffer).toBe(length <= 4_096);
    }
  });

  it("have the length that is asked for, whatever it was before", () => {
    const blocks = new Blocks();
    for (const length of [600, 700, 700, 1_024, 513, 600]) {
      const one = blocks.take(length);
      expect(one.length).toBe(length);
      blocks.give(one);
    }
  });

  it("are not kept without bound", () => {
    const blocks = new Blocks();
    const many = Array.from({ length: 1_000 }, () => blocks.take(4_096));
    for (const body of many) blocks.give(body);
    const kept = new Set<unknown>(many.map(({ buffer }) => buffer));
    const again = Array.from({ length: 1_000 }, () => blocks.take(4_096).buffer);
    expect(again.filter((buffer) => kept.has(buffer)).length).toBe(128);
  });

  it("come back when a message is gone", () => {
    const model = new Model();
    const member = model.listener("g", "t");
    const buffers = new Set<unknown>();
    member.block();
    for (let i = 0; i < 10; i++) {
      const chunk = new Uint8Array(65_536);
      const body = bodyOf("t", "text");
      chunk.set(body);
      model.core.publish("t", "eventmeshmessage", { body: chunk.subarray(0, body.length) });
      member.unblock();
      buffers.add(member.open[0]!.copy.message.body.buffer);
      member.ack();
      member.block();
    }
    expect([buffers.size, model.core.memory.used]).toEqual([1, 0]);
  });

  it("hold what waits as it was published, however often they are used again", () => {
    const model = new Model({ unackedPerSession: 2, ackTimeout: 1_000 });
    let member = model.listener("g", "t");
    const asker = model.session("askers");
    const responder = model.listener("r", "q", "CLUSTERING", "SYNC");
    const seen: string[] = [];
    let published = 0;
    for (let round = 0; round < 60; round++) {
      const chunk = new Uint8Array(65_536);
      for (let i = 0; i < 5; i++) {
        const body = bodyOf("t", `text ${published++}`);
        chunk.set(body, 100 * i);
        model.core.publish("t", "eventmeshmessage", { body: chunk.subarray(100 * i, 100 * i + body.length) });
        model.request(asker, "q", `question ${round} ${i}`);
      }
      // As the next chunk from the same peer would.
      chunk.fill(0x20);
      for (let i = 0; i < 4; i++) {
        seen.push(member.open[0]!.text);
        member.ack();
        const asked = responder.open[0]!;
        expect(model.respond(asked, `answer to ${asked.text}`)).toBe(true);
        responder.ack();
      }
      if (round % 10 !== 9) continue;
      member.close(true);
      member = model.listener("g", "t");
    }
    while (member.open.length > 0) {
      seen.push(member.open[0]!.text);
      member.ack();
    }
    expect(seen).toEqual(Array.from({ length: published }, (_, i) => `text ${i}`));
    expect(responder.texts.slice(0, 240)).toEqual(
      Array.from({ length: 240 }, (_, i) => `question ${Math.floor(i / 5)} ${i % 5}`),
    );
  });
});
