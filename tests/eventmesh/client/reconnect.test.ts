import { describe, expect, it } from "vitest";
import { ConnectionLostError, PeerError } from "../../../lib/errors.ts";
import type { Message } from "../../../lib/messaging/mod.ts";
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
  quick,
  watch,
} from "./kit.ts";

clientGate();

describe("a connection that is lost", () => {
  it("comes back with a hello of its own, and tells of it", async () => {
    const { server, connection } = await pair();
    const events = watch(connection);
    server.last("pub").transport.reset();
    await until(() => connection.state === "reconnecting", { what: "reconnecting" });
    await until(() => connection.state === "open", { what: "open again" });
    await connection.publish("orders", "x");
    expect(server.sessions[1]!.commands).toEqual(["HELLO_REQUEST", "ASYNC_MESSAGE_TO_SERVER"]);
    const farewell = await partClean(connection);
    expect(farewell.connections).toMatchObject({ opened: 2, lost: 1, clean: 1 });
    expect(events.map(({ type, level }) => `${type} ${level}`)).toEqual([
      "lost warn",
      "state debug",
      "retry info",
      "state debug",
      "connected info",
      ...["state debug", "phase debug", "phase debug", "phase debug"],
      ...["state debug", "phase debug", "state debug", "phase debug", "state debug"],
      "farewell info",
    ]);
    expect(events.find(({ type }) => type === "connected")).toMatchObject({ epoch: 2 });
  });

  it("subscribes and listens again, once each, and goes on in the same loop", async () => {
    const { server, connection } = await pair();
    const subscription = await connection.subscribe(["orders", "returns"], { mode: "broadcasting" });
    const iterator = subscription[Symbol.asyncIterator]();
    const first = iterator.next();
    server.last("sub").transport.destroy();
    await until(() => server.sessions.length === 3, { what: "a new session" });
    await server.sessions[2]!.saw("LISTEN_REQUEST");
    server.sessions[2]!.push("returns", "after the loss");
    expect(((await first).value as Message).text()).toBe("after the loss");
    expect(server.sessions[2]!.commands).toEqual(["HELLO_REQUEST", "SUBSCRIBE_REQUEST", "LISTEN_REQUEST"]);
    expect(server.sessions[2]!.items).toEqual(server.sessions[1]!.items);
    await iterator.return!();
    const farewell = balanced(await subscription.closed);
    expect(farewell.connections).toMatchObject({ opened: 2, lost: 1, clean: 1 });
    await partClean(connection);
  });

  it("does not send an acknowledgement to a session that did not deliver the message", async () => {
    const { server, connection } = await pair();
    const subscription = await connection.subscribe("orders");
    const iterator = subscription[Symbol.asyncIterator]();
    server.last("sub").push("orders", "old");
    const { value: old } = await iterator.next();
    server.last("sub").transport.reset();
    await until(() => server.sessions.length === 3 && subscription.state === "open", {
      what: "a new session",
    });
    server.last("sub").push("orders", "new");
    await iterator.next();
    (old as Message).ack();
    await iterator.return!();
    await subscription.closed;
    expect(server.of("ASYNC_MESSAGE_TO_CLIENT_ACK")).toEqual([]);
    const { messages } = await partClean(connection);
    expect(messages).toMatchObject({ received: 2, acked: 0, returned: 2 });
  });

  it("goes round its list of servers", async () => {
    const [one, two] = [await fake(), await fake()];
    const connection = await client([one, two]);
    one.refuse("HELLO_REQUEST");
    one.last("pub").transport.reset();
    await two.holds(1);
    await until(() => connection.state === "open", { what: "open" });
    one.off("HELLO_REQUEST");
    two.last("pub").transport.reset();
    await one.holds(1);
    await until(() => connection.state === "open", { what: "open" });
    await partClean(connection);
  });

  it("waits longer from attempt to attempt, and starts one when the one before holds nothing", async () => {
    holdTime();
    const { server, connection } = await pair({
      reconnect: { min: 100, max: 1_000, jitter: 0 },
      heartbeat: 3_600_000,
    });
    const events = watch(connection);
    await pass(2_000);
    server.refuse("HELLO_REQUEST", "not now");
    let most = 0;
    server.onAccept = () => most = Math.max(most, server.open.length);
    server.last("pub").transport.reset();
    await pass(6_000);
    server.off("HELLO_REQUEST");
    await pass(1_200);
    expect(connection.state).toBe("open");
    const retries = events.filter((event) => event.type === "retry");
    expect(retries.map(({ attempt, delay }) => [attempt, delay]).slice(0, 6)).toEqual([
      [1, 100],
      [2, 200],
      [3, 400],
      [4, 800],
      [5, 1_000],
      [6, 1_000],
    ]);
    expect((retries[1]!.error as Error).message).toContain("status 1: not now");
    expect(most).toBe(1);
  });

  it("does not pester a server that lets it in only to drop it", async () => {
    holdTime();
    const { server } = await pair({ reconnect: { min: 100, max: 1_000, jitter: 0 } });
    server.onAccept = (session) => void session.saw("HELLO_REQUEST").then(() => session.transport.reset());
    server.last("pub").transport.reset();
    await pass(10_000);
    // 100 would come to this if every hello that is answered began anew.
    expect(server.sessions.length).toBeLessThan(17);
    expect(server.sessions.length).toBeGreaterThan(6);
  });

  it("limits each attempt", async () => {
    holdTime();
    const { server, connection } = await pair({ reconnect: { ...quick, timeout: 500 } });
    const events = watch(connection);
    server.hold("HELLO_REQUEST");
    server.last("pub").transport.reset();
    await pass(800);
    server.release("HELLO_REQUEST");
    await pass(600);
    expect(connection.state).toBe("open");
    const [, second] = events.filter((event) => event.type === "retry");
    expect((second as unknown as { error: Error }).error.message).toMatch(
      /^Cannot connect to .*: 500 ms have passed$/,
    );
  });
});

