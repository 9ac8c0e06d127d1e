import { LivingEndpoint } from "../lifecycle/base.ts";
import type { Farewell, FarewellParts } from "../lifecycle/farewell.ts";
import { Lifecycle, type Step } from "../lifecycle/lifecycle.ts";
import { checkNames, checkSignal } from "../lifecycle/option.ts";
import type { RunningPhase } from "../lifecycle/running.ts";
import type {
  ConsumeOptions,
  MessageHandler,
  OverflowPolicy,
  SubscribeOptions,
  Subscription,
} from "./connection.ts";
import { Delivery } from "./delivery.ts";
import type { DeliveredMessage, Message } from "./message.ts";

/** What a protocol brings for one subscription. */
export interface SubscriptionPeer {
  /** Stop and go on reading from the peer. */
  pause(): void;
  resume(): void;
  /** Tells the peer that no more is wanted, before the intake stops; what it had sent by then is still delivered. */
  intake?(step: Step): Promise<void>;
  /** Tells the peer; called when all deliveries are done with. */
  goodbye(step: RunningPhase): unknown;
  /** Frees the transport at once. */
  force(step: Step): unknown;
  /** Frees what is left. */
  release(step: Step): unknown;
  report(): FarewellParts;
}

/** What a {@linkcode MessageSubscription} is made of. */
export interface MessageSubscriptionOptions {
  /** What it is, for people: `subscription to "orders"`. */
  readonly name: string;
  /** The life of its connection. */
  readonly parent?: Lifecycle | undefined;
  readonly topics: readonly string[];
  readonly buffer: DeliveryBuffer;
  /** What becomes of a message that is never acknowledged. */
  readonly unacked: "returned" | "dropped";
  readonly peer: SubscriptionPeer;
}

/** The part of {@linkcode SubscribeOptions} about the buffer, complete. */
export interface DeliveryBuffer {
  readonly overflow: OverflowPolicy;
  readonly capacity: number;
  readonly capacityBytes: number;
}

const policies: readonly OverflowPolicy[] = ["pause", "drop-oldest", "drop-newest", "fail"];

/** Checks what the caller says about the buffer and fills in the defaults. */
export function resolveBuffer(options: SubscribeOptions): DeliveryBuffer {
  const { overflow = "pause", capacity = 1_000, capacityBytes = 16 * 1_024 * 1_024 } = options;
  if (!policies.includes(overflow)) {
    const wanted = policies.map((policy) => `"${policy}"`).join(", ");
    throw new TypeError(
      `Cannot use option "overflow": expected one of ${wanted}, got ${JSON.stringify(overflow)}`,
    );
  }
  return {
    overflow,
    capacity: checkCount("capacity", capacity),
    capacityBytes: checkCount("capacityBytes", capacityBytes),
  };
}

function checkCount(name: string, value: number): number {
  if (typeof value !== "number") {
    throw new TypeError(`Cannot use option "${name}": expected a number, got ${typeof value}`);
  }
  if (!(value >= 1) || !(Number.isInteger(value) || value === Infinity)) {
    throw new RangeError(`Cannot use option "${name}": expected a whole number from 1, got ${value}`);
  }
  return value;
}

/** The subscription of every protocol: lifecycle and delivery. */
export class MessageSubscription extends LivingEndpoint implements Subscription {
  readonly topics: readonly string[];
  /** For the protocol: begins the end when the peer does. */
  readonly lifecycle: Lifecycle;
  readonly #delivery: Delivery;

  constructor(options: MessageSubscriptionOptions) {
    const { peer, buffer } = options;
    const delivery: Delivery = new Delivery({
      ...buffer,
      topics: options.topics,
      unacked: options.unacked,
      pause: () => peer.pause(),
      resume: () => peer.resume(),
      onDropped: (dropped) => {
        lifecycle.emit({ type: "overflow", dropped, policy: buffer.overflow }, "warn");
      },
      onOverflow: (error) => void lifecycle.end({ cause: "overflow", reason: error, forced: true }),
      onFault: (error) => lifecycle.fault(error),
      onLeave: () => void lifecycle.end({ cause: "goodbye" }),
      refusal: (action) => lifecycle.ending ? lifecycle.refusal(action) : undefined,
    });
    const lifecycle = new Lifecycle({
      name: options.name,
      parent: options.parent,
      steps: {
        intake: (step) => {
          if (peer.intake === undefined) return delivery.stop();
          return peer.intake(step).finally(() => delivery.stop());
        },
        drain: () => delivery.finish(),
        goodbye: (step) => {
          this.#endDelivery();
          return peer.goodbye(step);
        },
        force: (step) => {
          this.#endDelivery();
          return peer.force(step);
        },
        release: (step) => peer.release(step),
      },
      report: () => ({ ...peer.report(), messages: delivery.counts }),
    });
    super(lifecycle);
    this.topics = options.topics;
    this.lifecycle = lifecycle;
    this.#delivery = delivery;
  }

  /** Takes a message from the protocol. */
  deliver(message: DeliveredMessage): void {
    this.#delivery.push(message);
  }

  async consume(handler: MessageHandler, options: ConsumeOptions = {}): Promise<Farewell> {
    if (typeof handler !== "function") {
      throw new TypeError(
        `Cannot consume a subscription: expected a handler function, got ${typeof handler}`,
      );
    }
    checkNames(options, ["signal", "concurrency"]);
    checkSignal(options.signal);
    const concurrency = checkCount("concurrency", options.concurrency ?? 1);
    options.signal?.throwIfAborted();
    this.#delivery.consume(handler, concurrency, { signal: this.signal, draining: this.draining });
    this.lifecycle.govern(options.signal, { forced: true });
    return await this.closed;
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<Message> {
    return this.#delivery.iterate();
  }

  /** A goodbye ends a loop normally; an abort, a loss and a failure are thrown by it. */
  #endDelivery(): void {
    const { cause, reason } = this.lifecycle;
    const normal = cause === "goodbye" || cause === "parent" || cause === "peer-goodbye";
    this.#delivery.end(normal ? undefined : { reason });
  }
}
