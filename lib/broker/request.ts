import type { EventProtocol } from "../eventmesh/wire/mod.ts";
import type { WheelTarget, WheelTimer } from "../lifecycle/wheel.ts";
import type { Copy } from "./copy.ts";
import type { Ask, Holder, Message } from "./message.ts";
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

/** Most requests begin with these, and none may ever stand in them. */
const noCopies: Copy[] = [];
const noHolders: Holder[] = [];

/** A request that waits for its answer. */
export class Request implements Ask, WheelTarget {
  /** Unique within the broker, rising. */
  readonly number: number;
  readonly topic: string;
  readonly protocol: EventProtocol;
  /** The requester's own number for it, as it is written again: a number when it came as ten digits. */
  readonly seq: number | string;
  readonly asker: Asker;
  /** Milliseconds that it was given. */
  readonly ttl: number;
  readonly #owner: RequestOwner;
  /** With the correlation properties in its body. */
  message: Message | undefined = undefined;
  home: Topic | undefined = undefined;
  /** One per group that has responders. */
  copies: Copy[] = noCopies;
  /** Who has got it and may answer. */
  responders: Holder[] = noHolders;
  timer: WheelTimer | undefined = undefined;
  done = false;
  /** Its places in the bags of its broker, its requester and its topic. */
  atBroker = 0;
  atAsker = 0;
  atTopic = 0;

  constructor(
    number: number,
    topic: string,
    protocol: EventProtocol,
    seq: number | string,
    asker: Asker,
    ttl: number,
    owner: RequestOwner,
  ) {
    this.number = number;
    this.topic = topic;
    this.protocol = protocol;
    this.seq = seq;
    this.asker = asker;
    this.ttl = ttl;
    this.#owner = owner;
  }

  /** A group has got a copy. */
  copied(copy: Copy): void {
    // Mostly the only one, for which a list that grows would be large.
    if (this.copies === noCopies) this.copies = [copy];
    else this.copies.push(copy);
  }

  taken(by: Holder): void {
    if (this.responders === noHolders) this.responders = [by];
    else this.responders.push(by);
    by.owed++;
  }

  returned(by: Holder): void {
    const at = this.responders.indexOf(by);
    if (at < 0) return;
    this.responders = this.responders.toSpliced(at, 1);
    by.owed--;
  }

  /** Nobody owes an answer any longer. */
  forgive(): void {
    const { responders } = this;
    this.responders = noHolders;
    for (let i = 0; i < responders.length; i++) responders[i]!.owed--;
  }

  onDeadline(): void {
    this.timer = undefined;
    this.#owner.expire(this);
  }
}
