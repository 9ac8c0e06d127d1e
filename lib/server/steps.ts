import { isThenable } from "../lifecycle/deferred.ts";
import { runHook, settleCutHooks } from "../lifecycle/hooks.ts";
import type { Lifecycle, Step } from "../lifecycle/lifecycle.ts";
import type { RunningPhase } from "../lifecycle/running.ts";
import type { ConnectionPhase } from "./connection.ts";

/** A lifecycle of whatever owner. */
export type AnyLifecycle = Omit<Lifecycle, "owner">;

/** What a handler wants to do in one phase of the end of its connection. */
type Run = (step: Step) => unknown;

/**
 * What a protocol does in the phases of the end of a connection, before any steps that were added. What takes time returns
 * a promise, or the step itself: then it goes on when `resume` of the connection is called.
 */
export interface ConnectionPart {
  onIntake(step: RunningPhase): unknown;
  onDrain(step: RunningPhase): unknown;
  onGoodbye(step: RunningPhase): unknown;
  onRelease(): void;
}

/** Told that all steps of a phase are done. It must not throw. */
export interface StepsOwner {
  stepsDone(step: RunningPhase): void;
}

/** The phases before the stream is ended. */
type EarlyPhase = "intake" | "drain" | "goodbye";

interface Waiting {
  readonly phase: ConnectionPhase;
  readonly run: Run;
}

/** In their order. */
const phases: readonly ConnectionPhase[] = ["intake", "drain", "goodbye", "release"];
const none: Waiting[] = [];

const parts = {
  intake: (part: ConnectionPart, step: RunningPhase): unknown => part.onIntake(step),
  drain: (part: ConnectionPart, step: RunningPhase): unknown => part.onDrain(step),
  goodbye: (part: ConnectionPart, step: RunningPhase): unknown => part.onGoodbye(step),
};

/** The steps that the handler of a connection takes part with, phase by phase. */
export class PhaseSteps {
  /** Set at the begin of the connection, if at all. */
  part: ConnectionPart | undefined = undefined;
  readonly #lifecycle: AnyLifecycle;
  /** Of all phases, in the order they came. */
  #waiting: Waiting[] = none;
  /** The last phase that the part was asked for. */
  #asked: ConnectionPhase | undefined = undefined;
  /** How many phases are over. */
  #over = 0;

  constructor(lifecycle: AnyLifecycle) {
    this.#lifecycle = lifecycle;
  }

  add(phase: ConnectionPhase, run: Run): void {
    if (!phases.includes(phase)) {
      throw new TypeError(`Cannot take part in phase "${phase}": there is no such phase`);
    }
    if (typeof run !== "function") {
      throw new TypeError(`Cannot take part in phase "${phase}": expected a function, got ${typeof run}`);
    }
    if (phases.indexOf(phase) >= this.#over) {
      if (this.#waiting === none) this.#waiting = [{ phase, run }];
      else this.#waiting.push({ phase, run });
      return;
    }
    const { reason, signal } = this.#lifecycle;
    // What it would free is there nevertheless, and nobody else will.
    if (phase === "release") void this.#contain(run, { phase, reason, signal, remaining: () => 0 });
    throw this.#lifecycle.refusal(`take part in phase "${phase}"`);
  }

  /**
   * Runs the steps of a phase one after the other, those included that are added meanwhile, and tells the owner; unless the
   * phase is cut before.
   */
  run(phase: EarlyPhase, step: RunningPhase, owner: StepsOwner): void {
    while (!step.aborted) {
      const work = this.#asked === phase || this.part === undefined
        ? this.#runNext(phase, step)
        : this.#ask(this.part, phase, step);
      if (work === "nothing") return owner.stepsDone(step);
      if (work === step) return;
      if (work !== undefined) {
        void (work as Promise<void>).then(() => this.run(phase, step, owner));
        return;
      }
    }
  }

  /** Runs every step of `release`, each with its share of the time. Undefined when there is nothing to wait for. */
  release(step: RunningPhase): Promise<void> | undefined {
    const { part } = this;
    if (part !== undefined) void this.#contain(() => part.onRelease(), step);
    if (this.#waiting.some(({ phase }) => phase === "release")) return this.#release(step);
    this.close("release");
    return undefined;
  }

  async #release(step: Step): Promise<void> {
    const { phase, reason } = step;
    const remaining = (): number => step.remaining();
    for (let run = this.#next("release"); run !== undefined; run = this.#next("release")) {
      const call = run;
      const hook = {
        name: call.name || "release step",
        run: ({ signal }: { signal: AbortSignal }) => call({ phase, reason, signal, remaining }),
      };
      const left = 1 + this.#waiting.filter((other) => other.phase === "release").length;
      await runHook(hook, step, step.remaining() / left, this.#lifecycle.farewell);
    }
    await settleCutHooks(step, this.#lifecycle.farewell);
    this.close("release");
  }

  /** This phase is over, and so are those before it: nobody can take part any longer. */
  close(phase: ConnectionPhase): void {
    this.#over = Math.max(this.#over, phases.indexOf(phase) + 1);
  }

  /** The part, once in each phase. */
  #ask(
    part: ConnectionPart,
    phase: EarlyPhase,
    step: RunningPhase,
  ): RunningPhase | Promise<void> | undefined {
    this.#asked = phase;
    try {
      const result = parts[phase](part, step);
      return result === step ? step : this.#watch(result, "", step);
    } catch (error) {
      this.#failed("", step, error);
      return undefined;
    }
  }

  #runNext(phase: EarlyPhase, step: RunningPhase): Promise<void> | "nothing" | undefined {
    const run = this.#next(phase);
    return run === undefined ? "nothing" : this.#contain(run, step);
  }

  /** Takes the step of a phase whose turn it is. */
  #next(phase: ConnectionPhase): Run | undefined {
    const at = this.#waiting.findIndex((other) => other.phase === phase);
    return at < 0 ? undefined : this.#waiting.splice(at, 1)[0]!.run;
  }

  /** A step that throws is reported and keeps none of the others from running. */
  #contain(run: Run, step: Step): Promise<void> | undefined {
    try {
      return this.#watch(run(step), run.name, step);
    } catch (error) {
      this.#failed(run.name, step, error);
      return undefined;
    }
  }

  #watch(result: unknown, name: string, step: Step): Promise<void> | undefined {
    if (!isThenable(result)) return undefined;
    return Promise.resolve(result).then(() => {}, (error: unknown) => this.#failed(name, step, error));
  }

  #failed(name: string, step: Step, error: unknown): void {
    const lifecycle = this.#lifecycle;
    if (lifecycle.state === "closed") return lifecycle.emit({ type: "fault", error }, "error");
    // A step that was cut may fail as it likes.
    if (step.phase !== "release" && step.signal.aborted) return;
    const hook = name || `${step.phase} step of the ${lifecycle.name}`;
    lifecycle.farewell.hook({ name: hook, duration: 0, ended: "failed" });
    lifecycle.fault(error, "error");
  }
}
