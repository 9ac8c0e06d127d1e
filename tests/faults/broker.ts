import { describe, expect, it } from "vitest";
import { type Broker, type BrokerOptions, startBroker } from "../../lib/broker/mod.ts";
import { connect, type EventMeshConnection } from "../../lib/eventmesh/mod.ts";
import { formatFarewell } from "../../lib/lifecycle/mod.ts";
import type { Subscription } from "../../lib/messaging/mod.ts";
import { memoryNetwork, systemNetwork } from "../../lib/net/mod.ts";
import { type BadClient, type BadMode, scriptLength, startBadClient } from "../support/bad_client.ts";
import { TestClock } from "../support/clock.ts";
import { watchUnhandled } from "../support/unhandled.ts";
import { until } from "../support/until.ts";
import { type WatchedNetwork, watchNetwork } from "../support/watch.ts";

/** Where the streams are, and how patient the broker is there. */
export interface BrokerGround {
  readonly kind: "memory" | "tcp";
  readonly broker: BrokerOptions;
  /** Milliseconds after which it has lost its patience with everybody. */
  readonly patience: number;
  /** Milliseconds after which these are gone. */
  readonly gone: Readonly<Partial<Record<BadMode, number>>>;
  /** Clients whose end takes longer than a test should where time is real. */
  readonly patient: readonly BadMode[];
}

/** Time is virtual: the defaults hold. */
export const memory: BrokerGround = {
  kind: "memory",
  broker: {},
  patience: 130_000,
  gone: {
    "connect-and-idle": 10_100,
    "half-frame": 10_100,
    "hello-and-idle": 62_000,
    "never-ack": 62_000,
    "partial-frame": 100,
    "garbage": 100,
    "garbage-later": 100,
    "oversize": 100,
    "rst-at-byte-n": 100,
  },
  patient: ["hello-and-idle", "never-ack", "half-frame", "never-read", "never-fin"],
};
/** Time is real: the broker is short-tempered. */
export const tcp: BrokerGround = {
  kind: "tcp",
  broker: {
    helloTimeout: 1_000,
    sessionExpiry: 2_000,
    ackTimeout: 1_000,
    goodbyeTimeout: 100,
    maxDeliveries: 2,
  },
  patience: 25_000,
  gone: {},
  patient: [],
};

/** What a client must not get away with for ever: the broker ends it by itself. */
const ended: readonly BadMode[] = [
  "connect-and-idle",
  "partial-frame",
  "garbage",
  "garbage-later",
  "oversize",
  "rst-at-byte-n",
];

/** The broker against clients that do everything wrong, with others around that do everything right. */
export function brokerFaults(ground: BrokerGround): void {
  it.each([...ended, ...memory.patient, "flood"] as const)(
    "a client that is %s harms nobody",
    (mode) =>
      withBroker(ground, mode === "flood" ? 2 : 0, async (bench) => {
        await bench.exchange(5);
        const bad = await bench.bad({ mode, topic: "noise" });
        await bench.exchange(20);
        // What was meant for the bad client does not hold up the others either.
        for (let i = 0; i < 20; i++) await bench.publish("noise", "x".repeat(1_000));
        await bench.exchange(20);
        if (mode === "flood") expect(bench.broker.inspect().counters.published).toBeGreaterThan(100);
        await bench.end(bad);
      }),
  );

  it.each([...ended, ...ground.patient])(
    "a client that is %s is ended by the broker",
    (mode) =>
      withBroker(ground, 0, async (bench) => {
        const start = performance.now();
        const bad = await bench.bad({ mode, topic: "noise" });
        for (let i = 0; i < 20; i++) await bench.publish("noise", "x".repeat(1_000));
        await bench.eventually(
          () => bench.network.accepted.size === bench.residents,
          "the broker to lose its patience",
        );
        expect(performance.now() - start).toBeLessThan(ground.gone[mode] ?? Infinity);
        expect(bench.broker.inspect().sessions.map(({ group }) => group)).not.toContain("bad");
        expect(bench.broker.inspect().inFlight).toBe(0);
        await bench.exchange(5);
        await bench.end(bad);
      }),
  );

  it("many bad clients of all kinds harm nobody, and the goodbye of the broker takes its time at most", () =>
    withBroker(ground, 2, async (bench) => {
      const bad: BadClient[] = [];
      for (const mode of [...ended, ...memory.patient, "flood"] as const) {
        for (let i = 0; i < 3; i++) bad.push(await bench.bad({ mode, topic: "noise", bytes: 100 + i * 150 }));
      }
      await bench.exchange(50);
      const start = performance.now();
      const farewell = await bench.clock.until(bench.broker.goodbye({ grace: 1_000 }), 60_000);
      bench.expectTook(start, 1_000 + 6_000 + 250);
      expect(farewell.residue, formatFarewell(farewell)).toEqual({ sockets: 0, timers: 0, listeners: 0 });
      await bench.end(...bad);
    }));

  describe("a client that resets", () => {
    const length = scriptLength("noise");
    const points = Array.from({ length: 24 }, (_, i) => Math.floor((i * length) / 23));

    it.each([points])(
      `harms nobody after any byte of its script`,
      (...places) =>
        withBroker(ground, 0, async (bench) => {
          const bad: BadClient[] = [];
          for (const bytes of places) {
            bad.push(await bench.bad({ mode: "rst-at-byte-n", topic: "noise", bytes }));
            await bench.exchange(1);
          }
          await bench.eventually(
            () => bench.network.accepted.size === bench.residents,
            "the end of all of them",
          );
          await bench.end(...bad);
        }),
    );
  });
}

