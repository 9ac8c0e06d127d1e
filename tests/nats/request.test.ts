import { describe, expect, it } from "vitest";
import { ConnectionLostError, PeerError } from "../../lib/errors.ts";
import type { Message } from "../../lib/messaging/mod.ts";
import { leakGate } from "../support/leak.ts";
import { countedAbort } from "../support/signals.ts";
import { until } from "../support/until.ts";
import { places, rejection } from "./kit.ts";

const gate = leakGate();
const place = places(gate);
const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

async function gathered(replies: AsyncIterable<Message>): Promise<string[]> {
  const texts: string[] = [];
  for await (const reply of replies) texts.push(reply.text());
  return texts;
}

describe("request", () => {
  it("rejects at once when nobody is subscribed", async () => {
    const { server, ...there } = await place();
    server.noResponders = true;
    const connection = await there.connect();
    const error = await rejection(connection.request("questions", "why")) as PeerError;
    expect(error).toBeInstanceOf(PeerError);
    expect(error.status).toBe(503);
    expect(error.message).toBe('Cannot request an answer of "questions": nobody is subscribed there');
  });

  it("waits for its timeout where that is asked for", async () => {
    const { server, ...there } = await place();
    server.noResponders = true;
    const connection = await there.connect({ noResponders: "wait" });
    const error = await rejection(connection.request("questions", "why", { timeout: 30 }));
    expect(error).toMatchObject({ code: "ERR_TIMEOUT", timeout: 30 });
  });

  it("rejects at once when the connection is lost, and its late reply goes to nobody", async () => {
    const { network, ...there } = await place();
    const connection = await there.connect();
    const answerer = await there.connect();
    const questions = await answerer.subscribe("questions");
    const held: Message[] = [];
    void questions.consume((message) => void held.push(message), { concurrency: 10 });
    const lost = range(3).map((i) => rejection(connection.request("questions", `${i}`, { timeout: 60_000 })));
    await until(() => held.length === 3);
    for (const transport of [...network.dialled].slice(0, 1)) transport.reset();
    const errors = await Promise.all(lost) as ConnectionLostError[];
    for (const error of errors) {
      expect([error.code, error.outcome]).toEqual(["ERR_CONNECTION_LOST", "unknown"]);
    }
    expect(new Set(errors.map(({ cause }) => cause)).size).toBe(1);
    await until(() => connection.state === "open");
    expect((await connection.ping()) >= 0).toBe(true);
  });

  it("subscribes to replies once, before the first request", async () => {
    const { server, ...there } = await place();
    const connection = await there.connect();
    const { commands } = server.sessions[0]!;
    expect(commands.some((line) => line.startsWith("SUB"))).toBe(false);
    await Promise.all(range(5).map(() => rejection(connection.request("questions", "why", { timeout: 20 }))));
    const kinds = commands.map((line) => line.split(" ")[0]).filter((kind) =>
      kind === "SUB" || kind === "PUB"
    );
    expect(kinds).toEqual(["SUB", ...range(5).map(() => "PUB")]);
  });

  it("rejects with a PeerError where the user may not ask", async () => {
    const { server, ...there } = await place();
    server.deniedPublishes.add("questions");
    const connection = await there.connect();
    expect(await rejection(connection.request("questions", "why"))).toBeInstanceOf(PeerError);
  });

  it("is aborted 5,000 times by one signal with one listener", async () => {
    const { server, ...there } = await place();
    const connection = await there.connect();
    const abort = countedAbort();
    const { signal } = abort;
    const all = range(5_000).map((i) =>
      rejection(connection.request("questions", `${i}`, { signal, timeout: Infinity }))
    );
    await until(() => server.sessions[0]!.commands.length > 5_000);
    expect(abort.listeners()).toBe(1);
    abort.abort("enough");
    expect(new Set(await Promise.all(all))).toEqual(new Set(["enough"]));
    const farewell = await connection.goodbye();
    expect(farewell.operations.aborted).toBe(5_000);
    expect(farewell.residue).toEqual({ sockets: 0, timers: 0, listeners: 0 });
  });
});

