import { connect, type NatsConnection } from "../../lib/nats/mod.ts";
import type { Endpoint } from "../../lib/lifecycle/mod.ts";
import type { Ground } from "../contracts/grounds.ts";
import type { NamedOpening } from "../contracts/opening_fixtures.ts";
import type { OpeningWorld } from "../contracts/opening_kit.ts";
import { type LateNetwork, lateNetwork } from "../contracts/late_network.ts";
import type { LeakGate } from "../support/leak.ts";
import { type FakeNats, type Late, startFakeNats } from "./server.ts";
import type { FakeSession } from "./session.ts";

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
