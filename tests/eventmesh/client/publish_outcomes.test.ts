import { describe, expect, it } from "vitest";
import { type ClosedError, ConnectionLostError, PeerError, TimeoutError } from "../../../lib/errors.ts";
import { abortReasons, countedAbort } from "../../support/signals.ts";
import { until } from "../../support/until.ts";
import {
  balanced,
  client,
  clientGate,
  failure,
  fake,
  holdTime,
  pair,
  partClean,
  pass,
  settled,
} from "./kit.ts";

clientGate();

describe("a publish that the server refuses", () => {
  it.each([
    ["java.lang.Exception: event size exceeds the limit: 1000", "event size exceeds the limit: 1000"],
    ["java.lang.RuntimeException: org.apache.my_1.Inner$OuterException: no", "no"],
    ["java.lang.NullPointerException", "java.lang.NullPointerException"],
    ["java.lang.Exception: ", "java.lang.Exception: "],
    ["no java.lang.Exception: here", "no java.lang.Exception: here"],
  ])("rejects with what was refused and why, without classes of Java before it: %s", async (words, told) => {
    const { server, connection } = await pair();
    server.refuse("ASYNC_MESSAGE_TO_SERVER", words);
    const error = await failure(connection.publish("orders", "x")) as PeerError;
    expect(error).toBeInstanceOf(PeerError);
    expect(error.name).toBe("PeerError");
    expect(error).toMatchObject({ status: 1, description: words, transient: false });
    expect(error.message).toBe(
      `Cannot publish to "orders": the server answered ASYNC_MESSAGE_TO_SERVER_ACK with status 1: ${told}`,
    );
    expect(server.of("ASYNC_MESSAGE_TO_SERVER")).toHaveLength(1);
    const { messages } = await partClean(connection);
    expect(messages).toMatchObject({ published: 1, rejected: 1 });
  });

  it("is told apart from one that succeeds, however often either has come", async () => {
    const { server, connection } = await pair();
    server.on("ASYNC_MESSAGE_TO_SERVER", (request) => {
      if (request.text === "no") request.refuse("refused", 1);
      else request.reply();
    });
    for (let i = 0; i < 6; i++) {
      expect(await failure(connection.publish("orders", "no"))).toBeInstanceOf(PeerError);
      await connection.publish("orders", "yes");
    }
    const { messages } = await partClean(connection);
    expect(messages).toMatchObject({ published: 12, confirmed: 6, rejected: 6, unconfirmed: 0 });
  });

  it.each([
    { code: 1, words: "java.lang.Exception: SEND_TOO_FAST" },
    { code: 1, words: "Tps overload, global flow control" },
    { code: 3, words: "tpsOverload" },
    { code: 3, words: undefined },
  ])("is tried again when it is busy: $code $words", async ({ code, words }) => {
    const { server, connection } = await pair();
    let refusals = 0;
    server.on("ASYNC_MESSAGE_TO_SERVER", (request) => {
      if (++refusals < 4) request.refuse(words, code);
      else request.reply();
    });
    await connection.publish("orders", "x");
    expect(server.of("ASYNC_MESSAGE_TO_SERVER").map(({ text }) => text)).toEqual(["x", "x", "x", "x"]);
    const { messages, operations } = await partClean(connection);
    expect(messages).toMatchObject({ published: 1, confirmed: 1, rejected: 0 });
    expect(operations).toEqual({ settled: 1, aborted: 0, refused: 0 });
  });

  it("is given up when it stays busy until its timeout", async () => {
    holdTime();
    const { server, connection } = await pair();
    server.refuse("ASYNC_MESSAGE_TO_SERVER", "SEND_TOO_FAST");
    const publishing = failure(connection.publish("orders", "x", { timeout: 2_000 }));
    await pass(2_100);
    const error = await publishing as TimeoutError;
    expect(error).toBeInstanceOf(TimeoutError);
    // Whichever it was just then: waiting to be sent again, or for another refusal that nobody knows of yet.
    const [, lack] = /^Cannot publish to "orders": (the peer stayed busy|no reply) within 2000 ms$/.exec(
      error.message,
    )!;
    expect(server.of("ASYNC_MESSAGE_TO_SERVER").length).toBeGreaterThan(3);
    expect(error.outcome).toBe(lack === "no reply" ? "unknown" : "not-sent");
    expect(error.cause).toMatchObject({ name: "PeerError", transient: true, description: "SEND_TOO_FAST" });
    expect((error.cause as Error).message).toMatch(/^Cannot publish to "orders": the server answered /);
  });
});

