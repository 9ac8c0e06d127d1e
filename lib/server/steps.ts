import { abortable } from "../lifecycle/abort.ts";
import { runHook } from "../lifecycle/hooks.ts";
import type { Lifecycle, Step } from "../lifecycle/lifecycle.ts";
import type { ConnectionPhase } from "./connection.ts";

/** What a handler wants to do in one phase of the end of its connection. */
type Run = (step: Step) => unknown;

/** The steps that the handler of a connection takes part with, phase by phase. */
export class PhaseSteps {
  readonly #lifecycle: Lifecycle;
  readonly #waiting: Record<ConnectionPhase, Run[]> = { intake: [], drain: [], goodbye: [], release: [] };
  readonly #over: Set<ConnectionPhase> = new Set();

  constructor(lifecycle: Lifecycle) {
    this.#lifecycle = lifecycle;
  }

  add(phase: ConnectionPhase, run: Run): void {
    const waiting = Object.hasOwn(this.#waiting, phase) ? this.#waiting[phase] : undefined;
    if (waiting === undefined) {
      throw new TypeError(`Cannot take part in phase "${phase}": there is no such phase`);
    }
    if (typeof run !== "function") {
      throw new TypeError(`Cannot take part in phase "${phase}": expected a function, got ${typeof run}`);
    }
    if (!this.#over.has(phase)) {
      waiting.push(run);
      return;
    }
    const { reason, signal } = this.#lifecycle;
    // What it would free is there nevertheless, and nobody else will.
    if (phase === "release") void this.#contain(run, { phase, reason, signal, remaining: () => 0 });
    throw this.#lifecycle.refusal(`take part in phase "${phase}"`);
  }

  /** Runs the steps of a phase one after the other, those included that are added meanwhile, until it is cut. */
  async run(phase: "intake" | "drain" | "goodbye", step: Step): Promise<void> {
    const waiting = this.#waiting[phase];
    while (waiting.length > 0 && !step.signal.aborted) {
      const run = waiting.shift()!;
      await abortable(this.#contain(run, step), step.signal).catch(() => {});
    }
  }

  /** Runs every step of `release`, each with its share of the time. */
  async release(step: Step): Promise<void> {
    const waiting = this.#waiting.release;
    while (waiting.length > 0) {
      const share = step.remaining() / waiting.length;
      const run = waiting.shift()!;
      const { phase, reason } = step;
      const hook = {
        name: run.name || "release step",
        run: ({ signal }: { signal: AbortSignal }) =>
          run({ phase, reason, signal, remaining: () => step.remaining() }),
      };
      await runHook(hook, step, share, this.#lifecycle.farewell);
    }
    this.#over.add("release");
  }

  /** These phases are over: nobody can take part any longer. */
  close(...phases: ConnectionPhase[]): void {
    for (const phase of phases) this.#over.add(phase);
  }

  /** A step that throws is reported and keeps none of the others from running. */
  async #contain(run: Run, step: Step): Promise<void> {
    const { farewell, name } = this.#lifecycle;
    try {
      await run(step);
    } catch (error) {
      if (this.#lifecycle.state === "closed") return this.#lifecycle.emit({ type: "fault", error }, "error");
      // A step that was cut may fail as it likes.
      if (step.phase !== "release" && step.signal.aborted) return;
      farewell.hook({ name: run.name || `${step.phase} step of the ${name}`, duration: 0, ended: "failed" });
      this.#lifecycle.fault(error, "error");
    }
  }
}
