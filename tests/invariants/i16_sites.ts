import diagnostics from "node:diagnostics_channel";
import { type Broker, startBroker } from "../../lib/broker/mod.ts";
import { connect, type EventMeshConnection } from "../../lib/eventmesh/mod.ts";
import { createScope, type Endpoint } from "../../lib/lifecycle/mod.ts";
import type { MessageConnection, Subscription } from "../../lib/messaging/mod.ts";
import { type Counted, memoryNetwork, type Network } from "../../lib/net/mod.ts";
import { run } from "../../lib/process/mod.ts";
import { type ConnectionHandler, serve, type Server, type ServerConnection } from "../../lib/server/mod.ts";
import { memory } from "../contracts/grounds.ts";
import { nats } from "../contracts/protocols.ts";

/** Asks an endpoint to end; what it returns is awaited there, or is undefined. */
export type Ask = (endpoint: Endpoint) => unknown;

/** A piece of code of the user that an endpoint calls, or that waits for one. */
export interface Site {
  readonly name: string;
  /** Milliseconds that the end may wait for this code, when it waits for the end. */
  readonly costs: number;
  /** Makes an endpoint that has ended, or will end, because this code asks for it. */
  open(world: World, ask: Ask): Promise<Endpoint>;
}

/** A network in memory, and what has to end behind an endpoint. */
export class World {
  readonly network: Network & Counted = memoryNetwork();
  readonly #behind: (() => unknown)[] = [];
  readonly #users: Promise<unknown>[] = [];

  /** Ends something once the endpoint has ended. */
  behind(end: () => unknown): void {
    this.#behind.push(end);
  }

  /** Code of the user that ends when everything has. */
  user(code: Promise<unknown>): void {
    this.#users.push(code);
  }

