import { ClosedError } from "../errors.ts";
import { type AbortLink, onAbort } from "../lifecycle/abort.ts";
import { ignoreRejection } from "../lifecycle/deferred.ts";
import type { Endpoint, GoodbyeOptions } from "../lifecycle/endpoint.ts";
import type { EndpointEvent, MemberNews } from "../lifecycle/events.ts";
import type { Farewell } from "../lifecycle/farewell.ts";
import { now } from "../lifecycle/timer.ts";
import type { TimerWheel, WheelTimer } from "../lifecycle/wheel.ts";
import type { HeldLease } from "./lease.ts";
import type { Prover } from "./proof.ts";

/** Why a member is handed out no more. */
export type Retirement = NonNullable<MemberNews["why"]>;

/** Who hears what happens to a member. */
export interface MemberHost<T extends Endpoint> {
  readonly wheel: TimerWheel;
  /** Milliseconds that the leases of a member which is handed out no more have. */
  readonly handover: number;
  tell(member: Member<T>, news: Omit<MemberNews, "member">): void;
  /** There are more than the pool keeps. */
  isSurplus(member: Member<T>): boolean;
  /** It may be of use again, or no longer. */
  changed(): void;
  /** The member has an event that says more than what happened to its state. */
  heard(member: Member<T>, event: EndpointEvent): void;
  /** It is gone. */
  left(member: Member<T>, farewell: Farewell | undefined): void;
  /** It does not behave like an endpoint. */
  fault(error: unknown): void;
}

/** One endpoint of a pool, from the moment it is open until it is closed. */
export class Member<T extends Endpoint> {
  readonly id: number;
  readonly endpoint: T;
  readonly prover: Prover;
  /** When it was opened, in the time of `now`. */
  readonly since: number = now();
  readonly leases: Set<HeldLease<T>> = new Set();
  /** Waiters that it was offered, and that wait for its proof. */
  offers = 0;
  /** Whether its lease, or the waiter that it was offered, wants it for itself. */
  exclusive = false;
  /** It has been handed out. */
  served = false;
  /** It is being handed out for the first time, in the very turn in which it was opened. */
  arriving = true;
  readonly #host: MemberHost<T>;
  #retired: { readonly why: Retirement; readonly reason: unknown } | undefined = undefined;
  /** Its end was asked for here. */
  #endedHere = false;
  #down = false;
  #gone = false;
  #link: AbortLink | undefined = undefined;
  #timers: WheelTimer[] = [];
  #idle: WheelTimer | undefined = undefined;

  constructor(id: number, endpoint: T, prover: Prover, host: MemberHost<T>) {
    this.id = id;
    this.endpoint = endpoint;
    this.prover = prover;
    this.#host = host;
  }

