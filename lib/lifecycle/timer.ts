/** Milliseconds on a clock that never goes back. */
export function now(): number {
  return performance.now();
}

/** A timer that can be taken back; `cancel` may be called any number of times. */
export interface Timer {
  cancel(): void;
}

/**
 * Calls `callback` once after `delay` milliseconds, with `value`, never for `Infinity`, and keeps the process alive until
 * then. For cold paths.
 */
export function startTimer(delay: number, callback: () => void): Timer;
export function startTimer<T>(delay: number, callback: (value: T) => void, value: T): Timer;
export function startTimer<T>(delay: number, callback: (value?: T) => void, value?: T): Timer {
  return new DelayTimer(Math.max(0, delay), callback as (value: unknown) => void, value);
}

class DelayTimer implements Timer {
  readonly #callback: (value: unknown) => void;
  readonly #value: unknown;
  #left: number;
  #handle: ReturnType<typeof setTimeout> | undefined = undefined;

  constructor(delay: number, callback: (value: unknown) => void, value: unknown) {
    this.#left = delay;
    this.#callback = callback;
    this.#value = value;
    this.#arm();
  }

  #arm(): void {
    const part = Math.min(this.#left, longestDelay);
    this.#left -= part;
    this.#handle = setTimeout(DelayTimer.#fire, part, this);
  }

  static #fire(this: void, timer: DelayTimer): void {
    timer.#handle = undefined;
    if (timer.#left > 0) timer.#arm();
    else timer.#callback(timer.#value);
  }

  cancel(): void {
    if (this.#handle === undefined) return;
    clearTimeout(this.#handle);
    this.#handle = undefined;
  }
}

/** Checks a time limit given by the caller: a number of milliseconds, `Infinity` for none. */
export function checkDuration(name: string, value: number): number {
  if (typeof value !== "number") {
    throw new TypeError(
      `Cannot use option "${name}": expected a number of milliseconds, got ${typeof value}`,
    );
  }
  if (Number.isNaN(value) || value < 0) {
    throw new RangeError(`Cannot use option "${name}": expected 0 or more milliseconds, got ${value}`);
  }
  return value;
}

/** The longest delay that `setTimeout` keeps, in milliseconds; beyond it every runtime fires at once. */
export const longestDelay: number = 2 ** 31 - 1;
