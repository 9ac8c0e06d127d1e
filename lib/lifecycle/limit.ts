import { TimeoutError } from "../errors.ts";
import { onAbort } from "./abort.ts";
import { startTimer } from "./timer.ts";

/** What ends a call before its time: {@linkcode limited}. */
export interface Limits {
  /** The caller's own signal. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds for the call; `Infinity` for none. */
  readonly timeout: number;
  /** What the call does, for the message of a TimeoutError: `connect to 127.0.0.1:10000`. */
  readonly action: string;
  /** The owner of the call: when this aborts, the call rejects with what `onOwner` makes of it. */
  readonly owner?: AbortSignal | undefined;
  readonly onOwner?: ((reason: unknown) => unknown) | undefined;
}

/**
 * Runs a call with one signal for all that may end it. The call rejects with `signal.reason` of the signal it is given,
 * and frees what it holds before it does; the first cause wins.
 */
export async function limited<T>(limits: Limits, call: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const { signal, timeout, action, owner, onOwner = (reason) => reason } = limits;
  if (signal?.aborted === true) throw signal.reason;
  if (owner?.aborted === true) throw onOwner(owner.reason);
  const late = (): TimeoutError =>
    new TimeoutError(`Cannot ${action}: ${timeout} ms have passed`, { timeout });
  // Whether something comes about within no time at all must not be up to the runtime.
  if (timeout <= 0) throw late();
  const controller = new AbortController();
  const abort = (reason: unknown): void => controller.abort(reason);
  const links = [
    signal === undefined ? undefined : onAbort(signal, abort),
    owner === undefined ? undefined : onAbort(owner, (reason) => abort(onOwner(reason))),
  ];
  const timer = timeout === Infinity ? undefined : startTimer(timeout, () => abort(late()));
  try {
    return await call(controller.signal);
  } finally {
    timer?.cancel();
    for (const link of links) link?.unlink();
  }
}
