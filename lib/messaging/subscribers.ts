import { ConnectError } from "../errors.ts";
import type { Lifecycle, Step } from "../lifecycle/lifecycle.ts";
import { limited } from "../lifecycle/limit.ts";
import { childBudget } from "../lifecycle/phases.ts";
import { now } from "../lifecycle/timer.ts";
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
  readonly #epoch: () => number;
  readonly #running: Set<Subscriber> = new Set();
  /** Those that are being made; none of them rejects. */
  readonly #starting: Set<Promise<void>> = new Set();

  /** `epoch`: another number with each transport of the connection. */
  constructor(connection: Lifecycle, epoch: () => number) {
    this.#connection = connection;
    this.#epoch = epoch;
  }

  /** Subscriptions that are being made. */
  get starting(): number {
    return this.#starting.size;
  }

  /** Makes a subscription, unless it is too late for that. `make` is called once for each attempt. */
  async start(make: () => Subscriber, limits: SubscriberLimits): Promise<Subscription> {
    const { action, signal, timeout } = limits;
    const connection = this.#connection;
    if (signal?.aborted === true) throw signal.reason;
    const refusal = (): Error => connection.refusal(action);
    if (connection.ending) throw refusal();
    const started = limited(
      { signal, timeout, action, owner: connection.draining, onOwner: refusal },
      (bounded) => this.#make(make, bounded, timeout),
    );
    return await this.#untilStarted(started.then((subscriber) => this.#claim(subscriber, signal, action)));
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

  /**
   * While the connection reconnects, its server is not there for a subscription either: each attempt begins when it is
   * open. One that fails because the connection was lost meanwhile, and holds nothing, is followed by another.
   */
  async #make(make: () => Subscriber, signal: AbortSignal, timeout: number): Promise<Subscriber> {
    const connection = this.#connection;
    const deadline = now() + timeout;
    for (;;) {
      if (connection.state === "reconnecting") await this.#untilOpen(signal);
      // An abort may have come while the attempt before freed what it held; the end of the connection ends the waiting.
      signal.throwIfAborted();
      const epoch = this.#epoch();
      const subscriber = make();
      try {
        await subscriber.start(signal, deadline - now());
        return subscriber;
      } catch (error) {
        const lost = connection.state === "reconnecting" || this.#epoch() !== epoch;
        if (!lost || !(error instanceof ConnectError)) throw error;
      }
    }
  }

  async #untilOpen(signal: AbortSignal): Promise<void> {
    const connection = this.#connection;
    for await (const _ of connection.events({ signal })) if (connection.state !== "reconnecting") break;
  }

  /** The end waits for subscriptions that are being made: it cancels them, and they free what they have. */
  async #untilStarted(starting: Promise<Subscription>): Promise<Subscription> {
    const settled = starting.then(() => {}, () => {});
    this.#starting.add(settled);
    try {
      return await starting;
    } finally {
      this.#starting.delete(settled);
    }
  }

  async #claim(
    subscriber: Subscriber,
    signal: AbortSignal | undefined,
    action: string,
  ): Promise<Subscription> {
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
  #own(subscriber: Subscriber, signal: AbortSignal | undefined): Subscription {
    const { lifecycle, subscription } = subscriber;
    const connection = this.#connection;
    this.#running.add(subscriber);
    lifecycle.govern(signal, { forced: true });
    void lifecycle.closed.then((farewell) => {
      this.#running.delete(subscriber);
      if (connection.ending) connection.farewell.child(farewell);
      else connection.farewell.guest(farewell);
    });
    return subscription;
  }

  async #end(step: Step, budget: { grace: number; tail: number }): Promise<void> {
    await Promise.all([...this.#running].map(({ lifecycle }) => {
      return lifecycle.end({ cause: "parent", reason: step.reason, signal: step.signal, ...budget });
    }));
  }
}
