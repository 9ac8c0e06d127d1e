import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SequenceTable } from "../../lib/flow/table.ts";

describe("SequenceTable", () => {
  it("gives back what was put in, once", () => {
    const table = new SequenceTable<string>();
    table.set(1, "one");
    expect([table.get(1), table.size]).toEqual(["one", 1]);
    expect(table.take(1)).toBe("one");
    expect([table.get(1), table.take(1), table.size]).toEqual([undefined, undefined, 0]);
  });

  it("knows nothing of sequence numbers that were never given out, 0 and negative ones included", () => {
    const table = new SequenceTable<string>(4);
    for (const seq of [0, -1, 5, 2 ** 40]) {
      expect([table.get(seq), table.take(seq)]).toEqual([undefined, undefined]);
    }
    table.set(4, "four");
    expect([table.get(0), table.take(0), table.take(8), table.size]).toEqual([
      undefined,
      undefined,
      undefined,
      1,
    ]);
  });

  it("holds more than its slots, and those that meet in one slot apart", () => {
    const table = new SequenceTable<number>(8);
    for (let seq = 1; seq <= 1_000; seq++) table.set(seq, seq * 2);
    expect(table.size).toBe(1_000);
    for (let seq = 1_000; seq > 0; seq -= 2) expect(table.take(seq)).toBe(seq * 2);
    expect(table.size).toBe(500);
    for (let seq = 1; seq <= 1_000; seq++) expect(table.get(seq)).toBe(seq % 2 === 0 ? undefined : seq * 2);
  });

  it("grows with what it holds, and keeps all of it", () => {
    const table = new SequenceTable<number>(64);
    for (let seq = 1; seq <= 200; seq++) {
      table.set(seq, seq * 2);
      for (let held = Math.max(1, seq - 40); held <= seq; held++) expect(table.get(held)).toBe(held * 2);
      if (seq > 40) expect(table.take(seq - 40)).toBe((seq - 40) * 2);
    }
    expect(table.drain()).toEqual(Array.from({ length: 40 }, (_, i) => (161 + i) * 2));
  });

  it("keeps sequence numbers beyond 32 bits apart", () => {
    const table = new SequenceTable<string>(16);
    const base = 2 ** 32;
    for (const seq of [7, base + 7, 2 * base + 7, 2 ** 50 + 7]) table.set(seq, String(seq));
    for (const seq of [2 ** 50 + 7, 7, 2 * base + 7, base + 7]) expect(table.take(seq)).toBe(String(seq));
  });

  it("drains all in the order of the sequence numbers, and is empty then", () => {
    const table = new SequenceTable<number>(4);
    for (let seq = 3; seq < 40; seq += 3) table.set(seq, seq);
    table.take(9);
    const expected = Array.from({ length: 13 }, (_, i) => (i + 1) * 3).filter((seq) => seq !== 9);
    expect(table.drain()).toEqual(expected);
    expect([table.size, table.drain(), table.get(3)]).toEqual([0, [], undefined]);
    table.set(41, 41);
    expect(table.drain()).toEqual([41]);
  });

  it("behaves as a Map does, whatever is put in, taken and drained, with collisions", () => {
    const command = fc.oneof(
      {
        weight: 5,
        arbitrary: fc.record({ type: fc.constant("set" as const), gap: fc.integer({ min: 1, max: 9 }) }),
      },
      { weight: 4, arbitrary: fc.record({ type: fc.constant("take" as const), at: fc.nat(60) }) },
      { weight: 2, arbitrary: fc.record({ type: fc.constant("get" as const), at: fc.nat(60) }) },
      { weight: 1, arbitrary: fc.record({ type: fc.constant("some" as const), at: fc.nat(60) }) },
      { weight: 1, arbitrary: fc.record({ type: fc.constant("drain" as const) }) },
    );
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20 }),
        fc.array(command, { maxLength: 120 }),
        (capacity, commands) => {
          const table = new SequenceTable<object>(capacity);
          const model = new Map<number, object>();
          let seq = 0;
          for (const step of commands) {
            if (step.type === "set") {
              seq += step.gap;
              const value = { seq };
              table.set(seq, value);
              model.set(seq, value);
            } else if (step.type === "take") {
              expect(table.take(step.at)).toBe(model.get(step.at));
              model.delete(step.at);
            } else if (step.type === "get") {
              expect(table.get(step.at)).toBe(model.get(step.at));
            } else if (step.type === "some") {
              const wanted = model.get(step.at);
              expect(table.some((value) => value === wanted)).toBe(wanted !== undefined);
              expect(table.find((value) => value === wanted)).toBe(wanted);
            } else {
              expect(table.drain()).toEqual([...model.values()]);
              model.clear();
            }
            expect(table.size).toBe(model.size);
          }
        },
      ),
    );
  });
});
