import { startBroker } from "../../lib/broker/mod.ts";
import { connect } from "../../lib/eventmesh/mod.ts";
import { createScope } from "../../lib/lifecycle/mod.ts";
import { serve } from "../../lib/server/mod.ts";
import type { LeakGate } from "../support/leak.ts";
import { type WatchedNetwork, watchNetwork } from "../support/watch.ts";
import type { EndpointFixture, OpenEndpoint, OpenOptions } from "./endpoint.ts";
import type { Ground } from "./grounds.ts";
import { mortalNetwork } from "./mortal_network.ts";
import { poolFixture } from "./pool_fixtures.ts";
import { type Protocol, protocols, type SubscriptionKind } from "./protocols.ts";
import { hold, Work } from "./work.ts";

/** An endpoint of this library, for suites that hold for all of them. */
export interface NamedFixture {
  readonly name: string;
  readonly fixture: EndpointFixture;
}

/** Every kind of endpoint there is, over the kinds of stream given. */
export function endpointFixtures(gate: LeakGate, grounds: readonly Ground[]): readonly NamedFixture[] {
  return [
    scopeFixture,
    ...grounds.flatMap((ground) => [
      serverFixture(gate, ground),
      brokerFixture(gate, ground),
      ...protocols.flatMap((protocol) => [
        ...clientFixtures(gate, ground, protocol),
        poolFixture(gate, ground, protocol),
      ]),
    ]),
  ];
}

export const scopeFixture: NamedFixture = {
  name: "scope",
  fixture: {
    governed: "graceful",
    // A disposer that uses up its time has failed, one that stops when it is told to has not.
    forced: ["forced", "failed"],
    open({ signal }) {
      const scope = createScope({ signal });
      const work = new Work();
      return Promise.resolve({
        endpoint: scope,
        occupy: () => Promise.resolve(void scope.defer(() => work.until(scope.signal))),
        release: () => work.release(),
        end: () => Promise.resolve(),
      });
    },
  },
};

export function serverFixture(gate: LeakGate, ground: Ground): NamedFixture {
  return {
    name: `server over ${ground.name}`,
    fixture: { governed: "graceful", open: ({ signal }) => openServer(gate, ground, signal) },
  };
}

export function brokerFixture(gate: LeakGate, ground: Ground): NamedFixture {
  return {
    name: `broker over ${ground.name}`,
    fixture: { governed: "graceful", open: ({ signal }) => openBroker(gate, ground, signal) },
  };
}

/** The endpoints of the client of a protocol: its connection, and each kind of subscription. */
export function clientFixtures(
  gate: LeakGate,
  ground: Ground,
  protocol: Protocol,
): readonly ClientFixture[] {
  const { name } = protocol;
  return [
    {
      name: `${name} connection over ${ground.name}`,
      fixture: { open: (options) => openConnection(gate, ground, protocol, options) },
      shared: false,
    },
    ...protocol.subscriptions.map((kind): ClientFixture => ({
      name: `${name} ${kind.name} over ${ground.name}`,
      fixture: {
        governed: "forced",
        open: (options) => openSubscription(gate, ground, protocol, kind, options),
      },
      shared: kind.shared,
    })),
  ];
}

/** An endpoint of a client. */
export interface ClientFixture extends NamedFixture {
  /** It lives on the stream of another one. */
  readonly shared: boolean;
}

async function openServer(
  gate: LeakGate,
  ground: Ground,
  signal: AbortSignal | undefined,
): Promise<OpenEndpoint> {
  const network = mortalNetwork(gate.watch(ground.network()));
  const work = new Work();
  const server = await serve((connection) => work.until(connection.signal), {
    network,
    signal,
    ...ground.server,
  });
  return {
    endpoint: server,
    async occupy() {
      const { host, port } = server.address as { host: string; port: number };
      const client = await network.dial({ host, port, ...ground.client }, {});
      client.start({ data() {}, end: () => client.end(), drain() {} });
      await work.started;
    },
    release: () => work.release(),
    lose: () => network.die(new Error("the listener is gone")),
    end: () => Promise.resolve(),
  };
}

async function openBroker(
  gate: LeakGate,
  ground: Ground,
  signal: AbortSignal | undefined,
): Promise<OpenEndpoint> {
  const network = mortalNetwork(gate.watch(ground.network()));
  const broker = await startBroker({ port: 0, network, signal, ...ground.server });
  const work = new Work();
  const clients: AsyncDisposable[] = [];
  return {
    endpoint: broker,
    async occupy() {
      const connection = await connect(broker.url, { network, reconnect: false, ...ground.client });
      clients.push(connection);
      hold(await connection.subscribe("work"), work);
      await connection.publish("work", "to be acknowledged");
      await work.started;
    },
    release: () => work.release(),
    lose: () => network.die(new Error("the listener is gone")),
    end: () => Promise.all(clients.map((client) => client[Symbol.asyncDispose]())),
  };
}

async function openConnection(
  gate: LeakGate,
  ground: Ground,
  protocol: Protocol,
  { reconnect }: OpenOptions,
): Promise<OpenEndpoint> {
  const network = watchNetwork(gate.watch(ground.network()), () => {});
  const server = await protocol.serve(network, ground);
  const connection = await protocol.connect(server.url, { network, reconnect, ...ground.client });
  const work = new Work();
  return {
    endpoint: connection,
    async occupy() {
      hold(await connection.subscribe("work"), work);
      await connection.publish("work", "to be handled");
      await work.started;
    },
    release: () => work.release(),
    peerGoodbye: () => void server.goodbye(),
    lose: () => resetAll(network),
    end: () => server.goodbye(),
  };
}

async function openSubscription(
  gate: LeakGate,
  ground: Ground,
  protocol: Protocol,
  kind: SubscriptionKind,
  { signal, reconnect }: OpenOptions,
): Promise<OpenEndpoint> {
  const network = watchNetwork(gate.watch(ground.network()), () => {});
  const server = await protocol.serve(network, ground);
  const connection = await protocol.connect(server.url, { network, reconnect, ...ground.client });
  const subscription = await connection.subscribe("work", { ...kind.options, signal });
  const work = new Work();
  return {
    endpoint: subscription,
    async occupy() {
      hold(subscription, work);
      await connection.publish("work", "to be handled");
      await work.started;
    },
    release: () => work.release(),
    peerGoodbye: () => void server.goodbye(),
    lose: () => resetAll(network),
    async end() {
      await connection.goodbye();
      await server.goodbye();
    },
  };
}

function resetAll({ dialled }: WatchedNetwork): void {
  for (const transport of dialled) transport.reset();
}
