import { afterAll, it } from "vitest";
import type { Counted, Network } from "../../lib/net/mod.ts";
import type { TestClock } from "./clock.ts";
import { runtime } from "./env.ts";
import { abortReasons } from "./signals.ts";
import { type Plan, Run, textOf } from "./sweep_run.ts";
import type { WatchedNetwork } from "./watch.ts";

/** Where a scenario plays. */
export interface Stage {
  readonly network: WatchedNetwork;
  readonly clock: TestClock;
  /** Tells of something that happens in the scenario itself: one more step to interrupt at. */
  step(name: string): void;
}

/** The abort of one run. */
export interface Interrupt {
  readonly signal: AbortSignal;
  /** The signal has aborted. */
  readonly aborted: boolean;
  readonly reason: unknown;
  /** The second abort, where two are swept. */
  readonly harder: AbortSignal;
}

/** A program with one operation that is interrupted everywhere. */
export interface Scenario<World, Value> {
  /** Makes what the operation needs. Not interrupted. */
  arrange(stage: Stage): Promise<World>;
  /** The operation. `harder` aborts some steps after `signal`, where two are swept. */
  act(world: World, signal: AbortSignal, harder: AbortSignal): Promise<Value>;
  /** The world opens streams of its own accord, so that those of the operation cannot be told from them. */
  readonly restless?: boolean;
  /** Errors that the operation may reject with by itself, abort or not: its failure is what is swept. */
  tolerates?(error: unknown): boolean;
  /** Looks at the world in the very moment in which the operation rejects: throws if it is not as it must be. */
  rejected?(world: World, interrupt: Interrupt): void;
  /** The operation has succeeded, before the abort or in spite of it. Everything is at rest. */
  succeeded?(value: Value, world: World, interrupt: Interrupt): unknown;
  /** What is left at the peer of an operation that was aborted; nothing should be. */
  orphans?(world: World): readonly string[];
  /** Proves that the world still works, after a success or an abort, and ends it. Nothing may be left behind then. */
  end(world: World, interrupt: Interrupt): unknown;
}

/** Options of {@linkcode sweep}. */
export interface SweepOptions {
  /** Makes the network of one run. */
  network(): Network & Counted;
  /** See {@linkcode TestClock}: true where the network is in memory. */
  readonly virtual: boolean;
  /**
   * Microtasks between a step and the abort: every other one of these at one step, those between at the next, and the
   * other way round on Bun. @default {[0, 1, 3, 5]}
   */
  readonly offsets?: readonly number[];
  /** Only every so many steps are swept. @default {1} */
  readonly every?: number;
  /**
   * For every step that is swept, a second abort is swept over the steps after it too, over every so many of them.
   * @default {none}
   */
  readonly again?: number;
  /** The operation never rejects: it only ends sooner. @default {false} */
  readonly resolves?: boolean;
  /**
   * The peer holds timers of its own while it lives, so that those of the operation cannot be told from them; they are
   * counted at the end only. @default {false}
   */
  readonly peerTimers?: boolean;
  /** Milliseconds, virtual ones where time is, that one run may take. @default {60_000} */
  readonly budget?: number;
}

/** What a sweep has found. */
export interface SweepResult {
  /** The steps of the run that nobody interrupted. */
  readonly steps: readonly string[];
  readonly runs: number;
  /** Runs that were over before their step. */
  readonly missed: number;
  readonly failures: readonly string[];
}

/**
 * Defines a test that runs a scenario once and counts its steps (reads, writes and closes at both ends of every stream,
 * timers, events and phases of every endpoint), then runs it again for each step and each offset, with an abort right
 * there. After each run: the operation has rejected with the very reason, or had succeeded; no stream, timer, listener or
 * orphan is left; nothing was unhandled. The number of runs is printed, and at the end of the file their sum.
 */
export function sweep<World, Value>(
  name: string,
  scenario: Scenario<World, Value>,
  options: SweepOptions,
): void {
  if (totals.scenarios++ === 0) afterAll(tellTotals);
  it(`${name} withstands an abort at every step`, { timeout }, async () => {
    const start = Date.now();
    const { steps, runs, missed, failures } = await runSweep(scenario, options);
    totals.steps += steps.length;
    totals.runs += runs;
    console.log(
      `sweep ${name}: ${steps.length} steps, ${runs} runs, ${missed} missed, ${Date.now() - start} ms`,
    );
    if (failures.length > 0) throw new Error(failures.join("\n\n"));
    if (steps.length === 0) throw new Error("Nothing was swept: no step was seen");
  });
}

/** Milliseconds for one sweep: thousands of runs on a busy machine. */
const timeout = 180_000;

/** What the sweeps of this file come to. */
const totals = { scenarios: 0, steps: 0, runs: 0 };

function tellTotals(): void {
  const { scenarios, steps, runs } = totals;
  console.log(`sweeps of this file: ${scenarios} scenarios, ${steps} steps, ${runs} runs`);
  Object.assign(totals, { scenarios: 0, steps: 0, runs: 0 });
}

/** The runtimes share the work. */
const shift = runtime === "bun" ? 1 : 0;

/** Failures after which a sweep gives up. */
const failureLimit = 3;

/** The sweep itself, without a test around it. */
export async function runSweep<World, Value>(
  scenario: Scenario<World, Value>,
  options: SweepOptions,
): Promise<SweepResult> {
  const { again, every = 1, offsets = [0, 1, 3, 5] } = options;
  const failures: string[] = [];
  let runs = 0;
  let missed = 0;
  const run = async (plan: Plan | undefined): Promise<Run<World, Value>> => {
    const current = new Run(scenario, options, plan);
    await current.play().catch((error: unknown) => failures.push(`${current.title}: ${textOf(error)}`));
    runs++;
    if (plan !== undefined && !current.struck) missed++;
    return current;
  };
  const reason = (): unknown => abortReasons[runs % abortReasons.length]!();
  const { steps } = await run(undefined);
  await run({ step: -1, offset: 0, reason: abortReasons[0]!() });
  for (let step = 0; step < steps.length && failures.length < failureLimit; step += every) {
    const chosen = offsets.filter((_, index) =>
      offsets.length === 1 || (index + step / every + shift) % 2 === 0
    );
    for (const offset of chosen) {
      const once = await run({ step, offset, reason: reason() });
      const last = again === undefined || offset !== chosen[0] ? step : once.steps.length;
      for (let second = step; second < last && failures.length < failureLimit; second += again!) {
        await run({ step, offset, reason: reason(), second });
      }
      if (failures.length >= failureLimit) break;
    }
  }
  return { steps, runs, missed, failures };
}
