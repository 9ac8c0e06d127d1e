import { type Deferred, deferred } from "../lifecycle/deferred.ts";
import type { DeliveredMessage, Message } from "./message.ts";

/** What an iterator needs of its delivery. */
export interface IteratorSource {
  take(): DeliveredMessage | undefined;
  /** Nothing waits and nothing will come. */
  done(): boolean;
  /** The consumer left with this message in its hands. */
  leave(current: DeliveredMessage | undefined): void;
  finished(): void;
}

/** The iterator of a subscription: written by hand, because `return()` of a generator waits behind a pending `next()`. */
export class MessageIterator implements AsyncIterableIterator<Message> {
  readonly #source: IteratorSource;
  #current: DeliveredMessage | undefined = undefined;
  #waiting: Deferred<IteratorResult<Message>> | undefined = undefined;
  #ended = false;
  #error: { readonly reason: unknown } | undefined = undefined;

  constructor(source: IteratorSource) {
    this.#source = source;
  }

  /** Acknowledges the message before and waits for the next. */
  next(): Promise<IteratorResult<Message>> {
    if (this.#waiting !== undefined) {
      return Promise.reject(
        new TypeError("Cannot call next() of a subscription: another call of it is pending"),
      );
    }
    this.#current?.ack();
    this.#current = undefined;
    const message = this.#ended ? undefined : this.#source.take();
    if (message !== undefined) {
      this.#current = message;
      return Promise.resolve({ done: false, value: message });
    }
    const waiting: Deferred<IteratorResult<Message>> = deferred();
    this.#waiting = waiting;
    this.wake();
    return waiting.promise;
  }

  /** The consumer leaves: the message in its hands is not acknowledged, and the subscription ends. */
  return(): Promise<IteratorResult<Message>> {
    const current = this.#current;
    this.#current = undefined;
    if (!this.#ended) {
      this.#ended = true;
      this.#source.leave(current);
    }
    this.#finish();
    return Promise.resolve(endOfIteration);
  }

  /** Serves a pending `next()`, if there is something to serve it with. */
  wake(): void {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    if (this.#error !== undefined) {
      const { reason } = this.#error;
      this.#error = undefined;
      this.#waiting = undefined;
      waiting.reject(reason);
      return;
    }
    if (this.#ended) return this.#finish();
    const message = this.#source.take();
    if (message !== undefined) {
      this.#current = message;
      this.#waiting = undefined;
      waiting.resolve({ done: false, value: message });
    } else if (this.#source.done()) {
      this.#ended = true;
      this.#finish();
      this.#source.finished();
    }
  }

  /** No more messages; the next `next()` throws the error, if there is one. */
  end(error: { readonly reason: unknown } | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    this.#current = undefined;
    this.wake();
  }

  #finish(): void {
    this.#waiting?.resolve(endOfIteration);
    this.#waiting = undefined;
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<Message> {
    return this;
  }
}

const endOfIteration: IteratorReturnResult<undefined> = { done: true, value: undefined };
