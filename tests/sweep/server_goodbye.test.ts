import { describe, expect } from "vitest";
import { type Broker, startBroker } from "../../lib/broker/mod.ts";
import { connect, type EventMeshConnection, type EventMeshOptions } from "../../lib/eventmesh/mod.ts";
import { memoryNetwork } from "../../lib/net/mod.ts";
import { answer, type FakeRequest } from "../support/fake_request.ts";
import { leakGate } from "../support/leak.ts";
import { type Scenario, type Stage, sweep, type SweepOptions } from "../support/sweep.ts";
import { expectClean } from "./scenarios.ts";
import {
  closeServers,
  endAt,
  type Ended,
  endedBy,
  type FakeWorld,
  fakeWorld,
  hasCode,
  steadily,
} from "./fakes.ts";
import { connectedAgain, governed, living } from "./lives.ts";
import { residentsOf } from "./peers.ts";

leakGate();

const memory: SweepOptions = { network: memoryNetwork, virtual: true };
const ending: SweepOptions = { ...memory, resolves: true, offsets: [0, 1, 2, 3] };

describe("a server that says goodbye", () => {
  sweep("a publish that it still answers", {
    ...fakeWorld({}, (world) => answering(world, (request) => answer(request))),
    act: ({ connection }, signal) => connection.publish("orders", "interrupted", { signal }),
  }, memory);

  sweep("a publish that it does not answer any more", {
    ...fakeWorld({}, (world) => answering(world, ({ session }) => session.transport.end())),
    act: ({ connection }, signal) => connection.publish("orders", "interrupted", { signal }),
    tolerates: (error) => hasCode(error, "ERR_CONNECTION_LOST"),
  }, memory);

  sweep("a request that it still answers, and one that goes to the next server", {
    ...fakeWorld({ servers: 2, known: 2 }, (world) => answering(world, (request) => answer(request))),
    act: async ({ connection }, signal) => {
      const first = connection.request("questions", "first", { signal });
      const second = connection.publish("orders", "interrupted", { signal }).then(() =>
        connection.request("questions", "second", { signal })
      );
      const replies = await bothOf(first, second);
      expect(replies.map((reply) => reply.text())).toEqual(["re: first", "re: second"]);
    },
  }, memory);

  sweep("a subscription that goes to the next server", {
    ...fakeWorld({ servers: 2, known: 2 }),
    act: (world, signal) =>
      governed(world, signal, (subscription) => {
        const moved = connectedAgain(subscription);
        world.servers[0]!.last("sub").goodbye();
        return moved;
      }),
    succeeded: (subscription, _world, interrupt) => living(subscription, interrupt),
  }, memory);

  sweep("a subscription that comes back to the same server", {
    ...fakeWorld(),
    act: (world, signal) =>
      governed(world, signal, (subscription) => {
        const back = connectedAgain(subscription);
        world.servers[0]!.last("sub").goodbye();
        return back;
      }),
    succeeded: (subscription, _world, interrupt) => living(subscription, interrupt),
  }, memory);

  sweep("a publish of a connection that does not come back", {
    ...fakeWorld({ reconnect: false }, (world) => answering(world, (request) => answer(request))),
    act: ({ connection }, signal) => connection.publish("orders", "interrupted", { signal }),
    // Interrupted before it was written, nothing has made the server say goodbye.
    async end({ connection, servers }) {
      const goodbye = servers[0]!.of("ASYNC_MESSAGE_TO_SERVER").length > 0;
      const farewell = goodbye ? await connection.closed : await connection.goodbye();
      expect(farewell).toMatchObject({ outcome: "clean", cause: goodbye ? "peer-goodbye" : "goodbye" });
      await closeServers(servers);
    },
  }, memory);

  sweep("goodbye begun at every step of it", {
    ...fakeWorld(),
    act: (world, signal, harder) => endAt(world.connection, signal, harder, () => work(world)),
    ...ended(),
  }, { ...ending, again: 5 });

  sweep("goodbye begun at every step of it, where there is another server", {
    ...fakeWorld({ servers: 2, known: 2 }),
    act: (world, signal, harder) => endAt(world.connection, signal, harder, () => work(world)),
    ...ended(),
  }, { ...ending, again: 5 });

  sweep("a goodbye by force at every step of it", {
    ...fakeWorld({ servers: 2, known: 2 }),
    act: (world, signal, harder) => endAt(world.connection, signal, harder, () => work(world), { grace: 0 }),
    ...ended(["forced"]),
  }, ending);
});

