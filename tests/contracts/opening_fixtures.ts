import { startBroker } from "../../lib/broker/mod.ts";
import { connect, type EventMeshConnection } from "../../lib/eventmesh/mod.ts";
import type { Command } from "../../lib/eventmesh/wire/mod.ts";
import type { Endpoint } from "../../lib/lifecycle/mod.ts";
import { serve } from "../../lib/server/mod.ts";
import { answer, type FakeRequest } from "../support/fake_request.ts";
import { type FakeServer, startFakeServer } from "../support/fake_server.ts";
import type { FakeSession } from "../support/fake_session.ts";
import type { LeakGate } from "../support/leak.ts";
import { Line } from "./fixture_line.ts";
import { FixturePeer } from "./fixture_peer.ts";
import { connectSession, openSession } from "./fixture_session.ts";
import type { Ground } from "./grounds.ts";
import { type Lateness, type LateNetwork, lateNetwork } from "./late_network.ts";
import type { AttemptOptions, OpeningFixture, OpeningWorld } from "./opening_kit.ts";

/** An opening of this library, or of its smallest protocol. */
export interface NamedOpening {
  readonly name: string;
  readonly fixture: OpeningFixture;
}

/** The calls of the EventMesh client, over one kind of stream. */
export function clientOpenings(gate: LeakGate, ground: Ground): readonly NamedOpening[] {
  const virtual = ground.name === "memory";
  return [
    {
      name: `EventMesh connect over ${ground.name}`,
      fixture: {
        stages: ["dial", "hello"],
        virtual,
        persistent: true,
        open: () => openConnects(late(gate, ground)),
      },
    },
    {
      name: `EventMesh subscribe over ${ground.name}`,
      fixture: {
        stages: ["dial", "hello", "subscribe", "listen"],
        virtual,
        owned: true,
        persistent: true,
        open: () => openSubscribes(late(gate, ground)),
      },
    },
  ];
}

/** The calls that make a server. */
export function serverOpenings(gate: LeakGate, ground: Ground): readonly NamedOpening[] {
  const virtual = ground.name === "memory";
  // A second server on the same port proves that the first has let go of it; others live on the ports of the system.
  const port = virtual ? 4_222 : 0;
  const calls: Readonly<Record<string, (options: object) => Promise<Endpoint>>> = {
    serve: (options) => serve(() => {}, options),
    startBroker,
  };
  return Object.entries(calls).map(([name, call]) => ({
    name: `${name} over ${ground.name}`,
    fixture: {
      stages: ["bind"],
      virtual,
      timed: false,
      open: () => openListens(late(gate, ground), (options) => call({ ...options, port })),
    },
  }));
}

/** Sessions of the smallest protocol. */
export function sessionOpenings(gate: LeakGate, ground: Ground): readonly NamedOpening[] {
  const virtual = ground.name === "memory";
  return [
    {
      name: `session on a stream of its own over ${ground.name}`,
      fixture: {
        stages: ["dial", "hello"],
        virtual,
        open: () => openSessions(late(gate, ground), "owned"),
      },
    },
    {
      name: `session on a borrowed stream over ${ground.name}`,
      fixture: { stages: ["hello"], virtual, open: () => openSessions(late(gate, ground), "borrowed") },
    },
  ];
}

function late(gate: LeakGate, ground: Ground): LateNetwork {
  return lateNetwork(gate.watch(ground.network()));
}

/** What is late in the network itself. */
function isLateness(stage: string | undefined): stage is Lateness {
  return stage === "dial" || stage === "bind";
}

const commands: Readonly<Record<string, Command>> = {
  hello: "HELLO_REQUEST",
  subscribe: "SUBSCRIBE_REQUEST",
  listen: "LISTEN_REQUEST",
};

/** An EventMesh server that is late. `counts` tells which of its streams belong to attempts. */
class LateServer {
  readonly server: FakeServer;
  readonly network: LateNetwork;
  readonly counts: (session: FakeSession) => boolean;
  most = 0;
  #late: string | undefined = undefined;
  #asked = 0;
  #withheld: FakeRequest[] = [];

