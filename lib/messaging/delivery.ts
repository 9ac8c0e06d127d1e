import { type ClosedError, OverflowError } from "../errors.ts";
import { type Deferred, deferred, isThenable } from "../lifecycle/deferred.ts";
import type { HandlerContext, MessageHandler, OverflowPolicy } from "./connection.ts";
import { MessageIterator } from "./iterator.ts";
import { MessageList } from "./list.ts";
import type { DeliveredMessage, Message, MessageFate, MessageOwner } from "./message.ts";

/** What a {@linkcode Delivery} is made of. */
export interface DeliveryOptions {
  readonly topics: readonly string[];
  readonly overflow: OverflowPolicy;
  /** Messages that may wait. */
  readonly capacity: number;
  /** Bytes that may wait. */
  readonly capacityBytes: number;
  /** What becomes of a message that is never acknowledged: does the peer deliver it again? */
  readonly unacked: "returned" | "dropped";
  /** Stop and go on reading from the peer. */
  pause(): void;
  resume(): void;
  /** Messages were dropped by the policy. */
  onDropped(count: number): void;
  /** The policy is to fail: the subscription must end with this error. */
  onOverflow(error: OverflowError): void;
  /** A handler failed. */
  onFault(error: unknown): void;
  /** The consumer has left by itself: `break`, or a throw in the body. */
  onLeave(): void;
  /** The error of what the end of the subscription refuses; undefined while it does not end. */
  refusal?(action: string): ClosedError | undefined;
}

/** Messages by their fate; `received` is their sum when nothing is outstanding. */
export interface DeliveryCounts {
  received: number;
  acked: number;
  returned: number;
  dropped: number;
}

/**
 * Brings messages from a protocol to the one consumer of a subscription: a bounded buffer, an iterator or handlers, and
 * the fate of each message.
 */
export class Delivery implements MessageOwner {
  readonly counts: DeliveryCounts = { received: 0, acked: 0, returned: 0, dropped: 0 };
  readonly #options: DeliveryOptions;
  readonly #buffer: MessageList = new MessageList();
  #bytes = 0;
  #paused = false;
  #open = true;
  /** Handed out and without a fate. */
  readonly #out: MessageList = new MessageList();
  #iterator: MessageIterator | undefined = undefined;
  /** The iterator's consumer has gone. */
  #left = false;
  #handlers: Handlers | undefined = undefined;
  #scheduled = false;
  #ended = false;
  /** What the iterator throws once it has ended. */
  #error: { readonly reason: unknown } | undefined = undefined;
  #finished: Deferred<void> | undefined = undefined;

  constructor(options: DeliveryOptions) {
    this.#options = options;
  }

  /** Messages that wait. */
  get waiting(): number {
    return this.#buffer.length;
  }

