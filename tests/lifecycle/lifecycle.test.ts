import diagnostics from "node:diagnostics_channel";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ClosedError, TimeoutError } from "../../lib/errors.ts";
import type { EndpointEvent } from "../../lib/lifecycle/events.ts";
import type { Farewell } from "../../lib/lifecycle/farewell.ts";
import {
  Lifecycle,
  type LifecycleOptions,
  type LifecycleSteps,
  type Step,
} from "../../lib/lifecycle/lifecycle.ts";
import type { Phase } from "../../lib/lifecycle/reducer.ts";
import { now } from "../../lib/lifecycle/timer.ts";
import { countedAbort } from "../support/signals.ts";

const phases: readonly Phase[] = ["announce", "intake", "drain", "goodbye", "force", "release"];

/** Every kind of reason; `undefined` stands for none. */
const reasons: [string, unknown][] = [
  ["an Error", new Error("stop")],
  ["a string", "stop"],
  ["null", null],
  ["0", 0],
  ["false", false],
  ["the empty string", ""],
  ["a DOMException", new DOMException("stop", "AbortError")],
];

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance", "Date"] });
});

afterEach(() => {
  vi.useRealTimers();
});

describe("Lifecycle: the phases of a goodbye", () => {
  it("runs them in order, each in its state, with the soft signal at the begin and the hard one at the end", async () => {
    const trace: string[] = [];
    const { lifecycle } = open(eachPhase((step) => {
      trace.push(
        `${step.phase} ${lifecycle.state} ${lifecycle.draining.aborted} ${lifecycle.signal.aborted}`,
      );
    }));
    expect([lifecycle.state, lifecycle.draining.aborted, lifecycle.phase]).toEqual([
      "open",
      false,
      undefined,
    ]);
    const farewell = await lifecycle.goodbye();
    expect(trace).toEqual([
      "announce draining true false",
      "intake draining true false",
      "drain draining true false",
      "goodbye closing true false",
      "release releasing true false",
    ]);
    expect([lifecycle.state, lifecycle.signal.aborted, lifecycle.phase]).toEqual(["closed", true, undefined]);
    expect(farewell).toMatchObject({ name: "thing", outcome: "clean", cause: "goodbye", reason: undefined });
    expect(farewell.phases.map(({ phase, ended }) => `${phase} ${ended}`)).toEqual([
      "announce done",
      "intake done",
      "drain done",
      "goodbye done",
      "release done",
    ]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("waits for each step before the next begins", async () => {
    const trace: string[] = [];
    const { lifecycle } = open({
      ...eachPhase(async ({ phase }) => {
        trace.push(`${phase} begins`);
        await sleep(10);
        trace.push(`${phase} ends`);
      }),
      announce() {},
    });
    const goodbye = lifecycle.goodbye();
    await vi.advanceTimersByTimeAsync(100);
    const { duration } = await goodbye;
    expect(trace).toEqual(
      ["intake", "drain", "goodbye", "release"].flatMap((phase) => [`${phase} begins`, `${phase} ends`]),
    );
    expect(duration).toBe(40);
  });

  it("gives each phase its budget by default: 0.5 s, 10 s, 3 s, 5 s", async () => {
    const { lifecycle } = open();
    const { phases } = await lifecycle.goodbye();
    expect(phases.map(({ phase, budget }) => [phase, budget])).toEqual([
      ["announce", 0],
      ["intake", 500],
      ["drain", 10_000],
      ["goodbye", 3_000],
      ["release", 5_000],
    ]);
  });

  it("shares out a short grace, so that a drain that hangs leaves the goodbye its part", async () => {
    const { lifecycle } = open({ drain: hang });
    const goodbye = lifecycle.goodbye({ grace: 1_300, tail: 600 });
    await vi.advanceTimersByTimeAsync(2_000);
    const budgets = Object.fromEntries((await goodbye).phases.map(({ phase, budget }) => [phase, budget]));
    expect(budgets["drain"]).toBeCloseTo(1_000);
    expect(budgets["goodbye"]).toBeCloseTo(300);
    expect(budgets["release"]).toBeCloseTo(500);
  });

  it("takes a limit of Infinity for drain as all that is left", async () => {
    const { lifecycle } = open({ drain: hang }, { limits: { drain: Infinity } });
    const goodbye = lifecycle.goodbye({ grace: 2_000 });
    await vi.advanceTimersByTimeAsync(1_999);
    expect(lifecycle.phase).toBe("drain");
    await vi.advanceTimersByTimeAsync(1);
    expect((await goodbye).phases.find(({ phase }) => phase === "drain")).toMatchObject({
      budget: 2_000,
      ended: "deadline",
    });
  });

  it("lets announce last its time, which is no force, and a goodbye shorten it", async () => {
    const { lifecycle } = open({}, { limits: { announce: 5_000 } });
    const goodbye = lifecycle.goodbye();
    await vi.advanceTimersByTimeAsync(4_999);
    expect([lifecycle.state, lifecycle.phase]).toEqual(["draining", "announce"]);
    await vi.advanceTimersByTimeAsync(1);
    expect(await goodbye).toMatchObject({ outcome: "clean", duration: 5_000 });

    const second = open({}, { limits: { announce: 5_000 } }).lifecycle;
    void second.goodbye();
    await vi.advanceTimersByTimeAsync(1_000);
    void second.goodbye({ grace: 500 });
    await vi.advanceTimersByTimeAsync(500);
    expect(await second.closed).toMatchObject({ outcome: "clean", duration: 1_500 });
    expect(vi.getTimerCount()).toBe(0);
  });

  it("ends an endpoint that is still opening by force and release alone, and is clean", async () => {
    const trace: string[] = [];
    const lifecycle = new Lifecycle({
      name: "thing",
      steps: eachPhase(({ phase }) => void trace.push(phase)),
    });
    expect(lifecycle.state).toBe("opening");
    expect((await lifecycle.goodbye()).outcome).toBe("clean");
    expect(trace).toEqual(["force", "release"]);
  });

  it("drains an endpoint that is reconnecting", async () => {
    const { lifecycle } = open();
    lifecycle.reconnecting();
    expect(lifecycle.state).toBe("reconnecting");
    lifecycle.opened();
    expect(lifecycle.state).toBe("open");
    lifecycle.reconnecting();
    expect((await lifecycle.goodbye()).phases.map(({ phase }) => phase)).toContain("drain");
  });

  it("stays closed", async () => {
    const { lifecycle } = open();
    const farewell = await lifecycle.goodbye();
    lifecycle.opened();
    lifecycle.reconnecting();
    lifecycle.lost();
    lifecycle.force("late");
    expect(await lifecycle.goodbye({ grace: 0 })).toBe(farewell);
    expect(lifecycle.state).toBe("closed");
    expect(farewell.outcome).toBe("clean");
  });
});

describe("Lifecycle: single flight", () => {
  it.each(phases)(
    "ten goodbyes during %s settle with the same Farewell, and none before it is closed",
    async (phase) => {
      const { lifecycle, held } = open(undefined, {}, phase);
      const first = phase === "force" ? lifecycle.goodbye({ grace: 0 }) : lifecycle.goodbye();
      await vi.advanceTimersByTimeAsync(0);
      expect(lifecycle.phase).toBe(phase);
      const settled: string[] = [];
      const all = [first, lifecycle.closed, ...Array.from({ length: 10 }, () => lifecycle.goodbye())];
      for (const goodbye of all) void goodbye.then(() => settled.push(lifecycle.state));
      await vi.advanceTimersByTimeAsync(50);
      expect(settled).toEqual([]);
      held.release();
      const farewells = await Promise.all(all);
      expect(new Set(farewells).size).toBe(1);
      expect(settled).toEqual(all.map(() => "closed"));
      expect(vi.getTimerCount()).toBe(0);
    },
  );

  it("keeps the first cause and the first reason", async () => {
    const { lifecycle } = open({ drain: () => sleep(10) });
    void lifecycle.end({ cause: "peer-goodbye", reason: "first" });
    void lifecycle.goodbye({ reason: "second" });
    await vi.advanceTimersByTimeAsync(10);
    expect(await lifecycle.closed).toMatchObject({ cause: "peer-goodbye", reason: "first" });
    expect(lifecycle.draining.reason).toBe("first");
  });
});

describe("Lifecycle: a later call tightens and never relaxes", () => {
  it("takes the shorter grace", async () => {
    const { lifecycle } = open({ drain: hang, goodbye: hang, release: hang });
    void lifecycle.goodbye({ grace: 10_000 });
    await vi.advanceTimersByTimeAsync(2_000);
    void lifecycle.goodbye({ grace: 1_000, tail: 600 });
    await vi.advanceTimersByTimeAsync(1_600);
    expect(lifecycle.state).toBe("closed");
    expect((await lifecycle.closed).duration).toBeLessThanOrEqual(3_600);
  });

  it("is not relaxed by a longer grace, by a goodbye without options or by a longer tail", async () => {
    const { lifecycle } = open({ drain: hang, goodbye: hang, force: hang, release: hang });
    void lifecycle.goodbye({ grace: 1_000, tail: 600 });
    void lifecycle.goodbye({ grace: 60_000 });
    void lifecycle.goodbye({ tail: 60_000 });
    void lifecycle.goodbye();
    await vi.advanceTimersByTimeAsync(1_600);
    expect(lifecycle.state).toBe("closed");
  });

  it("leaves a long grace alone when only the tail is shortened", async () => {
    const { lifecycle } = open({ drain: hang }, { limits: { drain: 60_000 } });
    void lifecycle.goodbye({ grace: 63_000 });
    void lifecycle.goodbye({ tail: 100 });
    await vi.advanceTimersByTimeAsync(59_000);
    expect(lifecycle.phase).toBe("drain");
    await vi.advanceTimersByTimeAsync(5_000);
    expect(lifecycle.state).toBe("closed");
  });

  it("shortens the phase that is running, release included", async () => {
    const { lifecycle } = open({ release: hang });
    void lifecycle.goodbye();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(lifecycle.phase).toBe("release");
    void lifecycle.goodbye({ tail: 1_800 });
    await vi.advanceTimersByTimeAsync(499);
    expect(lifecycle.state).toBe("releasing");
    await vi.advanceTimersByTimeAsync(1);
    expect(lifecycle.state).toBe("closed");
  });

  it("is forced by a later goodbye with grace 0", async () => {
    const { lifecycle } = open({ drain: hang });
    void lifecycle.goodbye({ reason: "first" });
    await vi.advanceTimersByTimeAsync(10);
    const farewell = await lifecycle.goodbye({ grace: 0 });
    expect(farewell).toMatchObject({ outcome: "forced", reason: "first", duration: 10 });
    expect(lifecycle.signal.reason).toBe("first");
  });
});

describe("Lifecycle: force", () => {
  it("skips everything before force for a grace of 0, and does not hurry release", async () => {
    const seen: string[] = [];
    const { lifecycle } = open(eachPhase(async (step) => {
      seen.push(step.phase);
      if (step.phase !== "release") return;
      await sleep(100);
      seen.push(`release cut: ${step.signal.aborted}`);
    }));
    const goodbye = lifecycle.goodbye({ grace: 0, reason: "now" });
    expect([lifecycle.state, lifecycle.signal.reason]).toEqual(["closing", "now"]);
    await vi.advanceTimersByTimeAsync(100);
    expect(await goodbye).toMatchObject({ outcome: "forced", reason: "now", duration: 100 });
    expect(seen).toEqual(["force", "release", "release cut: false"]);
  });

  it("does not hurry release for a grace of 0 or an aborted signal when force takes no time", async () => {
    for (const options of [{ grace: 0 }, { signal: AbortSignal.abort("now") }]) {
      let cut: boolean | undefined;
      const { lifecycle } = open({
        async release(step) {
          const { signal } = step;
          await sleep(10);
          cut = signal.aborted;
        },
      });
      const goodbye = lifecycle.goodbye(options);
      await vi.advanceTimersByTimeAsync(10);
      await goodbye;
      expect(cut).toBe(false);
    }
  });

  it("forces by default where the grace of the endpoint is 0", async () => {
    const { lifecycle } = open({ drain: hang }, { grace: 0 });
    expect((await lifecycle.goodbye()).outcome).toBe("forced");
  });

  it.each(reasons)(
    "is begun by a signal that aborted before with %s: all signals and the Farewell carry it",
    async (_, reason) => {
      const { lifecycle } = open({ drain: hang });
      const farewell = await lifecycle.goodbye({ signal: AbortSignal.abort(reason) });
      expect(lifecycle.draining.reason).toBe(reason);
      expect(lifecycle.signal.reason).toBe(reason);
      expect(farewell.reason).toBe(reason);
      expect(farewell.outcome).toBe("forced");
      expect(farewell.phases.map(({ phase }) => phase)).toEqual(["force", "release"]);
    },
  );

  it("keeps the reason of the goodbye apart from that of its aborted signal", async () => {
    const { lifecycle } = open();
    const farewell = await lifecycle.goodbye({ reason: "why", signal: AbortSignal.abort(null) });
    expect(farewell.reason).toBe("why");
    expect(lifecycle.draining.reason).toBe("why");
    expect(lifecycle.signal.reason).toBe(null);
  });

  describe.each(phases)("an abort during %s", (phase) => {
    it.each(reasons)("cuts it with %s and still releases", async (_, reason) => {
      let stepReason: unknown = "none";
      const steps = eachPhase((step) => {
        if (step.phase !== phase) return undefined;
        const { signal } = step;
        return new Promise<void>((resolve) =>
          signal.addEventListener("abort", () => {
            stepReason = signal.reason;
            resolve();
          })
        );
      });
      const { lifecycle } = open(steps, { limits: phase === "announce" ? { announce: 1_000 } : {} });
      const user = countedAbort();
      const goodbye = lifecycle.goodbye({ signal: user.signal, ...(phase === "force" ? { grace: 0 } : {}) });
      await vi.advanceTimersByTimeAsync(0);
      expect(lifecycle.phase).toBe(phase);
      user.abort(reason);
      await vi.advanceTimersByTimeAsync(phase === "force" ? 1_000 : 0);
      const farewell = await goodbye;
      expect(farewell.outcome).toBe("forced");
      expect(farewell.phases.at(-1)).toMatchObject({ phase: "release" });
      if (phase !== "force") {
        expect(stepReason).toBe(reason);
        expect(lifecycle.signal.reason).toBe(reason);
      }
      if (phase !== "force" && phase !== "release") {
        const report = farewell.phases.find((report) => report.phase === phase)!;
        expect(report.ended).toBe("cut");
        expect(report.reason).toBe(reason);
      }
      await Promise.resolve();
      expect(user.listeners()).toBe(0);
      expect(vi.getTimerCount()).toBe(0);
    });
  });

  it("takes repeated aborts and forces as one", async () => {
    const { lifecycle } = open({ drain: hang, force: () => sleep(50), release: () => sleep(50) });
    const signals = Array.from({ length: 5 }, () => countedAbort());
    for (const { signal } of signals) void lifecycle.goodbye({ signal });
    await vi.advanceTimersByTimeAsync(1);
    for (const [i, { abort }] of signals.entries()) abort(i);
    lifecycle.force("again");
    expect(lifecycle.signal.reason).toBe(0);
    await vi.advanceTimersByTimeAsync(100);
    expect(await lifecycle.closed).toMatchObject({ outcome: "forced", duration: 101 });
  });

  it("does nothing before the end has begun", () => {
    const { lifecycle } = open();
    lifecycle.force("early");
    expect([lifecycle.state, lifecycle.signal.aborted]).toEqual(["open", false]);
  });
});

describe("Lifecycle: reasons", () => {
  it.each(reasons)(
    "carries %s by identity to the soft signal, the hard one and the Farewell",
    async (_, reason) => {
      const { lifecycle } = open();
      const farewell = await lifecycle.goodbye({ reason });
      expect(lifecycle.reason).toBe(reason);
      expect(lifecycle.draining.reason).toBe(reason);
      expect(lifecycle.signal.reason).toBe(reason);
      expect(farewell.reason).toBe(reason);
    },
  );

  it("makes a ClosedError for the signals when there is no reason, and leaves the Farewell without one", async () => {
    const { lifecycle } = open();
    const farewell = await lifecycle.goodbye({ reason: undefined });
    expect(farewell.reason).toBe(undefined);
    expect(lifecycle.draining.reason).toBeInstanceOf(ClosedError);
    expect(lifecycle.signal.reason).toBe(lifecycle.draining.reason);
  });

  it("refuses operations with a ClosedError that has the reason as its cause", async () => {
    const { lifecycle } = open({ drain: () => sleep(10) });
    void lifecycle.goodbye({ reason: 0 });
    const error = lifecycle.refusal("publish", "unknown");
    expect(error).toMatchObject({
      name: "ClosedError",
      code: "ERR_CLOSED",
      state: "draining",
      outcome: "unknown",
      cause: 0,
    });
    expect(error.message).toBe("Cannot publish: the thing is draining");
    expect(lifecycle.refusal("publish").outcome).toBe("not-sent");
    await vi.advanceTimersByTimeAsync(10);
  });

  it("refuses with the reason of the abort where the goodbye has none", async () => {
    const { lifecycle } = open({ drain: hang });
    const user = countedAbort();
    const goodbye = lifecycle.goodbye({ signal: user.signal });
    expect(lifecycle.refusal("publish").cause).toBe(undefined);
    user.abort(null);
    expect(lifecycle.refusal("publish").cause).toBe(null);
    lifecycle.force("later");
    expect(lifecycle.refusal("publish").cause).toBe(null);
    expect((await goodbye).reason).toBe(undefined);
    const before = open().lifecycle;
    await before.goodbye({ signal: AbortSignal.abort("before") });
    expect(before.refusal("publish").cause).toBe("before");
  });
});

describe("Lifecycle: a signal that governs the life", () => {
  it.each(reasons)("begins the graceful end with %s", async (_, reason) => {
    const { lifecycle } = open();
    const user = countedAbort();
    lifecycle.govern(user.signal);
    expect(lifecycle.ending).toBe(false);
    user.abort(reason);
    const farewell = await lifecycle.closed;
    expect(farewell).toMatchObject({ cause: "aborted", outcome: "clean" });
    expect(farewell.reason).toBe(reason);
    expect(farewell.phases.map(({ phase }) => phase)).toContain("drain");
  });

  it("ends at once where it is told to force", async () => {
    const { lifecycle } = open({ drain: hang });
    const user = countedAbort();
    lifecycle.govern(user.signal, { forced: true, cause: "parent" });
    user.abort("now");
    expect(await lifecycle.closed).toMatchObject({
      cause: "parent",
      outcome: "forced",
      reason: "now",
      duration: 0,
    });
  });

  it("ends at once by a signal that has aborted before", async () => {
    const { lifecycle } = open();
    lifecycle.govern(AbortSignal.abort("before"));
    expect(await lifecycle.closed).toMatchObject({ cause: "aborted", reason: "before" });
  });

  it("leaves no listener on any signal of the user when it is closed", async () => {
    const signals = Array.from({ length: 4 }, () => countedAbort());
    const [governing, first, second, late] = signals.map(({ signal }) => signal) as [
      AbortSignal,
      AbortSignal,
      AbortSignal,
      AbortSignal,
    ];
    const { lifecycle } = open({ drain: () => sleep(10) });
    lifecycle.govern(governing);
    lifecycle.govern(undefined);
    void lifecycle.goodbye({ signal: first });
    void lifecycle.goodbye({ signal: second });
    await vi.advanceTimersByTimeAsync(10);
    await lifecycle.closed;
    lifecycle.govern(late);
    await lifecycle.goodbye({ signal: late });
    await Promise.resolve();
    expect(signals.map((user) => user.listeners())).toEqual([0, 0, 0, 0]);
  });

  it("leaves no listener on the signal of a goodbye that takes no time", async () => {
    const user = countedAbort();
    await open().lifecycle.goodbye({ signal: user.signal });
    await Promise.resolve();
    expect(user.listeners()).toBe(0);
  });
});

describe("Lifecycle: loss", () => {
  it("ends an endpoint without a peer by force and release, and has failed", async () => {
    const trace: string[] = [];
    const { lifecycle } = open(eachPhase(({ phase }) => void trace.push(phase)));
    const cause = new Error("reset");
    const farewell = await lifecycle.end({ cause: "lost", reason: cause, lost: true });
    expect(trace).toEqual(["force", "release"]);
    expect(farewell).toMatchObject({ outcome: "failed", cause: "lost" });
    expect(farewell.reason).toBe(cause);
    expect(lifecycle.signal.reason).toBe(cause);
  });

  it.each(["announce", "intake", "drain", "goodbye", "force"] as const)(
    "has failed when the transport is lost during %s",
    async (phase) => {
      const { lifecycle, held } = open(undefined, {}, phase);
      void lifecycle.goodbye(phase === "force" ? { grace: 0 } : {});
      lifecycle.lost();
      held.release();
      expect((await lifecycle.closed).outcome).toBe("failed");
    },
  );

  it("has not failed when the transport goes during release", async () => {
    const { lifecycle, held } = open(undefined, {}, "release");
    void lifecycle.goodbye();
    lifecycle.lost();
    held.release();
    expect((await lifecycle.closed).outcome).toBe("clean");
  });
});

describe("Lifecycle: steps that fail", () => {
  const error = new Error("step");
  const failures: [string, () => unknown][] = [
    ["throws", () => {
      throw error;
    }],
    ["rejects", () => Promise.reject(error)],
    ["rejects a little later", () => sleep(5).then(() => Promise.reject(error))],
  ];

  describe.each(phases)("in %s", (phase) => {
    it.each(failures)("one that %s is reported, and the rest runs", async (_, fail) => {
      const trace: string[] = [];
      const { lifecycle } = open(
        eachPhase((step) => {
          trace.push(step.phase);
          return step.phase === phase ? fail() : undefined;
        }),
        { limits: { announce: 100 } },
      );
      const goodbye = lifecycle.goodbye(phase === "force" ? { grace: 0 } : {});
      await vi.advanceTimersByTimeAsync(200);
      const farewell = await goodbye;
      expect(farewell.outcome).toBe("failed");
      expect(farewell.errors).toEqual([error]);
      expect(farewell.errors[0]).toBe(error);
      expect(farewell.hooks).toMatchObject([{ name: `${phase} of thing`, ended: "failed" }]);
      expect(trace.at(-1)).toBe("release");
      expect(vi.getTimerCount()).toBe(0);
    });
  });

  it("takes anything that is thrown", async () => {
    for (const value of [undefined, null, 0, "text"]) {
      const { lifecycle } = open({ drain: () => Promise.reject(value) });
      expect((await lifecycle.goodbye()).errors).toEqual([value]);
    }
  });

  it("ignores what a step does that nobody waits for any longer", async () => {
    const { lifecycle } = open({ drain: () => sleep(20_000).then(() => Promise.reject(new Error("late"))) });
    const goodbye = lifecycle.goodbye();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(await goodbye).toMatchObject({ outcome: "forced", errors: [] });
    await vi.advanceTimersByTimeAsync(20_000);
  });

  it("ignores what a step rejects with because it was cut, also while the end goes on", async () => {
    const late = new Error("late");
    const cut = (step: Step): Promise<never> =>
      new Promise((_, reject) => step.signal.addEventListener("abort", () => reject(late)));
    const { lifecycle } = open({ drain: cut, goodbye: () => sleep(100), release: () => sleep(100) });
    const goodbye = lifecycle.goodbye();
    await vi.advanceTimersByTimeAsync(10_200);
    expect(await goodbye).toMatchObject({ outcome: "forced", errors: [], hooks: [] });
  });

  it("resolves also when the report of the endpoint throws", async () => {
    const { lifecycle } = open({}, {
      report() {
        throw error;
      },
    });
    expect(await lifecycle.goodbye()).toMatchObject({ outcome: "failed", errors: [error] });
  });
});

describe("Lifecycle: bounded time", () => {
  it("ends within grace and tail though all steps hang and ignore their signals", async () => {
    const trace: string[] = [];
    const { lifecycle } = open(eachPhase(({ phase }) => {
      trace.push(`${phase} at ${now() - start}`);
      return hang();
    }));
    const start = now();
    const goodbye = lifecycle.goodbye();
    await vi.advanceTimersByTimeAsync(20_000);
    const farewell = await goodbye;
    expect(farewell.outcome).toBe("forced");
    expect(farewell.duration).toBeLessThanOrEqual(20_000);
    expect(farewell.phases.map(({ phase, ended }) => `${phase} ${ended}`)).toEqual([
      "announce done",
      "intake deadline",
      "drain deadline",
      "goodbye deadline",
      "force deadline",
      "release deadline",
    ]);
    expect(trace).toEqual([
      "announce at 0",
      "intake at 0",
      "drain at 500",
      "goodbye at 10500",
      "force at 13500",
      "release at 14500",
    ]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("tells work that did not end in drain to stop, and still tells the peer", async () => {
    const { lifecycle } = open({
      drain: hang,
      goodbye() {
        expect(lifecycle.signal.reason).toBeInstanceOf(TimeoutError);
      },
    });
    const goodbye = lifecycle.goodbye();
    await vi.advanceTimersByTimeAsync(10_000);
    const farewell = await goodbye;
    expect(farewell.phases.map(({ phase }) => phase)).not.toContain("force");
    expect(farewell).toMatchObject({ outcome: "forced", errors: [] });
    const drain = farewell.phases.find(({ phase }) => phase === "drain")!;
    expect(drain.reason).toBe(lifecycle.signal.reason);
    expect((drain.reason as TimeoutError).message).toBe(
      "Cannot finish phase drain of the thing: 10000 ms have passed",
    );
  });

  it("tells a step what time it has left", async () => {
    const left: number[] = [];
    const { lifecycle } = open({
      async drain(step) {
        left.push(step.remaining());
        await sleep(400);
        left.push(step.remaining());
        await sleep(20_000);
        left.push(step.remaining());
      },
    });
    void lifecycle.goodbye();
    await vi.advanceTimersByTimeAsync(30_000);
    expect(left).toEqual([10_000, 9_600, 0]);
  });

  it("keeps to grace and tail, releases and leaves no timer, whatever steps do and whenever calls come", async () => {
    const behaviour = fc.oneof(
      fc.constant("sync" as const),
      fc.constant("throw" as const),
      fc.constant("hang" as const),
      fc.constant("obey" as const),
      fc.nat(3_000),
    );
    const call = fc.record({
      at: fc.nat(8_000),
      how: fc.constantFrom("goodbye", "abort", "tighten", "zero", "lost", "force" as const),
    });
    const run = fc.asyncProperty(
      fc.tuple(behaviour, behaviour, behaviour, behaviour, behaviour, behaviour),
      fc.integer({ min: 1, max: 6_000 }),
      fc.nat(3_000),
      fc.array(call, { maxLength: 4 }),
      async (behaviours, grace, tail, calls) => {
        const entered: Phase[] = [];
        const { lifecycle } = open(eachPhase((step) => {
          entered.push(step.phase);
          const how = behaviours[phases.indexOf(step.phase)]!;
          if (how === "throw") throw new Error("step");
          if (how === "hang") return hang();
          if (how === "obey") {
            const { signal } = step;
            return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
          }
          return typeof how === "number" ? sleep(how) : undefined;
        }));
        const user = countedAbort();
        const start = now();
        const goodbye = lifecycle.goodbye({ grace, tail, signal: user.signal });
        for (const { at, how } of calls.toSorted((one, other) => one.at - other.at)) {
          await vi.advanceTimersByTimeAsync(Math.max(0, start + at - now()));
          if (how === "goodbye") void lifecycle.goodbye();
          else if (how === "abort") user.abort("abort");
          else if (how === "tighten") void lifecycle.goodbye({ grace: 100, tail: 100 });
          else if (how === "zero") void lifecycle.goodbye({ grace: 0 });
          else if (how === "lost") lifecycle.lost();
          else lifecycle.force("force");
        }
        // A timer of 0 ms that is set while the fake clock ticks fires a millisecond later: one for each phase.
        const limit = grace + tail + phases.length + 3;
        await vi.advanceTimersByTimeAsync(Math.max(0, start + limit - now()));
        expect(lifecycle.state).toBe("closed");
        const farewell = await goodbye;
        expect(farewell.duration).toBeLessThanOrEqual(limit);
        expect(entered.at(-1)).toBe("release");
        expect(new Set(entered).size).toBe(entered.length);
        await vi.advanceTimersByTimeAsync(3_000);
        await Promise.resolve();
        expect(user.listeners()).toBe(0);
        expect(vi.getTimerCount()).toBe(0);
      },
    );
    await fc.assert(run, { numRuns: 150 });
  });
});

describe("Lifecycle: re-entrancy", () => {
  it.each(phases)(
    "a goodbye from inside the step of %s neither deadlocks nor repeats a phase",
    async (phase) => {
      const trace: string[] = [];
      const inner: Promise<Farewell>[] = [];
      const { lifecycle } = open(eachPhase((step) => {
        trace.push(step.phase);
        if (step.phase === phase) inner.push(lifecycle.goodbye(), lifecycle.goodbye({ grace: 5 }));
      }));
      const farewell = await lifecycle.goodbye(phase === "force" ? { grace: 0 } : {});
      for (const goodbye of inner) expect(await goodbye).toBe(farewell);
      expect(new Set(trace).size).toBe(trace.length);
      expect(trace).toContain("release");
    },
  );

  it.each(["announce", "intake", "drain", "goodbye"] as const)(
    "a force from inside the step of %s goes to force, then releases",
    async (phase) => {
      const trace: string[] = [];
      const { lifecycle } = open(eachPhase((step) => {
        trace.push(step.phase);
        if (step.phase === phase) void lifecycle.goodbye({ grace: 0, reason: "inside" });
      }));
      const farewell = await lifecycle.goodbye();
      expect(trace.slice(-3)).toEqual([phase, "force", "release"]);
      expect(farewell.outcome).toBe("forced");
      expect(lifecycle.signal.reason).toBe("inside");
    },
  );

  it("a goodbye that is awaited inside drain costs the drain budget, no more, and is reported", async () => {
    const { lifecycle } = open({
      async drain() {
        await lifecycle.goodbye();
      },
    });
    const goodbye = lifecycle.goodbye();
    await vi.advanceTimersByTimeAsync(9_999);
    expect(lifecycle.phase).toBe("drain");
    await vi.advanceTimersByTimeAsync(1);
    const farewell = await goodbye;
    expect(farewell).toMatchObject({ outcome: "forced", duration: 10_000 });
    expect(farewell.phases.find(({ phase }) => phase === "drain")!.ended).toBe("deadline");
  });

  it("a goodbye, a force and an abort from a listener of the soft signal come after it", async () => {
    const trace: string[] = [];
    const { lifecycle } = open(eachPhase(({ phase }) => void trace.push(phase)));
    const user = countedAbort();
    lifecycle.draining.addEventListener("abort", () => {
      trace.push(`soft ${lifecycle.state}`);
      void lifecycle.goodbye();
      void lifecycle.goodbye({ signal: user.signal });
      user.abort("from the listener");
    });
    const farewell = await lifecycle.goodbye();
    expect(trace).toEqual(["soft draining", "announce", "force", "release"]);
    expect(farewell.outcome).toBe("forced");
    expect(lifecycle.signal.reason).toBe("from the listener");
  });

  it("a goodbye from a listener of the hard signal is the same goodbye", async () => {
    const { lifecycle } = open();
    let inner: Promise<Farewell> | undefined;
    lifecycle.signal.addEventListener("abort", () => inner = lifecycle.goodbye({ grace: 0 }));
    const farewell = await lifecycle.goodbye();
    expect(await inner).toBe(farewell);
    expect(farewell.outcome).toBe("clean");
  });

  it("a goodbye from an event reader is the same goodbye", async () => {
    const { lifecycle } = open({ drain: () => sleep(10) });
    const inner: Promise<Farewell>[] = [];
    const reading = (async () => {
      for await (const event of lifecycle.events()) {
        expect(event.at).toBeTypeOf("number");
        inner.push(lifecycle.goodbye());
      }
    })();
    const goodbye = lifecycle.goodbye();
    await vi.advanceTimersByTimeAsync(10);
    await reading;
    expect(new Set([await goodbye, ...await Promise.all(inner)]).size).toBe(1);
    expect(inner.length).toBeGreaterThan(3);
  });

  it("two goodbyes, the second forced, that a subscriber of the diagnostics channel calls at once both count", async () => {
    const trace: string[] = [];
    const lifecycle = new Lifecycle({
      name: "thing",
      steps: eachPhase(({ phase }) => void trace.push(phase)),
    });
    const onState = (): void => {
      diagnostics.unsubscribe("gracewire:state", onState);
      void lifecycle.goodbye({ reason: "first" });
      void lifecycle.goodbye({ signal: AbortSignal.abort("second") });
    };
    diagnostics.subscribe("gracewire:state", onState);
    lifecycle.opened();
    const farewell = await lifecycle.closed;
    expect(farewell).toMatchObject({ outcome: "forced", reason: "first" });
    expect(lifecycle.signal.reason).toBe("second");
    expect(trace).toEqual(["announce", "force", "release"]);
  });
});

describe("Lifecycle: options", () => {
  const wrong: [string, object, ErrorConstructor][] = [
    ["a grace that is no number", { grace: "1" }, TypeError],
    ["a grace below zero", { grace: -1 }, RangeError],
    ["a grace of NaN", { grace: NaN }, RangeError],
    ["a tail that is no number", { tail: null }, TypeError],
    ["a tail below zero", { tail: -1 }, RangeError],
    ["a signal that is none", { signal: {} }, TypeError],
    ["a controller in place of its signal", { signal: new AbortController() }, TypeError],
  ];

  it.each(wrong)("goodbye rejects for %s, and nothing has begun", async (_, options, expected) => {
    const { lifecycle } = open();
    await expect(lifecycle.goodbye(options)).rejects.toThrow(expected);
    expect(lifecycle.state).toBe("open");
    expect(lifecycle.ending).toBe(false);
  });

  it("goodbye takes undefined for each option as left out, and Infinity as a grace", async () => {
    const { lifecycle } = open();
    const farewell = await lifecycle.goodbye({
      grace: undefined,
      tail: undefined,
      signal: undefined,
      reason: undefined,
    });
    expect(farewell.outcome).toBe("clean");
    const endless = open({ drain: hang }).lifecycle;
    const goodbye = endless.goodbye({ grace: Infinity });
    await vi.advanceTimersByTimeAsync(10_000);
    expect((await goodbye).phases.find(({ phase }) => phase === "drain")!.ended).toBe("deadline");
  });
});

describe("Lifecycle: events", () => {
  it("tells each change of state and each phase, then the Farewell, and then it is over", async () => {
    const { lifecycle } = open({ drain: hang });
    const reader = lifecycle.events();
    lifecycle.reconnecting();
    lifecycle.opened();
    void lifecycle.goodbye();
    await vi.advanceTimersByTimeAsync(10_000);
    const farewell = await lifecycle.closed;
    const events: EndpointEvent[] = [];
    for await (const event of reader) events.push(event);
    const text = (event: EndpointEvent): string =>
      event.type === "state"
        ? `${event.previous} -> ${event.state}`
        : event.type === "phase"
        ? event.phase
        : event.type;
    expect(events.map(text))
      .toEqual([
        "open -> reconnecting",
        "reconnecting -> open",
        "open -> draining",
        "announce",
        "intake",
        "drain",
        "draining -> closing",
        "goodbye",
        "closing -> releasing",
        "release",
        "releasing -> closed",
        "farewell",
      ]);
    expect(events.at(-1)).toMatchObject({ level: "warn", farewell });
    expect(await reader.next()).toEqual({ done: true, value: undefined });
  });

  it("is quiet in a clean run: nothing above info", async () => {
    const { lifecycle } = open();
    const reader = lifecycle.events();
    await lifecycle.goodbye();
    const levels: string[] = [];
    for await (const event of reader) levels.push(event.level);
    expect(levels.at(-1)).toBe("info");
    expect(new Set(levels)).toEqual(new Set(["debug", "info"]));
  });

  it("tells a fault at once and in the Farewell, and it is still clean", async () => {
    const { lifecycle } = open();
    const reader = lifecycle.events();
    const error = new Error("handler");
    lifecycle.fault(error);
    expect(await reader.next()).toMatchObject({ value: { type: "fault", level: "warn", error } });
    const farewell = await lifecycle.goodbye();
    expect(farewell.errors).toEqual([error]);
    expect(farewell.outcome).toBe("clean");
  });

  it("publishes the Farewell to diagnostics_channel, louder when it was not clean", async () => {
    const messages: unknown[] = [];
    const note = (message: unknown): void => void messages.push(message);
    diagnostics.subscribe("gracewire:farewell", note);
    try {
      await open().lifecycle.goodbye();
      await open().lifecycle.goodbye({ grace: 0 });
    } finally {
      diagnostics.unsubscribe("gracewire:farewell", note);
    }
    expect(messages).toMatchObject([
      { endpoint: "thing", type: "farewell", level: "info", farewell: { outcome: "clean" } },
      { endpoint: "thing", type: "farewell", level: "warn", farewell: { outcome: "forced" } },
    ]);
  });
});

describe("Lifecycle in real time", () => {
  it("ends within grace and tail though nothing it waits for ever happens", async () => {
    vi.useRealTimers();
    const { lifecycle } = open(eachPhase(hang));
    const start = performance.now();
    const farewell = await lifecycle.goodbye({ grace: 130, tail: 60 });
    const took = performance.now() - start;
    expect(took).toBeGreaterThan(120);
    expect(took).toBeLessThan(190 + 250);
    expect(farewell.outcome).toBe("forced");
    expect(farewell.phases).toHaveLength(6);
  });
});

/** A lifecycle that is open; with a phase to hold, its step waits until `held.release`. */
function open(
  steps: LifecycleSteps = {},
  options: Omit<Partial<LifecycleOptions>, "steps"> = {},
  hold?: Phase,
): { lifecycle: Lifecycle; held: { release(): void } } {
  let release!: () => void;
  const released = new Promise<void>((resolve) => release = resolve);
  const holding = hold === undefined ? {} : { [hold]: () => released };
  // Announce has no time of its own by default.
  const limits = hold === "announce" ? { limits: { announce: 1_000 } } : {};
  const lifecycle = new Lifecycle({ name: "thing", ...limits, ...options, steps: { ...steps, ...holding } });
  lifecycle.opened();
  return { lifecycle, held: { release } };
}

function eachPhase(run: (step: Step) => unknown): LifecycleSteps {
  return Object.fromEntries(phases.map((phase) => [phase, run]));
}

function hang(): Promise<never> {
  return new Promise(() => {});
}

function sleep(duration: number): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, duration));
}
