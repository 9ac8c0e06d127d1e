import process from "node:process";
import { describe, expect, it } from "vitest";
import { TimeoutError } from "../../lib/errors.ts";
import type { Scope } from "../../lib/lifecycle/mod.ts";
import { run, type RunResult } from "../../lib/process/mod.ts";
import { leakGate } from "../support/leak.ts";
import { aborted, bug, never, sleep, type Stubborn, stubborn, timeless } from "./stubborn.ts";

leakGate();

/** Runs a program that is interrupted after a second, and tells how it went and how long it took from then on. */
async function program(main: (scope: Scope) => unknown): Promise<{ result: RunResult; took: number }> {
  const before = process.exitCode;
  const interrupt = new AbortController();
  let result: RunResult | undefined;
  let took = 0;
  try {
    await timeless(async (clock) => {
      setTimeout(() => interrupt.abort("enough"), 1_000);
      await clock.until(run(main, { signal: interrupt.signal, report: (told) => result = told }));
      took = clock.time - 1_000;
    });
  } finally {
    process.exitCode = before ?? 0;
  }
  return { result: result!, took };
}

describe("run, with a main that", () => {
  it.each<[Stubborn, number, number]>([
    ["is well behaved", 0, 0],
    // What it owned has ended, so that the hard signal comes at once.
    ["ignores the soft signal", 0, 0],
    ["ignores both signals", 1, 5_000],
    ["throws", 1, 0],
  ])("%s ends with code %i, and everything it owned is freed", async (how, exitCode, duration) => {
    const freed: string[] = [];
    const { result, took } = await program((scope) => {
      scope.defer(() => freed.push("freed"));
      return stubborn(how, scope.draining, scope.signal);
    });
    expect(result).toMatchObject({ exitCode, signal: undefined });
    expect(result.farewell).toMatchObject({ outcome: "clean", cause: "aborted", reason: "enough" });
    expect(result.farewell.hooks).toMatchObject([{ ended: "ok" }]);
    expect(freed).toEqual(["freed"]);
    if (how === "throws") expect(result.failure).toEqual({ error: bug });
    else if (how === "ignores both signals") expect(result.failure?.error).toBeInstanceOf(TimeoutError);
    else expect(result.failure).toBe(undefined);
    expect(took).toBeGreaterThanOrEqual(duration);
    expect(took).toBeLessThan(duration + 5);
  });

  it.each<[string, () => unknown, string, number, number]>([
    [
      "throws",
      () => {
        throw bug;
      },
      "failed",
      1,
      0,
    ],
    ["rejects", () => sleep(10).then(() => Promise.reject(bug)), "failed", 1, 10],
    ["hangs", never, "timeout", 1, 6_650],
    ["is slow", () => sleep(900), "ok", 0, 900],
  ])(
    "owns something that %s reports it, and frees the rest",
    async (_what, hook, ended, exitCode, duration) => {
      const freed: string[] = [];
      const { result, took } = await program((scope) => {
        scope.defer(() => freed.push("freed"));
        scope.defer(hook);
        return aborted(scope.draining);
      });
      expect(result.exitCode).toBe(exitCode);
      expect(result.farewell.hooks.map((report) => report.ended)).toEqual([ended, "ok"]);
      expect(result.farewell.outcome).toBe(ended === "ok" ? "clean" : "failed");
      expect(freed).toEqual(["freed"]);
      expect(took).toBeGreaterThanOrEqual(duration);
      expect(took).toBeLessThan(duration + 5);
    },
  );
});
