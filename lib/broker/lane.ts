import type { WheelTimer } from "../lifecycle/wheel.ts";
import type { Consumer, Feeder, PushCommand } from "./consumer.ts";
import type { Context } from "./context.ts";
import { Copy, CopyList, type Home } from "./copy.ts";
import type { DropCause } from "./ledger.ts";
import { COPY_COST } from "./memory.ts";
import type { Message } from "./message.ts";

/**
 * What a lane is for.
 *
 * - `shared`: messages of a group and topic; one member gets each. A full one refuses the publisher.
 * - `own`: messages of one broadcasting session and topic. A full one drops its oldest.
 * - `requests`: requests of a group and topic; one member gets each. What it holds ends with its request.
 */
export type LaneKind = "shared" | "own" | "requests";

/** A place in a lane. */
export class Member implements Feeder {
  readonly lane: Lane;
  readonly consumer: Consumer;
  readonly command: PushCommand;

  constructor(lane: Lane, consumer: Consumer, command: PushCommand) {
    this.lane = lane;
    this.consumer = consumer;
    this.command = command;
  }

  feed(): void {
    this.lane.feed(this);
  }
}

/**
 * The queue of a group (or of one broadcasting session) for one topic, and who is served from it.
 *
 * When the last member of a shared lane leaves, what it holds waits `groupExpiry` for a member to come back. If that
 * member was lost rather than saying goodbye, new messages are added meanwhile, as far as there is room.
 */
export class Lane implements Home {
  readonly kind: LaneKind;
  readonly topic: string;
  /** The group, or the id of the session it is for. */
  readonly owner: string;
  readonly queue: CopyList = new CopyList();
  readonly members: Member[] = [];
  /** Copies that are with members. */
  flying = 0;
  readonly #context: Context;
  readonly #onVacant: (lane: Lane) => void;
  #cursor = 0;
  /** Takes new messages although it has no member. */
  #expecting = false;
  #absence: WheelTimer | undefined = undefined;

  /** `onVacant` is called when it holds nothing, serves nobody and expects nobody. */
  constructor(
    context: Context,
    kind: LaneKind,
    topic: string,
    owner: string,
    onVacant: (lane: Lane) => void,
  ) {
    this.#context = context;
    this.kind = kind;
    this.topic = topic;
    this.owner = owner;
    this.#onVacant = onVacant;
  }

  /** Copies in the queue and with members. */
  get held(): number {
    return this.queue.length + this.flying;
  }

  /** It holds nothing, serves nobody and expects nobody: as good as new. */
  get vacant(): boolean {
    return this.members.length === 0 && this.held === 0 && !this.#expecting;
  }

  /** Whether a message for it can only be refused. */
  get refuses(): boolean {
    return this.members.length > 0 && this.kind !== "own" && this.#full;
  }

