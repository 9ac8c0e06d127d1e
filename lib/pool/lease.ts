import { ClosedError } from "../errors.ts";
import type { AbortOptions, Endpoint } from "../lifecycle/endpoint.ts";
import { LateSignal } from "../lifecycle/late_signal.ts";
import type { Member } from "./member.ts";

/** Options of `acquire`. */
export interface AcquireOptions extends AbortOptions {
  /**
   * `shared`: the member may have other leases at the same time, for endpoints that multiplex. `exclusive`: nobody else
   * has it. Who asks for that waits for a member without leases, and whoever comes later waits behind. @default {"shared"}
   */
  readonly mode?: "shared" | "exclusive" | undefined;
  /** Milliseconds for the call; then it rejects with a TimeoutError whose `cause` is the last failure to open a member. @default {20_000} */
  readonly timeout?: number | undefined;
  /**
   * `fail`: while no member is of use and the last attempt to open one has failed, the call rejects with that failure
   * instead of waiting for better times. @default {"wait"}
   */
  readonly offline?: "wait" | "fail" | undefined;
}

/** The right to use a member of a pool, until it is given back: by `release`, by `discard`, or at the end of `await using`. */
export interface Lease<T extends Endpoint> extends AsyncDisposable {
  /**
   * The member. Take it from here each time rather than keep it.
   *
   * @throws {ClosedError} once the lease was given back, or the pool has ended.
   */
  readonly value: T;
  /** The number of the member, as in events and in `inspect()`. */
  readonly member: number;
  readonly mode: "shared" | "exclusive";
  /** It is over: it was given back, or the pool has ended and taken it. `value` throws from then on. */
  readonly released: boolean;
  /** Aborts when the lease should be given back soon: the member is replaced or ends, or the pool ends. */
  readonly draining: AbortSignal;
  /** Gives the member back. Any number of times; all but the first do nothing. */
  release(): Promise<void>;
  /**
   * Gives the member back as one that is of no use: nobody gets it any more, it is replaced, and it is cut when its other
   * leases are back, in `handover` milliseconds at the latest. `reason` is why, for the events and for its Farewell.
   */
  discard(reason?: unknown): Promise<void>;
}

/** Whom a lease comes from, and goes back to. */
export interface Lender<T extends Endpoint> {
  readonly name: string;
  giveBack(lease: HeldLease<T>, broken: { readonly reason: unknown } | undefined): void;
}

/** A {@linkcode Lease}. */
export class HeldLease<T extends Endpoint> implements Lease<T> {
  readonly mode: "shared" | "exclusive";
  readonly lender: Lender<T>;
  readonly holder: Member<T>;
  readonly #draining: LateSignal = new LateSignal();
  #ended: "released" | "closed" | undefined = undefined;

  constructor(lender: Lender<T>, holder: Member<T>, mode: "shared" | "exclusive") {
    this.lender = lender;
    this.holder = holder;
    this.mode = mode;
  }

  get value(): T {
    if (this.#ended === undefined) return this.holder.endpoint;
    const why = this.#ended === "released" ? "it was given back" : `the ${this.lender.name} has ended`;
    throw new ClosedError(`Cannot use a lease of the ${this.lender.name}: ${why}`, { state: this.#ended });
  }
  get member(): number {
    return this.holder.id;
  }
  get released(): boolean {
    return this.#ended !== undefined;
  }
  get draining(): AbortSignal {
    return this.#draining.signal;
  }

  release(): Promise<void> {
    this.#giveBack(undefined);
    return Promise.resolve();
  }

  discard(reason?: unknown): Promise<void> {
    this.#giveBack({ reason });
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }

  /** It should be given back soon. */
  drain(reason: unknown): void {
    this.#draining.abort(reason);
  }

  /** The pool has ended, and the member with it. */
  revoke(): void {
    this.#ended ??= "closed";
  }

  #giveBack(broken: { readonly reason: unknown } | undefined): void {
    if (this.#ended !== undefined) return;
    this.#ended = "released";
    this.lender.giveBack(this, broken);
  }
}