describe("a publish that is interrupted", () => {
  it.each(abortReasons.map((make, index) => ({ make, index })))(
    "rejects with the reason itself (reason $index)",
    async ({ make }) => {
      const { server, connection } = await pair();
      server.hold("ASYNC_MESSAGE_TO_SERVER");
      const abort = countedAbort();
      const publishing = failure(connection.publish("orders", "x", { signal: abort.signal }));
      await server.saw("ASYNC_MESSAGE_TO_SERVER");
      abort.abort(make());
      expect(Object.is(await publishing, abort.signal.reason)).toBe(true);
      await until(() => abort.listeners() === 0, { what: "no listener" });
    },
  );

  it("sends nothing when the signal has aborted before", async () => {
    const { server, connection } = await pair();
    const reason = new Error("no");
    expect(await failure(connection.publish("orders", "x", { signal: AbortSignal.abort(reason) }))).toBe(
      reason,
    );
    await connection.publish("orders", "y");
    expect(server.of("ASYNC_MESSAGE_TO_SERVER").map(({ text }) => text)).toEqual(["y"]);
  });

  it("is withdrawn while it waits for the window", async () => {
    const { server, connection } = await pair({ window: 1 });
    server.hold("ASYNC_MESSAGE_TO_SERVER");
    const first = connection.publish("orders", "first");
    const abort = new AbortController();
    const second = failure(connection.publish("orders", "second", { signal: abort.signal }));
    const third = connection.publish("orders", "third");
    abort.abort("stop");
    expect(await second).toBe("stop");
    server.release("ASYNC_MESSAGE_TO_SERVER");
    await Promise.all([first, third]);
    expect(server.of("ASYNC_MESSAGE_TO_SERVER").map(({ text }) => text)).toEqual(["first", "third"]);
    const { messages, operations } = await partClean(connection);
    expect(messages).toMatchObject({ published: 2, confirmed: 2 });
    expect(operations).toEqual({ settled: 2, aborted: 1, refused: 0 });
  });

  it("leaves a place where its late confirmation falls, and nobody else gets it", async () => {
    const { server, connection } = await pair({ window: 1 });
    server.hold("ASYNC_MESSAGE_TO_SERVER");
    const abort = new AbortController();
    const first = failure(connection.publish("orders", "first", { signal: abort.signal }));
    await server.saw("ASYNC_MESSAGE_TO_SERVER");
    abort.abort("stop");
    expect(await first).toBe("stop");
    const second = connection.publish("orders", "second");
    expect(await settled(second)).toBe(false);
    // The window is the server's: it is free when the server has answered.
    expect(server.of("ASYNC_MESSAGE_TO_SERVER")).toHaveLength(1);
    server.held("ASYNC_MESSAGE_TO_SERVER")[0]!.refuse("late and refused");
    await server.saw("ASYNC_MESSAGE_TO_SERVER", 2);
    expect(await settled(second)).toBe(false);
    server.held("ASYNC_MESSAGE_TO_SERVER")[1]!.reply();
    await second;
    const { messages, operations } = await partClean(connection);
    expect(messages).toMatchObject({ published: 2, confirmed: 1, unconfirmed: 1 });
    expect(operations).toEqual({ settled: 1, aborted: 1, refused: 0 });
  });

  it("rejects with a TimeoutError that tells whether it was sent", async () => {
    holdTime();
    const { server, connection } = await pair({ window: 1 });
    server.hold("ASYNC_MESSAGE_TO_SERVER");
    const sent = failure(connection.publish("orders", "x", { timeout: 500 }));
    const waiting = failure(connection.publish("orders", "x", { timeout: 500 }));
    await pass(600);
    const [first, second] = [await sent as TimeoutError, await waiting as TimeoutError];
    expect(first).toMatchObject({ code: "ERR_TIMEOUT", timeout: 500, outcome: "unknown" });
    expect(first.message).toBe('Cannot publish to "orders": no reply within 500 ms');
    expect(second).toMatchObject({ code: "ERR_TIMEOUT", timeout: 500, outcome: "not-sent" });
    expect(second.message).toBe('Cannot publish to "orders": no room in the window within 500 ms');
  });

  it("has a timeout of 20 s", async () => {
    holdTime();
    const { server, connection } = await pair();
    server.hold("ASYNC_MESSAGE_TO_SERVER");
    const publishing = failure(connection.publish("orders", "x"));
    await pass(20_200);
    expect(await publishing).toMatchObject({ code: "ERR_TIMEOUT", timeout: 20_000 });
  });
});

