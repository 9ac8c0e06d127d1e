import { type Broker, startBroker } from "../../lib/broker/mod.ts";
import { connect, type EventMeshConnection } from "../../lib/eventmesh/mod.ts";
import type { Network, Transport } from "../../lib/net/mod.ts";
import type { LeakGate } from "../support/leak.ts";
import { coldNetwork } from "./cold_network.ts";
import type { Ground } from "./grounds.ts";
import type { AnyMember, OpenMember, PoolFixture, PoolWorld } from "./pool_kit.ts";

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
  const { url } = broker;
  const port = Number(new URL(url.replace(/^[a-z+]+:/, "http:")).port);
  const spare = await start(0);
  const options = { subsystem: "pooled", reconnect: { min: 5, max: 5 }, heartbeat: 60_000, ...ground.client };
  const ended: Promise<unknown>[] = [];
  let current = url;
  /** The stream that a member publishes on. */
  const own = new Map<AnyMember, Transport>();

  const world: PoolWorld = {
    options,
    async open(signal: AbortSignal, { reconnect = false }: OpenMember = {}) {
      let first: Transport | undefined;
      const dial: Network["dial"] = async (target, how) => {
        const transport = await network.dial(target, how);
        first ??= transport;
        return transport;
      };
      const changed = reconnect ? options : { ...options, reconnect: false as const };
      const member = await connect(current, { ...changed, network: { ...network, dial }, signal });
      own.set(member, first!);
      return member;
    },
    use: (member) => (member as EventMeshConnection).publish("pool", "at work"),
    connections: () => network.dialled.size,
    peak: () => network.peak,
    dials: () => network.dials,
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
    async swallow(member) {
      const subscription = await (member as EventMeshConnection).subscribe("deliveries");
      let received = 0;
      void subscription.consume(() => void received++);
      const publisher = await connect(url, { network, reconnect: false });
      ended.push(subscription.closed.then(() => publisher.goodbye()));
      network.freeze((transport) => transport.remote === own.get(member)!.local);
      ended.push((async () => {
        while (publisher.state === "open") {
          await publisher.publish("deliveries", "still here").catch(() => {});
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
      })());
      return { received: () => received };
    },
    leave() {
      current = spare.url;
      ended.push(broker.goodbye());
    },
    lock: (value) => void (locked = value),
    lose: (member) => own.get(member)!.reset(),
    async end() {
      await Promise.all(ended);
      await Promise.all([broker.goodbye({ grace: 1_000 }), spare.goodbye({ grace: 1_000 })]);
    },
  };
  return world;
}
