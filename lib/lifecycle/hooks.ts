import { TimeoutError } from "../errors.ts";
import { onAbort } from "./abort.ts";
import { type Deferred, deferred } from "./deferred.ts";
import type { FarewellBuilder } from "./farewell.ts";
import type { HookReport, Verdict } from "./hook_list.ts";
import type { Step } from "./plan.ts";
import { now, startTimer, type Timer } from "./timer.ts";

/** Something to do when an endpoint is released. */
export interface Hook {
  readonly name: string;
  run(context: HookContext): unknown;
}

/** What a hook is told. */
export interface HookContext {
  /**
   * Aborts when the hook is to stop: its time is over, or the end is forced once more. One that was told by an abort has a
   * second to stop, beside the hooks after it: the outcome is `forced` then, and `failed` if it goes on.
   */
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
  await settleCutHooks(step, farewell);
}

/**
 * What one of `count` that are left may take of the step, in milliseconds: a little less than its part, so that the
 * last of them is given up and reported before the step itself is cut.
 */
export function shareOf(step: Step, count: number): number {
  return (step.remaining() * 0.95) / count;
}

/**
 * Runs one hook for at most `limit` milliseconds, or until the step is cut: then the hook is told to stop, and nobody
 * waits for it here any longer. {@linkcode settleCutHooks} does, at the end.
 */
export function runHook(hook: Hook, step: Step, limit: number, farewell: FarewellBuilder): Promise<void> {
  const { name } = hook;
  const start = now();
  const controller = new AbortController();
  return new Promise((resolve) => {
    let over = false;
    let verdict: Verdict | undefined;
    let timer: Timer | undefined;
    let unlink = (): void => {};
    const leave = (): void => {
      over = true;
      timer?.cancel();
      unlink();
      resolve();
    };
    const end = (ended: HookReport["ended"]): void => {
      if (over) return verdict?.("cut", now() - start);
      leave();
      farewell.hook({ name, duration: now() - start, ended });
    };
    // Before the hook runs: one that comes after the cut sees at once that nobody waits for it.
    const link = onAbort(step.signal, (reason) => {
      if (over) return;
      leave();
      verdict = farewell.hooks.addCut(name, now() - start);
      controller.abort(reason);
    });
    unlink = () => link.unlink();
    if (over) unlink();
    else {
      timer = startTimer(limit, () => {
        const message = `Cannot finish "${name}": ${Math.round(limit)} ms have passed`;
        const error = new TimeoutError(message, { timeout: limit });
        farewell.error(error);
        end("timeout");
        controller.abort(error);
      });
    }
    runSafely(() => {
      const result = hook.run({ signal: controller.signal, reason: step.reason });
      // It is done, and a cut in this very moment comes too late.
      if (!isThenable(result)) end("ok");
      return result;
    }).then(() => end("ok"), (error: unknown) => {
      // One that rejects because it was told to stop says nothing new.
      if (verdict !== undefined && isEcho(error, controller.signal.reason)) return end("ok");
      // Nor does one that was given up, however it ends.
      if (over && verdict === undefined) return;
      farewell.error(error);
      if (verdict === undefined) end("failed");
      else verdict("failed", now() - start);
    });
  });
}

/** Milliseconds that hooks which were cut have to stop, when all others are done. */
const stopTime = 1_000;

/**
 * Waits until the hooks that were cut have stopped: a second at most, and not beyond the step. One that does not stop
 * makes the outcome `failed`: what it holds may never be freed.
 */
export async function settleCutHooks(step: Step, { hooks }: FarewellBuilder): Promise<void> {
  const settled = hooks.settled();
  if (settled === undefined) return;
  const late: Deferred<void> = deferred();
  const timer = startTimer(Math.min(stopTime, step.remaining() * 0.95), late.resolve);
  const link = onAbort(step.signal, () => late.resolve());
  await Promise.race([settled, late.promise]);
  timer.cancel();
  link.unlink();
}

/** Nothing but the abort itself, as the hook saw it. */
function isEcho(error: unknown, reason: unknown): boolean {
  if (error === reason) return true;
  return error instanceof Error && (error.name === "AbortError" || error.cause === reason);
}

function isThenable(value: unknown): boolean {
  return (typeof value === "object" || typeof value === "function") && value !== null && "then" in value;
}

/** Calls a function of the user: what it throws becomes a rejection. */
async function runSafely(call: () => unknown): Promise<void> {
  await call();
}