  /** Begins to watch it. */
  start(maxAge: number): void {
    const { endpoint } = this;
    this.#link = onAbort(endpoint.draining, (reason) => {
      for (const lease of this.leases) lease.drain(reason);
      this.#host.changed();
    });
    endpoint.closed.then((farewell) => this.#closed(farewell), (error: unknown) => {
      this.#host.fault(error);
      this.#closed(undefined);
    });
    this.#timers.push(this.#host.wheel.add(maxAge, { onDeadline: () => this.retire("age") }));
    ignoreRejection(this.#follow().catch((error: unknown) => this.#host.fault(error)));
    this.#look();
  }

  /** It can be handed out, as far as it tells by itself. */
  get usable(): boolean {
    const { endpoint } = this;
    return !this.#gone && this.#retired === undefined && endpoint.state === "open" &&
      !endpoint.draining.aborted && !isLeaving(endpoint);
  }

  /** It counts as one that the pool has: it is of use, or will be again. */
  get stays(): boolean {
    return !this.#gone && this.#retired === undefined && !this.endpoint.draining.aborted;
  }

  /** Nobody uses it. */
  get free(): boolean {
    return this.leases.size === 0 && this.offers === 0;
  }

  get gone(): boolean {
    return this.#gone;
  }

  get status(): "ready" | "down" | "retired" | "ending" {
    if (this.endpoint.draining.aborted) return "ending";
    if (this.#retired !== undefined) return "retired";
    return this.usable ? "ready" : "down";
  }

  /** Who has ended it. */
  by(farewell: Farewell | undefined): NonNullable<MemberNews["by"]> {
    if (this.#endedHere) return "pool";
    return farewell !== undefined && ours.has(farewell.cause) ? "user" : "peer";
  }

  /** Arms the time limit of one that is not needed, while nobody uses it. */
  rest(limit: number): void {
    this.#idle?.cancel();
    this.#idle = this.#host.wheel.add(limit, {
      onDeadline: () => {
        // Another one may have left meanwhile.
        if (this.free && this.#host.isSurplus(this)) this.retire("surplus");
      },
    });
  }

  /** Somebody uses it. */
  busy(): void {
    this.#idle?.cancel();
    this.#idle = undefined;
  }

  /**
   * It is handed out no more, and ends when its leases are back, at the latest when the time for that is over. Dead ones
   * are not asked for a goodbye that they would not answer.
   */
  retire(why: Retirement, given?: unknown): void {
    if (this.#retired !== undefined || this.#gone) return;
    // `undefined` alone is no reason that a signal can carry.
    const replaced = `The member is replaced: ${words[why]}`;
    const reason = given === undefined ? new ClosedError(replaced, { state: "retired" }) : given;
    this.#retired = { why, reason };
    this.busy();
    this.#host.tell(this, { change: "retired", why, error: reason });
    if (!this.endpoint.draining.aborted) {
      this.#timers.push(this.#host.wheel.add(this.#host.handover, { onDeadline: () => this.#endRetired() }));
    }
    for (const lease of this.leases) lease.drain(reason);
    this.endIfFree();
    this.#host.changed();
  }

  /** Ends it when it was retired and nobody uses it. */
  endIfFree(): void {
    if (this.#retired !== undefined && this.free) this.#endRetired();
  }

  #endRetired(): void {
    const { why, reason } = this.#retired!;
    void this.end({ reason, ...(dead.has(why) ? { grace: 0 } : {}) });
  }

  /** Ends it, or hurries its end. */
  async end(options: GoodbyeOptions): Promise<void> {
    this.#cancelTimers();
    if (!this.endpoint.draining.aborted) this.#endedHere = true;
    try {
      await this.endpoint.goodbye(options);
    } catch (error) {
      // An endpoint never rejects; what only looks like one may.
      this.#host.fault(error);
    }
  }

  async #follow(): Promise<void> {
    for await (const event of this.endpoint.events()) {
      if (event.type === "state") this.#look();
      else this.#host.heard(this, event);
    }
  }

  /** What its state says now. */
  #look(): void {
    const { endpoint } = this;
    if (this.#gone || endpoint.draining.aborted) return;
    const down = endpoint.state !== "open";
    if (down !== this.#down) {
      this.#down = down;
      this.#host.tell(this, { change: down ? "down" : "up" });
      this.#host.changed();
    }
    if (isLeaving(endpoint)) this.retire("leaving");
  }

  #closed(farewell: Farewell | undefined): void {
    this.#gone = true;
    this.#link?.unlink();
    this.#cancelTimers();
    this.busy();
    this.#host.left(this, farewell);
  }

  #cancelTimers(): void {
    for (const timer of this.#timers.splice(0)) timer.cancel();
  }
}

/** Of no use to anybody: a goodbye would wait in vain. */
const dead: ReadonlySet<Retirement> = new Set<Retirement>(["probe", "discarded", "refused"]);
const words: Readonly<Record<Retirement, string>> = {
  leaving: "its peer is about to go",
  probe: "it did not answer",
  discarded: "a lease gave it back as one that is of no use",
  refused: "its peer does not let it in again",
  surplus: "nobody needs it",
  age: "it is old",
};
/** Ends that were asked for on this side. */
const ours: ReadonlySet<string> = new Set(["goodbye", "aborted", "parent"]);

function isLeaving(endpoint: Endpoint): boolean {
  return (endpoint as { readonly leaving?: unknown }).leaving === true;
}
