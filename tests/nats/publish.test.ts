import { Buffer } from "node:buffer";
import { describe, expect, it } from "vitest";
import { ConnectionLostError, OverflowError, PeerError } from "../../lib/errors.ts";
import type { NatsConnection } from "../../lib/nats/mod.ts";
import type { PublishOptions } from "../../lib/messaging/connection.ts";
import { turns, until } from "../support/until.ts";
import { leakGate } from "../support/leak.ts";
import { places, rejection, watch } from "./kit.ts";

const gate = leakGate();
const place = places(gate);
const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

describe("publish", () => {
  it("sends one PING for all that is published in one tick", async () => {
    const { server, ...there } = await place();
    const connection = await there.connect();
    await Promise.all(range(100).map((i) => connection.publish("orders", `${i}`)));
    const pings = server.sessions[0]!.commands.filter((line) => line === "PING").length;
    expect(pings).toBe(2); // That of the login is one of them.
  });

  it("holds back what exceeds the window in bytes, and loses nothing of it", async () => {
    const { server, ...there } = await place();
    const connection = await there.connect({ windowBytes: 1_180 });
    server.late = "publish";
    const all = range(50).map((i) => connection.publish("orders", `${i}`.padEnd(100)));
    await until(() => server.asked > 0);
    await turns(5);
    const written = (): number =>
      server.sessions[0]!.commands.filter((line) => line.startsWith("PUB")).length;
    expect(written()).toBe(10);
    server.late = undefined;
    server.answer();
    await Promise.all(all);
    expect(written()).toBe(50);
  });

  it("rejects with a PeerError where the user may not publish, and only there", async () => {
    const { server, ...there } = await place();
    const connection = await there.connect();
    server.deniedPublishes.add("secrets");
    const [fine, error] = await Promise.all([
      connection.publish("orders", "x").then(() => "confirmed"),
      rejection(connection.publish("secrets", "x")),
    ]);
    expect(fine).toBe("confirmed");
    expect(error).toBeInstanceOf(PeerError);
    expect((error as PeerError).message).toContain('publish to "secrets"');
    const { messages } = await connection.goodbye();
    expect(messages).toMatchObject({ published: 2, confirmed: 1, rejected: 1 });
  });

  it("refuses what is larger than the server in use takes", async () => {
    const { server, ...there } = await place();
    server.info = { max_payload: 10 };
    const connection = await there.connect();
    const error = await rejection(connection.publish("orders", "12345678901")) as {
      size: number;
      limit: number;
    };
    expect([error.size, error.limit]).toEqual([11, 10]);
    await connection.publish("orders", "1234567890");
  });

  it("writes text of several bytes a character, properties and an id", async () => {
    const there = await place();
    const connection = await there.connect();
    const subscription = await connection.subscribe("grüße.>");
    const next = subscription[Symbol.asyncIterator]().next();
    await connection.publish("grüße.neu", "größe", { id: "7", properties: { "x-kind": "a b" } });
    const message = (await next).value!;
    expect([message.topic, message.text(), message.id]).toEqual(["grüße.neu", "größe", "7"]);
    expect(message.properties).toEqual({ "x-kind": "a b", "Nats-Msg-Id": "7" });
  });

  it.each([
    ["orders.*", {}],
    ["orders.>", {}],
    ["orders..new", {}],
    [".orders", {}],
    ["or ders", {}],
    ["orders", { properties: { "a:b": "x" } }],
    ["orders", { properties: { a: "x\r\ny" } }],
    ["orders", { id: "" }],
    ["orders", { properties: ["a"] }],
    ["orders", { properties: new Map([["a", "b"]]) }],
  ] as [string, PublishOptions][])(
    "is a TypeError before anything is sent: %s %j",
    async (topic, options) => {
      const { server, ...there } = await place();
      const connection = await there.connect();
      const { length } = server.sessions[0]!.commands;
      const error = await rejection(connection.publish(topic, "x", options)) as Error;
      expect(error).toBeInstanceOf(TypeError);
      if (topic !== "orders") {
        expect(error.message).toMatch(/^Cannot publish to "[^"]+": expected a subject such as orders\.new/);
      }
      expect(server.sessions[0]!.commands.length).toBe(length);
    },
  );

  it("is not confirmed by the next connection", async () => {
    const { network, server, ...there } = await place();
    const connection = await there.connect();
    server.late = "publish";
    const lost = rejection(connection.publish("orders", "on its way"));
    await until(() => server.asked > 0);
    for (const transport of network.dialled) transport.reset();
    server.late = undefined;
    const error = await lost as ConnectionLostError;
    expect(error).toBeInstanceOf(ConnectionLostError);
    expect(error.outcome).toBe("unknown");
    await connection.publish("orders", "afterwards");
    const { messages } = await connection.goodbye();
    expect(messages).toMatchObject({ published: 2, confirmed: 1, unconfirmed: 1 });
  });
});

