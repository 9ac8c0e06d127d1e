import { connect, type NatsConnection } from "../../lib/nats/mod.ts";
import type { OverflowPolicy } from "../../lib/messaging/mod.ts";
import type { Endpoint } from "../../lib/lifecycle/mod.ts";
import type { OpenEndpoint, OpenOptions } from "../contracts/endpoint.ts";
import type { NamedFixture } from "../contracts/endpoints.ts";
import type { Ground } from "../contracts/grounds.ts";
import type { NamedOpening } from "../contracts/opening_fixtures.ts";
import type { OpeningWorld } from "../contracts/opening_kit.ts";
import { type LateNetwork, lateNetwork } from "../contracts/late_network.ts";
import { hold, Work } from "../contracts/work.ts";
import type { LeakGate } from "../support/leak.ts";
import { watchNetwork } from "../support/watch.ts";
import { type FakeNats, type Late, startFakeNats } from "./server.ts";
import type { FakeSession } from "./session.ts";

/** The endpoints of the NATS client, over one kind of stream. */
export function natsEndpoints(gate: LeakGate, ground: Ground): readonly NamedFixture[] {
  const subscription = (overflow: OverflowPolicy, what: string): NamedFixture => ({
    name: `NATS subscription ${what} over ${ground.name}`,
    fixture: { governed: "forced", open: (options) => openSubscription(gate, ground, overflow, options) },
  });
  return [
    {
      name: `NATS connection over ${ground.name}`,
      fixture: { open: (options) => openConnection(gate, ground, options) },
    },
    subscription("pause", "with a connection of its own"),
    subscription("drop-oldest", "on a shared connection"),
  ];
}

async function openConnection(
  gate: LeakGate,
  ground: Ground,
  { reconnect }: OpenOptions,
): Promise<OpenEndpoint> {
  const network = watchNetwork(gate.watch(ground.network()), () => {});
  const server = await startFakeNats({ network });
  const connection = await connect(server.url, { network, reconnect });
  const work = new Work();
  return {
    endpoint: connection,
    async occupy() {
      hold(await connection.subscribe("work"), work);
      await connection.publish("work", "to be handled");
      await work.started;
    },
    release: () => work.release(),
    peerGoodbye: () => void server.close(),
    lose: () => network.dialled.forEach((transport) => transport.reset()),
    end: () => server.close(),
  };
}

async function openSubscription(
  gate: LeakGate,
  ground: Ground,
  overflow: OverflowPolicy,
  { signal, reconnect }: OpenOptions,
): Promise<OpenEndpoint> {
  const network = watchNetwork(gate.watch(ground.network()), () => {});
  const server = await startFakeNats({ network });
  const connection = await connect(server.url, { network, reconnect });
  const subscription = await connection.subscribe("work", { overflow, signal });
  const work = new Work();
  return {
    endpoint: subscription,
    async occupy() {
      hold(subscription, work);
      await connection.publish("work", "to be handled");
      await work.started;
    },
    release: () => work.release(),
    peerGoodbye: () => void server.close(),
    lose: () => network.dialled.forEach((transport) => transport.reset()),
    async end() {
      await connection.goodbye();
      await server.close();
    },
  };
}

/** The calls of the NATS client that open something. */
export function natsOpenings(gate: LeakGate, ground: Ground): readonly NamedOpening[] {
  const virtual = ground.name === "memory";
  const late = (): LateNetwork => lateNetwork(gate.watch(ground.network()));
  return [
    {
      name: `NATS connect over ${ground.name}`,
      fixture: {
        stages: ["dial", "info", "hello"],
        virtual,
        persistent: true,
        open: () => openConnects(late()),
      },
    },
    {
      name: `NATS subscribe over ${ground.name}`,
      fixture: {
        stages: ["dial", "info", "hello", "subscribe"],
        virtual,
        owned: true,
        open: () => openSubscribes(late()),
      },
    },
  ];
}

function quick(attempts: number): { reconnect: object } {
  return { reconnect: { min: 1, max: 2, jitter: 0, timeout: 20, attempts } };
}

/** What all worlds of openings have in common. `counts` tells which streams belong to attempts. */
function worldOf(network: LateNetwork, server: FakeNats, counts: (session: FakeSession) => boolean): Pick<
  OpeningWorld,
  "network" | "delay" | "answer" | "arrived" | "held" | "most"
> {
  let stage: string | undefined;
  const held = (): FakeSession[] => server.open.filter(counts);
  let most = 0;
  server.onConnect = () => most = Math.max(most, held().length);
  return {
    network,
    delay(what) {
      stage = what;
      network.late = what === "dial" ? "dial" : undefined;
      server.late = what === "dial" ? undefined : what as Late | undefined;
    },
    answer() {
      network.release();
      server.answer();
    },
    arrived: () => stage === "dial" ? network.asked : server.asked,
    held: () => held().map(({ number, commands }) => `stream ${number}: ${commands.join(", ")}`),
    most: () => most,
  };
}

async function openConnects(network: LateNetwork): Promise<OpeningWorld> {
  const server = await startFakeNats({ network });
  return {
    ...worldOf(network, server, () => true),
    others: 1,
    attempt: (options) => connect(server.url, { network, reconnect: false, ...options }),
    persistent: (attempts) => connect(server.url, { network, ...quick(attempts) }),
    lose: () => server.open.forEach(({ transport }) => transport.reset()),
    end: () => server.close(),
  };
}

async function openSubscribes(network: LateNetwork): Promise<OpeningWorld> {
  const server = await startFakeNats({ network });
  const owner: NatsConnection & Endpoint = await connect(server.url, { network, reconnect: false });
  return {
    ...worldOf(network, server, ({ number }) => number > 1),
    get others() {
      return owner.state === "closed" ? 1 : 2;
    },
    owner,
    attempt: (options) => owner.subscribe("orders", options),
    async end() {
      await owner.goodbye();
      await server.close();
    },
  };
}
