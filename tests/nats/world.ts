import { connect, type NatsConnection } from "../../lib/nats/mod.ts";
import type { Transport } from "../../lib/net/mod.ts";
import type { ConnectionWorld } from "../contracts/connection.ts";
import type { Ground } from "../contracts/grounds.ts";
import type { LeakGate } from "../support/leak.ts";
import { watchNetwork } from "../support/watch.ts";
import { startFakeNats } from "./server.ts";

/**
 * The first connection, which publishes, comes back after those that subscribe: NATS keeps nothing for who is not there.
 */
export function afterLoss(index: number): { min: number; max: number; jitter: number } {
  const wait = index === 0 ? 100 : 5;
  return { min: wait, max: wait, jitter: 0 };
}

/** The NATS client and a server in the same process. */
export async function openNatsWorld(ground: Ground, gate: LeakGate): Promise<ConnectionWorld> {
  let refusing = false;
  const network = watchNetwork(gate.watch(ground.network()), (step) => {
    if (refusing && step === "client dials") throw new Error("nobody gets in");
  });
  const server = await startFakeNats({ network });
  const frozen = new Set<Transport>();
  let connections = 0;
  return {
    connect: (options): Promise<NatsConnection> =>
      connect(server.url, { network, reconnect: afterLoss(connections++), ...options }),
    subscribeToRequests: (connection, topic) => connection.subscribe(topic),
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
    end: () => server.close(),
  };
}
