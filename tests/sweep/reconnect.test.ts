import { describe, expect } from "vitest";
import { memoryNetwork } from "../../lib/net/mod.ts";
import { answer } from "../support/fake_request.ts";
import type { FakeServer } from "../support/fake_server.ts";
import { leakGate } from "../support/leak.ts";
import { type Scenario, sweep, type SweepOptions } from "../support/sweep.ts";
import {
  closeServers,
  endAt,
  type Ended,
  expectEnd,
  expectTyped,
  type FakeWorld,
  fakeWorld,
  hasCode,
  steadily,
} from "./fakes.ts";
import { connectedAgain, governed, living, untilState } from "./lives.ts";

leakGate();

const memory: SweepOptions = { network: memoryNetwork, virtual: true };
const ending: SweepOptions = { ...memory, resolves: true, offsets: [0, 1, 2, 3] };

describe("a reconnect", () => {
  sweep("a request that waits for it", {
    ...fakeWorld({}, lose),
    act: async ({ connection }, signal) => {
      const reply = await connection.request("questions", "interrupted", { signal });
      expect(reply.text()).toBe("re: interrupted");
    },
  }, memory);

  sweep("a recommendation that waits for it", {
    ...fakeWorld({}, lose),
    act: ({ connection }, signal) => connection.recommend({ signal }),
  }, memory);

  sweep("a publish that waits for it through failures and back-off", {
    ...fakeWorld({}, async (world) => {
      stumble(world.servers[0]!, 3);
      await lose(world);
    }),
    act: ({ connection }, signal) => connection.publish("orders", "interrupted", { signal }),
  }, memory);

  sweep("subscribe while its connection is lost", {
    ...fakeWorld({}, lose),
    act: ({ connection }, signal) => connection.subscribe("orders", { signal }),
    succeeded: (subscription, _world, interrupt) => living(subscription, interrupt),
  }, memory);

  sweep("a subscription that is lost and subscribes again", {
    ...fakeWorld(),
    act: (world, signal) =>
      governed(world, signal, (subscription) => {
        const back = connectedAgain(subscription);
        cut(world.servers[0]!, "sub");
        return back;
      }),
    succeeded: (subscription, _world, interrupt) => living(subscription, interrupt),
  }, memory);

  sweep("a subscription that gets back after two failures, of its hello and of its subscribe", {
    ...fakeWorld(),
    act: (world, signal) =>
      governed(world, signal, (subscription) => {
        const [server] = world.servers;
        const back = connectedAgain(subscription);
        cut(server!, "sub");
        stumble(server!, 1);
        server!.on("SUBSCRIBE_REQUEST", ({ session }) => {
          server!.off("SUBSCRIBE_REQUEST");
          session.transport.end();
        });
        return back;
      }),
    succeeded: (subscription, _world, interrupt) => living(subscription, interrupt),
  }, { ...memory, offsets: [0, 1, 2, 3] });

  sweep("a loop that waits while its subscription gets back", {
    ...fakeWorld(),
    act: async ({ connection, servers: [server] }, signal) => {
      const subscription = await connection.subscribe("orders", { signal });
      cut(server!, "sub");
      server!.on("LISTEN_REQUEST", (request) => {
        answer(request);
        request.session.push("orders", "at last");
      });
      for await (const message of subscription) {
        expect(message.text()).toBe("at last");
        message.ack();
        break;
      }
      return subscription;
    },
    // A loop that is left has ended its subscription: an abort after that is none of its business, or forces it.
    succeeded: async (subscription, _world, interrupt) => {
      const { outcome, messages } = await subscription.closed;
      expect(interrupt.aborted ? ["clean", "forced"] : ["clean"]).toContain(outcome);
      // What is acknowledged after the abort counts as returned: the server hears no more of it.
      expect(messages.received).toBe(messages.acked + messages.returned);
      if (!interrupt.aborted) expect(messages).toMatchObject({ received: 1, acked: 1 });
    },
  }, { ...memory, offsets: [0, 1, 2, 3] });

  sweep("a publish that waits until the connection is given up", {
    ...fakeWorld({ reconnect: { ...steadily, attempts: 2 } }, async (world) => {
      stumble(world.servers[0]!, Infinity);
      await lose(world);
    }),
    act: ({ connection }, signal) => connection.publish("orders", "interrupted", { signal }),
    tolerates: (error) => hasCode(error, "ERR_CLOSED"),
    async end({ connection, servers }) {
      expect(await connection.closed).toMatchObject({ cause: "lost", outcome: "failed" });
      await closeServers(servers);
    },
  }, memory);

  sweep("goodbye begun at every step of it", {
    ...fakeWorld(),
    act: (world, signal, harder) => endAt(world.connection, signal, harder, () => work(world)),
    ...ended(),
  }, { ...ending, again: 2 });

  sweep("a goodbye by force at every step of it", {
    ...fakeWorld(),
    act: (world, signal, harder) => endAt(world.connection, signal, harder, () => work(world), { grace: 0 }),
    ...ended(["forced", "failed"]),
  }, ending);

  sweep("goodbye begun at every step of one that fails twice", {
    ...fakeWorld(),
    act: (world, signal, harder) =>
      endAt(world.connection, signal, harder, () => {
        stumble(world.servers[0]!, 2);
        return work(world);
      }),
    ...ended(),
  }, ending);

  sweep("goodbye of a subscription begun at every step of its reconnect", {
    ...fakeWorld(),
    act: async (world, signal, harder) => {
      const { connection, servers: [server] } = world;
      const subscription = await connection.subscribe("orders");
      const ended = await endAt(subscription, signal, harder, () => {
        const back = connectedAgain(subscription).catch(() => {});
        cut(server!, "sub");
        return [back];
      });
      return { ...ended, subscription };
    },
    succeeded: (ended, _world, interrupt) =>
      expectEnd(ended.subscription, ended, interrupt, ["clean", "failed"]),
  }, { ...ending, offsets: [0, 2], again: 5 });
});

/** The connection is lost, and the operation begins while it is away. */
async function lose({ connection, servers: [server] }: FakeWorld): Promise<void> {
  const lost = untilState(connection, "reconnecting");
  cut(server!, "pub");
  await lost;
}

function cut(server: FakeServer, purpose: "pub" | "sub"): void {
  for (const { agent, transport } of server.open) if (agent?.purpose === purpose) transport.reset();
}

/** The server ends so many of the next streams in place of the answer to their hello. */
function stumble(server: FakeServer, times: number): void {
  let left = times;
  server.on("HELLO_REQUEST", (request) => {
    if (left-- > 0) request.session.transport.reset();
    else answer(request);
  });
}

/** All is lost, and operations wait for what comes back. */
function work({ connection, servers: [server] }: FakeWorld): Promise<unknown>[] {
  const written = connection.publish("orders", "written");
  for (const { transport } of server!.open) transport.reset();
  return [
    written,
    connection.publish("orders", "waiting"),
    connection.request("questions", "waiting"),
    connectedAgain(connection).catch(() => {}),
  ];
}

/** What holds when the end of the connection was begun at any step: it has failed where nobody could be told. */
function ended(
  allowed: readonly ("clean" | "forced" | "failed")[] = ["clean", "failed"],
): Pick<Scenario<FakeWorld, Ended>, "succeeded" | "end"> {
  return {
    async succeeded(result, { connection }, interrupt) {
      await expectEnd(connection, result, interrupt, allowed);
      expectTyped(result, interrupt, ["ERR_CLOSED", "ERR_CONNECTION_LOST"]);
    },
    end: ({ servers }) => closeServers(servers),
  };
}
