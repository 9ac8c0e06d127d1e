import { OverflowError, TimeoutError } from "../errors.ts";
import { type AbortLink, linkAbort } from "../lifecycle/abort.ts";
import { type Deferred, deferred } from "../lifecycle/deferred.ts";
import type { Endpoint } from "../lifecycle/endpoint.ts";
import type { TimerWheel, WheelTimer } from "../lifecycle/wheel.ts";
import type { Lease } from "./lease.ts";
import type { Member } from "./member.ts";
import type { Moment } from "./proof.ts";

/** What somebody who waits for a lease has asked for. */
export interface Wish {
  readonly asked: Moment;
  readonly mode: "shared" | "exclusive";
  readonly offline: "wait" | "fail";
  readonly timeout: number;
  readonly signal: AbortSignal | undefined;
}

/** Who hears of those who leave. */
export interface WaitingHost<T extends Endpoint> {
  readonly wheel: TimerWheel;
  /** Its own signal or time limit has ended it. */
  gone(waiter: Waiter<T>, how: "aborted" | "expired"): void;
  /** The last failure, for the error of a time limit. */
  readonly failure: unknown;
}

/** One who waits for a lease: in the line, or for the proof that the member it was offered answers. */
export class Waiter<T extends Endpoint> {
  readonly wish: Wish;
  /** The member that it was offered. */
  offered: Member<T> | undefined = undefined;
  readonly #host: WaitingHost<T>;
  readonly #granted: Deferred<Lease<T>> = deferred();
  #settled = false;
  readonly #link: AbortLink | undefined;
  readonly #timer: WheelTimer;

  constructor(wish: Wish, host: WaitingHost<T>) {
    this.wish = wish;
    this.#host = host;
    this.#link = wish.signal === undefined ? undefined : linkAbort(wish.signal, this);
    this.#timer = host.wheel.add(wish.timeout, this);
  }

  get promise(): Promise<Lease<T>> {
    return this.#granted.promise;
  }

  get settled(): boolean {
    return this.#settled;
  }

  onAbort(reason: unknown): void {
    if (this.#settled) return;
    this.reject(reason);
    this.#host.gone(this, "aborted");
  }

  onDeadline(): void {
    if (this.#settled) return;
    const { timeout } = this.wish;
    const cause = this.#host.failure;
    const message = `Cannot acquire a member: none was of use within ${timeout} ms`;
    this.reject(new TimeoutError(message, { timeout, ...(cause === undefined ? {} : { cause }) }));
    this.#host.gone(this, "expired");
  }

  resolve(lease: Lease<T>): void {
    this.#settle();
    this.#granted.resolve(lease);
  }

  reject(reason: unknown): void {
    this.#settle();
    this.#granted.reject(reason);
  }

  #settle(): void {
    this.#settled = true;
    this.#link?.unlink();
    this.#timer.cancel();
  }
}

/** Those who wait for a member, in the order in which they have asked. */
export class WaitingLine<T extends Endpoint> {
  readonly #capacity: number;
  readonly #waiters: Waiter<T>[] = [];
  /** How many of them want each. */
  readonly wanted: Record<"shared" | "exclusive", number> = { shared: 0, exclusive: 0 };

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get size(): number {
    return this.#waiters.length;
  }

  get first(): Waiter<T> | undefined {
    return this.#waiters[0];
  }

  /** More wait than may. */
  get overfull(): boolean {
    return this.#waiters.length > this.#capacity;
  }

  /** The error of the one that is too much. */
  overflow(): OverflowError {
    const message = `Cannot acquire a member: ${this.#capacity} others wait, no more may`;
    return new OverflowError(message, { capacity: this.#capacity });
  }

  /** Also for one that had a turn, and whose member turned out to be of no use: it goes where it was. */
  add(waiter: Waiter<T>): void {
    const { asked: { turn }, mode } = waiter.wish;
    let at = this.#waiters.length;
    while (at > 0 && this.#waiters[at - 1]!.wish.asked.turn > turn) at--;
    this.#waiters.splice(at, 0, waiter);
    this.wanted[mode]++;
  }

  remove(waiter: Waiter<T>): void {
    const at = this.#waiters.indexOf(waiter);
    if (at < 0) return;
    this.#waiters.splice(at, 1);
    this.wanted[waiter.wish.mode]--;
  }

  /** Takes out all of them, or those that this is true for. */
  take(matches: (waiter: Waiter<T>) => boolean = () => true): Waiter<T>[] {
    const taken = this.#waiters.filter(matches);
    for (const waiter of taken) this.remove(waiter);
    return taken;
  }
}
