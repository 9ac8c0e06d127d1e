/** Milliseconds on a clock that never goes back. */
export function now(): number {
  return performance.now();
}

/** A timer that can be taken back; `cancel` may be called any number of times. */
export interface Timer {
  cancel(): void;
}

/**
 * Calls `callback` once after `delay` milliseconds, never for `Infinity`, and keeps the process alive until then. For
 * cold paths.
 */
export function startTimer(delay: number, callback: () => void): Timer {
  let left = Math.max(0, delay);
  let handle: ReturnType<typeof setTimeout> | undefined;
  const arm = (): void => {
    const part = Math.min(left, longestDelay);
    left -= part;
    handle = setTimeout(() => {
      handle = undefined;
      if (left > 0) arm();
      else callback();
    }, part);
  };
  arm();
  return {
    cancel() {
      if (handle === undefined) return;
      clearTimeout(handle);
      handle = undefined;
    },
  };
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
