import { TestClock } from "../support/clock.ts";
import { watchUnhandled } from "../support/unhandled.ts";

/** Runs a test whose time is virtual and passes at once, and proves that it has left no timer and no error behind. */
export async function timeless(body: (clock: TestClock) => Promise<void>): Promise<void> {
  const clock = new TestClock({ virtual: true });
  const unhandled = watchUnhandled();
  clock.install();
  try {
    await body(clock);
    if (clock.timers.length > 0) throw new Error(`Timers are left: ${clock.timers}`);
    if (unhandled.errors.length > 0) {
      throw new Error("Errors were not looked after", { cause: unhandled.errors[0] });
    }
  } finally {
    clock.uninstall();
    unhandled.end();
  }
}

export function sleep(time: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, time));
}

export function never(): Promise<never> {
  return new Promise(() => {});
}

export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}

/** What stubborn code throws. */
export const bug: Error = new Error("a bug of the user");

/** How code of the user meets its end. */
export type Stubborn = "ignores the soft signal" | "ignores both signals" | "throws" | "is well behaved";

/** Work that is told to stop, and does as it likes. */
export function stubborn(how: Stubborn, draining: AbortSignal, signal: AbortSignal): Promise<void> {
  switch (how) {
    case "ignores the soft signal":
      return aborted(signal);
    case "ignores both signals":
      return never();
    case "throws":
      return aborted(draining).then(() => Promise.reject(bug));
    case "is well behaved":
      return aborted(draining);
  }
}
