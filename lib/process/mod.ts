/**
 * Signals of the process as aborts with a reason, and programs that end in order: the first SIGINT or SIGTERM is
 * graceful, the second one forced, the third one has its default effect. Nothing here calls `process.exit`.
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
 *   await server.closed;
 * });
 * ```
 *
 * @module
 */

export type { SignalName } from "./names.ts";
export { run, type RunOptions, type RunResult } from "./run.ts";
export { onProcessSignals, type ProcessSignals, type ProcessSignalsOptions } from "./signals.ts";
