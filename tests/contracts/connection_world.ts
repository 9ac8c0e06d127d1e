import { ConnectError } from "../../lib/errors.ts";
import type { Transport } from "../../lib/net/mod.ts";
import type { LeakGate } from "../support/leak.ts";
import { watchNetwork } from "../support/watch.ts";
import type { ConnectionWorld } from "./connection.ts";
import type { Ground } from "./grounds.ts";
import type { Protocol } from "./protocols.ts";

/** The client of a protocol and a server. */
export async function openWorld(
  protocol: Protocol,
  ground: Ground,
  gate: LeakGate,
): Promise<ConnectionWorld> {
  let refusing = false;
  const network = watchNetwork(gate.watch(ground.network()), (step) => {
    if (refusing && step === "client dials") throw new ConnectError("Nobody gets in", { address: "" });
  });
  const server = await protocol.serve(network, ground);
  const frozen = new Set<Transport>();
  let connections = 0;
  return {
    connect: (options) =>
      protocol.connect(server.url, {
        network,
        reconnect: protocol.comeBack(connections++),
        ...ground.client,
        ...options,
      }),
    subscribeToRequests: (connection, topic) => protocol.subscribeToRequests(connection, topic),
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
    end: async () => void await server.goodbye(),
  };
}
