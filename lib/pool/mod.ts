/**
 * A pool of connections, or of any other endpoints: it cannot hand out a dead one, and heals by itself.
 *
 * - Before a lease is handed out, its member has answered a question that was sent after the call of `acquire`. All who
 *   ask at the same time share one question.
 * - A member that is lost, or that does not answer, or whose peer is about to go, is handed out no more and is replaced
 *   in the background, with a growing, jittered wait while that fails.
 * - Members that are open, being opened or ending are never more than `max`.
 * - A failure that would come again, such as refused credentials, is reported and not tried again.
 *
 * @example
 * ```ts
 * import { connect } from "gracewire/eventmesh";
 * import { createPool } from "gracewire/pool";
 *
 * const pool = createPool({ open: (signal) => connect("eventmesh://127.0.0.1:10000", { signal }) });
 * const lease = await pool.acquire({ signal });
 * try {
 *   await lease.value.publish("orders", "7", { signal });
 * } finally {
 *   await lease.release();
 * }
 * await pool.goodbye();
 * ```
 *
 * @module
 */

export type { MemberInspection, PoolCounters, PoolInspection } from "./inspect.ts";
export type { AcquireOptions, Lease } from "./lease.ts";
export type { Pingable, PoolOptions, Probe } from "./options.ts";
export type { Pool } from "./pool.ts";
export { createPool } from "./running.ts";
