import { type Msg, SubscriptionImpl } from "@nats-io/nats-core/internal";
import type { FrameTaker } from "./intake.ts";
import type { Protocol } from "./protocol.ts";
import type { Frame } from "./scanner.ts";

/** Told what comes for a subscription. */
export interface InterestHandler {
  /** A message that came through the official client: it was split, or written in another way. */
  message(message: Msg): void;
  /** A message as it is in the stream; valid during the call only. */
  frame(frame: Frame): void;
  /** The server does not allow it. */
  denied(error: Error): void;
}

/** The subjects that one connection is subscribed to. The official client subscribes them again after a reconnect. */
export class Interests {
  readonly #protocol: Protocol;
  readonly #up: () => boolean;
  /** Those that the server was told of, by the wire that told it: after a reconnect they are subscribed to again. */
  readonly #left: WeakMap<SubscriptionImpl, object> = new WeakMap();

  /** `up`: whether the server can be written to. */
  constructor(protocol: Protocol, up: () => boolean) {
    this.#protocol = protocol;
    this.#up = up;
  }

  /** Subscribes, now and after every reconnect. */
  subscribe(subject: string, queue: string | undefined, handler: InterestHandler): Interest {
    const interest = new Interest(this.#protocol, subject, queue, handler);
    this.#protocol.subscribe(interest);
    return interest;
  }

  /** Tells the server that no more is wanted; what is on its way still comes. */
  leave(interest: Interest): void {
    const { wire } = this.#protocol;
    if (!this.#up() || interest.isClosed() || this.#left.get(interest) === wire) return;
    this.#left.set(interest, wire);
    this.#protocol.unsub(interest);
  }

  /** Forgets a subscription, and tells the server. */
  drop(interest: Interest): void {
    if (interest.isClosed()) return;
    this.leave(interest);
    this.#protocol.subscriptions.cancel(interest);
  }
}

/** A subscription in the book of the official client, which counts what it gets. */
export class Interest extends SubscriptionImpl implements FrameTaker {
  readonly #protocol: Protocol;
  readonly #handler: InterestHandler;

  constructor(protocol: Protocol, subject: string, queue: string | undefined, handler: InterestHandler) {
    super(protocol as never, subject, {
      callback: (error: Error | null, message: Msg) => {
        if (error === null) handler.message(message);
        else handler.denied(error);
      },
      ...(queue === undefined ? {} : { queue }),
    });
    this.#protocol = protocol;
    this.#handler = handler;
  }

  take(frame: Frame): void {
    this.#protocol.inMsgs++;
    this.#protocol.inBytes += frame.bodyEnd - frame.bodyStart;
    this.received++;
    this.#handler.frame(frame);
  }
}
