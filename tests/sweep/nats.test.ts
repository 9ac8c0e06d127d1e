import { describe, expect } from "vitest";
import type { NatsConnection } from "../../lib/nats/mod.ts";
import { memoryNetwork, systemNetwork } from "../../lib/net/mod.ts";
import { leakGate } from "../support/leak.ts";
import { type Scenario, sweep, type SweepOptions } from "../support/sweep.ts";
import { natsPeer } from "./peers.ts";
import {
  arrangeClient,
  type ClientWorld,
  connectScenario,
  endClient,
  goodbyeScenario,
  publishScenario,
  requestScenario,
  subscribeScenario,
} from "./scenarios.ts";

leakGate();

const memory: SweepOptions = { network: memoryNetwork, virtual: true };
const tcp: SweepOptions = { network: systemNetwork, virtual: false, offsets: [0, 2], budget: 5_000 };

describe("the NATS client", () => {
  sweep("connect", connectScenario(natsPeer), memory);
  sweep("subscribe on a connection of its own", subscribeScenario(natsPeer, "orders"), memory);
  sweep("subscribe to many topics on the shared connection", {
    ...subscribeScenario(natsPeer, ["orders", "returns.*", "stock.>"], { overflow: "drop-oldest" }),
  }, memory);
  sweep("publish", publishScenario(natsPeer), memory);
  sweep("request", requestScenario(natsPeer, { responder: true }), memory);
  sweep("requestMany", requestManyScenario(), memory);
  sweep("flush", {
    ...publishScenario(natsPeer),
    act: ({ connection }, signal) => {
      if (!signal.aborted) natsOf(connection).publishUnconfirmed("orders", "unconfirmed");
      return natsOf(connection).flush({ signal });
    },
  }, memory);
  sweep("goodbye", goodbyeScenario(natsPeer), { ...memory, offsets: [0, 1, 3], resolves: true });
});

describe("the NATS client over TCP", () => {
  sweep("connect", connectScenario(natsPeer), tcp);
  sweep("subscribe", subscribeScenario(natsPeer, ["orders", "returns"]), tcp);
  sweep("publish", publishScenario(natsPeer), tcp);
  sweep("request", requestScenario(natsPeer, { responder: true }), tcp);
  sweep("goodbye", goodbyeScenario(natsPeer), { ...tcp, offsets: [0], resolves: true });
});

/** A loop over the replies of many: it is aborted while it waits, or between two of them. */
function requestManyScenario(): Scenario<ClientWorld, readonly string[]> {
  return {
    async arrange(stage) {
      const world = await arrangeClient(natsPeer)(stage);
      for (const name of ["a", "b", "c"]) {
        const workers = await world.connection.subscribe("workers", { overflow: "drop-oldest" });
        void workers.consume((message) => `${name}: ${message.text()}`);
      }
      return { ...world, residents: world.peer.residents().length };
    },
    async act({ connection }, signal) {
      const texts: string[] = [];
      const replies = natsOf(connection).requestMany("workers", "interrupted", { signal, count: 3 });
      for await (const reply of replies) texts.push(reply.text());
      return texts;
    },
    succeeded: (texts) =>
      expect([...texts].sort()).toEqual(["a", "b", "c"].map((name) => `${name}: interrupted`)),
    orphans: ({ peer, residents }) => peer.residents().slice(residents),
    end: endClient,
  };
}

function natsOf(connection: ClientWorld["connection"]): NatsConnection {
  return connection as NatsConnection;
}