describe("a connection that is lost for good", () => {
  it("ends after its attempts, with what is pending, its subscriptions and their loops", async () => {
    const { server, connection } = await pair({ reconnect: { ...quick, attempts: 3 } });
    const subscription = await connection.subscribe("orders");
    const loop = failure(subscription[Symbol.asyncIterator]().next());
    const events = watch(connection);
    server.refuse("HELLO_REQUEST", "never again");
    server.last("pub").transport.reset();
    await until(() => connection.state === "reconnecting", { what: "reconnecting" });
    const waiting = failure(connection.publish("orders", "x"));
    const farewell = balanced(await connection.closed);
    expect(farewell).toMatchObject({ cause: "lost", outcome: "failed" });
    const reason = farewell.reason as ConnectionLostError;
    expect(reason).toBeInstanceOf(ConnectionLostError);
    expect(reason.message).toBe(
      `The connection to 127.0.0.1:${server.port} was lost, and 3 attempts to get it back have failed`,
    );
    expect((reason.cause as PeerError).message).toContain("never again");
    expect(await loop).toBe(reason);
    expect(subscription.state).toBe("closed");
    expect(events.filter(({ type }) => type === "retry")).toHaveLength(3);
    // Its own signal did not end it: the end of the connection did, and its cause says why.
    expect(await waiting).toMatchObject({ code: "ERR_CLOSED", outcome: "not-sent", cause: reason });
    expect(connection.signal.reason).toBe(reason);
    await server.holds(0);
  });

  it("ends at once where it may not reconnect", async () => {
    const { server, connection } = await pair({ reconnect: false });
    server.hold("ASYNC_MESSAGE_TO_SERVER");
    const publishing = failure(connection.publish("orders", "x"));
    await server.saw("ASYNC_MESSAGE_TO_SERVER");
    server.last("pub").transport.reset();
    const farewell = balanced(await connection.closed);
    expect(farewell).toMatchObject({
      cause: "lost",
      outcome: "failed",
      messages: { published: 1, unconfirmed: 1 },
    });
    expect(farewell.reason).toBeInstanceOf(ConnectionLostError);
    expect(await publishing).toMatchObject({ code: "ERR_CONNECTION_LOST", outcome: "unknown" });
    expect(server.sessions).toHaveLength(1);
  });
});

describe("a subscription that is refused when it comes back", () => {
  it.each(["SUBSCRIBE_REQUEST", "LISTEN_REQUEST"] as const)(
    "ends alone, and its loop throws the words of the server (%s)",
    async (command) => {
      const { server, connection } = await pair();
      const [one, other] = [await connection.subscribe("orders"), await connection.subscribe("returns")];
      const loop = failure(one[Symbol.asyncIterator]().next());
      server.refuse(command, "topic was deleted");
      server.sessions[1]!.transport.reset();
      const error = await loop as PeerError;
      expect(error).toBeInstanceOf(PeerError);
      expect(error.message).toBe(
        `Cannot subscribe to "orders": the server answered ${
          command.replace("REQUEST", "RESPONSE")
        } with status 1: ` +
          "topic was deleted",
      );
      const farewell = balanced(await one.closed);
      expect(farewell).toMatchObject({ cause: "refused", outcome: "failed" });
      expect(farewell.reason).toBe(error);
      expect(other.state).toBe("open");
      expect(connection.state).toBe("open");
      // One attempt: another would come to the same.
      expect(server.of("HELLO_REQUEST")).toHaveLength(4);
      await server.holds(2);
      await partClean(connection);
    },
  );

  it("is tried again when only the hello is refused", async () => {
    const { server, connection } = await pair();
    const subscription = await connection.subscribe("orders");
    let refusals = 0;
    server.on("HELLO_REQUEST", (request) => {
      if (++refusals < 4) request.refuse("server state is not running, maybe deploying...");
      else request.reply();
    });
    server.last("sub").transport.reset();
    await until(() => refusals === 4 && subscription.state === "open", { what: "open again" });
    await partClean(connection);
  });
});
