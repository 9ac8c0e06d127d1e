import type { Lifecycle, Step } from "../lifecycle/lifecycle.ts";
import { limited } from "../lifecycle/limit.ts";
import { childBudget } from "../lifecycle/phases.ts";
import type { Subscription } from "./connection.ts";

/** A subscription, and what serves it. */
export interface Subscriber {
  readonly lifecycle: Lifecycle;
  readonly subscription: Subscription;
  /** Makes it. Create-or-nothing: when it rejects, nothing of it is left. */
  start(signal: AbortSignal, timeout: number): Promise<void>;
}

/** How long the making of a subscription may take, and what it is called in messages. */
export interface SubscriberLimits {
  /** Bounds the making, and governs the life of the subscription. */
  readonly signal: AbortSignal | undefined;
  /** Milliseconds. */
  readonly timeout: number;
  readonly action: string;
}

/** The subscriptions of a connection, which ends them when it ends: once for all protocols. */
export class Subscribers {
  readonly #connection: Lifecycle;
  readonly #running: Set<Subscriber> = new Set();
  /** Those that are being made; none of them rejects. */
  readonly #starting: Set<Promise<void>> = new Set();

  constructor(connection: Lifecycle) {
    this.#connection = connection;
  }

  /** Subscriptions that are being made. */
  get starting(): number {
    return this.#starting.size;
  }

  /** Makes a subscription, unless it is too late for that. */
  async start(make: () => Subscriber, limits: SubscriberLimits): Promise<Subscription> {
    const { action, signal, timeout } = limits;
    const connection = this.#connection;
    if (signal?.aborted === true) throw signal.reason;
    const refusal = (): Error => connection.refusal(action);
    if (connection.ending) throw refusal();
    const subscriber = make();
    const started = limited(
      { signal, timeout, action, owner: connection.draining, onOwner: refusal },
      (bounded) => subscriber.start(bounded, timeout),
    );
    await this.#untilStarted(started.then(() => this.#claim(subscriber, signal, action)));
    return subscriber.subscription;
  }

  /** Lets all finish what they have. */
  drain(step: Step): Promise<void> {
    return this.#end(step, childBudget(step.remaining()));
  }

  /** Cuts all, and waits for those that are being made: their owner's end has cancelled them. */
  async force(step: Step): Promise<void> {
    const { cause, reason } = this.#connection;
    if (cause === "lost") {
      // The server is gone for them too: their loops throw what the connection ends with.
      for (const { lifecycle } of this.#running) void lifecycle.end({ cause, reason, lost: true });
    }
    await Promise.all([...this.#starting, this.#end(step, { grace: 0, tail: step.remaining() })]);
  }

  /** The end waits for subscriptions that are being made: it cancels them, and they free what they have. */
  async #untilStarted(starting: Promise<void>): Promise<void> {
    const settled = starting.then(() => {}, () => {});
    this.#starting.add(settled);
    try {
      await starting;
    } finally {
      this.#starting.delete(settled);
    }
  }

  async #claim(subscriber: Subscriber, signal: AbortSignal | undefined, action: string): Promise<void> {
    const connection = this.#connection;
    if (signal?.aborted !== true && !connection.ending) return this.#own(subscriber, signal);
    // Up to here nobody has the subscription: an end of the connection, like an abort, still comes in time.
    const late: unknown = signal?.aborted === true ? signal.reason : connection.refusal(action);
    const end = signal?.aborted === true
      ? { cause: "aborted" as const, reason: signal.reason }
      : { cause: "parent" as const, reason: connection.reason };
    await subscriber.lifecycle.end({ ...end, forced: true });
    throw late;
  }

  /** From here on the subscription lives by itself, and the connection ends it when it ends. */
  #own(subscriber: Subscriber, signal: AbortSignal | undefined): void {
    const { lifecycle } = subscriber;
    const connection = this.#connection;
    this.#running.add(subscriber);
    lifecycle.govern(signal, { forced: true });
    void lifecycle.closed.then((farewell) => {
      this.#running.delete(subscriber);
      if (connection.ending) connection.farewell.child(farewell);
      else connection.farewell.guest(farewell);
    });
  }

  async #end(step: Step, budget: { grace: number; tail: number }): Promise<void> {
    await Promise.all([...this.#running].map(({ lifecycle }) => {
      return lifecycle.end({ cause: "parent", reason: step.reason, signal: step.signal, ...budget });
    }));
  }
}