/** A broker, two clients that are well behaved, and a clock. */
class Bench {
  readonly ground: BrokerGround;
  readonly clock: TestClock;
  readonly broker: Broker;
  readonly network: WatchedNetwork;
  /** Streams of the well-behaved: two connections and a subscription. */
  readonly residents = 3;
  readonly #publisher: EventMeshConnection;
  readonly #subscriber: EventMeshConnection;
  readonly #received: string[] = [];
  #sent = 0;
  #waiting: { count: number; resolve(): void } | undefined = undefined;

  constructor(
    ground: BrokerGround,
    clock: TestClock,
    network: WatchedNetwork,
    broker: Broker,
    publisher: EventMeshConnection,
    subscriber: EventMeshConnection,
    subscription: Subscription,
  ) {
    this.ground = ground;
    this.clock = clock;
    this.network = network;
    this.broker = broker;
    this.#publisher = publisher;
    this.#subscriber = subscriber;
    void subscription.consume((message) => {
      this.#received.push(message.text());
      if (this.#received.length >= (this.#waiting?.count ?? Infinity)) this.#waiting?.resolve();
    });
  }

  bad(options: { mode: BadMode; topic: string; bytes?: number }): Promise<BadClient> {
    const { host, port } = this.broker.address as { host: string; port: number };
    return this.clock.until(startBadClient({ network: this.network, target: { host, port }, ...options }));
  }

  publish(topic: string, data: string): Promise<void> {
    return this.clock.until(this.#publisher.publish(topic, data));
  }

  /** The others publish and receive as if nothing were the matter: in time and in order. */
  async exchange(count: number): Promise<void> {
    const start = performance.now();
    const from = this.#sent;
    const all = new Promise<void>((resolve) => this.#waiting = { count: from + count, resolve });
    const published = Array.from(
      { length: count },
      () => this.#publisher.publish("news", `message ${this.#sent++}`),
    );
    await this.clock.until(Promise.all(published));
    await this.clock.until(all);
    this.expectTook(start, 2_000);
    expect(this.#received.slice(from)).toEqual(
      Array.from({ length: count }, (_, i) => `message ${from + i}`),
    );
  }

  /** Virtual time is exact; a machine that is busy has all the time it needs. */
  expectTook(start: number, limit: number): void {
    if (this.ground.kind === "memory") {
      expect(performance.now() - start, "milliseconds that it took").toBeLessThan(limit);
    }
  }

  /** Waits for a condition as long as the broker may take; it looks again whenever time has passed. */
  async eventually(condition: () => boolean, what: string): Promise<void> {
    const { kind, patience } = this.ground;
    if (kind === "tcp") return await until(condition, { timeout: patience, what });
    const limit = performance.now() + patience;
    const looking = (async () => {
      while (!condition() && performance.now() < limit) {
        await new Promise<void>((resolve) => setTimeout(resolve, 10));
      }
    })();
    await this.clock.until(looking, patience + 1_000, what);
    expect(condition(), `${what}, within ${patience} ms`).toBe(true);
  }

  /** Ends everything; the well-behaved end clean, unless the broker has gone before them. */
  async end(...bad: readonly BadClient[]): Promise<void> {
    for (const connection of [this.#publisher, this.#subscriber]) {
      const gone = this.broker.state === "closed";
      const farewell = await this.clock.until(connection.goodbye());
      if (!gone) expect(farewell.outcome, formatFarewell(farewell)).toBe("clean");
      expect(farewell.messages.unconfirmed).toBe(0);
      expect(farewell.connections.lost, "losses of the well-behaved").toBeLessThanOrEqual(gone ? 2 : 0);
    }
    const start = performance.now();
    const farewell = await this.clock.until(
      this.broker.goodbye({ grace: 500 }),
      60_000,
      "the goodbye of the broker",
    );
    this.expectTook(start, 500 + 6_000 + 250);
    expect(farewell.residue, formatFarewell(farewell)).toEqual({ sockets: 0, timers: 0, listeners: 0 });
    await this.clock.until(Promise.all(bad.map((client) => client.close())));
  }
}

async function withBroker(
  ground: BrokerGround,
  turn: number,
  body: (bench: Bench) => Promise<void>,
): Promise<void> {
  const virtual = ground.kind === "memory";
  const clock = new TestClock({ virtual, turn });
  const network = watchNetwork(virtual ? memoryNetwork() : systemNetwork(), () => {});
  const unhandled = watchUnhandled();
  clock.install();
  try {
    const broker = await clock.until(startBroker({ port: 0, network, ...ground.broker }));
    // The bystanders share one thread with everything else here: what they wait for may be late, and they do not mind.
    const options = { network, heartbeat: virtual ? 20_000 : 100, missedHeartbeats: 50 };
    const publisher = await clock.until(connect(broker.url, { ...options, group: "publisher" }));
    const subscriber = await clock.until(connect(broker.url, { ...options, group: "subscriber" }));
    const subscription = await clock.until(subscriber.subscribe("news"));
    await body(new Bench(ground, clock, network, broker, publisher, subscriber, subscription));
    await until(() => Object.values(network.open()).every((count) => count === 0), {
      what: () => `nothing to be open, but there is ${JSON.stringify(network.open())}`,
    });
    expect(clock.timers).toEqual([]);
    expect(unhandled.errors).toEqual([]);
  } finally {
    clock.uninstall();
    unhandled.end();
  }
}