  async end(): Promise<void> {
    for (const end of this.#behind.reverse()) await end();
    await Promise.all(this.#users);
  }

  /** A server with one peer, which answers a FIN with its own. */
  async server(handler: ConnectionHandler): Promise<Server> {
    const { network } = this;
    const server = await serve(handler, { network });
    const peer = await network.dial(server.address as { host: string; port: number }, {});
    peer.start({ data() {}, end: () => peer.end(), drain() {} });
    peer.write(new Uint8Array(1));
    return server;
  }

  /** A server of NATS, a client of it, and a subscription of the client. */
  async natsClient(): Promise<{ connection: MessageConnection; subscription: Subscription }> {
    const { network } = this;
    const server = await nats.serve(network, memory);
    this.behind(() => server.goodbye());
    const connection = await nats.connect(server.url, { network });
    this.behind(() => connection.goodbye({ grace: 0 }));
    return { connection, subscription: await connection.subscribe("a") };
  }

  /** A broker, a client of it, and a subscription of the client. */
  async client(): Promise<{ broker: Broker; connection: EventMeshConnection; subscription: Subscription }> {
    const { network } = this;
    const broker = await startBroker({ port: 0, network });
    this.behind(() => broker.goodbye());
    const connection = await connect(broker.url, { network });
    this.behind(() => connection.goodbye({ grace: 0 }));
    const subscription = await connection.subscribe("a");
    return { broker, connection, subscription };
  }
}

const drain = 10_000;
const goodbye = 3_000;
const release = 5_000;

function untilDraining({ draining }: { draining: AbortSignal }): Promise<void> {
  return new Promise((resolve) => draining.addEventListener("abort", () => resolve(), { once: true }));
}

/** Within a server, which ends by itself after a while. */
function inServer(
  name: string,
  costs: number,
  place: (server: Server, connection: ServerConnection, ask: () => unknown) => unknown,
): Site {
  return {
    name: `server: ${name}`,
    costs,
    async open(world, ask) {
      const server: Server = await world.server((connection) => {
        setImmediate(() => void server.goodbye());
        return place(server, connection, () => ask(server));
      });
      return server;
    },
  };
}

function inStep(phase: "intake" | "drain" | "goodbye" | "release", costs: number): Site {
  return inServer(`a step of ${phase}`, costs, (_server, connection, ask) => {
    connection.onPhase(phase, ask);
    return untilDraining(connection);
  });
}

/** A broker waits for the acknowledgement of the message, and then for its client to leave, which has it in its hands. */
function costsOf(which: "broker" | "connection" | "subscription"): number {
  return which === "broker" ? drain + goodbye : drain;
}

/** What a client and what stands around it is made of. */
type Clients<Which extends string> = Record<Which, Endpoint> & {
  readonly connection: MessageConnection;
  readonly subscription: Subscription;
};

/** Within a handler of messages. */
function inConsume<Which extends "broker" | "connection" | "subscription">(
  name: string,
  which: Which,
  make: (world: World) => Promise<Clients<Which>>,
): Site {
  return {
    name: `${name}: a handler of messages`,
    costs: costsOf(which),
    async open(world, ask) {
      const all = await make(world);
      void all.subscription.consume(async () => void await ask(all[which]));
      await all.connection.publish("a", "x");
      return all[which];
    },
  };
}

function inLoop<Which extends "broker" | "connection" | "subscription">(
  name: string,
  which: Which,
  make: (world: World) => Promise<Clients<Which>>,
): Site {
  return {
    name: `${name}: the body of a for await loop`,
    costs: costsOf(which),
    async open(world, ask) {
      const all = await make(world);
      world.user((async () => {
        for await (const _ of all.subscription) await ask(all[which]);
      })());
      await all.connection.publish("a", "x");
      return all[which];
    },
  };
}

type Make = (world: World) => Promise<Endpoint>;

const kinds: Record<string, Make> = {
  scope: () => Promise.resolve(createScope()),
  server: (world) => world.server(untilDraining),
  broker: async (world) => (await world.client()).broker,
  connection: async (world) => (await world.client()).connection,
  subscription: async (world) => (await world.client()).subscription,
  "NATS connection": async (world) => (await world.natsClient()).connection,
  "NATS subscription": async (world) => (await world.natsClient()).subscription,
};

/** Whatever is told of an end does not take part in it: waiting there costs nothing. */
const watchers: Record<string, (endpoint: Endpoint, ask: () => unknown, world: World) => unknown> = {
  "a reader of its events": (endpoint, ask, world) => {
    world.user((async () => {
      for await (const { type } of endpoint.events()) if (type !== "farewell") await ask();
    })());
  },
  "an abort listener of draining": ({ draining }, ask) =>
    draining.addEventListener("abort", () => void ask()),
  "an abort listener of signal": ({ signal }, ask) => signal.addEventListener("abort", () => void ask()),
  "a subscriber of diagnostics": (_endpoint, ask, world) => {
    let [asked, over] = [0, false];
    const listener = (): void => {
      // Other endpoints of this test are heard too; this one is asked a few times, in whatever state it is.
      if (!over && asked++ < 50) void ask();
    };
    for (const channel of ["state", "phase", "farewell"]) {
      diagnostics.subscribe(`gracewire:${channel}`, listener);
    }
    world.behind(() => {
      over = true;
      for (const channel of ["state", "phase", "farewell"]) {
        diagnostics.unsubscribe(`gracewire:${channel}`, listener);
      }
    });
  },
  "what follows its closed promise": ({ closed }, ask) => void closed.then(ask),
};

/** Every place where code of the user can ask for the end of what it is called by. */
export const sites: readonly Site[] = [
  inServer("its handler", drain, (_server, _connection, ask) => ask()),
  {
    name: "server's connection: its handler",
    costs: drain,
    open: (world, ask) =>
      new Promise((resolve) => {
        const handler = (connection: ServerConnection): unknown => {
          resolve(connection);
          return ask(connection);
        };
        void world.server(handler).then((server) => world.behind(() => server.goodbye()));
      }),
  },
  inServer("its handler, in a loop over the stream", drain, async (_server, { readable }, ask) => {
    for await (const _ of readable) await ask();
  }),
  inServer("a handler of pushed bytes", 0, async (_server, { closed, transport }, ask) => {
    transport.start({ data: ask, end: ask, drain() {} });
    await closed;
  }),
  inStep("intake", 500),
  inStep("drain", drain),
  inStep("goodbye", goodbye),
  inStep("release", release),
  inServer("a release hook", release, (server, connection, ask) => {
    server.onRelease("asks", ask);
    return untilDraining(connection);
  }),
  ...(["broker", "connection", "subscription"] as const).flatMap((which) => [
    inConsume(which, which, (world) => world.client()),
    inLoop(which, which, (world) => world.client()),
  ]),
  ...(["connection", "subscription"] as const).flatMap((which) => [
    inConsume(`NATS ${which}`, which, (world) => world.natsClient()),
    inLoop(`NATS ${which}`, which, (world) => world.natsClient()),
  ]),
  {
    name: "scope: a disposer",
    costs: 14_000,
    open(_world, ask) {
      const scope = createScope();
      scope.defer(() => ask(scope));
      void scope.goodbye();
      return Promise.resolve(scope);
    },
  },
  {
    name: "run(): main",
    costs: 0,
    open: (world, ask) =>
      new Promise((resolve) => {
        const running = run(async (scope) => {
          resolve(scope);
          await ask(scope);
        }, { signals: [], report() {} });
        world.user(running);
      }),
  },
  {
    name: "run(): its report",
    costs: 0,
    open: (world, ask) =>
      new Promise((resolve) => {
        let scope: Endpoint;
        const running = run((its) => resolve(scope = its), { signals: [], report: () => ask(scope) });
        world.user(running);
      }),
  },
  ...Object.entries(kinds).flatMap(([kind, make]) =>
    Object.entries(watchers).map(([name, watch]): Site => ({
      name: `${kind}: ${name}`,
      costs: 0,
      async open(world, ask) {
        const endpoint = await make(world);
        watch(endpoint, () => ask(endpoint), world);
        setImmediate(() => void endpoint.goodbye());
        return endpoint;
      },
    }))
  ),
];
