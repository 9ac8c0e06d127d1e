import { describe, expect, it } from "vitest";
import { ClosedError, ConnectionLostError, UnsupportedError } from "../../lib/errors.ts";
import type { Message } from "../../lib/messaging/mod.ts";
import { memoryNetwork } from "../../lib/net/mod.ts";
import { leakGate } from "../support/leak.ts";
import { countedAbort } from "../support/signals.ts";
import { turns, until } from "../support/until.ts";
import { places, rejection } from "./kit.ts";

const gate = leakGate();
const place = places(gate);
const narrowPlace = places(gate, () => memoryNetwork({ highWaterMark: 256 }));
const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

describe("what is sent in one tick", () => {
  const writes = (steps: readonly string[]): number =>
    steps.filter((step) => step.startsWith("client writes ")).length;

  it.each([
    ["publishes", 1],
    ["unconfirmed publishes, and a flush", 1],
    ["a request, publishes and a ping", 1],
    ["a subscription", 1],
  ])("leaves in one write: %s", async (what, wanted) => {
    const { steps, ...there } = await place();
    const connection = await there.connect();
    await connection.ping();
    const before = writes(steps);
    if (what === "publishes") {
      await Promise.all(range(10).map((i) => connection.publish("orders", `${i}`)));
    } else if (what.startsWith("unconfirmed")) {
      for (const i of range(10)) connection.publishUnconfirmed("orders", `${i}`);
      await connection.flush();
    } else if (what === "a subscription") {
      await connection.subscribe(["orders", "invoices"], { overflow: "drop-oldest" });
    } else {
      const asked = rejection(connection.request("orders", "x", { timeout: 20 }));
      await Promise.all([connection.publish("orders", "x"), connection.ping()]);
      await asked;
    }
    expect(writes(steps) - before).toBe(wanted);
  });

  it("leaves in its order where it is much", async () => {
    const there = await place();
    const connection = await there.connect();
    const raw = connection.raw as { publish(subject: string, data: string): void };
    const subscription = await connection.subscribe("orders", { overflow: "drop-oldest" });
    const texts: string[] = [];
    void subscription.consume((message) => void texts.push(message.text().trim()));
    const sent = range(40).map((i) => {
      const text = `${i}`.padEnd(i % 4 === 0 ? 40_000 : 4_000);
      if (i % 2 === 0) raw.publish("orders", text);
      else return connection.publish("orders", text);
    });
    await Promise.all(sent);
    await until(() => texts.length === 40);
    expect(texts).toEqual(range(40).map(String));
  });
});

describe("a server without headers", () => {
  it.each(["an id", "properties", "retry", "a stream", "a request", "requestMany", "unconfirmed"])(
    "is not sent any: %s",
    async (what) => {
      const { server, ...there } = await place();
      server.info = { headers: false };
      const connection = await there.connect();
      const { length } = server.sessions[0]!.commands;
      const properties = { kind: "test" };
      const act = async (): Promise<unknown> => {
        switch (what) {
          case "an id":
            return await connection.publish("orders", "x", { id: "1" });
          case "properties":
            return await connection.publish("orders", "x", { properties });
          case "retry":
            return await connection.publish("orders", "x", { retry: "unknown" });
          case "a stream":
            return await connection.publishToStream("orders", "x");
          case "a request":
            return await connection.request("orders", "x", { properties });
          case "requestMany":
            return await connection.requestMany("orders", "x", { properties }).next();
          default:
            return connection.publishUnconfirmed("orders", "x", { properties });
        }
      };
      const error = await rejection(act()) as Error;
      expect(error).toBeInstanceOf(UnsupportedError);
      expect(error.message).toContain('"orders": the server');
      expect(error.message).toContain("takes no headers");
      const sent = server.sessions[0]!.commands.slice(length).filter((line) => !line.startsWith("SUB "));
      expect(sent).toEqual([]);
      await connection.publish("orders", "plain");
      const { messages, residue } = await connection.goodbye();
      expect(messages).toMatchObject({ published: 1, confirmed: 1 });
      expect(residue).toEqual({ sockets: 0, timers: 0, listeners: 0 });
    },
  );

  it("that comes after one with them gets none of what has waited", async () => {
    const { network, server, ...there } = await place();
    const connection = await there.connect({ reconnect: { min: 50, max: 50, jitter: 0 } });
    server.info = { headers: false };
    for (const transport of network.dialled) transport.reset();
    await until(() => connection.state === "reconnecting");
    const refused = rejection(connection.publish("orders", "x", { id: "1" }));
    expect(await refused).toBeInstanceOf(UnsupportedError);
    expect(connection.epoch).toBe(2);
    await connection.publish("orders", "plain");
    expect(connection.epoch).toBe(2);
  });
});

