import { afterAll, afterEach, beforeAll } from "vitest";
import { connect, type NatsConnection, type NatsOptions } from "../../lib/nats/mod.ts";
import { type Network, systemNetwork, type Transport } from "../../lib/net/mod.ts";
import { nats, type Protocol } from "../contracts/protocols.ts";
import type { LeakGate } from "../support/leak.ts";
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

/** NATS with a real server, and a relay before it that can be frozen and cut. */
export function relayed(server: NatsServer, gate: LeakGate, client: NatsOptions = {}): Protocol {
  return {
    ...nats,
    async serve(network) {
      const relay = await startRelay(network, gate.watch(systemNetwork()), server.port);
      return { url: relay.url, goodbye: () => relay.close() };
    },
    // What the contract asks nobody is not answered by anybody.
    connect: (url, { role, tls: _, ...options }) =>
      connect(url, { ...options, ...client, name: role, noResponders: "wait" }),
  };
}

interface Relay {
  readonly url: string;
  close(): Promise<void>;
}

async function startRelay(network: Network, beyond: Network, port: number): Promise<Relay> {
  const accepted = new Set<Transport>();
  const dialled = new Set<Promise<unknown>>();
  const listener = await network.listen({ host: "127.0.0.1", port: 0 }, {
    connection(client) {
      accepted.add(client);
      void client.closed.then(() => accepted.delete(client));
      const work = beyond.dial({ host: "127.0.0.1", port }, {}).then(async (server) => {
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
    async close() {
      await listener.close();
      for (const client of accepted) client.destroy();
      await Promise.all(dialled);
    },
  };
}
