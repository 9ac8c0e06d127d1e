import type { Command } from "../eventmesh/wire/mod.ts";
import type { WheelTimer } from "../lifecycle/wheel.ts";
import type { Context } from "./context.ts";
import { type Copy, CopyList, type Home } from "./copy.ts";
import type { Holder } from "./message.ts";

/** How a message is pushed; the acknowledgement has the same name with `_ACK`. */
export type PushCommand = Extract<
  Command,
  "REQUEST_TO_CLIENT" | "ASYNC_MESSAGE_TO_CLIENT" | "BROADCAST_MESSAGE_TO_CLIENT"
>;

/** Where pushes are written. */
export interface PushSink {
  /** False while the peer does not take what was written. */
  readonly writable: boolean;
  push(command: PushCommand, copy: Copy): void;
}

/** A queue that has something for a consumer which could not take it. */
export interface Feeder {
  /** Gives it what it may have. */
  feed(): void;
}

/**
 * A session that is pushed messages: what it has not acknowledged, and how much more it may get.
 *
 * An acknowledgement is awaited for `ackTimeout` from the push, or from the acknowledgement of the push before it if that
 * is later. So a slow session that goes on working through what it has is not overtaken by redelivery, and one that
 * hangs loses everything after one timeout. A session that let a push time out and acknowledged nothing meanwhile is
 * suspect for as long again: it gets new pushes only where nobody else is.
 *
 * What comes back without an acknowledgement counts as a failure of the message whose turn it was, and not of those that
 * waited behind it: a session that crashes over and over, or is cut over and over, costs one message and not all it had.
 */
export class Consumer implements Holder {
  readonly id: number;
  readonly group: string;
  /** What it has not acknowledged, in the order of the pushes. */
  readonly unacked: CopyList = new CopyList();
  owed = 0;
  readonly #context: Context;
  readonly #sink: PushSink;
  #waiting: Set<Feeder> | undefined = undefined;
  #stopped = false;
  #lastAck = -Infinity;
  #timer: WheelTimer | undefined = undefined;
  #suspicion: WheelTimer | undefined = undefined;

  constructor(context: Context, id: number, group: string, sink: PushSink) {
    this.#context = context;
    this.id = id;
    this.group = group;
    this.#sink = sink;
  }

  /** Queues that wait for it. */
  get waiting(): Set<Feeder> {
    return this.#waiting ??= new Set();
  }

  /** It may be pushed one more. */
  get ready(): boolean {
    return this.unacked.length < this.#context.settings.unackedPerSession && this.#sink.writable &&
      !this.#stopped;
  }

  /** It seems to hang. */
  get suspect(): boolean {
    return this.#suspicion !== undefined;
  }

  /** Pushes a copy that is in no list. */
  take(copy: Copy, command: PushCommand): void {
    const context = this.#context;
    copy.deliveries++;
    copy.seq = context.nextSeq();
    copy.clock = context.time;
    copy.due = this.unacked.length === 0;
    copy.last = this;
    context.flights.set(copy.seq, copy);
    this.unacked.push(copy);
    this.#timer ??= context.timers.add(context.settings.ackTimeout, this);
    copy.message.ask?.taken(copy);
    context.ledger.pushed++;
    if (copy.deliveries > 1) context.ledger.redelivered++;
    this.#sink.push(command, copy);
  }

  /** The peer acknowledges a push. False when none of that number is outstanding here. */
  ack(seq: number): boolean {
    this.#lastAck = this.#context.time;
    if (this.#suspicion !== undefined) this.#trust();
    const copy = this.#context.flights.get(seq);
    if (copy === undefined || copy.list !== this.unacked) {
      this.wake();
      return false;
    }
    this.settle(copy);
    return true;
  }

  /** The peer is done with a push. */
  settle(copy: Copy): void {
    const { next } = copy;
    if (next !== undefined) {
      next.clock = this.#context.time;
      next.due = true;
    }
    this.#drop(copy);
    copy.home.acked(copy);
    this.wake();
    this.#context.changed();
  }

  /** It can take more: lets the queues that wait have their turns. */
  wake(): void {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    for (let turns = waiting.size; turns > 0 && this.ready; turns--) {
      const [feeder] = waiting;
      waiting.delete(feeder!);
      feeder!.feed();
    }
  }

  /** No more pushes; acknowledgements still count. */
  stop(): void {
    this.#stopped = true;
  }

  /** The session has ended: what it has not acknowledged goes back. */
  close(): void {
    this.stop();
    this.#trust();
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#giveBack([...this.unacked], true);
  }

  onDeadline(): void {
    this.#timer = undefined;
    const { time, settings } = this.#context;
    const due = time - settings.ackTimeout;
    const late: Copy[] = [];
    for (let copy = this.unacked.head; copy !== undefined && copy.clock <= due; copy = copy.next) {
      late.push(copy);
    }
    const [first] = late;
    if (first !== undefined && this.#lastAck < first.clock) this.#suspect();
    this.#giveBack(late, false);
    const { head } = this.unacked;
    if (head !== undefined) this.#timer ??= this.#context.timers.add(head.clock - due, this);
  }

  /** The last one first: what returns is mostly older than what waits, so each finds its place at the head. */
  #giveBack(copies: readonly Copy[], gone: boolean): void {
    if (copies.length === 0) return;
    copies[0]!.due = true;
    const homes = new Set<Home>();
    for (let i = copies.length - 1; i >= 0; i--) {
      const copy = copies[i]!;
      this.#drop(copy);
      copy.message.ask?.returned(copy);
      if (copy.due) copy.failures++;
      copy.home.back(copy, gone);
      homes.add(copy.home);
    }
    for (const home of homes) home.resume();
    this.wake();
    this.#context.changed();
  }

  /** For as long as a push may take; then it gets another chance. */
  #suspect(): void {
    this.#suspicion?.cancel();
    this.#suspicion = this.#context.timers.add(this.#context.settings.ackTimeout, {
      onDeadline: () => {
        this.#suspicion = undefined;
        this.wake();
      },
    });
  }

  #trust(): void {
    this.#suspicion?.cancel();
    this.#suspicion = undefined;
  }

  #drop(copy: Copy): void {
    this.#context.flights.take(copy.seq);
    this.unacked.remove(copy);
  }
}
