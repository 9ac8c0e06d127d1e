import { type Deferred, deferred } from "../lifecycle/deferred.ts";
import type { Endpoint, GoodbyeOptions } from "../lifecycle/endpoint.ts";
import type { Lifecycle } from "../lifecycle/lifecycle.ts";
import type { TimerWheel } from "../lifecycle/wheel.ts";
import { HeldLease, type Lease, type Lender } from "./lease.ts";
import type { Member } from "./member.ts";
import type { PoolSettings } from "./options.ts";
import type { Moment } from "./proof.ts";
import { Roster, type RosterHost } from "./roster.ts";
import { Waiter, type WaitingHost, WaitingLine, type Wish } from "./waiting.ts";

/** Where members are lent and given back: whoever is first in the line is offered one, and gets it when it has answered. */
export class Desk<T extends Endpoint> implements Lender<T>, RosterHost, WaitingHost<T> {
  readonly settings: PoolSettings<T>;
  readonly roster: Roster<T>;
  readonly line: WaitingLine<T>;
  readonly counts = { acquired: 0, released: 0, aborted: 0, expired: 0, refused: 0 };
  readonly #lifecycle: Lifecycle;
  /** Those who were offered a member, and wait for its proof. */
  readonly #offered: Set<Waiter<T>> = new Set();
  readonly #leases: Set<HeldLease<T>> = new Set();
  #settled: { readonly isSettled: () => boolean; readonly done: Deferred<void> }[] = [];

  constructor(settings: PoolSettings<T>, lifecycle: Lifecycle) {
    this.settings = settings;
    this.#lifecycle = lifecycle;
    this.line = new WaitingLine(settings.maxWaiting);
    this.roster = new Roster(settings, lifecycle, this);
  }

  get name(): string {
    return this.#lifecycle.name;
  }
  get wheel(): TimerWheel {
    return this.roster.wheel;
  }
  /** Leases that are out. */
  get leased(): number {
    return this.#leases.size;
  }
  get failure(): unknown {
    return this.roster.opener.failure;
  }

  /** Begins to open members. */
  begin(): void {
    this.#serve();
  }

  /** Hands out a member, or lets the caller wait for one. */
  acquire(wish: Omit<Wish, "asked">): Promise<Lease<T>> {
    const hopeless = this.roster.hopeless(wish.offline);
    if (hopeless !== undefined) {
      this.counts.refused++;
      return Promise.reject(hopeless.error);
    }
    const asked = this.roster.moment();
    const member = this.line.size === 0 ? this.roster.pick(wish.mode) : undefined;
    if (member !== undefined && this.#isProven(member, asked)) {
      return Promise.resolve(this.#lend(member, wish.mode));
    }
    const waiter = new Waiter<T>({ ...wish, asked }, this);
    if (member === undefined) this.#queue(waiter);
    else this.#offer(waiter, member);
    return waiter.promise;
  }

  giveBack(lease: HeldLease<T>, broken: { readonly reason: unknown } | undefined): void {
    const member = lease.holder;
    this.counts.released++;
    this.#leases.delete(lease);
    member.leases.delete(lease);
    if (lease.mode === "exclusive") member.exclusive = false;
    if (broken !== undefined) member.retire("discarded", broken.reason);
    this.roster.unused(member);
    // Most of the time nobody waits for it.
    if (this.line.size > 0 || this.#settled.length > 0) this.#serve();
  }

  /** Takes nobody in any longer, and opens nothing. */
  stop(reason: unknown): void {
    for (const waiter of [...this.#offered, ...this.line.take()]) {
      this.#refuse(waiter, this.#lifecycle.refusal("acquire a member"));
      this.#takeBack(waiter);
    }
    this.roster.opener.stop(reason);
  }

  /** Asks for all leases. */
  drain(reason: unknown): void {
    for (const lease of this.#leases) lease.drain(reason);
  }

  /** Resolves when no lease of a living member is out, and nothing is being opened. */
  idle(): Promise<void> {
    const { members, opener } = this.roster;
    return this.#until(() => members.every((member) => member.free) && opener.size === 0);
  }

  /** Ends all members, and resolves when they are gone. */
  async end(options: GoodbyeOptions): Promise<void> {
    const { members, opener } = this.roster;
    for (const member of [...members]) void member.end(options);
    await this.#until(() => members.length === 0 && opener.size === 0);
  }

  /** No lease is good for anything any longer. */
  revoke(): void {
    for (const lease of this.#leases) {
      lease.revoke();
      lease.holder.leases.delete(lease);
      lease.holder.exclusive = false;
    }
    this.counts.released += this.#leases.size;
    this.#leases.clear();
  }

  asked(): number {
    const { exclusive, shared } = this.line.wanted;
    return exclusive + (shared === 0 ? 0 : Math.max(1, Math.ceil(shared / this.settings.shares)));
  }

  changed(): void {
    this.#serve();
  }

  failed(error: unknown): void {
    const gaveUp = ({ wish }: Waiter<T>): boolean => this.roster.hopeless(wish.offline) !== undefined;
    for (const waiter of this.line.take(gaveUp)) this.#refuse(waiter, error);
  }

  gone(waiter: Waiter<T>, how: "aborted" | "expired"): void {
    this.counts[how]++;
    this.line.remove(waiter);
    this.#takeBack(waiter);
    this.#serve();
    this.roster.opener.trim();
  }

  /** Whoever is first gets a member, as long as there are members; then it is seen to that there will be. */
  #serve(): void {
    for (let waiter = this.line.first; waiter !== undefined; waiter = this.line.first) {
      const member = this.roster.pick(waiter.wish.mode);
      if (member === undefined) break;
      this.line.remove(waiter);
      this.#offer(waiter, member);
    }
    this.roster.opener.adjust();
    const hopeless = this.roster.hopeless("wait");
    if (hopeless !== undefined) {
      for (const waiter of this.line.take()) this.#refuse(waiter, hopeless.error);
    }
    this.#settled = this.#settled.filter(({ done, isSettled }) => {
      if (!isSettled()) return true;
      done.resolve();
      return false;
    });
  }

  #queue(waiter: Waiter<T>): void {
    this.line.add(waiter);
    this.#serve();
    if (!this.line.overfull) return;
    this.line.remove(waiter);
    this.#refuse(waiter, this.line.overflow());
  }

