import { describe, expect } from "vitest";
import type { EventMeshConnection } from "../../lib/eventmesh/mod.ts";
import { memoryNetwork } from "../../lib/net/mod.ts";
import { answer } from "../support/fake_request.ts";
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
  type FakeWorldOptions,
} from "./fakes.ts";
import { connectedAgain, governed, living } from "./lives.ts";

leakGate();

const memory: SweepOptions = { network: memoryNetwork, virtual: true };
const ending: SweepOptions = { ...memory, resolves: true, offsets: [0, 1, 2, 3] };

describe("a redirect", () => {
  sweep("a publish that its server answers with a redirect first", {
    ...redirected({}, ({ servers: [here, there] }) => {
      here!.on("ASYNC_MESSAGE_TO_SERVER", (request) => {
        request.session.redirect(there!);
        setImmediate(() => answer(request));
      });
    }),
    act: ({ connection }, signal) => connection.publish("orders", "interrupted", { signal }),
  }, memory);

  sweep("a publish that waits for the new server", {
    ...redirected(),
    act: (world, signal) =>
      soon(world, signal, () => world.connection.publish("orders", "interrupted", { signal })),
  }, memory);

  sweep("a request that waits for the new server", {
    ...redirected(),
    act: (world, signal) =>
      soon(world, signal, async () => {
        const reply = await world.connection.request("questions", "interrupted", { signal });
        expect(reply.text()).toBe("re: interrupted");
      }),
  }, memory);

  sweep("subscribe to a server that redirects before it answers", {
    ...redirected({}, ({ servers: [here, there] }) => {
      here!.on("SUBSCRIBE_REQUEST", (request) => {
        request.session.redirect(there!);
        answer(request);
      });
    }),
    act: ({ connection }, signal) => connection.subscribe("orders", { signal }),
    succeeded: (subscription, _world, interrupt) => living(subscription, interrupt),
  }, memory);

  sweep("a subscription that is moved", {
    ...redirected(),
    act: (world, signal) =>
      governed(world, signal, (subscription) => {
        const moved = connectedAgain(subscription);
        world.servers[0]!.last("sub").redirect(world.servers[1]!);
        return moved;
      }),
    succeeded: (subscription, _world, interrupt) => living(subscription, interrupt),
  }, memory);

  sweep("a publish and a redirect to a server that refuses", {
    ...redirected({}, ({ servers: [, there] }) => there!.refuse("HELLO_REQUEST", "no room", 4)),
    act: (world, signal) =>
      soon(world, signal, () => world.connection.publish("orders", "interrupted", { signal })),
  }, memory);

  sweep("a publish and a redirect to a place where nobody is", {
    ...redirected({}, ({ servers: [, there] }) => there!.listener.close()),
    act: (world, signal) =>
      soon(world, signal, () => world.connection.publish("orders", "interrupted", { signal })),
  }, memory);

  sweep("goodbye begun at every step of a redirect", {
    ...redirected(),
    act: (world, signal, harder) =>
      endAt(world.connection, signal, harder, () => {
        redirect(world);
        return work(world.connection);
      }),
    ...ended(["clean"]),
  }, { ...ending, again: 3 });

  sweep("a goodbye by force at every step of a redirect", {
    ...redirected(),
    act: (world, signal, harder) =>
      endAt(world.connection, signal, harder, () => {
        redirect(world);
        return work(world.connection);
      }, { grace: 0 }),
    ...ended(["forced"]),
  }, ending);

  sweep("goodbye begun at every step of a redirect to a server that refuses", {
    ...redirected({}, ({ servers: [, there] }) => there!.refuse("HELLO_REQUEST", "no room", 4)),
    act: (world, signal, harder) =>
      endAt(world.connection, signal, harder, () => {
        redirect(world);
        return work(world.connection);
      }),
    ...ended(["clean"]),
  }, { ...ending, offsets: [0, 2] });

  sweep("goodbye begun at every step of a subscription's redirect to a server that refuses its topics", {
    ...redirected({}, ({ servers: [, there] }) => there!.refuse("SUBSCRIBE_REQUEST", "no such topic", 4)),
    act: async ({ connection, servers: [here, there] }, signal, harder) => {
      const subscription = await connection.subscribe("orders");
      return await endAt(connection, signal, harder, () => {
        here!.last("sub").redirect(there!);
        return [subscription.closed, ...work(connection)];
      });
    },
    // Who is refused is ended by that, and its connection lives on.
    ...ended(["clean", "failed"]),
  }, { ...ending, offsets: [0, 2] });
});

/** Two servers, of which the client knows the first. */
function redirected(
  options: FakeWorldOptions = {},
  happen?: (world: FakeWorld) => unknown,
): ReturnType<typeof fakeWorld> {
  return fakeWorld({ servers: 2, ...options }, happen);
}

function redirect({ servers: [here, there] }: Pick<FakeWorld, "servers">): void {
  here!.last("pub").redirect(there!);
}

/** Begins an operation when the client has heard of a redirect, and nothing else has happened yet. */
async function soon(
  world: FakeWorld,
  { aborted }: AbortSignal,
  operation: () => Promise<unknown>,
): Promise<unknown> {
  if (aborted) return await operation();
  redirect(world);
  for await (const { type } of world.connection.events()) if (type === "redirect") break;
  return await operation();
}

/** Operations on their way while it is redirected; none of them rejects unless the connection ends. */
function work(connection: EventMeshConnection): Promise<unknown>[] {
  return [
    connection.publish("orders", "one"),
    connection.publish("orders", "two"),
    connection.request("questions", "why"),
  ];
}

/** What holds when the end of the connection was begun at any step. */
function ended(
  allowed: readonly ("clean" | "forced" | "failed")[],
): Pick<Scenario<FakeWorld, Ended>, "succeeded" | "end"> {
  return {
    async succeeded(result, { connection }, interrupt) {
      await expectEnd(connection, result, interrupt, allowed);
      expectTyped(result, interrupt, ["ERR_CLOSED"]);
    },
    end: ({ servers }) => closeServers(servers),
  };
}
