import process from "node:process";
import { onAbort } from "../lifecycle/abort.ts";
import { ignoreRejection } from "../lifecycle/deferred.ts";
import type { Farewell } from "../lifecycle/farewell.ts";
import { formatFarewell } from "../lifecycle/format.ts";
import { createScope, type Scope } from "../lifecycle/scope.ts";
import { type EndSignal, watchProcessSignals } from "./signals.ts";

/** Options of {@linkcode run}. */
export interface RunOptions {
  /** What the program is, for its Farewell. @default {"program"} */
  readonly name?: string | undefined;
  /** Milliseconds that what the scope owns has to end before it is forced. @default {14_000} */
  readonly grace?: number | undefined;
  /** Signals that end the program. @default {["SIGINT", "SIGTERM"]} */
  readonly signals?: readonly EndSignal[] | undefined;
  /** Told what `main` has thrown. @default {prints it to standard error} */
  readonly onError?: ((error: unknown) => void) | undefined;
  /** Told how the scope has ended. @default {prints it to standard error when it is not clean} */
  readonly onFarewell?: ((farewell: Farewell) => void) | undefined;
}

/**
 * Runs a program's main with a scope that owns what it opens. Whatever happens, what the scope owns is ended in reverse
 * order, then the handlers of the signals are taken off, and the process ends by itself when nothing is left to do.
 *
 * The first SIGINT or SIGTERM begins the goodbye of the scope: `scope.draining` aborts with a ProcessSignalError. The
 * second forces it. At the third our handlers are gone and the signal is raised again.
 *
 * Resolves with the Farewell of the scope and sets `process.exitCode`: 0 when all went well, 1 when `main` threw or the
 * end failed, 130 after SIGINT, 143 after SIGTERM. It never calls `process.exit` and never rejects. A `main` that still
 * runs when an interrupted scope has ended is not waited for.
 *
 * @example
 * ```ts
 * import { run } from "gracewire/process";
 * import { serve } from "gracewire/server";
 *
 * await run(async (scope) => {
 *   const server = scope.use(await serve((connection) => connection.write(new Uint8Array([1])), { port: 7_000 }));
 *   await server.closed;
 * });
 * ```
 */
export async function run(main: (scope: Scope) => unknown, options: RunOptions = {}): Promise<Farewell> {
  const { name = "program", grace, signals: names, onError = printError, onFarewell = printFarewell } = options;
  const signals = watchProcessSignals(names);
  const scope = createScope({ name, grace, signal: signals.graceful });
  let failed = false;
  const running = callSafely(main, scope).catch((error: unknown) => {
    // An interrupted operation rejects with the reason of the interrupt: that is no failure of the program.
    if (signals.graceful.aborted && (error === signals.graceful.reason || error === signals.forced.reason)) return;
    failed = true;
    onError(error);
  });
  ignoreRejection(running);
  const interrupted = new Promise<void>((resolve) => {
    onAbort(scope.draining, () => {
      if (signals.graceful.aborted) void scope.goodbye({ signal: signals.forced }).then(() => resolve());
    });
  });
  await Promise.race([running, interrupted]);
  const farewell = await scope.goodbye({ signal: signals.forced });
  signals[Symbol.dispose]();
  onFarewell(farewell);
  process.exitCode = exitCode(signals.first, failed || farewell.outcome === "failed");
  return farewell;
}

async function callSafely(main: (scope: Scope) => unknown, scope: Scope): Promise<void> {
  await main(scope);
}

/** What shells expect: 128 and the number of the signal. */
function exitCode(signal: EndSignal | undefined, failed: boolean): number {
  if (signal === "SIGINT") return 130;
  if (signal === "SIGTERM") return 143;
  return failed ? 1 : 0;
}

function printError(error: unknown): void {
  const text = error instanceof Error ? error.stack ?? error.message : String(error);
  process.stderr.write(`${text}\n`);
}

function printFarewell(farewell: Farewell): void {
  if (farewell.outcome !== "clean") process.stderr.write(`${formatFarewell(farewell)}\n`);
}