  #refuse(waiter: Waiter<T>, error: unknown): void {
    this.counts.refused++;
    waiter.reject(error);
  }

  #isProven({ arriving, prover }: Member<T>, asked: Moment): boolean {
    const { check, probe } = this.settings;
    if (probe === false) return true;
    // Later than in that turn it is not enough that the question was sent after the call: whoever has waited in the line
    // may have done so for minutes since, while others had the member, and it may have died under them.
    if (arriving && prover.answeredAfter(asked)) return true;
    return check !== "always" && prover.answeredWithin(check);
  }

  #offer(waiter: Waiter<T>, member: Member<T>): void {
    const { asked, mode } = waiter.wish;
    waiter.offered = member;
    this.#offered.add(waiter);
    member.offers++;
    if (mode === "exclusive") member.exclusive = true;
    member.busy();
    if (this.#isProven(member, asked)) return this.#grant(waiter, member);
    member.prover.prove().then(
      () => this.#answered(waiter, member),
      (error: unknown) => this.#unanswered(waiter, member, error),
    );
  }

  #answered(waiter: Waiter<T>, member: Member<T>): void {
    if (waiter.settled) return;
    // What has happened since the answer was sent counts too.
    if (member.usable) this.#grant(waiter, member);
    else this.#again(waiter);
  }

  #unanswered(waiter: Waiter<T>, member: Member<T>, error: unknown): void {
    this.roster.unanswered(member, error);
    if (!waiter.settled) this.#again(waiter);
  }

  #again(waiter: Waiter<T>): void {
    this.#takeBack(waiter);
    this.line.add(waiter);
    this.#serve();
  }

  #grant(waiter: Waiter<T>, member: Member<T>): void {
    member.offers--;
    waiter.offered = undefined;
    this.#offered.delete(waiter);
    waiter.resolve(this.#lend(member, waiter.wish.mode));
  }

  #lend(member: Member<T>, mode: "shared" | "exclusive"): Lease<T> {
    const lease = new HeldLease(this, member, mode);
    this.counts.acquired++;
    member.served = true;
    member.busy();
    if (mode === "exclusive") member.exclusive = true;
    member.leases.add(lease);
    this.#leases.add(lease);
    return lease;
  }

  #takeBack(waiter: Waiter<T>): void {
    const member = waiter.offered;
    if (member === undefined) return;
    waiter.offered = undefined;
    this.#offered.delete(waiter);
    member.offers--;
    if (waiter.wish.mode === "exclusive") member.exclusive = false;
    this.roster.unused(member);
  }

  #until(isSettled: () => boolean): Promise<void> {
    const done = deferred();
    this.#settled.push({ isSettled, done });
    this.#serve();
    return done.promise;
  }
}
