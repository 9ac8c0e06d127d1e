import { startBroker } from "../../lib/broker/mod.ts";
import { encodeUserAgent, FrameWriter } from "../../lib/eventmesh/wire/mod.ts";
import { type Network, systemNetwork, type Transport, type TransportTarget } from "../../lib/net/mod.ts";
import { serve } from "../../lib/server/mod.ts";
import type { LeakGate } from "../support/leak.ts";
import { until } from "../support/until.ts";
import { watchNetwork } from "../support/watch.ts";
import { agent, WireClient } from "../support/wire_client.ts";
import type { Arrival, ArrivalFixture, ArrivalWorld } from "./arrival.ts";
import { type Ground, tls } from "./grounds.ts";

/** The broker: a hello that is not said, said by half, or being looked at. */
export function brokerArrivals(gate: LeakGate, ground: Ground): ArrivalFixture {
  return {
    stages: ["nothing", "one half of its hello", "its hello, which is being looked at"],
    visitors: ground.name === "memory" ? 1_000 : 100,
    open: ({ limit }) => openBroker(gate, ground, limit),
  };
}

/** The server kit: a TLS handshake that is not begun, or not finished. */
export function handshakeArrivals(gate: LeakGate): ArrivalFixture {
  return {
    stages: ["nothing", "one half of its handshake"],
    visitors: 200,
    open: ({ limit }) => openHandshakes(gate, limit),
  };
}

async function openBroker(gate: LeakGate, ground: Ground, limit: number): Promise<ArrivalWorld> {
  const network = watchNetwork(gate.watch(ground.network()), () => {});
  const looking: (() => void)[] = [];
  const broker = await startBroker({
    port: 0,
    network,
    helloTimeout: limit,
    authenticate: ({ group }) =>
      group === "visitors" ? true : new Promise((resolve) => looking.push(() => resolve(true))),
  });
  const frames = new FrameWriter();
  frames.frame({ cmd: "HELLO_REQUEST", seq: "1000000001" }, encodeUserAgent({ ...agent, group: "stoppers" }));
  const hello = frames.take();
  const half = hello.byteLength >> 1;
  return {
    endpoint: broker,
    async arrive(stage): Promise<Arrival> {
      const transport = await reach(network, broker.address as TransportTarget);
      if (stage === "nothing") return { transport, proceed: () => void transport.write(hello) };
      if (stage === "one half of its hello") {
        transport.write(hello.subarray(0, half));
        return { transport, proceed: () => void transport.write(hello.subarray(half)) };
      }
      const before = looking.length;
      transport.write(hello);
      // It may have been given up before, where time is short.
      await until(() => looking.length > before || transport.destroyed, {
        what: "the hello to be looked at",
      });
      return { transport, proceed: () => looking.forEach((decide) => decide()) };
    },
    async visit() {
      const client = await WireClient.open(broker.url, { group: "visitors", purpose: "pub" }, { network });
      await client.goodbye();
      await until(() => broker.inspect().sessions.length === 0);
    },
    held: () => network.accepted.size,
    known: () => broker.inspect().sessions.length,
    end: () => broker.goodbye(),
  };
}

async function openHandshakes(gate: LeakGate, limit: number): Promise<ArrivalWorld> {
  // A network of its own for each side: that of the server counts the handshakes.
  const [network, outside] = [gate.watch(systemNetwork()), gate.watch(systemNetwork())];
  const server = await serve(async (connection) => {
    for await (const chunk of connection.readable) await connection.write(chunk);
  }, { network, limits: { handshakeTimeout: limit }, ...tls.server });
  const address = server.address as { host: string; port: number };
  return {
    endpoint: server,
    async arrive(stage): Promise<Arrival> {
      const transport = await reach(outside, address);
      if (stage !== "nothing") transport.write(clientHello.subarray(0, 20));
      return { transport, proceed: () => void transport.write(clientHello.subarray(20)) };
    },
    async visit() {
      const client = await outside.dial({ ...address, ...tls.client }, {});
      const answer = new Promise<void>((resolve) => {
        client.start({ data: () => resolve(), end: () => client.end(), drain() {} });
      });
      client.write(new Uint8Array(3));
      await answer;
      client.end();
      await client.closed;
      await until(() => server.connections === 0);
    },
    held: () => network.open().sockets,
    known: () => server.connections,
    end: () => server.goodbye(),
  };
}

/** A client of bare bytes that ends its side when the server does. */
async function reach(network: Network, target: TransportTarget): Promise<Transport> {
  const transport = await network.dial(target, {});
  transport.start({ data() {}, end: () => transport.end(), drain() {} });
  return transport;
}

/** The begin of a ClientHello of TLS 1.2 (RFC 5246 section 7.4.1.2), whose record promises more than there is. */
const clientHello: Uint8Array = (() => {
  const bytes = new Uint8Array(200);
  bytes.set([22, 3, 1, 0, 250, 1, 0, 0, 246, 3, 3]);
  return bytes;
})();
