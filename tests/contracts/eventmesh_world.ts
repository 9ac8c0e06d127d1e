import { startBroker } from "../../lib/broker/mod.ts";
import { connect, type EventMeshConnection } from "../../lib/eventmesh/mod.ts";
import type { Transport } from "../../lib/net/mod.ts";
import type { LeakGate } from "../support/leak.ts";
import { watchNetwork } from "../support/watch.ts";
import type { ConnectionWorld } from "./connection.ts";
import type { Ground } from "./grounds.ts";

/** The EventMesh client and the embedded broker. */
export async function openWorld(ground: Ground, gate: LeakGate): Promise<ConnectionWorld> {
  let refusing = false;
  const network = watchNetwork(gate.watch(ground.network()), (step) => {
    if (refusing && step === "client dials") throw new Error("nobody gets in");
  });
  const broker = await startBroker({ port: 0, network, ...ground.server });
  const frozen = new Set<Transport>();
  return {
    connect: (options) =>
      connect(broker.url, { network, reconnect: { min: 5, max: 5 }, ...ground.client, ...options }),
    subscribeToRequests: (connection, topic) =>
      (connection as EventMeshConnection).subscribe(topic, { type: "sync" }),
    cut() {
      for (const transport of network.dialled) transport.reset();
    },
    refuse: () => void (refusing = true),
    freeze() {
      for (const transport of network.accepted) {
        frozen.add(transport);
        transport.pause();
      }
    },
    thaw() {
      refusing = false;
      for (const transport of frozen) transport.resume();
      frozen.clear();
    },
    streams: () => network.dialled.size,
    end: async () => void await broker.goodbye({ grace: 1_000 }),
  };
}
