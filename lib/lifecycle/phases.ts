import type { Step } from "./plan.ts";
import type { Phase } from "./reducer.ts";

/** Milliseconds that a goodbye has for everything before force, unless it says otherwise. */
export const defaultGrace = 14_000;
/** Milliseconds kept for force and release. */
export const defaultTail = 6_000;

/** The most a phase may take, in milliseconds. */
export type PhaseLimits = Readonly<Record<Phase, number>>;

/** The limits of an endpoint that says nothing else. What is left of grace and tail may allow less. */
export const phaseLimits: PhaseLimits = {
  announce: 0,
  intake: 500,
  drain: 10_000,
  goodbye: 3_000,
  force: 1_000,
  release: 5_000,
};

/** The time of one end. Absolute times are those of {@linkcode now}. */
export class Budget {
  readonly #start: number;
  readonly #limits: PhaseLimits;
  #grace: number;
  #tail: number;

  constructor(start: number, grace: number, tail: number, limits: PhaseLimits) {
    this.#start = start;
    this.#grace = grace;
    this.#tail = tail;
    this.#limits = limits;
  }

  /** Takes the shorter of what is and what a later caller asks for; `Infinity` asks for nothing. */
  tighten(grace: number, tail: number, time: number): void {
    this.#grace = Math.min(this.#grace, time - this.#start + grace);
    this.#tail = Math.min(this.#tail, tail);
  }

  /** When a phase that starts at `time` must be over. */
  deadline(phase: Phase, time: number): number {
    return time + Math.min(this.#limits[phase], this.#share(phase, time));
  }

  #share(phase: Phase, time: number): number {
    if (phase === "force") return this.#tail / 6;
    if (phase === "release") return (this.#tail * 5) / 6;
    const left = Math.max(0, this.#start + this.#grace - time);
    // A grace shorter than the default is shared out, so that a long drain leaves the goodbye its part.
    const { drain, goodbye } = this.#limits;
    if (phase !== "drain" || goodbye === 0 || left === Infinity) return left;
    return left / (1 + goodbye / drain);
  }
}

/** Milliseconds that a part of a step may take, so that it is over when the step is. */
export function within(step: Pick<Step, "remaining">): number {
  const left = step.remaining();
  return left - Math.min(50, left * 0.1);
}

/** What a parent gives a child that must be closed in `total` milliseconds. */
export function childBudget(total: number): { grace: number; tail: number } {
  const tail = Math.min(defaultTail, total * 0.3);
  return { grace: Math.max(0, total - tail), tail };
}
