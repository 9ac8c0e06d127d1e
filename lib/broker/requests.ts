import { SequenceTable } from "../flow/table.ts";
import type { Blocks } from "./blocks.ts";
import type { Context } from "./context.ts";
import type { Copy } from "./copy.ts";
import type { Lane } from "./lane.ts";
import { COPY_COST } from "./memory.ts";
import { BUSY, CLOSING, OVERLOAD, refused } from "./refusals.ts";
import { type Asker, type Reply, Request, type RequestOrigin, type RequestOwner } from "./request.ts";
import type { Topic, Topics } from "./topics.ts";

/** What a request is made of. */
export interface RequestOptions extends RequestOrigin {
  /** `encode` takes the memory for the body from these blocks. */
  readonly pooled?: boolean | undefined;
  /** Its body, with the identity by which the reply finds it: a prefix, and a number behind it. */
  encode(prefix: string, number: number, blocks: Blocks): Uint8Array;
}

/**
 * Requests that wait for their answers. Each group with responders gets a copy, and the first reply wins; with no
 * responder a request waits until its time is over for one to come.
 */
export class Requests implements RequestOwner {
  readonly #context: Context;
  readonly #topics: Topics;
  readonly #limit: number;
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
    return this.#byNumber.size;
  }

  /** Takes a request on. Returns why not, if so. */
  open(options: RequestOptions, order: number): string | undefined {
    const { asker } = options;
    // As many as it leaves for others: however few sessions ask for however much, there is a place for one that has none.
    if (asker.requests.size >= this.#limit - this.size) return BUSY;
    const { alarms, memory, time } = this.#context;
    const number = ++this.#count;
    const body = options.encode(this.prefix, number, memory.blocks);
    const request = new Request(memory, order, number, options, body, options.pooled, this);
    const { topic: name } = options;
    const known = this.#topics.get(name);
    const refusal = this.#admit(known, request);
    if (refusal !== undefined) {
      if (options.pooled === true) memory.blocks.give(body);
      return refusal;
    }
    request.hold();
    this.#byNumber.set(number, request);
    asker.requests.add(request);
    alarms.set(request, options.ttl, time);
    const topic = known ?? this.#topics.open(name)!;
    request.home = topic;
    topic.pending.add(request);
    this.#topics.review(topic);
    const { responders } = topic;
    if (responders.length === 1) this.#offer(request, responders[0]!);
    else for (const lane of [...responders]) this.#offer(request, lane);
    request.settle();
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
      let has = request.responders > 0;
      request.forEachCopy(({ home, list }) => has ||= home === lane && list !== undefined);
      if (!has) this.#offer(request, lane);
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
    const pending = [...this.#topics].flatMap((topic) => [...topic.pending]);
    for (const request of pending.sort((one, other) => one.number - other.number)) {
      if (all || request.responders === 0) this.fail(request, CLOSING);
    }
  }

  expire(request: Request): void {
    this.#context.tick();
    const why = request.responders > 0 ? "no reply" : "no responder";
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

  #admit(topic: Topic | undefined, request: Request): string | undefined {
    if (topic === undefined && !this.#topics.hasRoomFor([request.topic])) return OVERLOAD;
    const responders = topic === undefined ? 0 : topic.responders.length;
    if (responders > 0 && topic!.responders.every(isFull)) return BUSY;
    return request.fits(responders + 1) ? undefined : OVERLOAD;
  }

  #offer(request: Request, lane: Lane): void {
    if (lane.refuses || !this.#context.memory.hasRoomFor(COPY_COST)) return;
    const copy = lane.offer(request);
    if (copy !== undefined) request.copied(copy);
  }

  #finish(request: Request): void {
    if (request.done) return;
    request.done = true;
    this.#context.alarms.clear(request);
    this.#byNumber.take(request.number);
    request.asker.requests.remove(request);
    request.forEachCopy(finishCopy);
    request.release();
    const topic = request.home!;
    topic.pending.remove(request);
    this.#topics.review(topic);
    this.#context.changed();
  }
}

/** Nobody owes an answer to it any longer, nor is it pushed to anybody. */
function finishCopy(copy: Copy): void {
  copy.message.ask!.returned(copy);
  copy.home.withdraw(copy, "request");
}

function isFull(lane: Lane): boolean {
  return lane.refuses;
}
