import process from "node:process";
import { afterAll, afterEach, beforeAll, expect } from "vitest";
import { connect, type EventMeshConnection, type EventMeshOptions } from "../../lib/eventmesh/mod.ts";
import { type EndpointEvent, type Farewell, formatFarewell } from "../../lib/lifecycle/mod.ts";
import { systemNetwork } from "../../lib/net/mod.ts";
import { checkBalance } from "../invariants/ledger.ts";
import { until } from "../support/until.ts";
import { type EventMeshRuntime, type EventMeshVersion, startEventMesh } from "./peers/mod.ts";
import { RuntimeAdmin, type RuntimeSession } from "./runtime_admin.ts";
import { type TappedNetwork, tappedNetwork } from "./runtime_tap.ts";

/** The versions of the runtime that the client is proven against. */
export const versions: readonly EventMeshVersion[] = ["1.11.0", "1.12.0"];

/** How messages may be written. */
export const protocols = ["eventmeshmessage", "cloudevents"] as const;

/** A runtime and the clients of the running test. */
export interface World {
  readonly runtime: EventMeshRuntime;
  readonly admin: RuntimeAdmin;
  readonly url: string;
  /** Connects, with a group of its own unless told otherwise; ended after the test at the latest. */
  connect(options?: EventMeshOptions & { readonly urls?: readonly string[] }): Promise<Client>;
  /** The sessions of a group, as the runtime lists them. */
  sessions(group: string): Promise<RuntimeSession[]>;
  /** Waits until the runtime lists so many sessions of a group, those of some addresses not counted. */
  lists(group: string, count: number, excused?: Iterable<string>): Promise<RuntimeSession[]>;
}

/** A connection, and all that is known of it. */
export interface Client {
  readonly connection: EventMeshConnection;
  readonly network: TappedNetwork;
  readonly group: string;
  readonly events: readonly EndpointEvent[];
  /** Says goodbye, which must be clean and balance. */
  leave(): Promise<Farewell>;
}

/**
 * The runtimes of a file: one of each version that is asked for, from its first `describe` on; they end with the file.
 * Call what it returns in a `describe`.
 */
export function useRuntimes(): (version: EventMeshVersion) => () => World {
  const runtimes = new Map<EventMeshVersion, Promise<EventMeshRuntime>>();
  const clients: Client[] = [];
  afterAll(() => Promise.all([...runtimes.values()].map(async (runtime) => (await runtime).stop())));
  afterEach(async () => {
    await Promise.all(clients.splice(0).map(({ connection }) => connection.goodbye({ grace: 0 })));
  });
  return (version) => {
    let world: World | undefined;
    beforeAll(async () => {
      const runtime = runtimes.get(version) ?? startEventMesh({ version });
      runtimes.set(version, runtime);
      world = worldOf(await runtime, clients);
      await takesClients(world);
    }, 120_000);
    return () => world!;
  };
}

/** The runtime says that it is running a little before it listens. */
async function takesClients({ admin, url }: World): Promise<void> {
  const network = systemNetwork();
  const isOpen = async (): Promise<boolean> => {
    await (await connect(url, { network })).goodbye();
    await admin.sessions();
    return true;
  };
  await until(() => isOpen().catch(() => false), { timeout: 30_000, what: "the runtime to take clients" });
}

function worldOf(runtime: EventMeshRuntime, clients: Client[]): World {
  const { url, adminPort } = runtime;
  const admin = new RuntimeAdmin(adminPort);
  const sessions = async (group: string): Promise<RuntimeSession[]> =>
    (await admin.sessions()).filter((session) => session.group === group);
  return {
    runtime,
    admin,
    url,
    sessions,
    async connect({ urls = [url], group = freshName("group"), ...options } = {}) {
      const network = tappedNetwork();
      const connection = await connect(urls, { network, group, ...options });
      const client = clientOf(connection, network, group);
      clients.push(client);
      return client;
    },
    async lists(group, count, excused = []) {
      const others = new Set(excused);
      let listed: RuntimeSession[] = [];
      await until(async () => {
        listed = (await sessions(group)).filter(({ host, port }) => !others.has(`${host}:${port}`));
        return listed.length === count;
      }, { timeout: 10_000, what: () => `${count} sessions of ${group}, not ${JSON.stringify(listed)}` });
      return listed;
    },
  };
}

function clientOf(connection: EventMeshConnection, network: TappedNetwork, group: string): Client {
  const events: EndpointEvent[] = [];
  void (async () => {
    for await (const event of connection.events()) events.push(event);
  })();
  return {
    connection,
    network,
    group,
    events,
    async leave() {
      const farewell = await connection.goodbye();
      checkBalance(farewell);
      expect(farewell.outcome, formatFarewell(farewell)).toBe("clean");
      expect(network.open()).toEqual({ sockets: 0, listeners: 0, timers: 0 });
      return farewell;
    },
  };
}

let names = 0;

/** A name that nobody has used: in the runtime a topic is dead for ever once its last subscriber has gone. */
export function freshName(kind: string): string {
  return `${kind}-${process.pid}-${++names}`;
}
