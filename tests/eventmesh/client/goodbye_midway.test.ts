import { describe, expect, it, vi } from "vitest";
import type { Farewell } from "../../../lib/lifecycle/mod.ts";
import type { Network } from "../../../lib/net/mod.ts";
import { countedAbort } from "../../support/signals.ts";
import { turns, until } from "../../support/until.ts";
import {
  balanced,
  client,
  clientGate,
  failure,
  fake,
  holdTime,
  microtasksLater,
  network,
  onData,
  openStreams,
  pair,
  partClean,
  pass,
  watch,
} from "./kit.ts";

clientGate();

describe("goodbye while the connection is reconnecting", () => {
  it("stops the attempts, refuses what waits, and is a failure", async () => {
    const { server, connection } = await pair();
    const events = watch(connection);
    server.hold("HELLO_REQUEST");
    server.last("pub").transport.reset();
    await server.saw("HELLO_REQUEST", 2);
    const waiting = failure(connection.publish("orders", "x"));
    const farewell = balanced(await connection.goodbye({ reason: "stop" }));
    expect(farewell).toMatchObject({
      outcome: "failed",
      cause: "goodbye",
      connections: { opened: 1, lost: 1 },
    });
    expect(await waiting).toMatchObject({ code: "ERR_CLOSED", outcome: "not-sent", cause: "stop" });
    await server.holds(0);
    expect(server.sessions).toHaveLength(2);
    expect(events.at(-1)).toMatchObject({ type: "farewell", level: "warn" });
  });

  it("ends a subscription that is reconnecting as well", async () => {
    const { server, connection } = await pair();
    const subscription = await connection.subscribe("orders");
    const loop = (async () => {
      for await (const _ of subscription);
    })();
    server.hold("HELLO_REQUEST");
    server.last("sub").transport.reset();
    await server.saw("HELLO_REQUEST", 3);
    const farewell = balanced(await connection.goodbye());
    expect(farewell.outcome).toBe("failed");
    await loop;
    await server.holds(0);
  });

  it("leaves nothing behind when it comes between two attempts", async () => {
    holdTime();
    const { server, connection } = await pair({ reconnect: { min: 5_000, max: 5_000, jitter: 0 } });
    server.last("pub").transport.reset();
    await pass(100);
    expect(connection.state).toBe("reconnecting");
    expect(balanced(await connection.goodbye()).outcome).toBe("failed");
    await pass(20_000);
    expect(server.sessions).toHaveLength(1);
  });

  it("waits until the attempt under way holds nothing", async () => {
    const server = await fake();
    const slow = slowToClose();
    const connection = await client(server, { network: slow.network });
    server.hold("HELLO_REQUEST");
    server.last("pub").transport.reset();
    await server.saw("HELLO_REQUEST", 2);
    expect(slow.held()).toBe(1);
    expect(balanced(await connection.goodbye({ grace: 0 })).outcome).toBe("forced");
    expect(slow.held()).toBe(0);
  });
});

describe("goodbye while subscriptions are being made", () => {
  it.each(["HELLO_REQUEST", "SUBSCRIBE_REQUEST", "LISTEN_REQUEST"] as const)(
    "cancels them, frees what they have, and stays clean (before %s is answered)",
    async (command) => {
      const { server, connection } = await pair();
      server.hold(command);
      const first = server.of(command).length;
      const reason = { word: "enough" };
      const subscribing = [failure(connection.subscribe("a")), failure(connection.subscribe("b"))];
      await server.saw(command, first + 2);
      const farewell = balanced(await connection.goodbye({ reason }));
      expect(openStreams()).toBe(0);
      expect(farewell).toMatchObject({ outcome: "clean", childCount: 0 });
      for (const error of await Promise.all(subscribing)) {
        expect(error).toMatchObject({ code: "ERR_CLOSED" });
        expect((error as Error).message).toMatch(
          /^Cannot subscribe to "[ab]": the eventmesh connection is draining$/,
        );
        expect((error as Error).cause).toBe(reason);
      }
      await server.holds(0);
    },
  );

  it("waits until they hold nothing", async () => {
    const server = await fake();
    const slow = slowToClose();
    const connection = await client(server, { network: slow.network });
    server.hold("SUBSCRIBE_REQUEST");
    const subscribing = failure(connection.subscribe("orders"));
    await server.saw("SUBSCRIBE_REQUEST");
    expect(slow.held()).toBe(2);
    const farewell = balanced(await connection.goodbye({ grace: 0 }));
    expect(slow.held()).toBe(0);
    expect(farewell.outcome).toBe("forced");
    expect(await subscribing).toMatchObject({ code: "ERR_CLOSED" });
  });

  it("takes back one that is ready at the same moment", async () => {
    let refused = 0;
    for (let offset = 0; offset < 30; offset++) {
      const server = await fake();
      let ended: Promise<Farewell> | undefined;
      const near = onData(({ dial, chunk }) => {
        // The answer to listen: as many microtasks later as it takes to get from it to the caller, one by one.
        if (dial === 2 && chunk === 3) microtasksLater(offset, () => ended = connection.goodbye());
      });
      const connection = await client(server, { network: near });
      const outcome = await connection.subscribe("orders").then(
        (subscription) => ({ subscription }),
        (error: unknown) => ({ error }),
      );
      await until(() => ended !== undefined, { what: "the end" });
      const farewell = balanced(await ended!);
      if ("subscription" in outcome) {
        expect(outcome.subscription.state).toBe("closed");
      } else {
        refused++;
        expect(outcome.error).toMatchObject({ code: "ERR_CLOSED" });
      }
      expect(farewell.outcome).toBe("clean");
      expect(openStreams()).toBe(0);
      await server.holds(0);
    }
    expect(refused).toBeGreaterThan(5);
    expect(refused).toBeLessThan(25);
  });
});

describe("what a connection leaves behind", () => {
  it("is nothing: no timer, no listener, no stream, after everything it can do", async () => {
    holdTime();
    const { server, connection } = await pair({ window: 2 });
    const abort = countedAbort();
    const { signal } = abort;
    const subscription = await connection.subscribe("orders", { signal });
    void subscription.consume(() => {}, { signal });
    server.last("sub").push("orders", "x");
    await Promise.all(["1", "2", "3", "4"].map((text) => connection.publish("orders", text, { signal })));
    await connection.request("questions", "x", { signal });
    await connection.recommend({ signal });
    server.hold("ASYNC_MESSAGE_TO_SERVER");
    const late = failure(connection.publish("orders", "late", { timeout: 100 }));
    await pass(200);
    await late;
    server.last("pub").transport.reset();
    await pass(100);
    server.off("ASYNC_MESSAGE_TO_SERVER");
    await connection.publish("orders", "again", { signal });
    await partClean(connection);
    expect(abort.listeners()).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
    expect(openStreams()).toBe(0);
  });
});

/** A network whose streams take a while until they hold nothing, and how many hold something. */
function slowToClose(): { network: Network; held(): number } {
  let held = 0;
  const slow: Network = {
    ...network,
    async dial(target, options) {
      const transport = await network.dial(target, options);
      held++;
      const closed = transport.closed.then(async (error) => {
        await turns(50);
        held--;
        return error;
      });
      return Object.defineProperty(transport, "closed", { value: closed });
    },
  };
  return { network: slow, held: () => held };
}
