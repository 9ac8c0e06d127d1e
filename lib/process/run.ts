import process from "node:process";
import { ClosedError, ProcessSignalError, TimeoutError } from "../errors.ts";
import { abortable, onAbort } from "../lifecycle/abort.ts";
import { type Deferred, deferred } from "../lifecycle/deferred.ts";
import { createScope, type Farewell, formatFarewell, type Scope } from "../lifecycle/mod.ts";
import { checkDuration, startTimer, type Timer } from "../lifecycle/timer.ts";
import { exitCodeOf, type SignalName } from "./names.ts";
import { onProcessSignals } from "./signals.ts";

/** What {@linkcode run} takes. */
export interface RunOptions {
  /** Begins the end as a first signal of the process does. One that has aborted already: `run` rejects with its reason. */
  readonly signal?: AbortSignal | undefined;
  /** The signals of the process to listen to. @default {["SIGINT", "SIGTERM"]} */
  readonly signals?: readonly SignalName[] | undefined;
  /** Milliseconds for the goodbye of everything the scope owns, before force. @default {14_000} */
  readonly grace?: number | undefined;
  /** What the program is, for people. @default {"main"} */
  readonly name?: string | undefined;
  /**
   * Told at the very end how it went; a promise of it is awaited, until a second signal says not to.
   * @default {prints the error of main, and a Farewell that is not clean, to stderr}
   */
  readonly report?: ((result: RunResult) => unknown) | undefined;
}

/** How a program went. */
export interface RunResult {
  /** The Farewell of the scope. */
  readonly farewell: Farewell;
  /** What main threw, if that was not just the interrupt itself. */
  readonly failure: { readonly error: unknown } | undefined;
  /** The signal that ended it, such as `SIGTERM`. */
  readonly signal: string | undefined;
  /** The exit code that stands for it. */
  readonly exitCode: number;
}

/**
 * Runs a program in a scope of its own, and ends what the scope owns in reverse order, however the program ends: it
 * returns, it throws, or the process is told to stop.
 *
 * The first SIGINT or SIGTERM begins the graceful goodbye of the scope: `scope.draining` aborts with a
 * {@linkcode ProcessSignalError}, and main should return. The second one forces it: `scope.signal` aborts. The third one
 * has its default effect. The handlers are taken off when everything has ended.
 *
 * What is given `scope.draining` as the signal of its own life (`serve`, `startBroker`) begins its end at once, beside
 * the others; what the scope only owns ends in its turn. Signals that come before the call have their default effect, as
 * those after the end have; an uncaught exception ends the process as it does without `run`.
 *
 * The process then ends by itself, as nothing is left to do: `process.exit` is never called. Its exit code is 0, or 1 if
 * main threw or something failed to end, or 128 and the number of the signal (130 for SIGINT, 143 for SIGTERM).
 *
 * Never rejects, but for options of a wrong type and for a `signal` that has aborted already. While main runs, the
 * process stays alive; a main that has not returned 5 s after an interrupt has ended its scope is given up, as a failure,
 * and one that is sent a second signal is not waited for any longer than its scope.
 *
 * @example
 * ```ts
 * import { run } from "gracewire/process";
 * import { serve } from "gracewire/server";
 *
 * await run(async (scope) => {
 *   const server = scope.use(await serve(async (connection) => {
 *     for await (const chunk of connection.readable) await connection.write(chunk);
 *   }, { port: 4222, signal: scope.draining }));
 *   console.log(server.url);
 *   await server.closed;
 * });
 * ```
 */
