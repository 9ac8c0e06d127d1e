import type { Endpoint } from "../lifecycle/endpoint.ts";
import type { EndpointEvent, EventLevel, MemberNews } from "../lifecycle/events.ts";
import type { Farewell } from "../lifecycle/farewell.ts";
import type { Lifecycle } from "../lifecycle/lifecycle.ts";
import { now } from "../lifecycle/timer.ts";
import { TimerWheel } from "../lifecycle/wheel.ts";
import { Member, type MemberHost } from "./member.ts";
import { Opener, type OpenerHost, steady } from "./opener.ts";
import type { Pingable, PoolSettings } from "./options.ts";
import { type Moment, Prover } from "./proof.ts";

/** Who hands the members out. */
export interface RosterHost {
  /** Members that those who wait need. */
  asked(): number;
  /** There may be one more, or one less. */
  changed(): void;
  /** An attempt to open one has failed. */
  failed(error: unknown): void;
}

/** The members of a pool: those that are open, and those that are being opened. */
export class Roster<T extends Endpoint> implements MemberHost<T>, OpenerHost<T> {
  readonly settings: PoolSettings<T>;
  readonly wheel: TimerWheel = new TimerWheel();
  readonly opener: Opener<T>;
  /** In the order in which they were opened. */
  readonly members: Member<T>[] = [];
  /** `probes` are those of members that are gone. */
  readonly counts = { opened: 0, closed: 0, failed: 0, unanswered: 0, probes: 0 };
  readonly #lifecycle: Lifecycle;
  readonly #host: RosterHost;
  #ids = 0;
  #turn = 0;
  /** Where the next turn of the rotation begins. */
  #rotation = 0;

  constructor(settings: PoolSettings<T>, lifecycle: Lifecycle, host: RosterHost) {
    this.settings = settings;
    this.#lifecycle = lifecycle;
    this.#host = host;
    this.opener = new Opener(this);
  }

  get handover(): number {
    return this.settings.handover;
  }
  get hard(): AbortSignal {
    return this.#lifecycle.signal;
  }

