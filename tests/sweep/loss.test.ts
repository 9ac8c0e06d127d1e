import { delay } from "@std/async/delay";
import { describe, expect } from "vitest";
import { GracewireError } from "../../lib/errors.ts";
import { connect, type EventMeshConnection } from "../../lib/eventmesh/mod.ts";
import type { Farewell } from "../../lib/lifecycle/mod.ts";
import { memoryNetwork } from "../../lib/net/mod.ts";
import type { Fault } from "../support/fault.ts";
import { type FaultPeer, startFaultPeer } from "../support/fault_peer.ts";
import { leakGate } from "../support/leak.ts";
import { type Interrupt, type Scenario, type Stage, sweep, type SweepOptions } from "../support/sweep.ts";
import { connectScenario, expectClean } from "./scenarios.ts";
import { plainPeer } from "./peers.ts";

leakGate();

const memory: SweepOptions = { network: memoryNetwork, virtual: true };

describe("the EventMesh client and a server that is lost", () => {
  sweep(
    "connect past a server that is not there",
    {
      ...connectScenario(plainPeer),
      act: ({ stage: { network }, peer: { url } }, signal) =>
        connect(["eventmesh://127.0.0.1:1", url], { network, signal }),
    },
    memory,
  );

  sweep("connect to a server that resets", {
    ...connectTo({ mode: "rst-on-goodbye", at: "connect" }),
    tolerates: (error) => hasCode(error, "ERR_CONNECT"),
  }, memory);

  sweep("connect to a server that is silent", {
    ...connectTo({ mode: "silent" }),
    tolerates: (error) => hasCode(error, "ERR_TIMEOUT"),
  }, memory);

  sweep("connect to a server that is slow", connectTo({ mode: "slow", bytes: 24 }), memory);

  sweep("a publish that waits for a reconnect", {
    ...world(async (connection, peer) => {
      peer.cut();
      await untilState(connection, "reconnecting");
    }),
    restless: true,
    act: ({ connection }, signal) => connection.publish("orders", "interrupted", { signal }),
  }, memory);

  sweep("a publish whose server resets", {
    ...world((_connection, peer) => void (peer.fault = { mode: "rst-on-goodbye", at: "publish" })),
    act: ({ connection }, signal) => connection.publish("orders", "interrupted", { signal }),
    tolerates: (error) => hasCode(error, "ERR_CONNECTION_LOST"),
  }, memory);

  sweep("a request that nobody answers", {
    ...world((_connection, peer) => void (peer.fault = { mode: "silent", at: "request" })),
    act: ({ connection }, signal) => connection.request("questions", "interrupted", { signal }),
    tolerates: (error) => hasCode(error, "ERR_TIMEOUT"),
    end: ({ connection, peer }) => forced(connection, peer),
  }, memory);

  sweep("a subscribe whose server is busy", {
    ...world((_connection, peer) => void (peer.fault = { mode: "busy", at: "subscribe" })),
    act: ({ connection }, signal) => connection.subscribe("orders", { signal, timeout: 200 }).then(() => {}),
    tolerates: (error) => hasCode(error, "ERR_TIMEOUT") || hasCode(error, "ERR_PEER"),
  }, { ...memory, offsets: [0, 1, 3] });

  sweep("goodbye while reconnecting", {
    ...world(async (connection, peer) => {
      peer.cut();
      await untilState(connection, "reconnecting");
    }),
    ...goodbye("failed"),
  }, { ...memory, resolves: true });

  sweep("goodbye to a server that is silent", {
    ...world((_connection, peer) => void (peer.fault = { mode: "silent", at: "goodbye" })),
    ...goodbye("forced"),
  }, { ...memory, resolves: true });

  sweep("goodbye with a handler that takes its time", {
    ...world(async (connection) => {
      const subscription = await connection.subscribe("orders");
      void subscription.consume(async (_message, { signal }) => {
        await delay(100, { signal });
        await connection.publish("replies", "from the handler");
      });
      await connection.publish("orders", "to the handler");
    }),
    ...goodbye("clean"),
  }, { ...memory, resolves: true });
});

interface World {
  readonly stage: Stage;
  readonly connection: EventMeshConnection;
  readonly peer: FaultPeer;
}

/** A client and a peer to which something happens before the operation. */
function world(
  happen: (connection: EventMeshConnection, peer: FaultPeer) => unknown,
): Pick<Scenario<World, never>, "arrange" | "end"> {
  return {
    async arrange(stage) {
      const peer = await startFaultPeer({ network: stage.network });
      const connection = await connect(peer.url, {
        network: stage.network,
        reconnect: { min: 100, max: 100 },
      });
      await happen(connection, peer);
      return { stage, connection, peer };
    },
    async end({ connection, peer }) {
      // A connection of its own account has come back, whatever happened, and works.
      peer.fault = { mode: "healthy" };
      await connection.publish("orders", "afterwards");
      expectClean(await connection.goodbye());
      await peer.close();
    },
  };
}

function connectTo(fault: Fault): Scenario<{ stage: Stage; peer: FaultPeer }, EventMeshConnection> {
  return {
    arrange: async (stage) => ({ stage, peer: await startFaultPeer({ network: stage.network, fault }) }),
    act: ({ stage, peer }, signal) => connect(peer.url, { network: stage.network, signal }),
    rejected: ({ stage }) => expect(stage.network.dialled.size, "streams when connect rejects").toBe(0),
    succeeded: async (connection) => expectClean(await connection.goodbye()),
    orphans: ({ peer }) => peer.orphans(),
    end: ({ peer }) => peer.close(),
  };
}

/** A goodbye that ends as told when nobody interrupts it, and by force at the worst. */
function goodbye(outcome: Farewell["outcome"]): Pick<Scenario<World, Farewell>, "act" | "succeeded" | "end"> {
  return {
    act: ({ connection }, signal) => connection.goodbye({ signal }),
    succeeded(farewell, { connection }, interrupt: Interrupt) {
      expect(connection.state).toBe("closed");
      expect(farewell.phases.at(-1)?.phase).toBe("release");
      expect(farewell.residue).toEqual({ sockets: 0, timers: 0, listeners: 0 });
      const allowed = interrupt.aborted ? [outcome, "forced", "failed"] : [outcome];
      expect(allowed, JSON.stringify(farewell)).toContain(farewell.outcome);
    },
    end: ({ peer }) => peer.close(),
  };
}

async function forced(connection: EventMeshConnection, peer: FaultPeer): Promise<void> {
  await connection.goodbye({ grace: 0 });
  await peer.close();
}

async function untilState(connection: EventMeshConnection, state: string): Promise<void> {
  for await (const event of connection.events()) if (event.type === "state" && event.state === state) return;
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof GracewireError && error.code === code;
}
