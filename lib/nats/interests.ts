import { type Msg, SubscriptionImpl } from "@nats-io/nats-core/internal";
import type { Protocol } from "./protocol.ts";

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
  subscribe(
    subject: string,
    queue: string | undefined,
    callback: (error: Error | null, message: Msg) => void,
  ): SubscriptionImpl {
    const subscription = new SubscriptionImpl(this.#protocol as never, subject, {
      callback,
      ...(queue === undefined ? {} : { queue }),
    });
    this.#protocol.subscribe(subscription);
    return subscription;
  }

  /** Tells the server that no more is wanted; what is on its way still comes. */
  leave(subscription: SubscriptionImpl): void {
    const { wire } = this.#protocol;
    if (!this.#up() || subscription.isClosed() || this.#left.get(subscription) === wire) return;
    this.#left.set(subscription, wire);
    this.#protocol.unsub(subscription);
  }

  /** Forgets a subscription, and tells the server. */
  drop(subscription: SubscriptionImpl): void {
    if (subscription.isClosed()) return;
    this.leave(subscription);
    this.#protocol.subscriptions.cancel(subscription);
  }
}