  constructor(server: FakeServer, network: LateNetwork, counts: (session: FakeSession) => boolean) {
    this.server = server;
    this.network = network;
    this.counts = counts;
    for (const [stage, command] of Object.entries(commands)) {
      server.on(command, (request) => {
        if (stage === "hello") this.most = Math.max(this.most, this.held().length);
        if (stage !== this.#late) return answer(request);
        this.#asked++;
        this.#withheld.push(request);
      });
    }
  }

  static async start(
    network: LateNetwork,
    counts: (session: FakeSession) => boolean = () => true,
  ): Promise<LateServer> {
    return new LateServer(await startFakeServer({ network }), network, counts);
  }

  /** A stream whose end the server has seen is none of its any more. */
  held(): string[] {
    return this.server.open.filter((session) => !session.peerEnded && this.counts(session))
      .map(({ number, commands: received }) => `stream ${number}: ${received.join(", ")}`);
  }

  delay(stage: string | undefined): void {
    this.network.late = isLateness(stage) ? stage : undefined;
    this.#late = stage;
  }

  arrived(): number {
    return isLateness(this.#late) ? this.network.asked : this.#asked;
  }

  answer(): void {
    this.network.release();
    for (const request of this.#withheld.splice(0)) answer(request);
  }
}

/** Reconnects without waiting long. */
function quick(attempts: number): { reconnect: object } {
  return { reconnect: { min: 1, max: 2, jitter: 0, timeout: 20, attempts } };
}

async function openConnects(network: LateNetwork): Promise<OpeningWorld> {
  const late = await LateServer.start(network);
  const { server } = late;
  return {
    network,
    others: 1,
    attempt: (options) => connect(server.url, { network, reconnect: false, ...options }),
    delay: (stage) => late.delay(stage),
    answer: () => late.answer(),
    arrived: () => late.arrived(),
    held: () => late.held(),
    most: () => late.most,
    persistent: (attempts) => connect(server.url, { network, ...quick(attempts) }),
    lose: () => server.open.forEach(({ transport }) => transport.reset()),
    end: () => server.close(),
  };
}

async function openSubscribes(network: LateNetwork): Promise<OpeningWorld> {
  const owners: EventMeshConnection[] = [];
  // Publishers come first, and say so in their hello; what has not said hello is an attempt.
  const late = await LateServer.start(network, ({ agent, number }) => agent?.purpose !== "pub" && number > 1);
  const { server } = late;
  const own = async (options: object): Promise<EventMeshConnection> => {
    const connection = await connect(server.url, { network, ...options });
    owners.push(connection);
    return connection;
  };
  const owner = await own({ reconnect: false });
  return {
    network,
    get others() {
      return 1 + owners.filter(({ state }) => state !== "closed").length;
    },
    owner,
    attempt: (options) => owner.subscribe("orders", options),
    delay: (stage) => late.delay(stage),
    answer: () => late.answer(),
    arrived: () => late.arrived(),
    held: () => late.held(),
    most: () => late.most,
    persistent: async (attempts) => await (await own(quick(attempts))).subscribe("orders"),
    lose() {
      for (const { agent, transport } of server.open) if (agent?.purpose === "sub") transport.reset();
    },
    async end() {
      for (const connection of owners) await connection.goodbye();
      await server.close();
    },
  };
}

async function openListens(
  network: LateNetwork,
  listen: (options: { network: LateNetwork; signal?: AbortSignal }) => Promise<Endpoint>,
): Promise<OpeningWorld> {
  return await Promise.resolve({
    network,
    others: 0,
    attempt: ({ signal }: AttemptOptions) => listen({ network, ...(signal === undefined ? {} : { signal }) }),
    delay: (stage: string | undefined) => network.late = isLateness(stage) ? stage : undefined,
    answer: () => network.release(),
    arrived: () => network.asked,
    held: () => Array.from({ length: network.open().listeners }, () => "a listener"),
    most: () => network.most,
    end: () => Promise.resolve(),
  });
}

async function openSessions(network: LateNetwork, whose: "owned" | "borrowed"): Promise<OpeningWorld> {
  const peer = await FixturePeer.start(network);
  const lent = whose === "borrowed" ? new Line(await network.dial(peer.target, {})) : undefined;
  let late: string | undefined;
  return {
    network,
    others: lent === undefined ? 1 : 2,
    attempt: (options) =>
      lent === undefined
        ? connectSession(network, peer.target, options)
        : openSession(lent, { ...options, owned: false }),
    delay(stage) {
      late = stage;
      network.late = isLateness(stage) ? stage : undefined;
      peer.late = stage === "hello";
    },
    answer() {
      network.release();
      peer.answer();
    },
    arrived: () => isLateness(late) ? network.asked : peer.hellos,
    // The stream that was lent is none of an attempt.
    held: () => peer.held().slice(lent === undefined ? 0 : 1),
    most: () => peer.most,
    async end() {
      lent?.transport.end();
      await lent?.closed;
      await peer.goodbye();
    },
  };
}
