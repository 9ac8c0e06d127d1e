import diagnostics from "node:diagnostics_channel";
import { inspect } from "node:util";
import { it } from "vitest";
import type { Counted, Network } from "../../lib/net/mod.ts";
import { TestClock } from "./clock.ts";
import { openSockets } from "./descriptors.ts";
import { abortReasons, type CountedAbort, countedAbort } from "./signals.ts";
import { watchUnhandled } from "./unhandled.ts";
import { turns, until } from "./until.ts";
import { type WatchedNetwork, watchNetwork } from "./watch.ts";

/** Where a scenario plays. */
export interface Stage {
  readonly network: WatchedNetwork;
  readonly clock: TestClock;
}

/** The abort of one run. */
export interface Interrupt {
  readonly signal: AbortSignal;
  /** The signal has aborted. */
  readonly aborted: boolean;
  readonly reason: unknown;
}

/** A program with one operation that is interrupted everywhere. */
export interface Scenario<World, Value> {
  /** Makes what the operation needs. Not interrupted. */
  arrange(stage: Stage): Promise<World>;
  /** The operation. */
  act(world: World, signal: AbortSignal): Promise<Value>;
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
  /** Microtasks between a step and the abort. @default {[0, 1, 2, 3, 4, 5]} */
  readonly offsets?: readonly number[];
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
 * timers, events of every endpoint), then runs it again for each step and each offset, with an abort right there. After
 * each run: the operation has rejected with the very reason, or had succeeded; no stream, timer, listener or orphan is
 * left; nothing was unhandled. The number of runs is printed.
 */
export function sweep<World, Value>(
  name: string,
  scenario: Scenario<World, Value>,
  options: SweepOptions,
): void {
  it(`${name} withstands an abort at every step`, async () => {
    const start = Date.now();
    const { steps, runs, missed, failures } = await runSweep(scenario, options);
    console.log(
      `sweep ${name}: ${steps.length} steps, ${runs} runs, ${missed} missed, ${Date.now() - start} ms`,
    );
    if (failures.length > 0) throw new Error(failures.join("\n\n"));
    if (steps.length === 0) throw new Error("Nothing was swept: no step was seen");
  });
}

/** Failures after which a sweep gives up. */
const failureLimit = 3;

/** The sweep itself, without a test around it. */
export async function runSweep<World, Value>(
  scenario: Scenario<World, Value>,
  options: SweepOptions,
): Promise<SweepResult> {
  const { offsets = [0, 1, 2, 3, 4, 5] } = options;
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
  const { steps } = await run(undefined);
  await run({ step: -1, offset: 0, reason: abortReasons[0]!() });
  for (let step = 0; step < steps.length && failures.length < failureLimit; step++) {
    for (const offset of offsets) {
      await run({ step, offset, reason: abortReasons[runs % abortReasons.length]!() });
      if (failures.length >= failureLimit) break;
    }
  }
  return { steps, runs, missed, failures };
}

/** Where a run is interrupted: before its first step, or so many microtasks after one. */
interface Plan {
  readonly step: number;
  readonly offset: number;
  readonly reason: unknown;
}

class Run<World, Value> {
  readonly steps: string[] = [];
  readonly #scenario: Scenario<World, Value>;
  readonly #options: SweepOptions;
  readonly #plan: Plan | undefined;
  readonly #abort: CountedAbort = countedAbort();
  readonly #clock: TestClock;
  #counting = false;
  struck = false;
  /** Virtual milliseconds at the abort. */
  #struckAt = 0;
  /** The turn of the event loop in which the abort came is over. */
  #turned = false;

  constructor(scenario: Scenario<World, Value>, options: SweepOptions, plan: Plan | undefined) {
    this.#scenario = scenario;
    this.#options = options;
    this.#plan = plan;
    this.#clock = new TestClock({ virtual: options.virtual, onFire: () => this.#step("a timer fires") });
  }

