import { LateSignal } from "./late_signal.ts";
import type { Step } from "./plan.ts";
import type { Phase } from "./reducer.ts";
import { now, type Timer } from "./timer.ts";

/** Told of a phase that is over. */
export interface PhaseOwner {
  /** The step is done, or has failed. */
  finished(running: RunningPhase, failure?: { readonly error: unknown }): void;
  /** Its time has passed. */
  late(running: RunningPhase): void;
}

/** For the timer of a phase. */
export function phaseIsOver(running: RunningPhase): void {
  running.late();
}

/** The phase of an end that is running: what its step is told, its deadline and its timer. */
export class RunningPhase implements Step {
  readonly phase: Phase;
  readonly reason: unknown;
  readonly start: number;
  deadline: number;
  timer: Timer | undefined = undefined;
  readonly #owner: PhaseOwner | undefined;
  #signal: LateSignal | undefined = undefined;
  #waiting: Set<(reason: unknown) => void> | undefined = undefined;

  constructor(phase: Phase, start: number, deadline: number, reason: unknown, owner?: PhaseOwner) {
    this.phase = phase;
    this.start = start;
    this.deadline = deadline;
    this.reason = reason;
    this.#owner = owner;
  }

  /**
   * The work of the phase is done. For a step that returns its phase in place of a promise, and says here when it is over:
   * of thousands that end at once, each would have a promise for each phase.
   */
  done(): void {
    this.#owner?.finished(this);
  }

  /** The same for work that has failed. */
  failed(error: unknown): void {
    this.#owner?.finished(this, { error });
  }

  late(): void {
    this.#owner?.late(this);
  }

  get signal(): AbortSignal {
    return (this.#signal ??= new LateSignal()).signal;
  }

  /** The phase was cut, or the hook that runs is told to hurry. */
  get aborted(): boolean {
    return this.#signal?.aborted === true;
  }

  remaining(): number {
    return Math.max(0, this.deadline - now());
  }

  /** Calls back when the phase, or the hook that runs, is cut; at once when it has been. The returned function takes it back. */
  onCut(callback: (reason: unknown) => void): () => void {
    if (this.#signal?.aborted === true) {
      callback(this.#signal.reason);
      return () => {};
    }
    const waiting = this.#waiting ??= new Set();
    waiting.add(callback);
    return () => void waiting.delete(callback);
  }

  /** Nobody waits for the phase any longer. */
  cut(reason: unknown): void {
    (this.#signal ??= new LateSignal()).abort(reason);
    this.#tell(reason);
  }

  /** Aborts the signal of the hook that is running; the hooks after it get a fresh one. */
  cutHook(reason: unknown): void {
    const signal = this.#signal;
    this.#signal = undefined;
    signal?.abort(reason);
    this.#tell(reason);
  }

  #tell(reason: unknown): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    for (const callback of waiting ?? []) callback(reason);
  }
}
