import { describe, expect, it } from "vitest";
import { ConnectionLostError, type PeerError } from "../../../lib/errors.ts";
import type { EventMeshConnection, ReconnectOptions } from "../../../lib/eventmesh/mod.ts";
import { type FakeServer, startFakeServer } from "../../support/fake_server.ts";
import { turns, until } from "../../support/until.ts";
import {
  balanced,
  client,
  clientGate,
  failure,
  fake,
  holdTime,
  loud,
  network,
  partClean,
  pass,
  quick,
  settled,
  texts,
  watch,
} from "./kit.ts";

clientGate();

describe("a redirect", () => {
  async function two(
    reconnect: ReconnectOptions = quick,
  ): Promise<{ one: FakeServer; other: FakeServer; connection: EventMeshConnection }> {
    const [one, other] = [await fake(), await fake()];
    return { one, other, connection: await client(one, { reconnect }) };
  }

  it("confirms or rejects every publish, on the connection it was written to", async () => {
    const { one, other, connection } = await two();
    const events = watch(connection);
    one.hold("ASYNC_MESSAGE_TO_SERVER");
    other.hold("HELLO_REQUEST");
    const before = [1, 2, 3].map((number) => connection.publish("orders", `before ${number}`));
    await one.saw("ASYNC_MESSAGE_TO_SERVER", 3);
    one.last("pub").redirect(other);
    await other.saw("HELLO_REQUEST");
    const after = [1, 2, 3].map((number) => connection.publish("orders", `after ${number}`));
    await turns(10);
    expect(texts(one)).toHaveLength(3);
    other.release("HELLO_REQUEST");
    await Promise.all(after);
    expect(texts(other)).toEqual(["after 1", "after 2", "after 3"]);
    // The one that is left still owes three answers.
    expect(one.of("CLIENT_GOODBYE_REQUEST")).toEqual([]);
    const [first, second, third] = one.held("ASYNC_MESSAGE_TO_SERVER");
    first!.reply();
    second!.refuse("disk full");
    await before[0];
    expect(((await failure(before[1]!)) as Error).message).toContain("disk full");
    expect(await settled(before[2]!)).toBe(false);
    third!.reply();
    await before[2];
    await one.saw("CLIENT_GOODBYE_REQUEST");
    await one.holds(0);
    const farewell = await partClean(connection);
    expect(farewell.messages).toMatchObject({ published: 6, confirmed: 5, rejected: 1, unconfirmed: 0 });
    expect(farewell.connections).toMatchObject({ opened: 2, clean: 2 });
    expect(events.find(({ type }) => type === "redirect")).toMatchObject({
      target: `127.0.0.1:${other.port}`,
    });
    expect(loud(events)).toEqual([]);
  });

  it("acknowledges every message on the connection that delivered it", async () => {
    const { one, other, connection } = await two();
    const subscription = await connection.subscribe("orders");
    const events = watch(subscription);
    const left = one.last("sub");
    const waiting: (() => void)[] = [];
    const seen: string[] = [];
    void subscription.consume((message) => {
      seen.push(message.text());
      return new Promise<void>((resolve) => waiting.push(resolve));
    }, { concurrency: 10 });
    left.push("orders", "one");
    left.push("orders", "two");
    await until(() => seen.length === 2, { what: "two messages" });
    left.redirect(other);
    await until(() => other.sessions.length === 1, { what: "a session at the other" });
    await other.last("sub").saw("LISTEN_REQUEST");
    other.last("sub").push("orders", "three");
    await until(() => seen.length === 3, { what: "a message of the other" });
    expect(one.of("CLIENT_GOODBYE_REQUEST")).toEqual([]);
    for (const done of waiting.splice(0)) done();
    await left.saw("CLIENT_GOODBYE_REQUEST");
    expect(left.of("ASYNC_MESSAGE_TO_CLIENT_ACK").map(({ seq }) => seq)).toEqual(["1", "2"]);
    expect(left.commands.slice(-3)).toEqual([
      "ASYNC_MESSAGE_TO_CLIENT_ACK",
      "ASYNC_MESSAGE_TO_CLIENT_ACK",
      "CLIENT_GOODBYE_REQUEST",
    ]);
    expect((await other.saw("ASYNC_MESSAGE_TO_CLIENT_ACK"))[0]!.seq).toBe("1");
    const farewell = await partClean(connection);
    expect(farewell.messages).toMatchObject({ received: 3, acked: 3, returned: 0 });
    expect(loud(events)).toEqual([]);
  });

  it("leaves what the old server goes on pushing to be delivered again", async () => {
    const { one, other, connection } = await two();
    const subscription = await connection.subscribe("orders");
    const left = one.last("sub");
    const seen: string[] = [];
    let go = (): void => {};
    void subscription.consume((message) => {
      seen.push(message.text());
      return message.text() === "first" ? new Promise<void>((resolve) => go = resolve) : undefined;
    });
    left.push("orders", "first");
    await until(() => seen.length === 1, { what: "the first message" });
    left.redirect(other);
    await until(() => other.of("LISTEN_REQUEST").length === 1, { what: "a session at the other" });
    await turns(10);
    // It never runs dry; reading it to the end would last for ever.
    left.push("orders", "second");
    left.push("orders", "third");
    await turns(10);
    expect(left.transport.buffered).toBeGreaterThan(0);
    go();
    await left.saw("CLIENT_GOODBYE_REQUEST");
    await one.holds(1);
    other.last("sub").push("orders", "second");
    await other.saw("ASYNC_MESSAGE_TO_CLIENT_ACK");
    expect(seen).toEqual(["first", "second"]);
    await partClean(connection);
  });

  it("takes what is for every member of the group while it comes", async () => {
    const { one, other, connection } = await two();
    const subscription = await connection.subscribe("news", { mode: "broadcasting" });
    const left = one.last("sub");
    const seen: string[] = [];
    void subscription.consume((message) => void seen.push(message.text()));
    one.on("CLIENT_GOODBYE_REQUEST", (request) => {
      request.session.push("news", "last minute", { command: "BROADCAST_MESSAGE_TO_CLIENT" });
      request.reply();
    });
    left.redirect(other);
    await left.saw("BROADCAST_MESSAGE_TO_CLIENT_ACK");
    expect(seen).toEqual(["last minute"]);
    one.off("CLIENT_GOODBYE_REQUEST");
    await partClean(connection);
  });

  it("leads later subscriptions there too, and a loss back to the list", async () => {
    const { one, other, connection } = await two();
    one.last("pub").redirect(other);
    await until(() => one.open.length === 0 && other.open.length === 1, { what: "moved" });
    const subscription = await connection.subscribe("orders");
    expect(other.open).toHaveLength(2);
    other.last("sub").transport.reset();
    await until(() => one.open.length === 1 && subscription.state === "open", { what: "back" });
    await partClean(connection);
  });

  it("to a server that is not there is a fault, and leads back to the list", async () => {
    const { one, connection } = await two();
    const events = watch(connection);
    const gone = await startFakeServer({ network });
    await gone.close();
    one.last("pub").redirect(gone);
    await until(() => one.sessions.length === 2 && connection.state === "open", { what: "back" });
    expect(one.sessions[0]!.of("CLIENT_GOODBYE_REQUEST")).toHaveLength(1);
    expect(loud(events)).toEqual(["fault"]);
    await connection.publish("orders", "x");
    await partClean(connection);
  });

  it("that makes no sense is a fault, and leads back to the list", async () => {
    const { one, connection } = await two();
    const events = watch(connection);
    one.last("pub").send({ cmd: "REDIRECT_TO_CLIENT" }, '{"ip":"","port":-1}');
    await until(() => one.sessions.length === 2 && connection.state === "open", { what: "back" });
    expect(loud(events)).toEqual(["fault"]);
    await partClean(connection);
  });

  it("to a server that refuses the subscription ends the subscription alone", async () => {
    const { one, other, connection } = await two();
    const subscription = await connection.subscribe("orders");
    const loop = failure(subscription[Symbol.asyncIterator]().next());
    other.refuse("SUBSCRIBE_REQUEST", "no such topic");
    one.last("sub").redirect(other);
    const error = await loop as PeerError;
    expect(error.message).toContain('Cannot subscribe to "orders"');
    expect(balanced(await subscription.closed)).toMatchObject({ cause: "refused" });
    expect(connection.state).toBe("open");
    await other.holds(0);
    await one.holds(1);
    await partClean(connection);
  });

  it("does not spin between servers that send each other their clients", async () => {
    holdTime();
    const { one, other, connection } = await two({ min: 100, max: 1_000, jitter: 0 });
    one.on("HELLO_REQUEST", (request) => {
      request.reply();
      request.session.redirect(other);
    });
    other.on("HELLO_REQUEST", (request) => {
      request.reply();
      request.session.redirect(one);
    });
    one.last("pub").redirect(other);
    await pass(2_000);
    const count = one.sessions.length + other.sessions.length;
    expect(count).toBeGreaterThan(3);
    expect(count).toBeLessThan(12);
    expect(one.open.length + other.open.length).toBeLessThanOrEqual(3);
    expect(connection.state).toBe("open");
  });

  it("that is lost half-way leaves an unknown outcome, and goes on at the other", async () => {
    const { one, other, connection } = await two();
    one.hold("ASYNC_MESSAGE_TO_SERVER");
    other.hold("HELLO_REQUEST");
    const lost = failure(connection.publish("orders", "lost"));
    await one.saw("ASYNC_MESSAGE_TO_SERVER");
    one.last("pub").redirect(other);
    await other.saw("HELLO_REQUEST");
    const next = connection.publish("orders", "next");
    one.last("pub").transport.reset();
    const error = await lost as ConnectionLostError;
    expect(error).toBeInstanceOf(ConnectionLostError);
    expect(error.outcome).toBe("unknown");
    other.release("HELLO_REQUEST");
    await next;
    expect(texts(other)).toEqual(["next"]);
    expect(one.sessions).toHaveLength(1);
    await partClean(connection);
  });
});
