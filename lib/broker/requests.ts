import type { EventProtocol } from "../eventmesh/wire/mod.ts";
import type { Context } from "./context.ts";
import type { Lane } from "./lane.ts";
import { COPY_COST } from "./memory.ts";
import { Message } from "./message.ts";
import { BUSY, CLOSING, OVERLOAD, refused } from "./refusals.ts";
import { type Asker, type Reply, Request } from "./request.ts";
import type { Topic, Topics } from "./topics.ts";

/** What a request is made of. */
export interface RequestOptions {
  readonly asker: Asker;
  readonly seq: string;
  readonly topic: string;
  readonly protocol: EventProtocol;
  /** Milliseconds until it is given up. */
  readonly ttl: number;
  /** Its body, with the identity by which the reply finds it. */
  encode(id: string): Uint8Array;
}

/**
 * Requests that wait for their answers. Each group with responders gets a copy, and the first reply wins; with no
 * responder a request waits until its time is over for one to come.
 */
export class Requests implements Iterable<Request> {
  readonly #context: Context;
  readonly #topics: Topics;
  readonly #limit: number;
  readonly #pending: Map<string, Request> = new Map();
  readonly #prefix: string = crypto.randomUUID().replaceAll("-", "").slice(0, 16);
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
    return this.#pending.values();
  }

  /** Takes a request on. Returns why not, if so. */
  open(options: RequestOptions, order: number): string | undefined {
    const { asker, seq, protocol, ttl } = options;
    if (this.#pending.size >= this.#limit) return BUSY;
    const id = `${this.#prefix}${++this.#count}`;
    const request = new Request(id, options.topic, protocol, seq, asker, (late) => this.#expire(late, ttl));
    const message = new Message(
      this.#context.memory,
      order,
      options.topic,
      protocol,
      options.encode(id),
      request,
    );
    const refusal = this.#admit(request, message);
    if (refusal !== undefined) return refusal;
    request.message = message;
    message.hold();
    this.#pending.set(id, request);
    asker.requests.add(request);
    request.timer = this.#context.timers.add(ttl, request);
    const topic = this.#topics.open(options.topic)!;
    topic.pending.add(request);
    this.#topics.review(topic);
    for (const lane of [...topic.responders]) this.#offer(request, lane);
    message.settle();
    return undefined;
  }

  /** A reply has come. False when nobody waits for it. */
  answer(id: string, reply: Reply): boolean {
    const request = this.#pending.get(id);
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
    const request = this.#pending.get(id);
    if (request === undefined) this.#context.ledger.strayReplies++;
    else this.fail(request, refusal);
  }

  /** There will be no answer: the requester is told why. */
  fail(request: Request, refusal: string): void {
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
    for (const request of [...asker.requests]) {
      this.#context.ledger.unconfirmed++;
      this.#finish(request);
    }
  }

  /** The broker ends: gives up the requests that no responder has got, or all of them. */
  close(all: boolean): void {
    for (const request of [...this.#pending.values()]) {
      if (all || request.responders.length === 0) this.fail(request, CLOSING);
    }
  }

  #admit(request: Request, message: Message): string | undefined {
    const topic = this.#topics.get(request.topic);
    if (topic === undefined && !this.#topics.hasRoomFor([request.topic])) return OVERLOAD;
    const lanes = topic?.responders ?? [];
    if (lanes.length > 0 && lanes.every((lane) => lane.refuses)) return BUSY;
    return this.#context.memory.fits(message.body, lanes.length + 1) ? undefined : OVERLOAD;
  }

  #offer(request: Request, lane: Lane): void {
    if (lane.refuses || !this.#context.memory.hasRoomFor(COPY_COST)) return;
    const copy = lane.offer(request.message!);
    if (copy !== undefined) request.copies.push(copy);
  }

  #expire(request: Request, ttl: number): void {
    const why = request.responders.length > 0 ? "no reply" : "no responder";
    this.fail(request, refused(`request to "${request.topic}" timed out after ${ttl} ms: ${why}`));
  }

  #finish(request: Request): void {
    request.done = true;
    request.timer?.cancel();
    request.timer = undefined;
    this.#pending.delete(request.id);
    request.asker.requests.delete(request);
    for (const responder of request.responders.splice(0)) responder.owed--;
    for (const copy of request.copies) copy.home.withdraw(copy, "request");
    request.message!.release();
    const topic = this.#topics.get(request.topic);
    if (topic !== undefined) {
      topic.pending.delete(request);
      this.#topics.review(topic);
    }
    this.#context.changed();
  }
}
