import { afterEach, onTestFinished } from "vitest";
import type { EndpointEvent } from "../../lib/lifecycle/mod.ts";
import { connect, type NatsConnection, type NatsOptions } from "../../lib/nats/mod.ts";
import { type Counted, memoryNetwork, type Network } from "../../lib/net/mod.ts";
import { TestClock } from "../support/clock.ts";
import type { LeakGate } from "../support/leak.ts";
import { type WatchedNetwork, watchNetwork } from "../support/watch.ts";
import { type FakeNats, startFakeNats } from "./server.ts";

export { rejection } from "../contracts/bench.ts";

/** A server and its clients, ended after every test. */
export interface Place {
  readonly network: WatchedNetwork;
  /** What has happened on it. */
  readonly steps: readonly string[];
  readonly server: FakeNats;
  connect(options?: NatsOptions): Promise<NatsConnection>;
}

/** Makes a place for each test. Call it after `leakGate`. */
export function places(
  gate: LeakGate,
  make: () => Network & Counted = () => memoryNetwork(),
): () => Promise<Place> {
  const ends: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
  });
  return async () => {
    const steps: string[] = [];
    const network = watchNetwork(gate.watch(make()), (step) => void steps.push(step));
    const server = await startFakeNats({ network });
    ends.push(() => server.close());
    return {
      network,
      steps,
      server,
      async connect(options) {
        const connection = await connect(server.url, { network, reconnect: { min: 5, max: 5 }, ...options });
        ends.push(() => connection.goodbye({ grace: 0 }));
        return connection;
      },
    };
  };
}

/** Time that stands still until nothing else is left to do, for the rest of the test. */
export function virtualClock(): TestClock {
  const clock = new TestClock({ virtual: true });
  clock.install();
  onTestFinished(() => clock.uninstall());
  return clock;
}

/** Its events, from now on. */
export function watch(endpoint: Pick<NatsConnection, "events">): EndpointEvent[] {
  const events: EndpointEvent[] = [];
  void (async () => {
    for await (const event of endpoint.events()) events.push(event);
  })();
  return events;
}
