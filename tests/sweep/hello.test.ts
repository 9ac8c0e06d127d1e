import { delay } from "@std/async/delay";
import { describe, expect } from "vitest";
import { ConnectError } from "../../lib/errors.ts";
import { connect, type EventMeshConnection, type EventMeshOptions } from "../../lib/eventmesh/mod.ts";
import { memoryNetwork } from "../../lib/net/mod.ts";
import type { Subscription } from "../../lib/messaging/mod.ts";
import { answer } from "../support/fake_request.ts";
import type { FakeServer } from "../support/fake_server.ts";
import { startFaultPeer } from "../support/fault_peer.ts";
import { leakGate } from "../support/leak.ts";
import { type Scenario, type Stage, sweep, type SweepOptions } from "../support/sweep.ts";
import { connectScenario, expectClean } from "./scenarios.ts";
import { closeServers, type FakeWorld, fakeWorld, hasCode, startServers, streamsOf } from "./fakes.ts";
import { embeddedBroker } from "./peers.ts";

leakGate();

const memory: SweepOptions = { network: memoryNetwork, virtual: true };
/** The servers hold timers while they take their time. */
const slowly: SweepOptions = { ...memory, peerTimers: true };

describe("a hello", () => {
  sweep("connect to a server that thinks before it answers", helloOf((server) => late(server, 300)), slowly);

  sweep("connect to a server whose answer comes in pieces", {
    arrange: async (stage) => ({
      stage,
      peer: await startFaultPeer({ network: stage.network, fault: { mode: "slow", bytes: 5 } }),
    }),
    act: ({ stage, peer }, signal) => connect(peer.url, { network: stage.network, signal }),
    rejected: ({ stage }) => expect(stage.network.dialled.size).toBe(0),
    succeeded: async (connection) => expectClean(await connection.goodbye()),
    orphans: ({ peer }) => peer.orphans(),
    end: ({ peer }) => peer.close(),
  }, { ...memory, offsets: [0, 1, 3] });

  sweep("connect to a server that refuses", {
    ...helloOf((server) => server.refuse("HELLO_REQUEST", "who are you", 4)),
    tolerates: (error) => hasCode(error, "ERR_PEER"),
  }, memory);

  sweep(
    "connect to the second of two servers, as the first one refuses",
    helloOf((server, index) => {
      if (index === 0) server.refuse("HELLO_REQUEST", "no room", 4);
    }, 2),
    memory,
  );

  sweep(
    "connect to the third of three servers: one is silent, one ends the stream",
    helloOf((server, index) => {
      if (index === 0) server.hold("HELLO_REQUEST");
      if (index === 1) server.on("HELLO_REQUEST", ({ session }) => session.transport.end());
    }, 3),
    memory,
  );

  sweep("connect where no server will have us", {
    ...helloOf((server, index) => {
      if (index === 0) server.on("HELLO_REQUEST", ({ session }) => session.transport.reset());
      else server.refuse("HELLO_REQUEST", "no room", 4);
    }, 2),
    tolerates: (error) => error instanceof ConnectError && error.cause instanceof AggregateError,
  }, memory);

  sweep("connect whose answer would come after the timeout", {
    ...helloOf((server) => late(server, 500), 1, { timeout: 300 }),
    tolerates: (error) => hasCode(error, "ERR_TIMEOUT"),
  }, slowly);

  sweep(
    "connect to a server that says goodbye with its hello, and on to the next",
    helloOf((server, index) => {
      if (index > 0) return;
      server.on("HELLO_REQUEST", (request) => {
        answer(request);
        request.session.goodbye();
      });
    }, 2),
    memory,
  );

  sweep(
    "connect to a broker that takes its time to let us in",
    connectScenario(embeddedBroker({ authenticate: (_agent, { signal }) => delay(50, { signal }) })),
    slowly,
  );

  sweep("connect to a broker that keeps us out", {
    ...connectScenario(embeddedBroker({ authenticate: () => "not you" })),
    tolerates: (error) => hasCode(error, "ERR_PEER"),
  }, slowly);

  sweep("subscribe whose hello is slow", {
    ...subscribing(),
    arrange: async (stage) => {
      const made = await subscribing().arrange(stage);
      late(made.servers[0]!, 200);
      return made;
    },
  }, slowly);

  sweep("subscribe to a server that lets us in and refuses the topics", {
    ...subscribing(),
    arrange: async (stage) => {
      const made = await subscribing().arrange(stage);
      made.servers[0]!.refuse("SUBSCRIBE_REQUEST", "no such topic", 4);
      return made;
    },
    tolerates: (error) => hasCode(error, "ERR_PEER"),
  }, memory);

  sweep("subscribe at the second server, as the first one is silent", {
    ...subscribing(2),
    arrange: async (stage) => {
      const made = await subscribing(2).arrange(stage);
      made.servers[0]!.hold("LISTEN_REQUEST");
      return made;
    },
  }, { ...memory, offsets: [0, 1, 2, 3] });
});

interface ServersWorld {
  readonly stage: Stage;
  readonly servers: readonly FakeServer[];
}

/** `connect` to servers of a script; nobody is left at any of them when it rejects. */
function helloOf(
  script: (server: FakeServer, index: number) => unknown,
  count = 1,
  options: EventMeshOptions = {},
): Scenario<ServersWorld, EventMeshConnection> {
  return {
    async arrange(stage) {
      const servers = await startServers(stage, count);
      servers.forEach(script);
      return { stage, servers };
    },
    act: ({ stage, servers }, signal) =>
      connect(servers.map(({ url }) => url), { network: stage.network, ...options, signal }),
    rejected: ({ stage }) => expect(stage.network.dialled.size, "streams when connect rejects").toBe(0),
    succeeded: async (connection) => {
      await connection.publish("orders", "still alive");
      expectClean(await connection.goodbye());
    },
    orphans: ({ servers }) => streamsOf(servers),
    end: ({ servers }) => closeServers(servers),
  };
}

/** `subscribe`, whose connection of its own has a hello too. */
function subscribing(servers = 1): Scenario<FakeWorld, Subscription> {
  return {
    ...fakeWorld({ servers, known: servers }),
    restless: false,
    act: ({ connection }, signal) => connection.subscribe("orders", { signal }),
    succeeded: async (subscription, _world, interrupt) => {
      const farewell = interrupt.aborted ? await subscription.closed : await subscription.goodbye();
      expect(farewell.outcome).toBe(interrupt.aborted ? "forced" : "clean");
    },
  };
}

/** The server answers hello so many milliseconds later. */
function late(server: FakeServer, milliseconds: number): void {
  server.on("HELLO_REQUEST", (request) => {
    const timer = setTimeout(() => answer(request), milliseconds);
    void request.session.transport.closed.then(() => clearTimeout(timer));
  });
}
