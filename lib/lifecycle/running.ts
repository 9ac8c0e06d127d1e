import type { Step } from "./lifecycle.ts";
import type { Phase } from "./reducer.ts";
import { now, type Timer } from "./timer.ts";

/** The phase of an end that is running: what its step is told, its deadline and its timer. */
export class RunningPhase implements Step {
  readonly phase: Phase;
  readonly reason: unknown;
  readonly start: number;
  deadline: number;
  timer: Timer | undefined = undefined;
  controller: AbortController = new AbortController();

  constructor(phase: Phase, start: number, deadline: number, reason: unknown) {
    this.phase = phase;
    this.start = start;
    this.deadline = deadline;
    this.reason = reason;
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  remaining(): number {
    return Math.max(0, this.deadline - now());
  }

  /** Aborts the signal of the hook that is running; the hooks after it get a fresh one. */
  cutHook(reason: unknown): void {
    const controller = this.controller;
    this.controller = new AbortController();
    controller.abort(reason);
  }
}
