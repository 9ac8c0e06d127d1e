import type { EventProtocol } from "../eventmesh/wire/mod.ts";
import { SequenceTable } from "../flow/table.ts";
import type { Blocks } from "./blocks.ts";
import type { Context } from "./context.ts";
import type { Lane } from "./lane.ts";
import { COPY_COST } from "./memory.ts";
import { Message } from "./message.ts";
import { BUSY, CLOSING, OVERLOAD, refused } from "./refusals.ts";
import { type Asker, type Reply, Request, type RequestOwner } from "./request.ts";
import { RequestBag } from "./request_bag.ts";
import type { Topic, Topics } from "./topics.ts";

/** What a request is made of. */
export interface RequestOptions {
  readonly asker: Asker;
  readonly seq: number | string;
  readonly topic: string;
  readonly protocol: EventProtocol;
  /** Milliseconds until it is given up. */
  readonly ttl: number;
  /** `encode` takes the memory for the body from these blocks. */
  readonly pooled?: boolean | undefined;
  /** Its body, with the identity by which the reply finds it: a prefix, and a number behind it. */
  encode(prefix: string, number: number, blocks: Blocks): Uint8Array;
}

/**
 * Requests that wait for their answers. Each group with responders gets a copy, and the first reply wins; with no
 * responder a request waits until its time is over for one to come.
 */
export class Requests implements Iterable<Request>, RequestOwner {
  readonly #context: Context;
  readonly #topics: Topics;
  readonly #limit: number;
  readonly #pending: RequestBag = new RequestBag("atBroker");
  // No map: V8 keeps the tables that a map has outgrown as a chain, and with them what they had.
  readonly #byNumber: SequenceTable<Request> = new SequenceTable(16_384);
  /** What every identity begins with: no client that was never sent a request can guess it. */
  readonly prefix: string = crypto.randomUUID().replaceAll("-", "").slice(0, 16);
  #count = 0;

  constructor(context: Context, topics: Topics, limit: number) {
    this.#context = context;
    this.#topics = topics;
    this.#limit = limit;
  }

  get size(): number {
    return this.#pending.size;
  }

  [Symbol.iterator](): IterableIterator<Request> {
    return this.#pending[Symbol.iterator]();
  }

  /** Takes a request on. Returns why not, if so. */
  open(options: RequestOptions, order: number): string | undefined {
    const { asker, seq, protocol, topic: name, ttl } = options;
    // As many as it leaves for others: however few sessions ask for however much, there is a place for one that has none.
    if (asker.requests.size >= this.#limit - this.#pending.size) return BUSY;
    const context = this.#context;
    const number = ++this.#count;
    const request = new Request(number, name, protocol, seq, asker, ttl, this);
    const { memory } = context;
    const body = options.encode(this.prefix, number, memory.blocks);
    const message = new Message(memory, order, name, protocol, body, request, options.pooled);
    const refusal = this.#admit(name, message);
    if (refusal !== undefined) {
      if (options.pooled === true) memory.blocks.give(body);
      return refusal;
    }
    request.message = message;
    message.hold();
    this.#byNumber.set(number, request);
    this.#pending.add(request);
    asker.requests.add(request);
    request.timer = context.alarms.add(ttl, request);
    const topic = this.#topics.open(name)!;
    request.home = topic;
    topic.pending.add(request);
    this.#topics.review(topic);
    const { responders } = topic;
    if (responders.length === 1) this.#offer(request, responders[0]!);
    else for (const lane of [...responders]) this.#offer(request, lane);
    message.settle();
    return undefined;
  }

  /** A reply has come. False when nobody waits for it. A number is what stands behind the prefix of the identity. */
  answer(id: string | number, reply: Reply): boolean {
    const request = typeof id === "number" ? this.#byNumber.get(id) : this.#find(id);
    if (request === undefined) {
      this.#context.ledger.strayReplies++;
      return false;
    }
    this.#context.ledger.confirmed++;
    this.#finish(request);
    request.asker.reply(request, reply);
    return true;
  }

  /** A reply has come that is none. */
  reject(id: string, refusal: string): void {
    const request = this.#find(id);
    if (request === undefined) this.#context.ledger.strayReplies++;
    else this.fail(request, refusal);
  }

  /** There will be no answer: the requester is told why. */
  fail(request: Request, refusal: string): void {
    if (request.done) return;
    this.#context.ledger.rejected++;
    this.#finish(request);
    request.asker.reply(request, { refusal });
  }

  /** There is a responder in this lane: it gets what nobody else has got. */
  serve(lane: Lane, topic: Topic): void {
    for (const request of topic.pending) {
      if (request.responders.length > 0 || request.copies.some(({ home, list }) => home === lane && list)) {
        continue;
      }
      this.#offer(request, lane);
    }
  }

  /** The requester is gone. */
  abandon(asker: Asker): void {
    for (const request of asker.requests) {
      this.#context.ledger.unconfirmed++;
      this.#finish(request);
    }
  }

  /** The broker ends: gives up the requests that no responder has got, or all of them. */
  close(all: boolean): void {
    for (const request of this.#pending) {
      if (all || request.responders.length === 0) this.fail(request, CLOSING);
    }
  }

  expire(request: Request): void {
    this.#context.tick();
    const why = request.responders.length > 0 ? "no reply" : "no responder";
    this.fail(request, refused(`request to "${request.topic}" timed out after ${request.ttl} ms: ${why}`));
  }

  /** The request of an identity, if it is one that was given out and waits. */
  #find(id: string): Request | undefined {
    const { prefix } = this;
    // Written in the one way that it was given out in.
    if (!id.startsWith(prefix) || id.charCodeAt(prefix.length) === 0x30) return undefined;
    let number = 0;
    for (let at = prefix.length; at < id.length; at++) {
      const digit = id.charCodeAt(at) - 0x30;
      if (digit < 0 || digit > 9) return undefined;
      number = number * 10 + digit;
    }
    return this.#byNumber.get(number);
  }

  #admit(name: string, message: Message): string | undefined {
    const topic = this.#topics.get(name);
    if (topic === undefined && !this.#topics.hasRoomFor([name])) return OVERLOAD;
    const responders = topic === undefined ? 0 : topic.responders.length;
    if (responders > 0 && topic!.responders.every(isFull)) return BUSY;
    return message.fits(responders + 1) ? undefined : OVERLOAD;
  }

  #offer(request: Request, lane: Lane): void {
    if (lane.refuses || !this.#context.memory.hasRoomFor(COPY_COST)) return;
    const copy = lane.offer(request.message!);
    if (copy !== undefined) request.copied(copy);
  }

  #finish(request: Request): void {
    if (request.done) return;
    request.done = true;
    request.timer?.cancel();
    request.timer = undefined;
    this.#byNumber.take(request.number);
    this.#pending.remove(request);
    request.asker.requests.remove(request);
    request.forgive();
    const { copies } = request;
    for (let i = 0; i < copies.length; i++) copies[i]!.home.withdraw(copies[i]!, "request");
    request.message!.release();
    const topic = request.home!;
    topic.pending.remove(request);
    this.#topics.review(topic);
    this.#context.changed();
  }
}

function isFull(lane: Lane): boolean {
  return lane.refuses;
}
