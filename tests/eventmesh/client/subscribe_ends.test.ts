import { describe, expect, it } from "vitest";
import { ClosedError, OverflowError, PeerError, TimeoutError } from "../../../lib/errors.ts";
import { abortReasons, countedAbort } from "../../support/signals.ts";
import { turns, until } from "../../support/until.ts";
import { balanced, clientGate, failure, holdTime, openStreams, pair, partClean, pass } from "./kit.ts";

clientGate();

describe("a subscribe that fails", () => {
  it.each(["SUBSCRIBE_REQUEST", "LISTEN_REQUEST"] as const)(
    "rejects with the words of a server that refuses %s, and leaves nothing",
    async (command) => {
      const { server, connection } = await pair();
      server.refuse(command, "java.lang.Exception: client purpose config is not sub");
      const error = await failure(connection.subscribe(["orders", "returns"])) as PeerError;
      expect(openStreams()).toBe(1);
      expect(error).toBeInstanceOf(PeerError);
      expect(error.message).toBe(
        `Cannot subscribe to "orders, returns": the server answered ${
          command.replace("REQUEST", "RESPONSE")
        } ` +
          "with status 1: client purpose config is not sub",
      );
      expect(error.description).toBe("java.lang.Exception: client purpose config is not sub");
      await server.holds(1);
      // There was a session: it is told.
      await server.saw("CLIENT_GOODBYE_REQUEST");
      server.off(command);
      await connection.subscribe("orders");
      await partClean(connection);
    },
  );

  it.each(["HELLO_REQUEST", "SUBSCRIBE_REQUEST", "LISTEN_REQUEST"] as const)(
    "rejects with the reason of an abort while %s is not answered, and leaves nothing",
    async (command) => {
      const { server, connection } = await pair();
      server.hold(command);
      for (const make of abortReasons) {
        const abort = countedAbort();
        const before = server.of(command).length;
        const subscribing = failure(connection.subscribe("orders", { signal: abort.signal }));
        await server.saw(command, before + 1);
        abort.abort(make());
        expect(Object.is(await subscribing, abort.signal.reason)).toBe(true);
        expect(openStreams()).toBe(1);
        expect(abort.listeners()).toBe(0);
      }
      await server.holds(1);
      await partClean(connection);
    },
  );

  it("is tried again inside its time when the server is busy", async () => {
    const { server, connection } = await pair();
    let refusals = 0;
    for (const command of ["SUBSCRIBE_REQUEST", "LISTEN_REQUEST"] as const) {
      server.on(command, (request) => {
        if (++refusals % 3 !== 0) request.refuse("java.util.concurrent.RejectedExecutionException");
        else request.reply();
      });
    }
    await connection.subscribe("orders");
    expect(server.last("sub").commands).toEqual([
      "HELLO_REQUEST",
      ...Array(3).fill("SUBSCRIBE_REQUEST"),
      ...Array(3).fill("LISTEN_REQUEST"),
    ]);
    await partClean(connection);
  });

  it("holds nothing when a full buffer ends it before it is ready", async () => {
    const { server, connection } = await pair();
    for (const answered of [true, false]) {
      server.on("LISTEN_REQUEST", (request) => {
        if (answered) request.reply();
        for (let i = 0; i < 3; i++) request.session.push("orders", `message ${i}`);
      });
      const subscribing = connection.subscribe("orders", { overflow: "fail", capacity: 2 });
      if (answered) {
        const { outcome, cause, connections, residue } = await (await subscribing).closed;
        expect({ outcome, cause, residue }).toEqual({
          outcome: "forced",
          cause: "overflow",
          residue: { sockets: 0, timers: 0, listeners: 0 },
        });
        expect(connections).toMatchObject({ opened: 1, forced: 1 });
      } else {
        const error = await failure(subscribing) as ClosedError;
        expect(error).toBeInstanceOf(ClosedError);
        expect(error.cause).toBeInstanceOf(OverflowError);
      }
      expect(openStreams()).toBe(1);
    }
    const farewell = await connection.goodbye();
    expect(farewell.residue).toEqual({ sockets: 0, timers: 0, listeners: 0 });
  });

  it("rejects with a TimeoutError that names the topic", async () => {
    holdTime();
    const { server, connection } = await pair();
    server.hold("LISTEN_REQUEST");
    const subscribing = failure(connection.subscribe("orders", { timeout: 1_000 }));
    await pass(1_100);
    const error = await subscribing as TimeoutError;
    expect(error).toBeInstanceOf(TimeoutError);
    expect(error.message).toBe('Cannot subscribe to "orders": 1000 ms have passed');
    await server.holds(1);
  });

  it("does nothing at all when the signal has aborted before", async () => {
    const { server, connection } = await pair();
    expect(await failure(connection.subscribe("orders", { signal: AbortSignal.abort(null) }))).toBe(null);
    expect(server.sessions).toHaveLength(1);
  });

  it.each([
    { topics: "", text: /expected topics that are not blank, got ""/ },
    { topics: [], text: /expected one or more topics, got an empty list/ },
    { topics: ["orders", " "], text: /expected topics that are not blank, got " "/ },
    { topics: 5, text: /expected a topic or a list of topics, got 5/ },
  ])("is a TypeError for topics $topics", async ({ topics, text }) => {
    const { connection } = await pair();
    const error = await failure(connection.subscribe(topics as string)) as Error;
    expect(error).toBeInstanceOf(TypeError);
    expect(error.message).toMatch(text);
  });
});

