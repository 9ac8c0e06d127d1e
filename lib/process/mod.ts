/**
 * SIGINT and SIGTERM as an abort with a reason: first graceful, then forced, then as if nobody were there.
 *
 * @module
 */

export { run, type RunOptions } from "./run.ts";
export { type EndSignal, type ProcessSignals, watchProcessSignals } from "./signals.ts";
