import { afterAll, afterEach, beforeAll } from "vitest";
import { connect, type NatsConnection, type NatsOptions } from "../../lib/nats/mod.ts";
import { type Counted, type Network, systemNetwork, type Transport } from "../../lib/net/mod.ts";
import type { ConnectionWorld } from "../contracts/connection.ts";
import type { LeakGate } from "../support/leak.ts";
import { watchNetwork } from "../support/watch.ts";
import { afterLoss } from "../nats/world.ts";
import { type NatsServer, type NatsServerOptions, startNats } from "./peers/mod.ts";

/** Starts a server for a suite; it is stopped after it. */
export function useNats(options: NatsServerOptions): () => NatsServer {
  let server: NatsServer | undefined;
  beforeAll(async () => void (server = await startNats(options)), 120_000);
  afterAll(() => server?.stop());
  return () => server!;
}

/** Connects; whatever a test leaves open is ended after it. */
export function useConnections(
  gate: LeakGate,
): (url: string, options?: NatsOptions) => Promise<NatsConnection> {
  const open: NatsConnection[] = [];
  afterEach(async () => {
    await Promise.all(open.splice(0).map((connection) => connection.goodbye({ grace: 0 })));
  });
  return async (url, options) => {
    const network = gate.watch(systemNetwork());
    const connection = await connect(url, { network, reconnect: { min: 20, max: 100 }, ...options });
    open.push(connection);
    return connection;
  };
}

/** The client and a real server, with a relay between them that can be frozen and cut. */
export async function openRelayedWorld(server: NatsServer, gate: LeakGate): Promise<ConnectionWorld> {
  let refusing = false;
  const below = gate.watch(systemNetwork());
  const network = watchNetwork(below, (step) => {
    if (refusing && step === "client dials") throw new Error("nobody gets in");
  });
  const relay = await startRelay(below, server.port);
  const frozen = new Set<Transport>();
  let connections = 0;
  return {
    connect: (options) =>
      connect(relay.url, {
        network,
        // What the contract asks nobody is not answered by anybody.
        noResponders: "wait",
        reconnect: afterLoss(connections++),
        ...options,
      }),
    subscribeToRequests: (connection, topic) => connection.subscribe(topic),
    cut() {
      for (const transport of network.dialled) transport.reset();
    },
    refuse: () => void (refusing = true),
    freeze() {
      for (const transport of relay.accepted) {
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
    end: () => relay.close(),
  };
}

interface Relay {
  readonly url: string;
  readonly accepted: ReadonlySet<Transport>;
  close(): Promise<void>;
}

async function startRelay(network: Network & Counted, port: number): Promise<Relay> {
  const accepted = new Set<Transport>();
  const dialled = new Set<Promise<unknown>>();
  const listener = await network.listen({ host: "127.0.0.1", port: 0 }, {
    connection(client) {
      accepted.add(client);
      void client.closed.then(() => accepted.delete(client));
      const work = network.dial({ host: "127.0.0.1", port }, {}).then(async (server) => {
        client.start({ data: (chunk) => void server.write(chunk), end: () => server.end(), drain() {} });
        server.start({ data: (chunk) => void client.write(chunk), end: () => client.end(), drain() {} });
        void client.closed.then(() => server.destroy());
        await server.closed;
        client.destroy();
      }, () => client.destroy());
      dialled.add(work);
    },
    handshakeError() {},
    acceptError() {},
  }, {});
  const { port: own } = listener.address as { port: number };
  return {
    url: `nats://127.0.0.1:${own}`,
    accepted,
    async close() {
      await listener.close();
      for (const client of accepted) client.destroy();
      await Promise.all(dialled);
    },
  };
}
