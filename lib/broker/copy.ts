import type { DropCause } from "./ledger.ts";
import type { Holder, Message } from "./message.ts";

/** The queue that a copy belongs to, and returns to. */
export interface Home {
  /** It was acknowledged. */
  acked(copy: Copy): void;
  /** It comes back; `gone`: because its holder has ended. Nothing leaves the queue before `resume` is called. */
  back(copy: Copy, gone: boolean): void;
  /** All that comes back has come back. */
  resume(): void;
  /** Takes it out of the queue, if it is there. */
  withdraw(copy: Copy, cause: DropCause): void;
}

/** One copy of a message: in the queue of a group, or with the session it was pushed to. */
export class Copy {
  readonly message: Message;
  readonly home: Home;
  /** Pushes so far. */
  deliveries = 0;
  /** Pushes that came to nothing although its turn had come. */
  failures = 0;
  /** It is the turn of its last push: the ones before it were acknowledged. */
  due = false;
  /** Sequence number of the last push. */
  seq = 0;
  /** Since when its acknowledgement is awaited: see {@linkcode Consumer}. */
  clock = 0;
  /** Who was pushed it last. */
  last: Holder | undefined = undefined;
  /** That one owes an answer to the request that it is. */
  owed = false;
  /** Where it is. Undefined when it is in no queue and with nobody. */
  list: CopyList | undefined = undefined;
  previous: Copy | undefined = undefined;
  next: Copy | undefined = undefined;

  constructor(message: Message, home: Home) {
    this.message = message;
    this.home = home;
  }
}

/** A list of copies. A copy is in one list at a time. */
export class CopyList implements Iterable<Copy> {
  head: Copy | undefined = undefined;
  tail: Copy | undefined = undefined;
  length = 0;

  /** Adds it at the end. */
  push(copy: Copy): void {
    this.#link(copy, this.tail, undefined);
  }

  /** Adds it where it belongs by the order of its message; quick for one that is older than most. */
  insert(copy: Copy): void {
    const { order } = copy.message;
    let next = this.head;
    while (next !== undefined && next.message.order < order) next = next.next;
    this.#link(copy, next === undefined ? this.tail : next.previous, next);
  }

  remove(copy: Copy): void {
    const { previous, next } = copy;
    if (previous === undefined) this.head = next;
    else previous.next = next;
    if (next === undefined) this.tail = previous;
    else next.previous = previous;
    copy.list = copy.previous = copy.next = undefined;
    this.length--;
  }

  *[Symbol.iterator](): Generator<Copy> {
    for (let copy = this.head; copy !== undefined; copy = copy.next) yield copy;
  }

  #link(copy: Copy, previous: Copy | undefined, next: Copy | undefined): void {
    copy.list = this;
    copy.previous = previous;
    copy.next = next;
    if (previous === undefined) this.head = copy;
    else previous.next = copy;
    if (next === undefined) this.tail = copy;
    else next.previous = copy;
    this.length++;
  }
}