  get #full(): boolean {
    return this.held >= this.#context.settings.queue;
  }

  /** Adds a copy of a message and pushes it when a member may have it. Undefined when it is not wanted here. */
  offer(message: Message): Copy | undefined {
    const { ledger, memory } = this.#context;
    if (this.members.length === 0) {
      if (!this.#expecting) return undefined;
      if (this.#full || memory.tight) {
        ledger.received++;
        this.#lose("overflow");
        return undefined;
      }
    }
    const copy = new Copy(message, this);
    message.hold();
    ledger.received++;
    // With more in the queue nobody is ready: the members are told when they are.
    if (this.queue.length === 0 && !this.#context.paused) {
      const member = this.#pick(copy);
      if (member !== undefined) {
        this.#push(copy, member);
        return copy;
      }
    }
    this.queue.push(copy);
    if (this.queue.length === 1) this.resume();
    else this.#trim();
    if (copy.list === this.queue) message.settle();
    return copy;
  }

  /** Adds what was retained before its first member came, as far as there is room. */
  catchUp(messages: readonly Message[]): void {
    for (const message of [...messages]) {
      if (this.#context.memory.hasRoomFor(COPY_COST) && !this.#full) this.offer(message);
    }
  }

  /** Pushes what members may have. */
  resume(): void {
    if (this.members.length === 0) return this.#await();
    this.#trim();
    for (let copy = this.queue.head; copy !== undefined && !this.#context.paused; copy = this.queue.head) {
      const member = this.#pick(copy);
      if (member === undefined) {
        for (const waiting of this.members) waiting.consumer.waiting.add(waiting);
        return;
      }
      this.#send(copy, member);
    }
  }

  /** A member that could not take more is ready. It gets some, then the other queues that wait for it have a turn. */
  feed(member: Member): void {
    const { consumer } = member;
    if (!consumer.suspect || this.#allSuspect()) {
      for (let turn = 0; turn < feedSize && consumer.ready && !this.#context.paused; turn++) {
        const copy = this.queue.head;
        if (copy === undefined) return;
        this.#send(copy, member);
      }
    }
    if (this.queue.head !== undefined) consumer.waiting.add(member);
  }

  join(consumer: Consumer, command: PushCommand): Member {
    const member = new Member(this, consumer, command);
    this.members.push(member);
    this.#expecting = false;
    this.#absence?.cancel();
    this.#absence = undefined;
    this.resume();
    return member;
  }

  /** `lost`: without a goodbye, so it may come back. */
  leave(member: Member, lost: boolean): void {
    this.members.splice(this.members.indexOf(member), 1);
    member.consumer.waiting.delete(member);
    if (this.members.length > 0) return this.resume();
    if (this.kind === "own") this.clear("session");
    this.#expecting = lost && this.kind === "shared";
    this.#await();
  }

  acked(copy: Copy): void {
    this.flying--;
    this.#context.ledger.acked++;
    copy.message.release();
    this.#settle();
  }

  back(copy: Copy, gone: boolean): void {
    const { ledger, settings } = this.#context;
    this.flying--;
    const cause = this.#causeToDrop(copy, gone, settings.maxDeliveries);
    if (cause !== undefined) {
      this.#lose(cause);
      copy.message.release();
      return;
    }
    ledger.returned++;
    ledger.received++;
    this.queue.insert(copy);
    copy.message.settle();
  }

  withdraw(copy: Copy, cause: DropCause): void {
    if (copy.list !== this.queue) return;
    this.#discard(copy, cause);
    this.#settle();
  }

  /** Drops what is in the queue. */
  clear(cause: DropCause): void {
    for (let copy = this.queue.head; copy !== undefined; copy = this.queue.head) this.#discard(copy, cause);
  }

  /** The end of the broker: drops everything that is in the queue and expects nobody. */
  end(): void {
    this.#expecting = false;
    this.clear("end");
    this.#settle();
  }

  /** Its group has been away for too long. */
  onDeadline(): void {
    this.#absence = undefined;
    this.#expecting = false;
    this.clear("absence");
    this.#settle();
  }

  #causeToDrop(copy: Copy, gone: boolean, maxDeliveries: number): DropCause | undefined {
    if (copy.message.ask?.done === true) return "request";
    if (this.kind === "own" && (gone || this.members.length === 0)) return "session";
    return copy.failures >= maxDeliveries ? "deliveries" : undefined;
  }

  #send(copy: Copy, member: Member): void {
    this.queue.remove(copy);
    this.#push(copy, member);
  }

  #push(copy: Copy, { consumer, command }: Member): void {
    this.flying++;
    consumer.take(copy, command);
  }

  /**
   * The member that gets a copy: ready, not suspect unless all are, rather another than the one that had it before, and
   * with the least outstanding among the next few in turn.
   */
  #pick(copy: Copy): Member | undefined {
    const { members } = this;
    if (members.length === 1) {
      this.#cursor = 1;
      return members[0]!.consumer.ready ? members[0] : undefined;
    }
    let best = -1;
    let bestRank = Infinity;
    let compared = 0;
    for (let i = 0; i < members.length && compared < compareSize; i++) {
      const at = (this.#cursor + i) % members.length;
      const { consumer } = members[at]!;
      if (!consumer.ready || consumer.suspect) continue;
      compared++;
      const rank = consumer.unacked.length + (consumer === copy.last ? lastRank : 0);
      if (rank >= bestRank) continue;
      best = at;
      bestRank = rank;
      if (rank === 0) break;
    }
    if (best < 0 && this.#allSuspect()) {
      best = members.findIndex(({ consumer }) => consumer.ready && consumer !== copy.last);
      if (best < 0) best = members.findIndex(({ consumer }) => consumer.ready);
    }
    if (best < 0) return undefined;
    this.#cursor = best + 1;
    return members[best];
  }

  #allSuspect(): boolean {
    return this.members.every(({ consumer }) => consumer.suspect);
  }

  #trim(): void {
    if (this.kind !== "own") return;
    while (this.queue.length > this.#context.settings.queue) this.#discard(this.queue.head!, "overflow");
  }

  #discard(copy: Copy, cause: DropCause): void {
    this.queue.remove(copy);
    this.#lose(cause);
    copy.message.release();
  }

  #lose(cause: DropCause): void {
    this.#context.ledger.drops[cause]++;
    if (cause === "overflow" || cause === "deliveries" || cause === "absence") this.#context.lost(cause);
  }

  /** Nobody is there: the time for somebody to come starts, unless there is nothing to keep. */
  #await(): void {
    const { timers, settings } = this.#context;
    if (this.kind === "shared" && (this.held > 0 || this.#expecting)) {
      this.#absence ??= timers.add(settings.groupExpiry, this);
    }
    this.#settle();
  }

  #settle(): void {
    if (!this.vacant) return;
    this.#absence?.cancel();
    this.#absence = undefined;
    this.#onVacant(this);
  }
}

/** Copies that a member gets before the next queue that waits for it. */
const feedSize = 16;
/** Members that are compared for each copy. */
const compareSize = 8;
/** More than any session may have outstanding. */
const lastRank = 2 ** 31;
