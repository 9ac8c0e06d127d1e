import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type DeadlineNode, Deadlines } from "../../lib/lifecycle/deadlines.ts";
import { now } from "../../lib/lifecycle/timer.ts";
import { TimerWheel } from "../../lib/lifecycle/wheel.ts";

/** Milliseconds that a node may be told late. */
const tick = 8;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance", "Date"] });
});

afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

describe("Deadlines", () => {
  it("tell each node at its deadline or up to one tick later, never before", async () => {
    const deadlines = new Deadlines(new TimerWheel());
    const late: number[] = [];
    const delays = [0, 1, 8, 9, 100, 100, 100, 4_096, 100, 20_000, 20_000];
    for (let round = 0; round < 20; round++) {
      for (const delay of delays) {
        const due = now() + delay;
        deadlines.set(node(() => late.push(now() - due)), delay);
      }
      await vi.advanceTimersByTimeAsync(round);
    }
    await vi.advanceTimersByTimeAsync(25_000);
    expect(late).toHaveLength(20 * delays.length);
    expect(Math.min(...late)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...late)).toBeLessThanOrEqual(tick);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("look at the clock once for all nodes of one tick with the same time limit", async () => {
    const deadlines = new Deadlines(new TimerWheel());
    const look = vi.spyOn(performance, "now");
    for (let i = 0; i < 100; i++) {
      deadlines.set(node(), 1_000);
      await undefined;
    }
    await nextTick();
    expect(look).toHaveBeenCalledOnce();
  });

  it("count from the end of a computation that follows, also for those set behind it", async () => {
    const deadlines = new Deadlines(new TimerWheel());
    const told: number[] = [];
    const start = now();
    deadlines.set(node(() => told.push(now() - start)), 1_000);
    vi.advanceTimersByTime(5_000);
    deadlines.set(node(() => told.push(now() - start)), 1_000);
    await vi.advanceTimersByTimeAsync(990);
    expect(told).toEqual([]);
    await vi.advanceTimersByTimeAsync(10 + tick);
    expect(told).toHaveLength(2);
  });

  it("tell only those whose deadline was not taken back, wherever they stand", async () => {
    const deadlines = new Deadlines(new TimerWheel());
    const told: number[] = [];
    const nodes = Array.from({ length: 9 }, (_, i) => node(() => told.push(i)));
    for (const one of nodes) deadlines.set(one, 50);
    for (const i of [0, 4, 8]) deadlines.clear(nodes[i]!);
    await nextTick();
    for (const i of [1, 5, 7, 5]) deadlines.clear(nodes[i]!);
    await vi.advanceTimersByTimeAsync(60);
    expect(told).toEqual([2, 3, 6]);
  });

  it("let a node take back the deadline of its neighbours, and set new ones", async () => {
    const wheel = new TimerWheel();
    const deadlines = new Deadlines(wheel);
    const told: string[] = [];
    const nodes = ["one", "two", "three"].map((name): DeadlineNode =>
      node(() => {
        told.push(name);
        for (const other of nodes) deadlines.clear(other);
        deadlines.set(nodes[1]!, 50);
      })
    );
    for (const one of nodes) deadlines.set(one, 50);
    await vi.advanceTimersByTimeAsync(60);
    expect(told).toEqual(["one"]);
    await vi.advanceTimersByTimeAsync(60);
    expect(told).toEqual(["one", "two"]);
    for (const one of nodes) deadlines.clear(one);
    expect(wheel.size).toBe(0);
  });

  it("leave nothing on the wheel when all are taken back, before the end of the tick or after it", async () => {
    const wheel = new TimerWheel();
    const deadlines = new Deadlines(wheel);
    for (const wait of [undefined, nextTick()]) {
      const nodes = Array.from({ length: 10 }, () => node());
      for (const [i, one] of nodes.entries()) deadlines.set(one, i < 5 ? 100 : 200);
      await wait;
      for (const one of nodes) deadlines.clear(one);
      await nextTick();
      expect(wheel.size).toBe(0);
    }
    await vi.advanceTimersByTimeAsync(0);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("set nothing for Infinity", async () => {
    const wheel = new TimerWheel();
    const deadlines = new Deadlines(wheel);
    const one = node();
    deadlines.set(one, Infinity);
    deadlines.clear(one);
    await nextTick();
    expect(wheel.size).toBe(0);
  });
});

function node(onDeadline: () => void = () => expect.unreachable("told")): DeadlineNode {
  return { deadline: undefined, earlier: undefined, later: undefined, onDeadline };
}

function nextTick(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
