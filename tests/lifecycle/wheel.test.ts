import process from "node:process";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { now } from "../../lib/lifecycle/timer.ts";
import { TimerWheel, type WheelNode, type WheelTimer } from "../../lib/lifecycle/wheel.ts";

/** Milliseconds that a target may be told late. */
const tick = 8;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance", "Date"] });
});

afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

describe("TimerWheel", () => {
  it("tells a target at its deadline or up to one tick later, never before", async () => {
    const wheel = new TimerWheel();
    const late: number[] = [];
    for (const delay of [0, 0.1, 1, 7, 7.9, 8, 8.1, 9, 15, 16, 17, 100, 4_095, 4_096, 4_097, 5_000, 20_000]) {
      const due = now() + delay;
      wheel.add(delay, { onDeadline: () => late.push(now() - due) });
    }
    await vi.advanceTimersByTimeAsync(25_000);
    expect(late).toHaveLength(17);
    expect(Math.min(...late)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...late)).toBeLessThanOrEqual(tick);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("keeps to that for 10,000 deadlines set at different times, with one native timer", async () => {
    const wheel = new TimerWheel();
    let seed = 42;
    const random = (limit: number): number => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
      return seed % limit;
    };
    const late: number[] = [];
    for (let round = 0; round < 100; round++) {
      for (let i = 0; i < 100; i++) {
        const delay = random(12_000) + random(10) / 10;
        const due = now() + delay;
        wheel.add(delay, { onDeadline: () => late.push(now() - due) });
      }
      expect(vi.getTimerCount()).toBe(1);
      await vi.advanceTimersByTimeAsync(random(30));
    }
    await vi.advanceTimersByTimeAsync(15_000);
    expect(late).toHaveLength(10_000);
    expect(Math.min(...late)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...late)).toBeLessThanOrEqual(tick);
    expect(wheel.size).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("counts the delay of a node from a time that was looked at before", async () => {
    const wheel = new TimerWheel();
    const since = now();
    let late = NaN;
    await vi.advanceTimersByTimeAsync(700);
    const onDeadline = (): unknown => late = now() - since - 1_000;
    wheel.set({ due: 0, earlier: undefined, later: undefined, onDeadline }, 1_000, since);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(late).toBeGreaterThanOrEqual(0);
    expect(late).toBeLessThanOrEqual(tick);
  });

  it("does not trust a native timer that fires early", async () => {
    const real = performance.now.bind(performance);
    let lag = 0;
    vi.spyOn(performance, "now").mockImplementation(() => real() - lag);
    const wheel = new TimerWheel();
    const due = now() + 100;
    const told: number[] = [];
    wheel.add(100, { onDeadline: () => told.push(now()) });
    lag = 3;
    await vi.advanceTimersByTimeAsync(500);
    expect(told).toHaveLength(1);
    expect(told[0]).toBeGreaterThanOrEqual(due);
  });

  it("tells exactly those that were not cancelled, in whatever order deadlines are set and cancelled", async () => {
    const plan = fc.array(
      fc.record({ delay: fc.nat(10_000), cancelAt: fc.option(fc.nat(10_000), { nil: undefined }) }),
      { maxLength: 60 },
    );
    await fc.assert(
      fc.asyncProperty(plan, async (entries) => {
        const wheel = new TimerWheel();
        const told = new Set<number>();
        const cancels: { at: number; timer: WheelTimer }[] = [];
        entries.forEach(({ delay, cancelAt }, id) => {
          const timer = wheel.add(delay, { onDeadline: () => told.add(id) });
          if (cancelAt !== undefined) cancels.push({ at: cancelAt, timer });
        });
        cancels.sort((one, other) => one.at - other.at);
        let at = 0;
        for (const cancel of cancels) {
          await vi.advanceTimersByTimeAsync(cancel.at - at);
          at = cancel.at;
          cancel.timer.cancel();
          cancel.timer.cancel();
        }
        await vi.advanceTimersByTimeAsync(11_000 - at);
        entries.forEach(({ delay, cancelAt }, id) => {
          if (cancelAt === undefined || delay + tick < cancelAt) expect(told.has(id)).toBe(true);
          else if (cancelAt < delay) expect(told.has(id)).toBe(false);
        });
        expect(wheel.size).toBe(0);
        expect(vi.getTimerCount()).toBe(0);
      }),
      { numRuns: 30 },
    );
  });

  it("lets a target cancel its neighbours and set new deadlines", async () => {
    const wheel = new TimerWheel();
    const told: string[] = [];
    const timers: WheelTimer[] = [];
    for (const name of ["one", "two", "three"]) {
      timers.push(wheel.add(50, {
        onDeadline() {
          told.push(name);
          for (const timer of timers) timer.cancel();
          wheel.add(0, { onDeadline: () => told.push("soon") });
          wheel.add(50, { onDeadline: () => told.push("later") });
          wheel.add(4_096, { onDeadline: () => told.push("same slot, next round") });
        },
      }));
    }
    await vi.advanceTimersByTimeAsync(70);
    expect(told).toEqual(["one", "soon"]);
    await vi.advanceTimersByTimeAsync(60);
    expect(told).toEqual(["one", "soon", "later"]);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(told).toEqual(["one", "soon", "later", "same slot, next round"]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("tells a node whose deadline a neighbour sets anew at the new one", async () => {
    const wheel = new TimerWheel();
    const told: string[] = [];
    const nodes = ["one", "two"].map((name): WheelNode => ({
      due: 0,
      earlier: undefined,
      later: undefined,
      onDeadline() {
        told.push(name);
        for (const node of nodes) {
          wheel.clear(node);
          if (node !== this) wheel.set(node, 100);
        }
      },
    }));
    for (const node of nodes) wheel.set(node, 50);
    await vi.advanceTimersByTimeAsync(70);
    expect(told).toEqual(["one"]);
    expect(wheel.size).toBe(1);
    await vi.advanceTimersByTimeAsync(100);
    expect(told).toEqual(["one", "two"]);
    for (const node of nodes) wheel.clear(node);
    await vi.advanceTimersByTimeAsync(10);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("never tells a deadline early that the only target sets when it is told late", async () => {
    const clock = pausable();
    const wheel = new TimerWheel();
    const late: number[] = [];
    const again = (delay: number) => ({
      onDeadline() {
        const due = now() + delay;
        wheel.add(delay, { onDeadline: () => late.push(now() - due) });
      },
    });
    for (const delay of [16, 1_000, 3_000, 4_000, 4_090, 4_096, 8_192]) {
      wheel.add(100, again(delay));
      clock.pause(2_000);
      await vi.advanceTimersByTimeAsync(20_000);
      expect(wheel.size).toBe(0);
    }
    expect(late).toHaveLength(7);
    expect(Math.min(...late)).toBeGreaterThanOrEqual(0);
  });

  it("tells all that is due, and nothing else, after a long pause of the process", async () => {
    const clock = pausable();
    const wheel = new TimerWheel();
    const told: number[] = [];
    for (const delay of [10, 1_000, 5_000, 60_000, 599_000, 700_000]) {
      wheel.add(delay, { onDeadline: () => told.push(delay) });
    }
    clock.pause(600_000);
    await vi.advanceTimersByTimeAsync(30);
    expect(told.toSorted((one, other) => one - other)).toEqual([10, 1_000, 5_000, 60_000, 599_000]);
    await vi.advanceTimersByTimeAsync(99_000);
    expect(told).not.toContain(700_000);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(told).toContain(700_000);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("keeps far deadlines: more than one round, and beyond what setTimeout keeps", async () => {
    const wheel = new TimerWheel();
    const day = 86_400_000;
    const told: number[] = [];
    const delays = [4_500, 3_600_000, 24 * day, 25 * day];
    for (const delay of delays) {
      const due = now() + delay;
      wheel.add(delay, { onDeadline: () => told.push(now() - due) });
      for (let days = 0; days < 26 && wheel.size > 0; days++) await vi.advanceTimersByTimeAsync(day);
    }
    expect(told).toHaveLength(delays.length);
    expect(Math.min(...told)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...told)).toBeLessThanOrEqual(tick);
  });

  it("sets nothing for Infinity", () => {
    const wheel = new TimerWheel();
    const timer = wheel.add(Infinity, { onDeadline: () => expect.unreachable("told") });
    expect(wheel.size).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
    timer.cancel();
  });

  it("holds no native timer in the microtask after the last deadline has been cancelled", async () => {
    const wheel = new TimerWheel();
    const timers = Array.from({ length: 10 }, (_, i) => wheel.add(i * 100, { onDeadline() {} }));
    for (const timer of timers) timer.cancel();
    expect(wheel.size).toBe(0);
    await Promise.resolve();
    expect(vi.getTimerCount()).toBe(0);
  });

  it("keeps its native timer for deadlines that follow one another in one tick", () => {
    const wheel = new TimerWheel();
    const set = vi.spyOn(globalThis, "setTimeout");
    for (let i = 0; i < 100; i++) wheel.add(1_000, { onDeadline() {} }).cancel();
    expect(set).toHaveBeenCalledOnce();
  });

  it("works again after it was empty for a long time", async () => {
    const wheel = new TimerWheel();
    for (let i = 0; i < 3; i++) {
      const due = now() + 100;
      const told: number[] = [];
      wheel.add(100, { onDeadline: () => told.push(now() - due) });
      await vi.advanceTimersByTimeAsync(120);
      expect(told).toHaveLength(1);
      expect(told[0]).toBeLessThanOrEqual(tick);
      await vi.advanceTimersByTimeAsync(1_000_003);
    }
  });
});

describe("TimerWheel in real time", () => {
  it("keeps the process alive while a deadline is set, and no longer", async () => {
    vi.useRealTimers();
    const handles: unknown[] = [];
    const real = globalThis.setTimeout;
    vi.spyOn(globalThis, "setTimeout").mockImplementation(
      ((...args: Parameters<typeof real>) => {
        const handle = real(...args);
        handles.push(handle);
        return handle;
      }) as typeof real,
    );
    const before = timersAlive();
    const timer = new TimerWheel().add(60_000, { onDeadline() {} });
    expect(handles).toHaveLength(1);
    // Bun tells nothing about its resources, Deno hands out numbers: one of the two ways works in each runtime.
    const alive = (handles[0] as { hasRef?(): boolean }).hasRef?.() ?? timersAlive() > before;
    expect(alive).toBe(true);
    timer.cancel();
    await Promise.resolve();
    expect(timersAlive()).toBe(before);
  });
});

function timersAlive(): number {
  return process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
}

/** Lets the clock run on without a timer firing, as when a process is stopped. */
function pausable(): { pause(duration: number): void } {
  const real = performance.now.bind(performance);
  let paused = 0;
  vi.spyOn(performance, "now").mockImplementation(() => real() + paused);
  return {
    pause(duration) {
      paused += duration;
    },
  };
}
