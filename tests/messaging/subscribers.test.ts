import { describe, expect, it } from "vitest";
import { ConnectError, PeerError } from "../../lib/errors.ts";
import { Lifecycle } from "../../lib/lifecycle/lifecycle.ts";
import type { Subscription } from "../../lib/messaging/mod.ts";
import { type Subscriber, Subscribers } from "../../lib/messaging/subscribers.ts";
import { MessageSubscription, resolveBuffer } from "../../lib/messaging/subscription.ts";
import { leakGate } from "../support/leak.ts";

leakGate();

describe("a subscription that is being made", () => {
  it("is tried again when its connection is lost, and back before the attempt has failed", async () => {
    const bench = new Bench();
    const subscription = await bench.start(() => {
      bench.loseAndReturn();
      throw new ConnectError("Cannot connect", { address: "" });
    });
    expect(bench.made).toBe(2);
    expect(subscription.state).toBe("open");
    await bench.end();
  });

  it("is not tried again while its connection stays", async () => {
    const bench = new Bench();
    const failure = new ConnectError("Cannot connect", { address: "" });
    await expect(bench.start(() => Promise.reject(failure))).rejects.toBe(failure);
    expect(bench.made).toBe(1);
    await bench.end();
  });

  it("is not tried again after a refusal", async () => {
    const bench = new Bench();
    const refusal = new PeerError("Cannot subscribe", { status: 1 });
    const refused = bench.start(() => {
      bench.loseAndReturn();
      throw refusal;
    });
    await expect(refused).rejects.toBe(refusal);
    expect(bench.made).toBe(1);
    await bench.end();
  });

  it("is not tried again after an abort that came while the attempt was cleared away", async () => {
    const bench = new Bench();
    const abort = new AbortController();
    const aborted = bench.start(() => {
      bench.loseAndReturn();
      abort.abort("no more");
      throw new ConnectError("Cannot connect", { address: "" });
    }, abort.signal);
    await expect(aborted).rejects.toBe("no more");
    expect(bench.made).toBe(1);
    await bench.end();
  });
});

/** The subscriptions of a connection without a wire. */
class Bench {
  /** Attempts so far. */
  made = 0;
  #epoch = 1;
  readonly #connection: Lifecycle = new Lifecycle({
    name: "connection",
    steps: {
      drain: (step) => this.#subscribers.drain(step),
      force: (step) => this.#subscribers.force(step),
    },
  });
  readonly #subscribers: Subscribers = new Subscribers(this.#connection, () => this.#epoch);

  constructor() {
    this.#connection.opened();
  }

  loseAndReturn(): void {
    this.#connection.reconnecting();
    this.#epoch++;
    this.#connection.opened();
  }

  /** `first` is the first attempt; the second succeeds. */
  start(first: () => Promise<void>, signal?: AbortSignal): Promise<Subscription> {
    const limits = { signal, timeout: 10_000, action: `subscribe to "orders"` };
    return this.#subscribers.start(() => this.#make(this.made++ === 0 ? first : undefined), limits);
  }

  async end(): Promise<void> {
    expect((await this.#connection.end({ cause: "goodbye" })).outcome).toBe("clean");
    expect(this.#subscribers.starting).toBe(0);
  }

  #make(attempt: (() => Promise<void>) | undefined): Subscriber {
    const subscription = new MessageSubscription({
      name: `subscription to "orders"`,
      parent: this.#connection,
      topics: ["orders"],
      buffer: resolveBuffer({}),
      unacked: "dropped",
      peer: { pause() {}, resume() {}, goodbye() {}, force() {}, release() {}, report: () => ({}) },
    });
    const { lifecycle } = subscription;
    return {
      lifecycle,
      subscription,
      start: () => Promise.resolve().then(attempt ?? (() => lifecycle.opened())),
    };
  }
}
