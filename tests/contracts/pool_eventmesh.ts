import { type Broker, startBroker } from "../../lib/broker/mod.ts";
import { connect } from "../../lib/eventmesh/mod.ts";
import type { LeakGate } from "../support/leak.ts";
import { coldNetwork } from "./cold_network.ts";
import type { Ground } from "./grounds.ts";
import { connectionWorld } from "./pool_connections.ts";
import type { PoolFixture, PoolWorld } from "./pool_kit.ts";

/** Connections of the EventMesh client to the embedded broker. */
export function eventMeshPool(gate: LeakGate, ground: Ground): PoolFixture {
  const virtual = ground.name === "memory";
  return { virtual, holes: virtual ? 200 : 20, open: () => openWorld(gate, ground) };
}

async function openWorld(gate: LeakGate, ground: Ground): Promise<PoolWorld> {
  const network = coldNetwork(gate.watch(ground.network()));
  let locked = false;
  const start = (port: number): Promise<Broker> =>
    startBroker({ port, network, authenticate: () => !locked, ...ground.server });
  let broker = await start(0);
  const port = Number(new URL(broker.url.replace(/^[a-z+]+:/, "http:")).port);
  const spare = await start(0);
  const options = { subsystem: "pooled", reconnect: { min: 5, max: 5 }, heartbeat: 60_000, ...ground.client };
  let left: Promise<unknown> | undefined;
  let url = broker.url;
  return connectionWorld(network, {
    options,
    get url() {
      return url;
    },
    connect: (there, how) => connect(there, { ...options, ...how }),
    async kill() {
      for (const transport of network.accepted) transport.reset();
      await broker.goodbye({ grace: 0 });
    },
    async restart() {
      broker = await start(port);
    },
    freeze: () => network.freeze(),
    thaw: () => network.thaw(),
    cool: () => void (network.cold = true),
    warm: () => void (network.cold = false),
    leave() {
      url = spare.url;
      left = broker.goodbye();
    },
    lock: (value) => void (locked = value),
    async end() {
      await left;
      await Promise.all([broker.goodbye({ grace: 1_000 }), spare.goodbye({ grace: 1_000 })]);
    },
  });
}