describe("a publish while the transport is lost", () => {
  it("has an unknown outcome once it was written: an error of its own, a cause for all", async () => {
    const { server, connection } = await pair();
    server.hold("ASYNC_MESSAGE_TO_SERVER");
    const publishes = ["one", "two", "three"].map((data) => failure(connection.publish("orders", data)));
    await server.saw("ASYNC_MESSAGE_TO_SERVER", 3);
    server.last("pub").transport.reset();
    const errors = await Promise.all(publishes) as ConnectionLostError[];
    expect(new Set(errors).size).toBe(3);
    expect(new Set(errors.map(({ cause }) => cause)).size).toBe(1);
    expect(errors[0]).toMatchObject({ code: "ERR_CONNECTION_LOST", outcome: "unknown" });
    expect(errors[0]!.message).toBe('Cannot publish to "orders": the connection was lost');
    expect((errors[0]!.cause as Error).message).toMatch(
      new RegExp(`^The connection to 127\\.0\\.0\\.1:${server.port} was lost: .*ECONNRESET`),
    );
    server.release("ASYNC_MESSAGE_TO_SERVER");
    await connection.publish("orders", "four");
    expect(server.of("ASYNC_MESSAGE_TO_SERVER").map(({ text }) => text)).toEqual([
      "one",
      "two",
      "three",
      "four",
    ]);
    const { messages } = await partClean(connection);
    expect(messages).toMatchObject({ published: 4, confirmed: 1, unconfirmed: 3 });
  });

  it("goes out on the next connection when it was not yet written", async () => {
    const { server, connection } = await pair({ window: 1 });
    server.hold("ASYNC_MESSAGE_TO_SERVER");
    const first = failure(connection.publish("orders", "first"));
    const second = connection.publish("orders", "second");
    await server.saw("ASYNC_MESSAGE_TO_SERVER");
    server.last("pub").transport.destroy();
    expect(await first).toBeInstanceOf(ConnectionLostError);
    server.off("ASYNC_MESSAGE_TO_SERVER");
    await second;
    expect(server.last("pub").of("ASYNC_MESSAGE_TO_SERVER").map(({ text }) => text)).toEqual(["second"]);
    await partClean(connection);
  });

  it("is sent again with the same id when the caller has asked for that", async () => {
    const { server, connection } = await pair();
    server.hold("ASYNC_MESSAGE_TO_SERVER");
    const publishing = connection.publish("orders", "x", { retry: "unknown" });
    const other = connection.publish("orders", "y", { retry: "unknown", id: "mine" });
    await server.saw("ASYNC_MESSAGE_TO_SERVER", 2);
    server.release("SUBSCRIBE_REQUEST");
    server.off("ASYNC_MESSAGE_TO_SERVER");
    server.last("pub").transport.reset();
    await Promise.all([publishing, other]);
    const events = server.of("ASYNC_MESSAGE_TO_SERVER").map(({ event }) => event);
    expect(events.map(({ data }) => data)).toEqual(["x", "y", "x", "y"]);
    expect(events[0]!.properties["msgid"]).toMatch(/^[0-9a-f-]{36}$/);
    expect(events[2]!.properties["msgid"]).toBe(events[0]!.properties["msgid"]);
    expect(events[3]!.properties["msgid"]).toBe("mine");
    const { messages } = await partClean(connection);
    expect(messages).toMatchObject({ published: 2, confirmed: 2, unconfirmed: 0 });
  });

  it("rejects at once when it may not wait", async () => {
    const { server, connection } = await pair();
    server.refuse("HELLO_REQUEST", "not now");
    server.last("pub").transport.reset();
    await until(() => connection.state === "reconnecting", { what: "reconnecting" });
    const waiting = connection.publish("orders", "waits");
    const error = await failure(
      connection.publish("orders", "x", { offline: "fail" }),
    ) as ConnectionLostError;
    expect(error).toBeInstanceOf(ConnectionLostError);
    expect(error.outcome).toBe("not-sent");
    expect(error.message).toBe('Cannot publish to "orders": there is no connection');
    server.off("HELLO_REQUEST");
    await waiting;
    expect(server.of("ASYNC_MESSAGE_TO_SERVER").map(({ text }) => text)).toEqual(["waits"]);
    await partClean(connection);
  });

  it("is refused when too many others wait", async () => {
    const { server, connection } = await pair({ maxWaiting: 2 });
    server.refuse("HELLO_REQUEST", "not now");
    server.last("pub").transport.reset();
    await until(() => connection.state === "reconnecting", { what: "reconnecting" });
    const waiting = ["one", "two"].map((data) => connection.publish("orders", data));
    const error = await failure(connection.publish("orders", "three"));
    expect(error).toMatchObject({ name: "OverflowError", capacity: 2 });
    expect((error as Error).message).toBe('Cannot publish to "orders": 2 others wait, no more may');
    server.off("HELLO_REQUEST");
    await Promise.all(waiting);
    expect((await partClean(connection)).operations).toMatchObject({ settled: 2, refused: 1 });
  });

  it("times out while it waits", async () => {
    const { server, connection } = await pair();
    server.refuse("HELLO_REQUEST", "not now");
    server.last("pub").transport.reset();
    await until(() => connection.state === "reconnecting", { what: "reconnecting" });
    const error = await failure(connection.publish("orders", "x", { timeout: 20 })) as TimeoutError;
    expect(error.message).toBe('Cannot publish to "orders": no connection within 20 ms');
    expect(error.outcome).toBe("not-sent");
  });
});

describe("a publish on a connection that has ended", () => {
  it("is refused with a ClosedError that is caused by the reason of the end", async () => {
    const server = await fake();
    const connection = await client(server);
    const reason = { word: "enough" };
    balanced(await connection.goodbye({ reason }));
    const error = await failure(connection.publish("orders", "x")) as ClosedError;
    expect(error).toMatchObject({ code: "ERR_CLOSED", state: "closed", outcome: "not-sent" });
    expect(error.cause).toBe(reason);
    expect(error.message).toBe('Cannot publish to "orders": the eventmesh connection is closed');
  });
});
