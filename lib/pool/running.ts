import { onAbort } from "../lifecycle/abort.ts";
import { LivingEndpoint } from "../lifecycle/base.ts";
import type { Endpoint } from "../lifecycle/endpoint.ts";
import type { FarewellParts } from "../lifecycle/farewell.ts";
import { Lifecycle, type Step } from "../lifecycle/lifecycle.ts";
import { childBudget, within } from "../lifecycle/phases.ts";
import { Desk } from "./desk.ts";
import { inspectPool, type PoolInspection } from "./inspect.ts";
import { type AcquireOptions, HeldLease, type Lease } from "./lease.ts";
import {
  checkAcquireOptions,
  checkPoolOptions,
  type Pingable,
  type PoolOptions,
  type PoolSettings,
  type Probe,
} from "./options.ts";
import type { Pool } from "./pool.ts";

/**
 * Makes a pool, and begins to open its members. It is there at once: who wants a member waits for it in `acquire`.
 *
 * Members need a `ping` method, which connections of this library have, or the option `probe`: without an answer from the
 * other end nobody knows whether a connection is of use. `probe: false` takes members at their word.
 *
 * @example
 * ```ts
 * import { connect } from "gracewire/eventmesh";
 * import { createPool } from "gracewire/pool";
 *
 * await using pool = createPool({
 *   open: (signal) => connect("eventmesh://127.0.0.1:10000", { signal }),
 *   max: 4,
 * });
 * await using lease = await pool.acquire({ signal });
 * await lease.value.publish("orders", "7", { signal });
 * ```
 *
 * @throws {TypeError | RangeError} for options of a wrong type, before anything is opened.
 */
export function createPool<T extends Endpoint & Pingable>(options: PoolOptions<T>): Pool<T>;
export function createPool<T extends Endpoint>(
  options: PoolOptions<T> & { readonly probe: Probe<T> | false },
): Pool<T>;
export function createPool<T extends Endpoint>(options: PoolOptions<T>): Pool<T> {
  return new RunningPool(checkPoolOptions(options));
}

class RunningPool<T extends Endpoint> extends LivingEndpoint implements Pool<T> {
  readonly #lifecycle: Lifecycle;
  readonly #desk: Desk<T>;

  constructor(settings: PoolSettings<T>) {
    const lifecycle = new Lifecycle({
      name: settings.name,
      ...(settings.grace === undefined ? {} : { grace: settings.grace }),
      limits: { drain: leaseTime, goodbye: goodbyeTime },
      steps: {
        drain: () => this.#desk.idle(),
        goodbye: (step) => this.#goodbye(step),
        force: (step) => this.#force(step),
        release: (step) => this.#release(step),
      },
      onEnding: () => this.#desk.stop(this.#lifecycle.refusal("open a member")),
      report: () => this.#report(),
    });
    super(lifecycle);
    this.#lifecycle = lifecycle;
    this.#desk = new Desk(settings, lifecycle);
    onAbort(lifecycle.draining, (reason) => this.#desk.drain(reason));
    lifecycle.opened();
    lifecycle.govern(settings.signal);
    this.#desk.begin();
  }

  async acquire(options?: AcquireOptions): Promise<Lease<T>> {
    const wish = checkAcquireOptions(options);
    const { counts } = this.#desk;
    if (wish.signal?.aborted === true) {
      counts.aborted++;
      throw wish.signal.reason;
    }
    if (this.#lifecycle.ending) {
      counts.refused++;
      throw this.#lifecycle.refusal("acquire a member");
    }
    return await this.#desk.acquire(wish);
  }

  async release(lease: Lease<T>): Promise<void> {
    if (!(lease instanceof HeldLease) || lease.lender !== this.#desk) {
      throw new TypeError(`Cannot give back a lease of the ${this.#lifecycle.name}: it comes from elsewhere`);
    }
    await lease.release();
  }

  retry(): void {
    this.#desk.roster.opener.retry();
  }

  inspect(): PoolInspection {
    return inspectPool(this.#lifecycle.name, this.state, this.#desk);
  }

  async #goodbye(step: Step): Promise<void> {
    const { reason, signal } = step;
    await this.#desk.end({ reason, signal, ...childBudget(within(step)) });
  }

  async #force(step: Step): Promise<void> {
    this.#desk.revoke();
    // The hard signal has been aborted: its reason reaches the members as it is.
    await this.#desk.end({ reason: step.reason, grace: 0, tail: within(step), signal: this.signal });
  }

  #release(_step: Step): void {
    const { members } = this.#desk.roster;
    this.#desk.revoke();
    for (const { id } of members) {
      this.#lifecycle.farewell.hook({ name: `member ${id}`, duration: 0, ended: "timeout" });
    }
  }

  #report(): FarewellParts {
    const { counts, roster: { members, opener }, wheel } = this.#desk;
    return {
      operations: {
        settled: counts.acquired + counts.expired,
        aborted: counts.aborted,
        refused: counts.refused,
      },
      residue: { sockets: members.length + opener.size, timers: wheel.size },
    };
  }
}

/** Milliseconds that leases have to come back when the pool ends. */
const leaseTime = 9_000;
/** Milliseconds that all members together have for their goodbyes. */
const goodbyeTime = 5_000;
