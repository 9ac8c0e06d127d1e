import { OverflowError, TimeoutError } from "../errors.ts";
import { type AbortLink, onAbort } from "../lifecycle/abort.ts";
import { type Deferred, deferred, ignoreRejection } from "../lifecycle/deferred.ts";
import { checkNames } from "../lifecycle/option.ts";
import { checkDuration } from "../lifecycle/timer.ts";
import type { TimerWheel, WheelTimer } from "../lifecycle/wheel.ts";
import type { MessageData } from "../messaging/connection.ts";
import type { DeliveredMessage, Message } from "../messaging/message.ts";
import { checkSignal, wrong } from "../messaging/option.ts";
import type { NatsRequestManyOptions } from "./api.ts";
import { Outgoing } from "./outgoing.ts";
import type { Publisher } from "./publisher.ts";
import type { Gatherer } from "./requests.ts";

/** Replies, and bytes of them, that are held for a loop that is slower than they come. */
const capacity = 1_000;
const capacityBytes = 16 * 1_024 * 1_024;

/** What is asked of many. */
export interface ManyRequest {
  readonly publisher: Publisher;
  readonly wheel: TimerWheel;
  readonly topic: string;
  readonly data: MessageData;
  readonly options: NatsRequestManyOptions;
  readonly maxPayload: number;
}

/**
 * Sends a request and iterates over its replies. It is sent with the call; what is wrong is told by the first turn.
 *
 * @throws {TypeError | RangeError | MessageTooLargeError} before anything is sent.
 */
export function requestMany(request: ManyRequest): AsyncIterableIterator<Message> {
  const { options } = request;
  checkNames(options, ["signal", "count", "timeout", "stall", "id", "properties"]);
  checkSignal(options.signal);
  const { count = Infinity, timeout = 5_000, stall = Infinity } = options;
  checkDuration("timeout", timeout);
  checkDuration("stall", stall);
  if (count !== Infinity && !(Number.isInteger(count) && count >= 1)) {
    const error = wrong("count", "a whole number from 1", count);
    throw typeof count === "number" ? new RangeError(error.message) : error;
  }
  return new Replies(request, { count, timeout, stall });
}

interface Limits {
  readonly count: number;
  readonly timeout: number;
  readonly stall: number;
}

/** The replies to one request. By hand: `return()` of a generator waits behind a pending `next()`. */
class Replies implements AsyncIterableIterator<Message>, Gatherer {
  readonly outgoing: Outgoing;
  readonly #limits: Limits;
  readonly #wheel: TimerWheel;
  readonly #held: DeliveredMessage[] = [];
  #heldBytes = 0;
  readonly #signal: AbortSignal | undefined;
  readonly #stop = new AbortController();
  #left: number;
  #waiting: Deferred<IteratorResult<Message>> | undefined = undefined;
  #error: { readonly reason: unknown } | undefined = undefined;
  #ended = false;
  #timer: WheelTimer | undefined = undefined;
  #stallTimer: WheelTimer | undefined = undefined;
  #link: AbortLink | undefined = undefined;
  #leave: (() => void) | undefined = undefined;

  constructor(request: ManyRequest, limits: Limits) {
    const { data, maxPayload, options, publisher, topic, wheel } = request;
    const outgoing = new Outgoing("request answers of", topic, data, options, maxPayload);
    publisher.requests.check(outgoing);
    const { signal } = options;
    this.outgoing = outgoing;
    this.#signal = signal;
    this.#limits = limits;
    this.#wheel = wheel;
    this.#left = limits.count;
    if (signal?.aborted === true) {
      this.#end({ reason: signal.reason });
      return;
    }
    // Before anything is set up for it: on a connection that ends, nothing would take that down again.
    const refusal = publisher.refused(`request answers of "${topic}"`);
    if (refusal !== undefined) {
      this.#end({ reason: refusal });
      return;
    }
    if (signal !== undefined) this.#link = onAbort(signal, (reason) => this.#end({ reason }));
    this.#timer = wheel.add(limits.timeout, { onDeadline: () => this.#expired() });
    const { reply, leave } = publisher.requests.gather(this);
    this.#leave = leave;
    outgoing.reply = reply;
    const sent = publisher.submit(outgoing, { signal: this.#stop.signal, timeout: limits.timeout });
    sent.catch((reason: unknown) => {
      // Its time is over: that is how it ends, unless nothing was sent at all.
      if (reason instanceof TimeoutError && reason.outcome === "unknown") this.#end(undefined);
      else if (!this.#ended || reason instanceof TimeoutError) this.fail(reason);
    });
    ignoreRejection(sent);
  }

  reply(message: DeliveredMessage): void {
    if (this.#ended) return;
    const { size } = message;
    // One that is larger than all the room has it for itself.
    const room = this.#held.length < capacity && this.#heldBytes + size <= capacityBytes;
    if (!room && this.#held.length > 0) return this.fail(this.#overflow());
    this.#held.push(message);
    this.#heldBytes += size;
    this.#serve();
    if (--this.#left === 0) return this.#end(undefined);
    if (this.#limits.stall === Infinity) return;
    this.#stallTimer?.cancel();
    this.#stallTimer = this.#wheel.add(this.#limits.stall, { onDeadline: () => this.#end(undefined) });
  }

  fail(reason: unknown): void {
    this.#end({ reason });
  }

  next(): Promise<IteratorResult<Message>> {
    if (this.#waiting !== undefined) {
      return Promise.reject(new TypeError("Cannot call next() of replies: another call of it is pending"));
    }
    const waiting: Deferred<IteratorResult<Message>> = deferred();
    this.#waiting = waiting;
    this.#serve();
    return waiting.promise;
  }

  return(): Promise<IteratorResult<Message>> {
    this.#held.length = this.#heldBytes = 0;
    this.#error = undefined;
    this.#end(undefined);
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<Message> {
    return this;
  }

  #serve(): void {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    const message = this.#held.shift();
    if (message === undefined && !this.#ended) return;
    this.#waiting = undefined;
    const error = this.#error;
    if (message !== undefined) {
      this.#heldBytes -= message.size;
      return waiting.resolve({ done: false, value: message });
    }
    this.#error = undefined;
    if (error !== undefined) waiting.reject(error.reason);
    else waiting.resolve({ done: true, value: undefined });
  }

  #overflow(): OverflowError {
    const text = this.#held.length < capacity ? `${capacityBytes} bytes` : `${capacity} replies`;
    return new OverflowError(
      `Cannot hold more than ${text} of "${this.outgoing.topic}": the loop is slower`,
      {
        capacity: this.#held.length < capacity ? capacityBytes : capacity,
      },
    );
  }

  /** No answer is an answer, unless nobody was asked. */
  #expired(): void {
    const { what, written } = this.outgoing;
    if (written) return this.#end(undefined);
    const { timeout } = this.#limits;
    const message = `Cannot ${what}: it could not be sent within ${timeout} ms`;
    this.fail(new TimeoutError(message, { timeout, outcome: "not-sent" }));
  }

  #end(error: { readonly reason: unknown } | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    this.#timer?.cancel();
    this.#stallTimer?.cancel();
    this.#link?.unlink();
    this.#leave?.();
    // What is with the server has its own end there: it is confirmed, refused or lost.
    if (this.#signal?.aborted === true || !this.outgoing.written) this.#stop.abort();
    this.#serve();
  }
}