  moment(): Moment {
    return { turn: ++this.#turn, time: now() };
  }

  nextId(): number {
    return ++this.#ids;
  }

  /** The next one that can be handed out like that. */
  pick(mode: "shared" | "exclusive"): Member<T> | undefined {
    if (mode === "exclusive") return this.members.find((member) => member.usable && member.free);
    const count = this.members.length;
    for (let i = 0; i < count; i++) {
      const at = (this.#rotation + i) % count;
      const member = this.members[at]!;
      const room = member.leases.size + member.offers < this.settings.shares;
      if (!member.usable || member.exclusive || !room) continue;
      this.#rotation = at + 1;
      return member;
    }
    return undefined;
  }

  /** The failure that a caller who does not want to wait gets, where there is one. */
  hopeless(offline: "wait" | "fail"): { readonly error: unknown } | undefined {
    if (this.members.some((member) => member.usable)) return undefined;
    const { failing, failure, refused } = this.opener;
    if (refused !== undefined && !this.members.some((member) => member.stays)) return refused;
    return offline === "fail" && failing ? { error: failure } : undefined;
  }

  /** A member has not answered. */
  unanswered(member: Member<T>, error: unknown): void {
    // One that knows that it has lost its connection gets another one by itself.
    if (!member.usable || this.#lifecycle.ending) return;
    this.counts.unanswered++;
    if (!member.served) this.opener.flap(member.since);
    this.#lifecycle.farewell.error(error);
    member.retire("probe", error);
  }

  /** A member has one user less. */
  unused(member: Member<T>): void {
    if (!member.free || member.gone) return;
    member.endIfFree();
    if (this.isSurplus(member)) member.rest(this.settings.idleTimeout);
  }

  isSurplus(member: Member<T>): boolean {
    return member.stays && this.#staying() > this.settings.min;
  }

  wanted(): number {
    if (this.#lifecycle.ending) return 0;
    return Math.max(this.#host.asked(), this.settings.min - this.#staying());
  }

  room(): number {
    return this.settings.max - this.members.length;
  }

  opened(id: number, endpoint: T, began: Moment): void {
    this.counts.opened++;
    const { maxAge } = this.settings;
    const member = new Member(id, endpoint, this.#prover(id, endpoint, began), this);
    this.members.push(member);
    this.tell(member, { change: "opened" });
    // Not all at once, as they may have been opened.
    member.start(maxAge * (0.9 + 0.2 * Math.random()));
    this.unused(member);
    this.#host.changed();
    member.arriving = false;
  }

  failed(error: unknown): void {
    this.counts.failed++;
    this.#lifecycle.farewell.error(error);
    this.#host.failed(error);
  }

  late(farewell: Farewell): void {
    if (this.#lifecycle.state !== "closed") this.#lifecycle.farewell.guest(farewell);
  }

  vacated(): void {
    this.#host.changed();
  }

  changed(): void {
    this.#host.changed();
  }

  heard(member: Member<T>, event: EndpointEvent): void {
    if (event.type === "leaving") member.retire("leaving");
    // It would go on for ever, and come to nothing.
    if (event.type === "retry" && this.opener.isTerminal(event.error)) member.retire("refused", event.error);
  }

  left(member: Member<T>, farewell: Farewell | undefined): void {
    this.counts.closed++;
    this.counts.probes += member.prover.probes;
    this.members.splice(this.members.indexOf(member), 1);
    const by = member.by(farewell);
    if (by === "peer" && now() - member.since < steady) this.opener.flap(member.since);
    this.tell(member, { change: "closed", by, error: farewell?.reason });
    if (farewell !== undefined) {
      if (this.#lifecycle.ending) this.#lifecycle.farewell.child(farewell);
      else this.#lifecycle.farewell.guest(farewell);
    }
    this.#host.changed();
  }

  fault(error: unknown): void {
    this.#lifecycle.fault(error, "error");
  }

  tell(who: Member<T> | number, news: Omit<MemberNews, "member">): void {
    const [id, endpoint] = typeof who === "number" ? [who, undefined] : [who.id, who.endpoint];
    const told = { member: id, ...news };
    if (this.#lifecycle.state === "closed") return;
    this.#lifecycle.emit({ type: "member", ...told }, levelOf(told));
    try {
      const done: unknown = this.settings.onMember?.(told, endpoint);
      // An async function is one that returns nothing, as far as its type tells.
      if (done !== undefined) Promise.resolve(done).catch((error: unknown) => this.fault(error));
    } catch (error) {
      this.fault(error);
    }
  }

  #prover(id: number, endpoint: T, opened: Moment): Prover {
    const { probe, probeTimeout: timeout } = this.settings;
    const ping = (signal: AbortSignal): unknown => (endpoint as T & Pingable).ping({ signal, timeout });
    return new Prover({
      probe: probe === undefined ? ping : probe === false ? () => {} : (signal) => probe(endpoint, signal),
      timeout,
      action: `get an answer of member ${id} of the ${this.#lifecycle.name}`,
      owner: this.#lifecycle.draining,
      moment: () => this.moment(),
      // That it could be opened was an answer to a ping, and none to what the caller asks for.
    }, probe === undefined ? opened : never);
  }

  #staying(): number {
    return this.members.reduce((sum, { stays }) => stays ? sum + 1 : sum, 0);
  }
}

const never: Moment = { turn: -1, time: -Infinity };

/** How loud it is. What the pool does on purpose is none of anybody's worries. */
function levelOf({ by, change, why }: MemberNews): EventLevel {
  switch (change) {
    case "refused":
      return "error";
    case "failed":
    case "down":
      return "warn";
    case "retired":
      return why === "probe" || why === "discarded" || why === "refused" ? "warn" : "info";
    case "closed":
      return by === "peer" ? "warn" : "info";
    case "opening":
      return "debug";
    default:
      return "info";
  }
}
