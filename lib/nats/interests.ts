import { type Msg, SubscriptionImpl } from "@nats-io/nats-core/internal";
import type { Protocol } from "./protocol.ts";

/** The subjects that one connection is subscribed to. The official client subscribes them again after a reconnect. */
export class Interests {
  readonly #protocol: Protocol;
  readonly #up: () => boolean;

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
    if (this.#up() && !subscription.isClosed()) this.#protocol.unsub(subscription);
  }

  /** Forgets a subscription, and tells the server. */
  drop(subscription: SubscriptionImpl): void {
    if (subscription.isClosed()) return;
    if (this.#up()) this.#protocol.unsub(subscription);
    this.#protocol.subscriptions.cancel(subscription);
  }
}
