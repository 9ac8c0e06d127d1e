export interface UntilOptions {
  /** Milliseconds before it gives up. @default {5_000} */
  readonly timeout?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** What is waited for, for the message of the failure. */
  readonly what?: string | (() => string) | undefined;
}

/**
 * Waits for a condition; a promise of it is awaited. Rejects after the timeout with an Error that says what did not
 * happen, and with `signal.reason` on an abort. It works under fake timers.
 */
export async function until(
  predicate: () => boolean | Promise<boolean>,
  { timeout = 5_000, signal, what = predicate.toString() }: UntilOptions = {},
): Promise<void> {
  const start = realNow();
  for (let turns = 0; !await predicate(); turns++) {
    if (signal?.aborted) throw signal.reason;
    if (realNow() - start > timeout) {
      throw new Error(`Waited ${timeout} ms in vain for: ${typeof what === "function" ? what() : what}`);
    }
    // Soon at first, then without keeping a core busy.
    if (turns < 50) await new Promise((resolve) => realSetImmediate(resolve));
    else await new Promise((resolve) => realSetTimeout(resolve, 1));
  }
}

/** One turn of the event loop, `count` times. */
export async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => realSetImmediate(resolve));
}

/** Taken before a test can replace them. (On Deno, `process.hrtime` goes by the `performance.now` of the moment.) */
const realNow: () => number = performance.now.bind(performance);
const realSetTimeout: typeof setTimeout = globalThis.setTimeout;
const realSetImmediate: typeof setImmediate = globalThis.setImmediate;
