import process from "node:process";
import { ProcessSignalError } from "../errors.ts";
import { checkSignalNames, type SignalName } from "./names.ts";

/** What {@linkcode onProcessSignals} takes. */
export interface ProcessSignalsOptions {
  /** The signals of the process to listen to. @default {["SIGINT", "SIGTERM"]} */
  readonly signals?: readonly SignalName[] | undefined;
}

/** The signals that the process has got, as aborts. */
export interface ProcessSignals extends Disposable {
  /** Aborts at the first signal, with a {@linkcode ProcessSignalError}: end gracefully. */
  readonly graceful: AbortSignal;
  /** Aborts at the second one, with a {@linkcode ProcessSignalError} of its own: end at once. */
  readonly forced: AbortSignal;
  /** Takes the handlers off; the next signal has its default effect. May be called any number of times. */
  remove(): void;
  /** The same as `remove()`. */
  [Symbol.dispose](): void;
}

/**
 * Makes aborts of SIGINT and SIGTERM: the first one is graceful, the second one forced. At the third the handlers are
 * taken off and the signal is raised again, so that its default ends the process. The handlers stay until `remove()`,
 * whatever has been received: without them the second Ctrl-C would kill the process in the middle of its goodbye. They
 * do not keep the process alive.
 *
 * Signals of one kind that come in one moment may count as one: the system keeps one until it is taken, and so do the
 * runtimes. Where somebody else listens to a signal too, its default effect is gone, also for the third one.
 *
 * @example
 * ```ts
 * import { onProcessSignals } from "gracewire/process";
 * import { serve } from "gracewire/server";
 *
 * const signals = onProcessSignals();
 * const server = await serve((connection) => connection.write(new Uint8Array(1)), { signal: signals.graceful });
 * signals.graceful.addEventListener("abort", () => void server.goodbye({ signal: signals.forced }));
 * await server.closed;
 * signals.remove();
 * ```
 *
 * @throws {TypeError} for a signal that is none, before anything is done.
 */
export function onProcessSignals(options: ProcessSignalsOptions = {}): ProcessSignals {
  const names = checkSignalNames(options.signals ?? ["SIGINT", "SIGTERM"]);
  const graceful = new AbortController();
  const forced = new AbortController();
  const remove = (): void => {
    for (const name of names) process.off(name, onSignal);
  };
  const onSignal = (name: SignalName): void => {
    const next = [graceful, forced].find(({ signal }) => !signal.aborted);
    if (next !== undefined) return next.abort(new ProcessSignalError(name));
    remove();
    process.kill(process.pid, name);
  };
  for (const name of names) process.on(name, onSignal);
  return { graceful: graceful.signal, forced: forced.signal, remove, [Symbol.dispose]: remove };
}