export async function run(main: (scope: Scope) => unknown, options: RunOptions = {}): Promise<void> {
  checkRunOptions(main, options);
  if (options.signal?.aborted) throw options.signal.reason;
  const signals = onProcessSignals({ signals: options.signals });
  const interrupt = new AbortController();
  const links = [signals.graceful, ...(options.signal === undefined ? [] : [options.signal])]
    .map((signal) => onAbort(signal, (reason) => interrupt.abort(reason)));
  const scope = createScope({ signal: interrupt.signal, name: options.name ?? "main", grace: options.grace });
  // However the end has begun, the second signal forces it.
  onAbort(scope.draining, () => void scope.goodbye({ signal: signals.forced }));
  const alive = setInterval(() => {}, 1 << 30);
  const failure = await outcomeOf(main, scope, interrupt.signal, signals.forced);
  const farewell = await scope.goodbye({ reason: failure?.error });
  // A signal of the process that came to somebody else, who has made it the caller's abort, counts as one too.
  const { reason } = signals.graceful.aborted ? signals.graceful : interrupt.signal;
  const signal = reason instanceof ProcessSignalError ? reason.signal : undefined;
  const failed = failure !== undefined || farewell.outcome === "failed";
  const exitCode = failed ? 1 : signal === undefined ? 0 : exitCodeOf(signal);
  setExitCode(exitCode);
  const told = tell(options.report ?? print, { farewell, failure, signal, exitCode });
  // One that hangs is waited for until the next signal that has not had its effect: the second one, or else the third.
  await (signals.forced.aborted ? told : abortable(told, signals.forced).catch(() => {}));
  clearInterval(alive);
  for (const link of links) link.unlink();
  signals.remove();
}

/** Milliseconds that main has to return after an interrupt has ended everything it owns. */
const mainLimit = 5_000;

/** What main failed with, if it did. */
type MainFailure = { readonly error: unknown } | undefined;

/** Runs main until it is over, or until nobody waits for it any longer: everything it owned has ended, and it ought to. */
async function outcomeOf(
  main: (scope: Scope) => unknown,
  scope: Scope,
  interrupt: AbortSignal,
  forced: AbortSignal,
): Promise<MainFailure> {
  const stuck: Deferred<MainFailure> = deferred();
  let timer: Timer | undefined;
  let over = false;
  const limit = (): void => {
    if (over) return;
    const message = `Cannot end main: it has not returned ${mainLimit} ms after the end of its scope`;
    timer = startTimer(mainLimit, () => {
      stuck.resolve({ error: new TimeoutError(message, { timeout: mainLimit }) });
    });
    // Whoever sends a second signal knows that it does not return.
    onAbort(forced, () => stuck.resolve(undefined));
  };
  void scope.closed.then(() => onAbort(interrupt, limit));
  const failure = await Promise.race([failureOf(main, scope), stuck.promise]);
  over = true;
  timer?.cancel();
  return failure;
}

async function failureOf(
  main: (scope: Scope) => unknown,
  scope: Scope,
): Promise<MainFailure> {
  try {
    await main(scope);
  } catch (error) {
    if (!isInterrupt(error, scope)) return { error };
  }
  return undefined;
}

/**
 * Only the end of the scope, as main sees it: the reason itself, the AbortError that the runtimes wrap it in, or the refusal
 * of something that the end has closed.
 */
function isInterrupt(error: unknown, { draining, signal }: Scope): boolean {
  if (!draining.aborted) return false;
  const reasons = [draining.reason, ...(signal.aborted ? [signal.reason] : [])];
  if (reasons.includes(error)) return true;
  if (error instanceof ClosedError) return reasons.includes(error.cause);
  // Not every runtime tells the cause of every AbortError: Deno leaves it out in `events.once`.
  return error instanceof Error && error.name === "AbortError" &&
    (error.cause === undefined || reasons.includes(error.cause));
}

/** What main has set itself is kept where nothing is wrong. */
function setExitCode(code: number): void {
  if (code !== 0 || process.exitCode === undefined) process.exitCode = code;
}

async function tell(report: (result: RunResult) => unknown, result: RunResult): Promise<void> {
  try {
    await report(result);
  } catch (error) {
    console.error(error);
    setExitCode(1);
  }
}

function print({ farewell, failure }: RunResult): void {
  if (failure !== undefined) console.error(failure.error);
  if (farewell.outcome !== "clean") console.error(formatFarewell(farewell));
}

function checkRunOptions(main: unknown, { grace, report, signal }: RunOptions): void {
  if (grace !== undefined) checkDuration("grace", grace);
  if (typeof main !== "function") {
    throw new TypeError(`Cannot run: expected a function as main, got ${typeof main}`);
  }
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new TypeError(`Cannot use option "signal": expected an AbortSignal, got ${typeof signal}`);
  }
  if (report !== undefined && typeof report !== "function") {
    throw new TypeError(`Cannot use option "report": expected a function, got ${typeof report}`);
  }
}
