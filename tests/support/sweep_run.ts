import diagnostics from "node:diagnostics_channel";
import { inspect } from "node:util";
import { channelTypes } from "./channels.ts";
import { TestClock } from "./clock.ts";
import { openSockets } from "./descriptors.ts";
import { type CountedAbort, countedAbort } from "./signals.ts";
import type { Interrupt, Scenario, Stage, SweepOptions } from "./sweep.ts";
import { watchUnhandled } from "./unhandled.ts";
import { turns, until } from "./until.ts";
import { watchNetwork } from "./watch.ts";

/** Where a run is interrupted: before its first step, or so many microtasks after one; and a second time at another. */
export interface Plan {
  readonly step: number;
  readonly offset: number;
  readonly reason: unknown;
  /** The step of the second abort; `step` itself for one right after the first. */
  readonly second?: number;
}

/** One run of a scenario, interrupted as planned, with everything that is looked at afterwards. */
export class Run<World, Value> {
  readonly steps: string[] = [];
  readonly #scenario: Scenario<World, Value>;
  readonly #options: SweepOptions;
  readonly #plan: Plan | undefined;
  readonly #abort: CountedAbort = countedAbort();
  readonly #harder: CountedAbort = countedAbort();
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
    const { step, offset, reason, second } = this.#plan;
    const where = step < 0 ? "before" : `at ${this.#nameOf(step)} + ${offset} microtasks`;
    const again = second === undefined ? "" : `, and again at ${this.#nameOf(second)}`;
    return `abort ${where}, reason ${inspect(reason, { depth: 0 }).split("\n")[0]}${again}`;
  }

  async play(): Promise<void> {
    const clock = this.#clock;
    const step = (name: string): void => this.#step(name);
    const network = watchNetwork(this.#options.network(), step);
    const unhandled = watchUnhandled();
    const unsubscribe = subscribe(step);
    const sockets = this.#options.virtual ? undefined : openSockets();
    clock.install();
    try {
      await this.#perform({ network, clock, step });
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
    const interrupt = liveInterrupt(this.#abort.signal, this.#harder.signal);
    const world = await clock.until(scenario.arrange(stage), budget, "the arrangement");
    await this.#rest(stage, Infinity);
    const before = clock.timers.length;
    const streams = network.dialled.size;

    this.#counting = true;
    if (this.#plan?.step === -1) this.#strike();
    let outcome: Outcome<Value> | undefined;
    const act = scenario.act(world, this.#abort.signal, this.#harder.signal).then(
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
    for (const { listeners } of [this.#abort, this.#harder]) {
      if (listeners() > 0) fail(`${listeners()} listeners are left on the signal`);
    }
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
    const plan = this.#plan;
    if (plan === undefined) return;
    if (step === plan.step) this.#strikeAfter(plan.offset);
    if (step === plan.second) this.#harder.abort(secondReason);
  }

  #nameOf(step: number): string {
    return `step ${step} (${this.steps[step] ?? "never reached"})`;
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

/** What a second abort carries. */
export const secondReason: unknown = Object.freeze({ why: "the second abort" });

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

function liveInterrupt(signal: AbortSignal, harder: AbortSignal): Interrupt {
  return {
    signal,
    harder,
    get aborted() {
      return signal.aborted;
    },
    get reason() {
      return signal.reason;
    },
  };
}

function subscribe(onStep: (step: string) => void): () => void {
  const listeners = channelTypes.map((kind) => {
    const listener = (message: unknown): void => {
      const { endpoint, state, phase } = message as { endpoint: string; state?: string; phase?: string };
      onStep(`${endpoint}: ${kind} ${state ?? phase ?? ""}`.trimEnd());
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

/** An error with its stack, and anything else as it is shown. */
export function textOf(error: unknown): string {
  return error instanceof Error ? error.stack ?? error.message : inspect(error, { depth: 2 });
}
