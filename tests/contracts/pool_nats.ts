import { connect, type NatsConnection } from "../../lib/nats/mod.ts";
import type { ListenTarget } from "../../lib/net/mod.ts";
import { type FakeNats, startFakeNats } from "../nats/server.ts";
import type { LeakGate } from "../support/leak.ts";
import { until } from "../support/until.ts";
import { coldNetwork } from "./cold_network.ts";
import type { Ground } from "./grounds.ts";
import { connectionWorld } from "./pool_connections.ts";
import type { PoolFixture, PoolWorld } from "./pool_kit.ts";

/** Connections of the NATS client to a server in this process. */
export function natsPool(gate: LeakGate, ground: Ground): PoolFixture {
  const virtual = ground.name === "memory";
  return { virtual, holes: virtual ? 200 : 20, open: () => openWorld(gate, ground) };
}

async function openWorld(gate: LeakGate, ground: Ground): Promise<PoolWorld> {
  const network = coldNetwork(gate.watch(ground.network()));
  let locked = false;
  const start = async (target?: ListenTarget): Promise<FakeNats> => {
    const server = await startFakeNats({ network, ...(target === undefined ? {} : { target }) });
    server.admits = () => !locked;
    return server;
  };
  let main = await start();
  const target = main.listener.address;
  const spare = await start();
  const options = { name: "pooled", reconnect: { min: 5, max: 5 }, ...ground.client };
  let { url } = main;
  return connectionWorld(network, {
    options,
    get url() {
      return url;
    },
    connect: (there, how) => connect(there, { ...options, ...how }),
    async kill() {
      const closed = main.listener.close();
      for (const { transport } of main.open) transport.reset();
      await closed;
    },
    async restart() {
      main = await start(target);
    },
    freeze: () => network.freeze(),
    thaw: () => network.thaw(),
    cool: () => void (network.cold = true),
    warm: () => void (network.cold = false),
    async leave(members) {
      ({ url } = spare);
      main.lameDuck();
      const isLeaving = (member: object): boolean => (member as NatsConnection).leaving;
      await until(() => members.every(isLeaving), { what: "the announcement" });
    },
    lock: (value) => void (locked = value),
    end: () => Promise.all([main.close(), spare.close()]),
  });
}
