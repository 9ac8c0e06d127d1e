import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { TimeoutError } from "../../lib/errors.ts";
import type { Farewell, Outcome } from "../../lib/lifecycle/farewell.ts";
import { type Hook, runHooks, shareOf } from "../../lib/lifecycle/hooks.ts";
import { Lifecycle } from "../../lib/lifecycle/lifecycle.ts";
import { countedAbort } from "../support/signals.ts";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance", "Date"] });
});

afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

describe("runHooks", () => {
  it("runs hooks last-in first-out, one after the other, and tells each why", async () => {
    const trace: string[] = [];
    const hooks = ["a", "b", "c"].map((name): Hook => ({
      name,
      async run({ reason, signal }) {
        trace.push(`${name} begins: ${reason} ${signal.aborted}`);
        await sleep(10);
        trace.push(`${name} ends`);
      },
    }));
    const { goodbye } = release(hooks);
    await vi.advanceTimersByTimeAsync(30);
    const farewell = await goodbye({ reason: "why" });
    expect(trace).toEqual(["c", "b", "a"].flatMap((name) => [`${name} begins: why false`, `${name} ends`]));
    expect(farewell.outcome).toBe("clean");
    expect(farewell.hooks).toEqual(["c", "b", "a"].map((name) => ({ name, duration: 10, ended: "ok" })));
  });

  it("reports a hook that throws, one that rejects and one that hangs, and runs those before them", async () => {
    const [thrown, rejected] = [new Error("thrown"), new Error("rejected")];
    const ran: string[] = [];
    const hooks: Hook[] = [
      { name: "first", run: () => void ran.push("first") },
      { name: "hangs", run: () => new Promise(() => {}) },
      {
        name: "throws",
        run() {
          throw thrown;
        },
      },
      { name: "rejects", run: () => Promise.reject(rejected) },
    ];
    const { goodbye } = release(hooks);
    const ending = goodbye({});
    await vi.advanceTimersByTimeAsync(5_000);
    const farewell = await ending;
    expect(ran).toEqual(["first"]);
    expect(farewell.outcome).toBe("failed");
    expect(farewell.hooks.map(({ name, ended }) => `${name} ${ended}`)).toEqual([
      "rejects failed",
      "throws failed",
      "hangs timeout",
      "first ok",
    ]);
    expect(farewell.errors.slice(0, 2)).toEqual([rejected, thrown]);
    expect(farewell.errors[2]).toBeInstanceOf(TimeoutError);
    expect((farewell.errors[2] as Error).message).toMatch(/^Cannot finish "hangs": \d+ ms have passed$/);
  });

  it("reports every hook when all hang, the last one included, within the time of the step", async () => {
    const signals: AbortSignal[] = [];
    const hooks = ["a", "b", "c"].map((name): Hook => ({
      name,
      run({ signal }) {
        signals.push(signal);
        return new Promise(() => {});
      },
    }));
    const { goodbye, lifecycle } = release(hooks);
    const ending = goodbye({});
    await vi.advanceTimersByTimeAsync(5_000);
    expect(lifecycle.state).toBe("closed");
    const farewell = await ending;
    expect(farewell.hooks.map(({ name, ended }) => `${name} ${ended}`)).toEqual([
      "c timeout",
      "b timeout",
      "a timeout",
    ]);
    expect(farewell.errors).toHaveLength(3);
    expect(farewell.outcome).toBe("failed");
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, true, true]);
  });

  it("goes on with the next hook when an abort cuts the running one, which is told the reason", async () => {
    const trace: unknown[] = [];
    const hooks: Hook[] = [
      {
        name: "next",
        async run({ signal }) {
          await sleep(10);
          trace.push(signal.aborted);
        },
      },
      {
        name: "cut",
        run: ({ signal }) =>
          new Promise((_, reject) =>
            signal.addEventListener("abort", () => {
              trace.push(signal.reason);
              reject(signal.reason);
            })
          ),
      },
    ];
    const user = countedAbort();
    const { goodbye } = release(hooks);
    const ending = goodbye({ signal: user.signal });
    await vi.advanceTimersByTimeAsync(1);
    user.abort(null);
    await vi.advanceTimersByTimeAsync(10);
    const farewell = await ending;
    expect(trace).toEqual([null, false]);
    expect(farewell.hooks.map(({ name, ended }) => `${name} ${ended}`)).toEqual(["cut cut", "next ok"]);
    expect(farewell).toMatchObject({ outcome: "forced", errors: [] });
    await Promise.resolve();
    expect(user.listeners()).toBe(0);
  });

  it.each<[string, (signal: AbortSignal) => unknown, string, Outcome, number]>([
    ["returns", () => sleep(500), "cut", "forced", 500],
    [
      "rejects with the reason",
      (signal) => sleep(500).then(() => Promise.reject(signal.reason)),
      "cut",
      "forced",
      500,
    ],
    [
      "rejects with an AbortError",
      () => sleep(500).then(() => Promise.reject(new DOMException("stopped", "AbortError"))),
      "cut",
      "forced",
      500,
    ],
    [
      "rejects with an error that names the reason",
      (signal) => sleep(500).then(() => Promise.reject(new Error("stopped", { cause: signal.reason }))),
      "cut",
      "forced",
      500,
    ],
    ["fails in its own way", () => sleep(500).then(() => Promise.reject(diskFull)), "failed", "failed", 500],
    ["does not stop within a second", () => sleep(1_500), "timeout", "failed", 1_101],
    ["never stops", () => new Promise(() => {}), "timeout", "failed", 1_101],
  ])("takes a hook that was cut and %s for what it is", async (_what, run, ended, outcome, duration) => {
    const { goodbye } = release([{ name: "hook", run: ({ signal }) => run(signal) }]);
    const user = countedAbort();
    const ending = goodbye({ signal: user.signal });
    await vi.advanceTimersByTimeAsync(1);
    user.abort({ an: "object" });
    await vi.advanceTimersByTimeAsync(5_000);
    const farewell = await ending;
    expect(farewell.hooks.map((hook) => hook.ended)).toEqual([ended]);
    expect(farewell.outcome).toBe(outcome);
    expect(farewell.errors).toEqual(ended === "failed" ? [diskFull] : []);
    expect(farewell.duration).toBe(duration);
    // What comes later changes nothing.
    await vi.advanceTimersByTimeAsync(2_000);
    expect(farewell.hooks.map((hook) => hook.ended)).toEqual([ended]);
  });

  it("waits for a hook that was cut no longer than release may take, nor beyond another abort", async () => {
    const hang: Hook = { name: "hook", run: () => new Promise(() => {}) };
    const short = release([hang]).goodbye({ tail: 120, signal: abortIn(10) });
    await vi.advanceTimersByTimeAsync(120);
    expect(await short).toMatchObject({ outcome: "failed", hooks: [{ ended: "timeout" }] });
    const { goodbye, lifecycle } = release([hang]);
    const impatient = goodbye({ signal: abortIn(10) });
    void lifecycle.goodbye({ signal: abortIn(20) });
    await vi.advanceTimersByTimeAsync(120);
    expect(await impatient).toMatchObject({ outcome: "failed", duration: 20 });
  });

  it("runs the hooks that are left, told to hurry, when the step is cut by its deadline", async () => {
    const trace: string[] = [];
    const hooks = ["a", "b"].map((name): Hook => ({
      name,
      run({ signal }) {
        trace.push(`${name} ${signal.aborted}`);
        return new Promise(() => {});
      },
    }));
    const { goodbye } = release(hooks);
    void goodbye({ tail: 0 });
    await vi.advanceTimersByTimeAsync(10);
    expect(trace).toEqual(["b false", "a true"]);
  });

  it("ignores what a hook does after it was given up", async () => {
    const { goodbye } = release([{
      name: "late",
      run: () => sleep(60_000).then(() => Promise.reject(new Error("late"))),
    }]);
    const ending = goodbye({});
    await vi.advanceTimersByTimeAsync(5_000);
    const farewell = await ending;
    expect(farewell.errors).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(farewell.errors).toHaveLength(1);
    expect(farewell.hooks).toHaveLength(1);
  });

  it("gives each its share of what is left, a little less than all", async () => {
    const shares: number[] = [];
    const lifecycle = new Lifecycle({
      name: "thing",
      steps: { release: (step) => void shares.push(shareOf(step, 1), shareOf(step, 4)) },
    });
    await lifecycle.goodbye();
    expect(shares).toEqual([4_750, 1_187.5]);
  });
});

const diskFull = new Error("the disk is full");

function abortIn(delay: number): AbortSignal {
  const controller = new AbortController();
  setTimeout(() => controller.abort(), delay);
  return controller.signal;
}

/** An endpoint whose release runs these hooks. */
function release(hooks: Hook[]): { lifecycle: Lifecycle; goodbye(options: object): Promise<Farewell> } {
  const lifecycle: Lifecycle = new Lifecycle({
    name: "thing",
    steps: { release: (step) => runHooks(hooks, step, lifecycle.farewell) },
  });
  lifecycle.opened();
  return {
    lifecycle,
    async goodbye(options) {
      const ending = lifecycle.goodbye(options);
      await vi.advanceTimersByTimeAsync(100);
      return await ending;
    },
  };
}

function sleep(duration: number): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, duration));
}