describe("the signal of subscribe", () => {
  it.each(abortReasons.map((make, index) => ({ make, index })))(
    "ends the subscription at once after success, and its loop throws the reason (reason $index)",
    async ({ make }) => {
      const { server, connection } = await pair();
      const abort = countedAbort();
      const subscription = await connection.subscribe("orders", { signal: abort.signal });
      const session = server.last("sub");
      const next = failure(subscription[Symbol.asyncIterator]().next());
      abort.abort(make());
      expect(Object.is(await next, abort.signal.reason)).toBe(true);
      const farewell = balanced(await subscription.closed);
      expect(farewell).toMatchObject({ cause: "aborted", outcome: "forced" });
      expect(Object.is(farewell.reason, abort.signal.reason)).toBe(true);
      expect(abort.listeners()).toBe(0);
      await session.saw("CLIENT_GOODBYE_REQUEST");
      expect(connection.state).toBe("open");
      // What became of one subscription says nothing about the connection.
      await partClean(connection);
    },
  );
});

describe("overflow", () => {
  it("stops reading when the buffer is full and goes on when there is room", async () => {
    const { server, connection } = await pair();
    const subscription = await connection.subscribe("orders", { capacity: 10 });
    const session = server.last("sub");
    // Far more than the transport takes at once.
    const text = "x".repeat(20_000);
    for (let number = 0; number < 300; number++) session.push("orders", `${number} ${text}`);
    await until(() => session.transport.buffered > 0, { what: "a peer that waits" });
    let expected = 0;
    void subscription.consume((message) => {
      if (Number(message.text().split(" ")[0]) === expected) expected++;
    });
    await session.saw("ASYNC_MESSAGE_TO_CLIENT_ACK", 300);
    expect(expected).toBe(300);
    await partClean(connection);
  });

  it("stays stopped on the next session when the one before was lost meanwhile", async () => {
    const { server, connection } = await pair();
    const subscription = await connection.subscribe("orders", { capacity: 2 });
    const lost = server.last("sub");
    for (const text of ["1", "2"]) lost.push("orders", text);
    await until(() => lost.transport.buffered === 0, { what: "two messages in the buffer" });
    lost.transport.reset();
    await until(() => server.last("sub") !== lost && server.last("sub").of("LISTEN_REQUEST").length > 0);
    const next = server.last("sub");
    await until(() => subscription.state === "open", { what: "an open subscription" });
    next.push("orders", "3");
    await turns(20);
    expect(next.transport.buffered).toBeGreaterThan(0);
    const seen: string[] = [];
    void subscription.consume((message) => void seen.push(message.text()));
    const [ack] = await next.saw("ASYNC_MESSAGE_TO_CLIENT_ACK");
    expect(seen).toEqual(["1", "2", "3"]);
    expect(ack!.seq).toBe("3");
    expect(lost.of("ASYNC_MESSAGE_TO_CLIENT_ACK")).toEqual([]);
    const { messages } = await partClean(connection);
    // What the lost session had brought cannot be acknowledged anywhere.
    expect(messages).toMatchObject({ received: 3, acked: 1, returned: 2 });
  });
});
