import { describe, expect, it } from "vitest";
import type { ClosedError } from "../../../lib/errors.ts";
import { abortReasons, countedAbort } from "../../support/signals.ts";
import { turns, until } from "../../support/until.ts";
import {
  balanced,
  clientGate,
  failure,
  holdTime,
  openStreams,
  pair,
  partClean,
  pass,
  settled,
} from "./kit.ts";

clientGate();

describe("goodbye", () => {
  it("ends subscriptions first, tells every server, and reports", async () => {
    const { server, connection } = await pair();
    const subscriptions = await Promise.all(["a", "b", "c"].map((topic) => connection.subscribe(topic)));
    await connection.publish("a", "x");
    const farewell = await partClean(connection);
    expect(farewell).toMatchObject({
      name: "eventmesh connection",
      cause: "goodbye",
      childCount: 3,
      children: [],
      errors: [],
      connections: { opened: 4, clean: 4, forced: 0, lost: 0 },
      operations: { settled: 1, aborted: 0, refused: 0 },
      messages: { published: 1, confirmed: 1 },
    });
    expect(subscriptions.map(({ state }) => state)).toEqual(["closed", "closed", "closed"]);
    const order = server.of("CLIENT_GOODBYE_REQUEST").map(({ session }) => session.agent!.purpose);
    expect(order).toEqual(["sub", "sub", "sub", "pub"]);
    expect(server.sessions.every(({ peerEnded }) => peerEnded)).toBe(true);
    await server.holds(0);
    expect(openStreams()).toBe(0);
  });

  it("is one, however often and by whom it is asked for", async () => {
    const { server, connection } = await pair();
    const farewells = await Promise.all([
      connection.goodbye(),
      connection.goodbye(),
      connection[Symbol.asyncDispose]().then(() => connection.closed),
      connection.closed,
    ]);
    await connection[Symbol.asyncDispose]();
    expect(new Set(farewells).size).toBe(1);
    expect(await connection.goodbye()).toBe(farewells[0]);
    expect(farewells[0]!.outcome).toBe("clean");
    expect(server.of("CLIENT_GOODBYE_REQUEST")).toHaveLength(1);
  });

  it("of a subscription leaves the connection alone", async () => {
    const { server, connection } = await pair();
    const subscription = await connection.subscribe("orders");
    expect(balanced(await subscription.goodbye())).toMatchObject({
      outcome: "clean",
      connections: { opened: 1, clean: 1 },
    });
    await server.holds(1);
    await connection.publish("orders", "x");
    expect((await partClean(connection)).childCount).toBe(1);
  });

  it("waits for what is on its way, and refuses what is new", async () => {
    const { server, connection } = await pair();
    server.hold("ASYNC_MESSAGE_TO_SERVER");
    server.hold("REQUEST_TO_SERVER");
    const publishing = connection.publish("orders", "x");
    const asking = connection.request("questions", "x");
    await server.saw("REQUEST_TO_SERVER");
    const reason = new Error("the shop closes");
    const ending = connection.goodbye({ reason });
    expect(await settled(ending)).toBe(false);
    for (
      const late of [
        connection.publish("orders", "y"),
        connection.request("questions", "y"),
        connection.subscribe("orders"),
        connection.recommend(),
      ]
    ) {
      const error = await failure(late) as ClosedError;
      expect(error).toMatchObject({ code: "ERR_CLOSED", state: "draining", outcome: "not-sent" });
      expect(error.cause).toBe(reason);
    }
    expect(server.of("CLIENT_GOODBYE_REQUEST")).toEqual([]);
    server.release("ASYNC_MESSAGE_TO_SERVER");
    server.release("REQUEST_TO_SERVER");
    await publishing;
    expect((await asking).text()).toBe("re: x");
    const farewell = balanced(await ending);
    expect(farewell).toMatchObject({ outcome: "clean", operations: { settled: 2, refused: 3 } });
    expect(farewell.reason).toBe(reason);
  });

  it("brings buffered messages to an active consumer, and what it does with them to the server", async () => {
    const { server, connection } = await pair();
    const subscription = await connection.subscribe("questions", { type: "sync" });
    const session = server.last("sub");
    const done: string[] = [];
    let go = (): void => {};
    const gate = new Promise<void>((resolve) => go = resolve);
    void subscription.consume(async (message) => {
      await gate;
      expect(connection.draining.aborted).toBe(true);
      await connection.publish("log", message.text());
      const reply = await connection.request("other", message.text());
      done.push(message.text());
      return reply.text();
    });
    for (const text of ["1", "2", "3"]) {
      session.push("questions", text, {
        command: "REQUEST_TO_CLIENT",
        properties: { correlation99id: text },
      });
    }
    await until(() => session.transport.buffered === 0, { what: "buffered messages" });
    const ending = connection.goodbye();
    expect(connection.state).toBe("draining");
    go();
    const farewell = balanced(await ending);
    expect(farewell.outcome).toBe("clean");
    expect(done).toEqual(["1", "2", "3"]);
    expect(server.of("RESPONSE_TO_SERVER").map(({ text }) => text)).toEqual(["re: 1", "re: 2", "re: 3"]);
    expect(server.of("REQUEST_TO_CLIENT_ACK")).toHaveLength(3);
    expect(farewell.messages).toMatchObject({
      published: 6,
      confirmed: 6,
      received: 3,
      acked: 3,
      returned: 0,
    });
  });

  it("gives back what nobody has consumed", async () => {
    const { server, connection } = await pair();
    await connection.subscribe("orders");
    await connection.subscribe("news", { mode: "broadcasting" });
    for (const session of server.sessions.slice(1)) {
      session.push("any", "1");
      session.push("any", "2");
    }
    await until(() => server.sessions.every(({ transport }) => transport.buffered === 0), {
      what: "buffered messages",
    });
    const { messages } = await partClean(connection);
    // What is for one member goes to another; what is for each goes to nobody else.
    expect(messages).toMatchObject({ received: 4, acked: 0, returned: 2, dropped: 2 });
    expect(server.of("ASYNC_MESSAGE_TO_CLIENT_ACK")).toEqual([]);
  });

  it("leaves time to the handlers, tells them when it is over, and does not wait longer", async () => {
    holdTime();
    const { server, connection } = await pair();
    const subscription = await connection.subscribe("orders");
    const told: unknown[] = [];
    void subscription.consume(async (_message, { signal, draining }) => {
      await new Promise<void>((resolve) => draining.addEventListener("abort", () => resolve()));
      told.push("draining");
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
      told.push("over");
      await new Promise(() => {});
    });
    server.last("sub").push("orders", "x");
    await turns(10);
    const ending = connection.goodbye();
    await turns(10);
    expect(told).toEqual(["draining"]);
    await pass(14_000);
    expect(told).toEqual(["draining", "over"]);
    const farewell = balanced(await ending);
    expect(farewell).toMatchObject({ outcome: "forced", messages: { received: 1, returned: 1 } });
    // Work that did not end in time is no excuse for leaving without a word.
    expect(server.of("CLIENT_GOODBYE_REQUEST")).toHaveLength(2);
    expect(farewell.connections).toMatchObject({ opened: 2, clean: 2 });
  });
});