  /** Takes a message from the protocol. */
  push(message: DeliveredMessage): void {
    const { size } = message;
    message.owner = this;
    this.counts.received++;
    if (!this.#open) {
      message.settle(this.#options.unacked);
      return;
    }
    const full = this.waiting >= this.#options.capacity ||
      this.#bytes + size > this.#options.capacityBytes;
    if (full && !this.#makeRoom(message)) return;
    this.#buffer.add(message);
    this.#bytes += size;
    this.#schedule();
  }

  /** Starts the iterator. */
  iterate(): AsyncIterableIterator<Message> {
    this.#checkFree();
    const iterator = new MessageIterator({
      take: () => this.#take(),
      done: () => !this.#open && this.waiting === 0,
      leave: (current) => {
        this.#left = true;
        current?.settle(this.#options.unacked);
        // What waited for the consumer when the end began waits for nobody now.
        if (!this.#open) this.#discardWaiting();
        this.#options.onLeave();
        this.#checkFinished();
      },
      finished: () => this.#checkFinished(),
    });
    this.#iterator = iterator;
    if (this.#ended) iterator.end(this.#error);
    return iterator;
  }

  /** Starts handlers. */
  consume(handler: MessageHandler, concurrency: number, context: HandlerContext): void {
    this.#checkFree();
    this.#handlers = { handler, concurrency, context, running: 0 };
    this.#schedule();
  }

  /** From now on what the peer delivers is left to be delivered again. What waits still goes to an active consumer. */
  stop(): void {
    if (!this.#open) return;
    this.#open = false;
    const iterating = this.#iterator !== undefined && !this.#left;
    if (!iterating && this.#handlers === undefined) this.#discardWaiting();
    this.#schedule();
  }

  /** Resolves when the consumer has done all that waits. */
  finish(): Promise<void> {
    if (this.#isFinished()) return Promise.resolve();
    this.#finished ??= deferred();
    return this.#finished.promise;
  }

  /** Ends the consumer, with an error that its iterator throws. What has no fate gets one; late acknowledgements do nothing. */
  end(error: { readonly reason: unknown } | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    this.#open = false;
    this.#discardWaiting();
    // Each of them leaves the list with its fate.
    while (this.#out.first !== undefined) this.#out.first.settle(this.#options.unacked);
    this.#iterator?.end(error);
    this.#checkFinished();
  }

  #checkFree(): void {
    if (this.#iterator === undefined && this.#handlers === undefined) return;
    const topics = this.#options.topics.join(", ");
    throw new TypeError(`Cannot consume the subscription to "${topics}": it has a consumer already`);
  }

  /** Applies the policy to a full buffer; false when the new message has no place. */
  #makeRoom(message: DeliveredMessage): boolean {
    switch (this.#options.overflow) {
      case "pause":
        // What had been read when reading was paused is taken in: it is bounded by one chunk of the transport.
        return true;
      case "drop-oldest":
        while (
          this.waiting >= this.#options.capacity ||
          this.#bytes + message.size > this.#options.capacityBytes
        ) {
          const oldest = this.#shift();
          if (oldest === undefined) break;
          this.#drop(oldest);
        }
        return true;
      case "drop-newest":
        this.#drop(message);
        return false;
      case "fail": {
        message.settle(this.#options.unacked);
        this.#options.onOverflow(this.#overflowError(message.size));
        return false;
      }
    }
  }

  #overflowError(size: number): OverflowError {
    const { capacity, capacityBytes } = this.#options;
    const action = "Cannot buffer another message";
    return this.waiting >= capacity
      ? new OverflowError(`${action}: ${this.waiting} messages wait, ${capacity} may`, { capacity })
      : new OverflowError(`${action} of ${size} bytes: ${this.#bytes} bytes wait, ${capacityBytes} may`, {
        capacity: capacityBytes,
      });
  }

  /** The peer is told that it is done with: sent again, it would only be dropped again. */
  #drop(message: DeliveredMessage): void {
    message.acknowledge();
    message.settle("dropped");
    this.#options.onDropped(1);
  }

  #shift(): DeliveredMessage | undefined {
    const message = this.#buffer.shift();
    if (message !== undefined) this.#bytes -= message.size;
    return message;
  }

  #take(): DeliveredMessage | undefined {
    const message = this.#shift();
    if (message === undefined) return undefined;
    this.#out.add(message);
    this.#regulate();
    return message;
  }

  /** Reading stops at a full buffer and goes on at a half-empty one, and at the end: what comes then is not kept. */
  #regulate(): void {
    if (this.#options.overflow !== "pause") return;
    const { capacity, capacityBytes } = this.#options;
    if (this.#paused) {
      if (this.#open && (this.waiting > capacity / 2 || this.#bytes > capacityBytes / 2)) return;
      this.#paused = false;
      this.#options.resume();
    } else if (this.#open && (this.waiting >= capacity || this.#bytes >= capacityBytes)) {
      this.#paused = true;
      this.#options.pause();
    }
  }

  #discardWaiting(): void {
    for (let message = this.#shift(); message !== undefined; message = this.#shift()) {
      message.settle(this.#options.unacked);
    }
    this.#regulate();
  }

  /** Hands out once per tick of the reader: user code never runs inside the decoder. */
  #schedule(): void {
    this.#regulate();
    if (this.#scheduled || (this.#iterator === undefined && this.#handlers === undefined)) return;
    this.#scheduled = true;
    // Not `queueMicrotask`, which in Node costs several times as much.
    void settled.then(this.#handOut);
  }

  readonly #handOut = (): void => {
    this.#scheduled = false;
    this.#iterator?.wake();
    if (this.#handlers !== undefined) this.#startHandlers(this.#handlers);
    this.#checkFinished();
  };

  #startHandlers(handlers: Handlers): void {
    let atOnce = 0;
    while (!this.#ended && handlers.running < handlers.concurrency) {
      const message = this.#take();
      if (message === undefined) return;
      handlers.running++;
      const pending = this.#handle(handlers, message);
      if (pending !== undefined) {
        void this.#await(pending, handlers, message);
        continue;
      }
      handlers.running--;
      // What else waits for its turn, such as an abort that the handler has caused, does not wait for all of the buffer.
      if (++atOnce === turn) return this.#schedule();
    }
  }

  /** Returns what is still to be waited for, if not all was done at once. */
  #handle({ handler, context }: Handlers, message: DeliveredMessage): PromiseLike<unknown> | undefined {
    try {
      const result: unknown = handler(message, context);
      return isThenable(result) ? result : this.#handled(message, result);
    } catch (error) {
      this.#failed(message, error);
      return undefined;
    }
  }

  async #await(pending: PromiseLike<unknown>, handlers: Handlers, message: DeliveredMessage): Promise<void> {
    try {
      await this.#handled(message, await pending);
    } catch (error) {
      this.#failed(message, error);
    } finally {
      handlers.running--;
      this.#startHandlers(handlers);
      this.#checkFinished();
    }
  }

  #handled(message: DeliveredMessage, result: unknown): Promise<void> | undefined {
    if (this.#ended) return undefined;
    if (result !== undefined && message.wantsReply && !message.responded) {
      const sent = message.reply(result as string);
      if (sent !== undefined) return sent;
    }
    message.ack();
    return undefined;
  }

  #failed(message: DeliveredMessage, error: unknown): void {
    message.settle(this.#options.unacked);
    this.#options.onFault(error);
  }

  fated(message: DeliveredMessage, fate: MessageFate): void {
    this.counts[fate === "returned" ? this.#options.unacked : fate]++;
    if (this.#out.remove(message)) this.#checkFinished();
  }

  refusal(action: string): ClosedError | undefined {
    return this.#options.refusal?.(action);
  }

  #isFinished(): boolean {
    if (this.#ended) return true;
    return !this.#open && this.waiting === 0 && this.#out.first === undefined &&
      (this.#handlers?.running ?? 0) === 0;
  }

  #checkFinished(): void {
    if (this.#finished === undefined || !this.#isFinished()) return;
    const finished = this.#finished;
    this.#finished = undefined;
    finished.resolve();
  }
}

/** Messages that handlers which return at once get in one go. */
const turn = 32;
const settled = Promise.resolve();

interface Handlers {
  readonly handler: MessageHandler;
  readonly concurrency: number;
  readonly context: HandlerContext;
  running: number;
}