describe("a subject that is too long for a line of the protocol", () => {
  // The sizes behind it, and what belongs to a reply or a subscription: 24 digits of an inbox, 16 of a number at most.
  const calls: [string, number, (connection: NatsConnection, subject: string) => Promise<unknown>][] = [
    ["publish", 2, (connection, subject) => connection.publish(subject, "x")],
    ["publish with headers", 6, (connection, subject) => connection.publish(subject, "x", { id: "7" })],
    ["publishUnconfirmed", 2, (connection, subject) => {
      return new Promise<void>((resolve) => resolve(connection.publishUnconfirmed(subject, "x")));
    }],
    ["request", 52, (connection, subject) => connection.request(subject, "x", { timeout: 20 })],
    ["requestMany", 52, async (connection, subject) => {
      for await (const _ of connection.requestMany(subject, "x", { timeout: 20 }));
    }],
    ["publishToStream", 56, (connection, subject) => {
      return connection.publishToStream(subject, "x", { id: "7", retry: "never", timeout: 20 });
    }],
    ["subscribe", 17, (connection, subject) => connection.subscribe(subject)],
    ["subscribe in a group", 19, (connection, subject) => connection.subscribe(subject, { queue: "q" })],
    ["subscribe in a group of a long name", 4_000, (connection, subject) => {
      return connection.subscribe(subject, { queue: "q".repeat(4_000 - 18) });
    }],
  ];

  it.each(calls)("is a RangeError, and the connection lives: %s", async (_what, behind, call) => {
    const { server, ...there } = await place();
    const connection = await there.connect();
    const fits = "é" + "a".repeat(4_096 - behind - 2);
    const before = server.sessions[0]!.commands.length;
    const error = await rejection(call(connection, `${fits}a`)) as Error;
    expect(error).toBeInstanceOf(RangeError);
    expect(error.message).toContain("its line of 4097 bytes exceeds the 4096 bytes that a server takes");
    expect(server.sessions.length).toBe(1);
    expect(server.sessions[0]!.commands.length).toBe(before);
    await call(connection, fits).catch((error: unknown) => expect(error).not.toBeInstanceOf(RangeError));
    const lines = (): string[] => {
      return server.sessions.flatMap(({ commands }) => commands).filter((line) => line.includes(fits));
    };
    await until(() => lines().length > 0);
    for (const line of lines()) {
      expect(Buffer.byteLength(line.replace(/^\S+ /, ""))).toBeLessThanOrEqual(4_096);
    }
  });
});

describe("publishUnconfirmed", () => {
  it("sends at once, and flush waits for all of it", async () => {
    const there = await place();
    const connection = await there.connect();
    const subscription = await connection.subscribe("orders");
    const texts: string[] = [];
    void subscription.consume((message) => void texts.push(message.text()));
    for (const i of range(100)) connection.publishUnconfirmed("orders", `${i}`);
    await connection.flush();
    await until(() => texts.length === 100);
    expect(texts).toEqual(range(100).map(String));
    expect((await connection.goodbye()).messages).toMatchObject({
      published: 100,
      confirmed: 100,
      unconfirmed: 0,
    });
  });

  it("throws when there is no connection, when the window is full, and when it has ended", async () => {
    const { network, server, ...there } = await place();
    const connection = await there.connect({ windowBytes: 1_180 });
    server.late = "publish";
    for (const _ of range(10)) connection.publishUnconfirmed("orders", "x".repeat(100));
    expect(() => connection.publishUnconfirmed("orders", "x")).toThrow(OverflowError);
    const events = watch(connection);
    await until(() => server.asked > 0);
    for (const transport of network.dialled) transport.reset();
    await until(() => events.some(({ type }) => type === "lost"));
    expect(() => connection.publishUnconfirmed("orders", "x")).toThrow(ConnectionLostError);
    server.late = undefined;
    await until(() => connection.state === "open");
    connection.publishUnconfirmed("orders", "x");
    const { messages } = await connection.goodbye();
    expect(messages).toMatchObject({ published: 11, confirmed: 1, unconfirmed: 10 });
    expect(() => connection.publishUnconfirmed("orders", "x")).toThrow(/is closed/);
  });
});

describe("the raw connection", () => {
  it("is one over all reconnects, and keeps the order of the calls with ours", async () => {
    const { network, ...there } = await place();
    const connection = await there.connect();
    const raw = connection.raw as { publish(subject: string, data: string): void; flush(): Promise<void> };
    const subscription = await connection.subscribe("orders");
    const texts: string[] = [];
    void subscription.consume((message) => void texts.push(message.text()));
    for (const i of range(10)) {
      if (i % 2 === 0) raw.publish("orders", `${i}`);
      else void connection.publish("orders", `${i}`);
    }
    await raw.flush();
    await until(() => texts.length === 10);
    expect(texts).toEqual(range(10).map(String));
    for (const transport of network.dialled) transport.reset();
    await until(() => connection.epoch === 2);
    expect(connection.raw).toBe(raw);
    await raw.flush();
  });

  it("ends the connection when somebody closes it", async () => {
    const there = await place();
    const connection = await there.connect();
    await (connection.raw as { close(): Promise<void> }).close();
    const farewell = await connection.closed;
    expect(farewell).toMatchObject({ cause: "lost", outcome: "failed", residue: { sockets: 0 } });
  });

  it("does not leave a flush waiting when the connection ends", async () => {
    const { server, ...there } = await place();
    const connection = await there.connect();
    server.late = "publish";
    void connection.publish("orders", "x").catch(() => {});
    const flushed = rejection((connection.raw as { flush(): Promise<void> }).flush());
    await until(() => server.asked > 0);
    await connection.goodbye({ grace: 0 });
    expect(await flushed).toBeInstanceOf(Error);
  });
});