describe("the reason of a goodbye", () => {
  it.each(abortReasons.map((make, index) => ({ make, index })))(
    "arrives as it is (reason $index)",
    async ({ make }) => {
      const { server, connection } = await pair();
      const subscription = await connection.subscribe("orders");
      server.hold("ASYNC_MESSAGE_TO_SERVER");
      const publishing = failure(connection.publish("orders", "x"));
      await server.saw("ASYNC_MESSAGE_TO_SERVER");
      const abort = countedAbort();
      const ending = connection.goodbye({ signal: abort.signal });
      await turns(5);
      abort.abort(make());
      const { reason } = abort.signal;
      const farewell = balanced(await ending);
      expect(farewell).toMatchObject({
        outcome: "forced",
        cause: "goodbye",
        messages: { published: 1, unconfirmed: 1 },
      });
      expect(Object.is(connection.signal.reason, reason)).toBe(true);
      const cut = farewell.phases.find(({ ended }) => ended === "cut");
      expect(Object.is(cut!.reason, reason)).toBe(true);
      expect(await publishing).toMatchObject({ code: "ERR_CLOSED", outcome: "unknown" });
      expect(subscription.state).toBe("closed");
      expect(abort.listeners()).toBe(0);
      // As far as it takes no time the servers are told all the same.
      await server.holds(0);
      expect(server.of("CLIENT_GOODBYE_REQUEST")).toHaveLength(2);
    },
  );

  it.each([null, 0, "", new Error("why")])("given as an option is that of everything: %s", async (reason) => {
    const { connection } = await pair();
    const subscription = await connection.subscribe("orders");
    const farewell = balanced(await connection.goodbye({ reason }));
    expect(farewell.reason).toBe(reason);
    expect(connection.draining.reason).toBe(reason);
    expect(connection.signal.reason).toBe(reason);
    expect((await subscription.closed).reason).toBe(reason);
    expect((await failure(connection.publish("orders", "x")) as Error).cause).toBe(reason);
  });
});

describe("a forced goodbye", () => {
  it("frees everything at once, and tells the servers as far as that takes no time", async () => {
    holdTime();
    const { server, connection } = await pair();
    await connection.subscribe("orders");
    server.hold("CLIENT_GOODBYE_REQUEST");
    const farewell = balanced(await connection.goodbye({ grace: 0 }));
    expect(farewell).toMatchObject({ outcome: "forced", connections: { opened: 2, forced: 2, clean: 0 } });
    expect(openStreams()).toBe(0);
    await server.holds(0);
    expect(server.of("CLIENT_GOODBYE_REQUEST")).toHaveLength(2);
  });

  it("cuts a goodbye that was patient", async () => {
    const { server, connection } = await pair();
    server.hold("CLIENT_GOODBYE_REQUEST");
    const patient = connection.goodbye();
    await server.saw("CLIENT_GOODBYE_REQUEST");
    const forced = connection.goodbye({ grace: 0 });
    expect(await patient).toBe(await forced);
    expect(balanced(await patient)).toMatchObject({ outcome: "forced" });
    expect(server.of("CLIENT_GOODBYE_REQUEST")).toHaveLength(1);
  });
});