describe("respond on a transport that is full", () => {
  // Two of them are more than is gathered in a tick.
  const big = "x".repeat(40_000);

  /** Questions that wait for a reply, and a server that reads nothing of it. */
  async function full(overflow: "pause" | "drop-oldest", capacity = 100) {
    const { network, ...there } = await narrowPlace();
    const connection = await there.connect({ heartbeat: Infinity });
    const asker = await there.connect({ heartbeat: Infinity });
    const [own] = [...network.accepted];
    const subscription = await connection.subscribe("questions", { overflow, capacity });
    const road = overflow === "pause" ? [...network.accepted].at(-1)! : own!;
    const dialled = overflow === "pause" ? [...network.dialled].at(-1)! : [...network.dialled][0]!;
    return { network, connection, asker, subscription, road, dialled };
  }

  it.each(["pause", "drop-oldest"] as const)("waits until it has room, %s", async (overflow) => {
    const { asker, subscription, road, dialled } = await full(overflow);
    const messages: Message[] = [];
    void subscription.consume((message) => void messages.push(message));
    const replies = range(50).map((i) => asker.request("questions", `${i}`, { timeout: 20_000 }));
    await until(() => messages.length === 50);
    road.pause();
    let done = 0;
    for (const message of messages) void message.respond(big).then(() => done++);
    await turns(5);
    expect(done).toBeLessThan(5);
    expect(dialled.buffered).toBeLessThan(3 * 40_000);
    road.resume();
    expect((await Promise.all(replies)).every((reply) => reply.text() === big)).toBe(true);
    await until(() => done === 50);
  });

  it("does not keep a handler that reading waits for", async () => {
    const { asker, subscription } = await full("pause", 1);
    void subscription.consume(() => big, { concurrency: 3 });
    const replies = range(200).map((i) => asker.request("questions", `${i}`, { timeout: 20_000 }));
    expect((await Promise.all(replies)).every((reply) => reply.text() === big)).toBe(true);
  });

  it("ends with the signal of its caller, with the subscription, and with the connection", async () => {
    const { asker, connection, network, subscription, road } = await full("drop-oldest");
    const messages: Message[] = [];
    const other = await connection.subscribe("questions", { overflow: "drop-newest" });
    const rest: Message[] = [];
    void subscription.consume((message) => void messages.push(message), { concurrency: 10 });
    void other.consume(async (message) => {
      rest.push(message);
      await until(() => other.signal.aborted);
    }, { concurrency: 10 });
    const asked = range(6).map((i) => rejection(asker.request("questions", `${i}`, { timeout: 2_000 })));
    await until(() => messages.length === 6 && rest.length === 6);
    road.pause();
    await until(async () => {
      await Promise.race([messages.shift()!.respond(big), turns(3)]);
      return messages.length === 3;
    });
    const abort = countedAbort();
    const aborted = rejection(messages[0]!.respond(big, { signal: abort.signal }));
    const ended = rejection(rest[0]!.respond(big));
    const lost = rejection(messages[1]!.respond(big));
    await turns(2);
    abort.abort(0);
    expect(await aborted).toBe(0);
    expect(abort.listeners()).toBe(0);
    // What was withdrawn may be tried again.
    const again = rejection(messages[0]!.respond(big));
    void other.goodbye({ grace: 0 });
    expect(await ended).toBeInstanceOf(ClosedError);
    for (const transport of network.dialled) transport.reset();
    for (const error of [await lost, await again]) {
      expect(error).toBeInstanceOf(ConnectionLostError);
      expect((error as ConnectionLostError).outcome).toBe("not-sent");
    }
    await connection.goodbye({ grace: 0 });
    await asker.goodbye({ grace: 0 });
    await Promise.all(asked);
  });
});
