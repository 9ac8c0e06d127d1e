import { TimeoutError } from "../errors.ts";
import { onAbort } from "./abort.ts";
import type { FarewellBuilder, HookReport } from "./farewell.ts";
import type { Step } from "./lifecycle.ts";
import { now, startTimer } from "./timer.ts";

/** Something to do when an endpoint is released. */
export interface Hook {
  readonly name: string;
  run(context: HookContext): unknown;
}

/** What a hook is told. */
export interface HookContext {
  /** Aborts when nobody waits for the hook any longer. */
  readonly signal: AbortSignal;
  /** Why the endpoint ends. */
  readonly reason: unknown;
}

/**
 * Runs hooks last-in first-out. Each has its share of what is left of the step; one that throws, rejects or hangs is
 * reported and does not keep the ones before it from running.
 */
export async function runHooks(hooks: Hook[], step: Step, farewell: FarewellBuilder): Promise<void> {
  for (let hook = hooks.pop(); hook !== undefined; hook = hooks.pop()) {
    await runHook(hook, step, shareOf(step, hooks.length + 1), farewell);
  }
}

/**
 * What one of `count` that are left may take of the step, in milliseconds: a little less than its part, so that the
 * last of them is given up and reported before the step itself is cut.
 */
export function shareOf(step: Step, count: number): number {
  return (step.remaining() * 0.95) / count;
}

/** Runs one hook for at most `limit` milliseconds, or until the step is cut. */
export async function runHook(
  hook: Hook,
  step: Step,
  limit: number,
  farewell: FarewellBuilder,
): Promise<void> {
  const start = now();
  const ended = await new Promise<HookReport["ended"]>((resolve) => {
    const controller = new AbortController();
    const giveUp = (reason: unknown): void => {
      resolve("timeout");
      controller.abort(reason);
    };
    // Before the hook runs: one that comes after the cut sees at once that nobody waits for it.
    const link = onAbort(step.signal, giveUp);
    const timer = startTimer(limit, () => {
      const message = `Cannot finish "${hook.name}": ${Math.round(limit)} ms have passed`;
      const error = new TimeoutError(message, { timeout: limit });
      farewell.error(error);
      giveUp(error);
    });
    const leave = (): void => {
      link.unlink();
      timer.cancel();
    };
    if (controller.signal.aborted) leave();
    else controller.signal.addEventListener("abort", leave, { once: true });
    runSafely(() => hook.run({ signal: controller.signal, reason: step.reason })).then(
      () => resolve("ok"),
      (error: unknown) => {
        // One that rejects because it was told to stop says nothing new.
        if (!controller.signal.aborted) farewell.error(error);
        resolve("failed");
      },
    ).then(leave);
  });
  farewell.hook({ name: hook.name, duration: now() - start, ended });
}

/** Calls a function of the user: what it throws becomes a rejection. */
async function runSafely(call: () => unknown): Promise<void> {
  await call();
}
