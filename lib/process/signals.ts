import process from "node:process";
import { ProcessSignalError } from "../errors.ts";

/** The signals by which a process is asked to end. */
export type EndSignal = "SIGINT" | "SIGTERM";

/** Signals of the process as aborts; see {@linkcode watchProcessSignals}. */
export interface ProcessSignals extends Disposable {
  /** Aborts at the first signal, with a ProcessSignalError: end in order. */
  readonly graceful: AbortSignal;
  /** Aborts at the second: end now. */
  readonly forced: AbortSignal;
  /** The first signal that came. */
  readonly first: EndSignal | undefined;
  /** Gives the signals back to whoever handled them before. */
  [Symbol.dispose](): void;
}

/**
 * Turns SIGINT and SIGTERM into aborts: the first is graceful, the second forced; at the third our handlers are taken
 * off and the signal is raised again, so that what would have happened without us happens. The handlers stay until they
 * are disposed of: with none left, a second signal would kill the process in the middle of its goodbye.
 *
 * @example
 * ```ts
 * import { watchProcessSignals } from "gracewire/process";
 * import { serve } from "gracewire/server";
 *
 * const signals = watchProcessSignals();
 * try {
 *   const server = await serve((connection) => connection.write(new Uint8Array([1])), { signal: signals.graceful });
 *   await server.closed;
 * } finally {
 *   signals[Symbol.dispose]();
 * }
 * ```
 */
export function watchProcessSignals(names: readonly EndSignal[] = ["SIGINT", "SIGTERM"]): ProcessSignals {
  const graceful = new AbortController();
  const forced = new AbortController();
  let first: EndSignal | undefined;
  const handle = (name: NodeJS.Signals): void => {
    const reason = new ProcessSignalError(name);
    if (!graceful.signal.aborted) {
      first = name as EndSignal;
      graceful.abort(reason);
    } else if (!forced.signal.aborted) {
      forced.abort(reason);
    } else {
      dispose();
      process.kill(process.pid, name);
    }
  };
  const dispose = (): void => {
    for (const name of names) process.removeListener(name, handle);
  };
  for (const name of names) process.on(name, handle);
  return {
    graceful: graceful.signal,
    forced: forced.signal,
    get first() {
      return first;
    },
    [Symbol.dispose]: dispose,
  };
}
