import type { EventProtocol } from "../eventmesh/wire/mod.ts";
import type { WheelNode } from "../lifecycle/wheel.ts";
import type { Copy } from "./copy.ts";
import type { Memory } from "./memory.ts";
import { type Ask, Message } from "./message.ts";
import type { RequestBag } from "./request_bag.ts";
import type { Topic } from "./topics.ts";

/** What a requester gets: the answer, or why there is none. */
export type Reply =
  | { readonly protocol: EventProtocol; readonly body: Uint8Array }
  | { readonly refusal: string };

/** A session that has made requests. */
export interface Asker {
  /** Its requests that are not answered. */
  readonly requests: RequestBag;
  reply(request: Request, reply: Reply): void;
}

/** Told that the time of a request is over. */
export interface RequestOwner {
  expire(request: Request): void;
}

/** What a request is beside its message. */
export interface RequestOrigin {
  readonly asker: Asker;
  /** The requester's own number for it, as it is written again: a number when it came as ten digits. */
  readonly seq: number | string;
  readonly topic: string;
  readonly protocol: EventProtocol;
  /** Milliseconds until it is given up. */
  readonly ttl: number;
}

/** Most requests have one copy, and no others may ever stand in this. */
const noCopies: Copy[] = [];

/** A request that waits for its answer: a message with the correlation properties in its body. */
export class Request extends Message implements Ask, WheelNode {
  /** Unique within the broker, rising. */
  readonly number: number;
  readonly seq: number | string;
  readonly asker: Asker;
  /** Milliseconds that it was given. */
  readonly ttl: number;
  readonly #owner: RequestOwner;
  home: Topic | undefined = undefined;
  done = false;
  /** How many have got it and may answer. */
  responders = 0;
  /** Its places in the bags of its requester and its topic. */
  atAsker = 0;
  atTopic = 0;
  due = 0;
  earlier: WheelNode | undefined = undefined;
  later: WheelNode | undefined = undefined;
  /** One for each group that has responders. */
  #copy: Copy | undefined = undefined;
  #others: Copy[] = noCopies;

  constructor(
    memory: Memory,
    order: number,
    number: number,
    { asker, protocol, seq, topic, ttl }: RequestOrigin,
    body: Uint8Array,
    pooled: boolean | undefined,
    owner: RequestOwner,
  ) {
    super(memory, order, topic, protocol, body, pooled);
    this.ask = this;
    this.number = number;
    this.asker = asker;
    this.seq = seq;
    this.ttl = ttl;
    this.#owner = owner;
  }

  /** A group has got a copy. */
  copied(copy: Copy): void {
    if (this.#copy === undefined) this.#copy = copy;
    else if (this.#others === noCopies) this.#others = [copy];
    else this.#others.push(copy);
  }

  /** Calls `look` with every copy. */
  forEachCopy(look: (copy: Copy) => void): void {
    if (this.#copy !== undefined) look(this.#copy);
    for (let i = 0; i < this.#others.length; i++) look(this.#others[i]!);
  }

  taken(copy: Copy): void {
    copy.owed = true;
    copy.last!.owed++;
    this.responders++;
  }

  returned(copy: Copy): void {
    if (!copy.owed) return;
    copy.owed = false;
    copy.last!.owed--;
    this.responders--;
  }

  onDeadline(): void {
    this.#owner.expire(this);
  }
}
