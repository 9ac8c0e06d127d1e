import type { Endpoint } from "../lifecycle/endpoint.ts";
import type { PoolInspection } from "./inspect.ts";
import type { AcquireOptions, Lease } from "./lease.ts";

/**
 * Keeps endpoints of one kind open, and lends them. It hands out nothing but members that have just proved that they
 * answer, replaces those that do not, and ends them all when it ends.
 *
 * Its end: no more leases, those who wait are rejected, what is being opened is called off; leases that are out have nine
 * seconds to come back; then every member says its goodbye. Its Farewell sums those of all members it ever had; the ones
 * that ended with it decide the outcome too.
 */
export interface Pool<T extends Endpoint> extends Endpoint {
  /**
   * Lends a member, in the order of the calls: shared leases go round all members, exclusive ones get a member for
   * themselves. While there is no member of use it waits for one. An abort gives up the place in the line at once, and
   * an attempt to open a member that nobody else needs; after success the signal has no meaning.
   *
   * @throws {ClosedError} the pool is ending or ended.
   * @throws {TimeoutError} after `timeout`, with the last failure to open a member as its `cause`.
   * @throws {OverflowError} too many wait already.
   * @throws the failure itself, when it is terminal and no member is left, or with `offline: "fail"`.
   */
  acquire(options?: AcquireOptions): Promise<Lease<T>>;
  /**
   * Gives a lease back, as its own `release` does.
   *
   * @throws {TypeError} for anything but a lease of this pool.
   */
  release(lease: Lease<T>): Promise<void>;
  /**
   * Makes attempts to open members again after a terminal failure, such as refused credentials; without one it only makes
   * the next attempt at once.
   */
  retry(): void;
  /** What it is doing, at this moment. */
  inspect(): PoolInspection;
}