  get title(): string {
    if (this.#plan === undefined) return "without an abort";
    const { step, offset, reason } = this.#plan;
    const where = step < 0 ? "before" : `at step ${step} (${this.steps[step]}) + ${offset} microtasks`;
    return `abort ${where}, reason ${inspect(reason, { depth: 0 }).split("\n")[0]}`;
  }

  async play(): Promise<void> {
    const clock = this.#clock;
    const network = watchNetwork(this.#options.network(), (step) => this.#step(step));
    const unhandled = watchUnhandled();
    const unsubscribe = subscribe((step) => this.#step(step));
    const sockets = this.#options.virtual ? undefined : openSockets();
    clock.install();
    try {
      await this.#perform({ network, clock });
      await clock.idle();
      if (sockets !== undefined) {
        await until(() => openSockets()! <= sockets, { what: "the sockets to be given back" });
      }
      this.#nothing("unhandled errors", unhandled.errors.map(textOf));
    } finally {
      clock.uninstall();
      unsubscribe();
      unhandled.end();
    }
  }

  async #perform(stage: Stage): Promise<void> {
    const { network, clock } = stage;
    const { budget = 60_000, peerTimers = !this.#options.virtual } = this.#options;
    const scenario = this.#scenario;
    const interrupt = liveInterrupt(this.#abort.signal);
    const world = await clock.until(scenario.arrange(stage), budget, "the arrangement");
    await this.#rest(stage, Infinity);
    const before = clock.timers.length;
    const streams = network.dialled.size;

    this.#counting = true;
    if (this.#plan?.step === -1) this.#strike();
    let outcome: Outcome<Value> | undefined;
    const act = scenario.act(world, this.#abort.signal).then(
      (value) => void (outcome = { value, turned: this.#turned }),
      (error: unknown) => {
        const complaint = attempt(() => scenario.rejected?.(world, interrupt));
        outcome = { error, complaint, waited: this.struck ? clock.time - this.#struckAt : 0 };
      },
    );
    await clock.until(act, budget, "the operation");
    await this.#rest(stage, Infinity);
    this.#counting = false;

    if ("error" in outcome!) {
      this.#checkRejection(outcome);
      if (this.#plan?.step === -1 && this.steps.length > 0) {
        fail(`it did something first: ${this.steps.join(", ")}`);
      }
      // Whoever was at the other end learns of it without any time passing.
      await this.#rest(stage, streams);
      this.#nothing("orphans at the peer", scenario.orphans?.(world) ?? []);
      if (network.dialled.size > streams && scenario.restless !== true) {
        fail(`${network.dialled.size - streams} streams are left`);
      }
      if (!peerTimers && clock.timers.length > before) fail(`timers are left: ${clock.timers.join(", ")}`);
    } else {
      // It had succeeded before only if nothing but promises was left to settle.
      if (outcome!.turned && this.#options.resolves !== true) fail("it succeeded in spite of the abort");
      await clock.until(
        Promise.resolve(scenario.succeeded?.(outcome!.value, world, interrupt)),
        budget,
        "the success",
      );
    }
    await clock.until(Promise.resolve(scenario.end(world, interrupt)), budget, "the end");
    await this.#rest(stage, 0);
    const open = Object.entries(network.open()).filter(([, count]) => count > 0);
    this.#nothing("open", open.map(([kind, count]) => `${count} ${kind}`));
    this.#nothing("timers", clock.timers);
    if (this.#abort.listeners() > 0) fail(`${this.#abort.listeners()} listeners are left on the signal`);
  }

  #checkRejection({ error, complaint, waited }: Rejection): void {
    if (this.#options.resolves) fail(`it rejected: ${textOf(error)}`);
    if (complaint !== undefined) throw complaint;
    if (this.#scenario.tolerates?.(error) === true) return;
    if (!this.#abort.signal.aborted) fail(`it rejected before the abort: ${textOf(error)}`);
    if (!Object.is(error, this.#abort.signal.reason)) {
      fail(`it rejected with another reason: ${textOf(error)}`);
    }
    if (waited > 0) fail(`it rejected ${waited} ms after the abort`);
  }

  /** Memory is at rest when nothing is left to do; the kernel takes its time, at most two seconds of it. */
  async #rest({ network, clock }: Stage, dialled: number): Promise<void> {
    await clock.idle();
    if (this.#options.virtual) return;
    const over = Date.now() + 2_000;
    const resting = (): boolean =>
      network.dialled.size <= dialled && network.accepted.size <= network.dialled.size;
    for (let quiet = 0; quiet < 3 && Date.now() < over;) {
      quiet = resting() ? quiet + 1 : 0;
      await turns(1);
    }
  }

  #step(name: string): void {
    if (!this.#counting) return;
    const step = this.steps.push(name) - 1;
    if (step === this.#plan?.step) this.#strikeAfter(this.#plan.offset);
  }

  #strikeAfter(microtasks: number): void {
    if (microtasks === 0) this.#strike();
    else queueMicrotask(() => this.#strikeAfter(microtasks - 1));
  }

  #strike(): void {
    this.struck = true;
    this.#struckAt = this.#clock.time;
    void realSetImmediate(() => this.#turned = true);
    this.#abort.abort(this.#plan!.reason);
  }

  #nothing(what: string, found: readonly string[]): void {
    if (found.length > 0) fail(`${what}: ${found.join(", ")}`);
  }
}

type Outcome<Value> = { readonly value: Value; readonly turned: boolean } | Rejection;

interface Rejection {
  readonly error: unknown;
  /** What the scenario did not like about that moment. */
  readonly complaint: unknown;
  /** Virtual milliseconds since the abort. */
  readonly waited: number;
}

/** Taken before a clock can replace it. */
const realSetImmediate: typeof setImmediate = globalThis.setImmediate;

function liveInterrupt(signal: AbortSignal): Interrupt {
  return {
    signal,
    get aborted() {
      return signal.aborted;
    },
    get reason() {
      return signal.reason;
    },
  };
}

function subscribe(onStep: (step: string) => void): () => void {
  const kinds = ["state", "fault", "lost", "retry", "connected", "redirect", "overflow", "farewell"];
  const listeners = kinds.map((kind) => {
    const listener = (message: unknown): void => {
      const { endpoint, state = "" } = message as { endpoint: string; state?: string };
      onStep(`${endpoint}: ${kind} ${state}`.trimEnd());
    };
    diagnostics.subscribe(`gracewire:${kind}`, listener);
    return { kind, listener };
  });
  return () => {
    for (const { kind, listener } of listeners) diagnostics.unsubscribe(`gracewire:${kind}`, listener);
  };
}

function attempt(look: () => void): unknown {
  try {
    look();
    return undefined;
  } catch (error) {
    return error;
  }
}

function fail(message: string): never {
  throw new Error(message);
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.stack ?? error.message : inspect(error, { depth: 2 });
}
