import { beforeEach, describe, expect, it } from "vitest";
import { Turn } from "../../lib/broker/turn.ts";

describe("a turn", () => {
  const done: string[] = [];
  const task = (name: string): void => void done.push(name);
  let turn: Turn;

  beforeEach(() => {
    done.length = 0;
    turn = new Turn();
  });

  it("ends with the tick where nobody holds it, behind all promises", async () => {
    turn.after(task, "end");
    for (let hop = 0; hop < 10; hop++) await undefined;
    done.push("promises");
    await endOfTick();
    expect(done).toEqual(["promises", "end"]);
  });

  it("does its tasks in the order in which they were asked for, those they ask for last", async () => {
    turn.after((name) => {
      task(name);
      turn.after(task, "late");
    }, "one");
    turn.after(task, "two");
    await Promise.resolve();
    turn.after(task, "three");
    expect(done).toEqual([]);
    await endOfTick();
    expect(done).toEqual(["one", "two", "three", "late"]);
  });

  it("ends at once for whoever holds it, and once", async () => {
    turn.hold();
    turn.after((name) => {
      task(name);
      // As one who writes to a peer in the same process, which answers at once.
      turn.hold();
      turn.after(task, "inner");
      turn.end();
      task("behind");
    }, "outer");
    turn.after(task, "next");
    await Promise.resolve();
    expect(done).toEqual([]);
    turn.end();
    expect(done).toEqual(["outer", "behind", "next", "inner"]);
    turn.after(task, "later");
    await endOfTick();
    expect(done).toEqual(["outer", "behind", "next", "inner", "later"]);
  });

  it("does not keep from the others what one of them throws", async () => {
    turn.hold();
    turn.after(task, "one");
    turn.after(() => {
      throw new Error("x");
    }, undefined);
    turn.after(task, "two");
    turn.after(task, "three");
    expect(() => turn.end()).toThrow("x");
    expect(done).toEqual(["one"]);
    await endOfTick();
    expect(done).toEqual(["one", "two", "three"]);
  });
});

function endOfTick(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