describe("a broker that says goodbye", () => {
  const broker: SweepOptions = { ...memory, peerTimers: true };

  sweep("operations of a client that it disconnects", {
    ...brokered(),
    act: async ({ broker, connection }, signal) => {
      const operations = bothOf(...operationsOf(connection, signal));
      if (!signal.aborted) await Promise.race([operations, broker.disconnect(() => true)]);
      await operations;
    },
    tolerates: isRefusal,
    async end({ broker, connection }) {
      await connection.publish("orders", "afterwards");
      expectClean(await connection.goodbye());
      expectClean(await broker.goodbye());
    },
  }, { ...broker, offsets: [0, 1, 3] });

  sweep("operations of a client while it ends", {
    ...brokered(false),
    act: async ({ broker, connection }, signal) => {
      const operations = bothOf(...operationsOf(connection, signal));
      if (!signal.aborted) void broker.goodbye();
      await operations;
    },
    tolerates: isRefusal,
    async end({ broker, connection }) {
      await connection.goodbye();
      const farewell = await broker.goodbye();
      expect(farewell.residue).toEqual({ sockets: 0, timers: 0, listeners: 0 });
      expectClean(farewell);
    },
  }, { ...broker, offsets: [0, 1, 3] });
});

interface BrokerWorld {
  readonly stage: Stage;
  readonly broker: Broker;
  readonly connection: EventMeshConnection;
}

function brokered(
  reconnect: EventMeshOptions["reconnect"] = steadily,
): Pick<Scenario<BrokerWorld, void>, "arrange" | "restless" | "orphans"> {
  return {
    restless: true,
    async arrange(stage) {
      const broker = await startBroker({ port: 0, network: stage.network });
      const connection = await connect(broker.url, { network: stage.network, reconnect });
      return { stage, broker, connection };
    },
    orphans: ({ broker }) => residentsOf(broker).filter((line) => line.includes("sub")),
  };
}

function operationsOf(connection: EventMeshConnection, signal: AbortSignal): Promise<unknown>[] {
  return [
    connection.publish("orders", "one", { signal }),
    connection.publish("orders", "two", { signal }),
    connection.request("questions", "nobody answers", { signal, timeout: 500 }),
  ];
}

function isRefusal(error: unknown): boolean {
  return ["ERR_CLOSED", "ERR_CONNECTION_LOST", "ERR_PEER", "ERR_TIMEOUT"].some((code) =>
    hasCode(error, code)
  );
}

/** Waits for all of them to settle, and rejects as the first one has. */
async function bothOf<T>(...operations: Promise<T>[]): Promise<T[]> {
  await Promise.allSettled(operations);
  return await Promise.all(operations);
}

/** The server says goodbye first, and then does what it is told with the first operation that it gets. */
function answering({ servers: [server] }: FakeWorld, then: (request: FakeRequest) => void): void {
  for (const command of ["ASYNC_MESSAGE_TO_SERVER", "REQUEST_TO_SERVER"] as const) {
    server!.on(command, (request) => {
      server!.off("ASYNC_MESSAGE_TO_SERVER");
      server!.off("REQUEST_TO_SERVER");
      request.session.goodbye();
      setImmediate(() => then(request));
    });
  }
}

/** A publish under way, the server's goodbye, and what comes after it. */
function work({ connection, servers: [server] }: FakeWorld): Promise<unknown>[] {
  const written = connection.publish("orders", "written");
  server!.last("pub").goodbye();
  return [
    written,
    connection.publish("orders", "next"),
    connection.request("questions", "next"),
    connectedAgain(connection).catch(() => {}),
  ];
}

function ended(
  allowed: readonly ("clean" | "forced" | "failed")[] = ["clean"],
): Pick<Scenario<FakeWorld, Ended>, "succeeded" | "end"> {
  return {
    succeeded: endedBy(({ connection }) => connection, allowed, ["ERR_CLOSED"]),
    end: ({ servers }) => closeServers(servers),
  };
}
