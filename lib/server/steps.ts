import { isThenable } from "../lifecycle/deferred.ts";
import { runHook, settleCutHooks } from "../lifecycle/hooks.ts";
import type { Lifecycle, Step } from "../lifecycle/lifecycle.ts";
import type { RunningPhase } from "../lifecycle/running.ts";
import type { ConnectionPhase } from "./connection.ts";

/** What a handler wants to do in one phase of the end of its connection. */
type Run = (step: Step) => unknown;

/** What a protocol does in the phases of the end of a connection, before any steps that were added. */
export interface ConnectionPart {
  onIntake(step: RunningPhase): unknown;
  onDrain(step: RunningPhase): unknown;
  onGoodbye(step: RunningPhase): unknown;
  onRelease(): void;
}

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
export class PhaseSteps<Owner> {
  /** Set at the begin of the connection, if at all. */
  part: ConnectionPart | undefined = undefined;
  readonly #lifecycle: Lifecycle<Owner>;
  /** Of all phases, in the order they came. */
  #waiting: Waiting[] = none;
  /** The last phase that the part was asked for. */
  #asked: ConnectionPhase | undefined = undefined;
  /** How many phases are over. */
  #over = 0;

  constructor(lifecycle: Lifecycle<Owner>) {
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
      if (this.#waiting === none) this.#waiting = [];
      this.#waiting.push({ phase, run });
      return;
    }
    const { reason, signal } = this.#lifecycle;
    // What it would free is there nevertheless, and nobody else will.
    if (phase === "release") void this.#contain(run, { phase, reason, signal, remaining: () => 0 });
    throw this.#lifecycle.refusal(`take part in phase "${phase}"`);
  }

  /**
   * Runs the steps of a phase one after the other, those included that are added meanwhile, until it is cut. Undefined
   * when there is nothing to wait for.
   */
  run(phase: "intake" | "drain" | "goodbye", step: RunningPhase): Promise<void> | undefined {
    while (!step.aborted) {
      const run = this.#ofPart(phase) ?? this.#next(phase);
      if (run === undefined) return undefined;
      const work = this.#contain(run, step);
      if (work !== undefined) return step.within(work).then(() => this.run(phase, step));
    }
    return undefined;
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

  /** What the part does in a phase, once. */
  #ofPart(phase: "intake" | "drain" | "goodbye"): ((step: RunningPhase) => unknown) | undefined {
    const { part } = this;
    if (part === undefined || this.#asked === phase) return undefined;
    this.#asked = phase;
    return (step) => parts[phase](part, step);
  }

  /** Takes the step of a phase whose turn it is. */
  #next(phase: ConnectionPhase): Run | undefined {
    const at = this.#waiting.findIndex((other) => other.phase === phase);
    return at < 0 ? undefined : this.#waiting.splice(at, 1)[0]!.run;
  }

  /** A step that throws is reported and keeps none of the others from running. */
  #contain<S extends Step>(run: (step: S) => unknown, step: S): Promise<void> | undefined {
    try {
      const result = run(step);
      if (!isThenable(result)) return undefined;
      return Promise.resolve(result).then(() => {}, (error: unknown) => this.#failed(run.name, step, error));
    } catch (error) {
      this.#failed(run.name, step, error);
      return undefined;
    }
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