describe("requestMany", () => {
  it("yields replies until the count is reached", async () => {
    const there = await place();
    const connection = await there.connect();
    for (const name of ["a", "b", "c"]) {
      const subscription = await connection.subscribe("workers", { overflow: "drop-oldest" });
      void subscription.consume((message) => `${name}: ${message.text()}`);
    }
    const texts = await gathered(connection.requestMany("workers", "hello", { count: 3 }));
    expect(texts.sort()).toEqual(["a: hello", "b: hello", "c: hello"]);
    expect((await gathered(connection.requestMany("workers", "again", { count: 1 }))).length).toBe(1);
  });

  it("ends with what has come when its time is over, or when no more comes", async () => {
    const there = await place();
    const connection = await there.connect();
    const subscription = await connection.subscribe("workers", { overflow: "drop-oldest" });
    void subscription.consume((message) => message.text());
    for (const options of [{ timeout: 100 }, { stall: 20 }]) {
      expect(await gathered(connection.requestMany("workers", "hello", options))).toEqual(["hello"]);
    }
    expect(await gathered(connection.requestMany("nobody", "hello", { timeout: 20 }))).toEqual([]);
  });

  it("throws the reason of an abort, the loss of the connection, and that nobody is subscribed", async () => {
    const { network, server, ...there } = await place();
    const connection = await there.connect();
    const abort = countedAbort();
    const aborted = gathered(
      connection.requestMany("workers", "x", { signal: abort.signal, timeout: 60_000 }),
    );
    abort.abort(0);
    expect(await rejection(aborted)).toBe(0);
    expect(
      await rejection(gathered(connection.requestMany("workers", "x", { signal: AbortSignal.abort(null) }))),
    )
      .toBe(null);
    const lost = gathered(connection.requestMany("workers", "x", { timeout: 60_000 }));
    await connection.flush();
    for (const transport of network.dialled) transport.reset();
    expect(await rejection(lost)).toBeInstanceOf(ConnectionLostError);
    await until(() => connection.state === "open");
    server.noResponders = true;
    expect(await rejection(gathered(connection.requestMany("workers", "x")))).toMatchObject({ status: 503 });
    expect(abort.listeners()).toBe(0);
  });

  it("is left by a break, and holds nothing", async () => {
    const there = await place();
    const connection = await there.connect();
    const subscription = await connection.subscribe("workers", { overflow: "drop-oldest" });
    void subscription.consume((message) => message.text());
    for await (const reply of connection.requestMany("workers", "x", { timeout: 60_000 })) {
      expect(reply.text()).toBe("x");
      break;
    }
    const farewell = await connection.goodbye();
    expect(farewell.outcome).toBe("clean");
    expect(farewell.duration).toBeLessThan(10_000);
  });

  it.each([{ count: 0 }, { count: 1.5 }, { timeout: -1 }, { stall: "x" }])(
    "throws for what is no option: %j",
    async (options) => {
      const there = await place();
      const connection = await there.connect();
      expect(() => connection.requestMany("workers", "x", options as never)).toThrow();
    },
  );
});

describe("publishToStream", () => {
  it("resolves with what the stream says, and rejects with its refusal", async () => {
    const there = await place();
    const connection = await there.connect();
    const stream = await connection.subscribe("orders", { overflow: "drop-oldest" });
    const seen: Record<string, string>[] = [];
    void stream.consume((message) => {
      seen.push({ ...message.properties });
      return message.text() === "bad"
        ? `{"error":{"code":400,"description":"no such thing"}}`
        : `{"stream":"ORDERS","seq":7,"duplicate":true}`;
    });
    expect(await connection.publishToStream("orders", "good", { id: "1", stream: "ORDERS" })).toEqual({
      stream: "ORDERS",
      seq: 7,
      duplicate: true,
    });
    expect(seen[0]).toEqual({ "Nats-Msg-Id": "1", "Nats-Expected-Stream": "ORDERS" });
    expect(await rejection(connection.publishToStream("orders", "bad"))).toMatchObject({ status: 400 });
    const error = await rejection(connection.publishToStream("nowhere", "x", { timeout: 20 }));
    expect(error).toMatchObject({ code: "ERR_TIMEOUT", timeout: 20 });
  });

  it("sends again after a loss, with the same id", async () => {
    const { network, server, ...there } = await place();
    const connection = await there.connect();
    const answerer = await there.connect();
    const stream = await answerer.subscribe("orders");
    const ids: string[] = [];
    void stream.consume((message) => {
      ids.push(message.id);
      if (ids.length > 1) return `{"stream":"ORDERS","seq":1}`;
      [...network.dialled][0]!.reset();
      return undefined;
    });
    expect(await connection.publishToStream("orders", "x")).toMatchObject({ seq: 1 });
    expect(new Set(ids).size).toBe(1);
    expect(ids[0]).not.toBe("");
    expect(server.open.length).toBeGreaterThan(0);
    const again = rejection(connection.publishToStream("elsewhere", "x", { retry: "never" }));
    await connection.flush();
    for (const transport of network.dialled) transport.reset();
    expect(await again).toBeInstanceOf(ConnectionLostError);
  });
});
