import { describe, expect, it } from "vitest";
import { ConnectionLostError, PeerError, TimeoutError } from "../../lib/errors.ts";
import type { Message } from "../../lib/messaging/mod.ts";
import type { NatsConnection } from "../../lib/nats/mod.ts";
import { leakGate } from "../support/leak.ts";
import { countedAbort } from "../support/signals.ts";
import { until } from "../support/until.ts";
import { places, rejection, virtualClock } from "./kit.ts";

const gate = leakGate();
const place = places(gate);
const stored = `{"stream":"ORDERS","seq":7}`;
const zero = { sockets: 0, timers: 0, listeners: 0 };

/** A stream of this subject; `answer` has the number of the message, from 1. */
async function stream(
  connection: NatsConnection,
  answer: (count: number, message: Message) => string | undefined,
): Promise<string[]> {
  const ids: string[] = [];
  const subscription = await connection.subscribe("orders", { overflow: "drop-oldest" });
  void subscription.consume((message) => {
    ids.push(message.id);
    return answer(ids.length, message);
  });
  return ids;
}

describe("publishToStream where no stream listens", () => {
  it("asks again until one does, with the same id", async () => {
    const { server, ...there } = await place();
    server.noResponders = true;
    const connection = await there.connect();
    const published = connection.publishToStream("orders", "x");
    const { commands } = server.sessions[0]!;
    await until(() => commands.filter((line) => line.startsWith("HPUB orders ")).length > 2);
    const ids = await stream(await there.connect(), () => stored);
    expect(await published).toEqual({ stream: "ORDERS", seq: 7, duplicate: false });
    expect(ids.length).toBe(1);
    expect(ids[0]).not.toBe("");
    const { messages } = await connection.goodbye();
    expect(messages).toMatchObject({ published: 1, confirmed: 1, rejected: 0, unconfirmed: 0 });
  });

  it("rejects with the server's word when its time is over", async () => {
    // No time passes between a question and the answer.
    const clock = virtualClock();
    const { server, ...there } = await place();
    server.noResponders = true;
    const connection = await there.connect();
    const error = await clock.until(rejection(connection.publishToStream("orders", "x", { timeout: 100 })));
    expect(error).toBeInstanceOf(PeerError);
    expect(error).toMatchObject({ status: 503 });
    expect((error as Error).message).toBe(
      'Cannot publish to the stream of "orders": no stream listens there',
    );
    const { messages, residue } = await connection.goodbye();
    expect(messages).toMatchObject({ published: 1, confirmed: 0, rejected: 1 });
    expect(residue).toEqual(zero);
  });

  it("rejects at once without retry", async () => {
    const { server, ...there } = await place();
    server.noResponders = true;
    const connection = await there.connect({ noResponders: "wait" });
    const error = await rejection(connection.publishToStream("orders", "x", { retry: "never" }));
    expect(error).toMatchObject({ status: 503, transient: false });
  });

  it("does not say that nothing is stored when an earlier attempt got no answer", async () => {
    const { network, server, ...there } = await place();
    const connection = await there.connect();
    server.deaf = true;
    const late = rejection(connection.publishToStream("orders", "x", { timeout: 300 }));
    const sent = (): boolean => server.sessions[0]!.commands.some((line) => line.startsWith("HPUB orders "));
    await until(sent);
    server.deaf = false;
    server.noResponders = true;
    for (const transport of network.dialled) transport.reset();
    const error = await late as TimeoutError;
    expect(error).toBeInstanceOf(TimeoutError);
    expect([error.timeout, error.outcome]).toEqual([300, "unknown"]);
    expect(error.cause).toMatchObject({ status: 503 });
  });
});

describe("publishToStream to a stream that cannot take it for now", () => {
  it.each([
    ["a cluster that elects", `{"code":503,"err_code":10008,"description":"temporarily unavailable"}`],
    ["too many messages", `{"code":429,"err_code":10167,"description":"too many requests"}`],
  ])("asks again: %s", async (_what, error) => {
    const there = await place();
    const connection = await there.connect();
    const ids = await stream(await there.connect(), (count) => count < 3 ? `{"error":${error}}` : stored);
    expect(await connection.publishToStream("orders", "x", { id: "1" })).toMatchObject({ seq: 7 });
    expect(ids).toEqual(["1", "1", "1"]);
  });

  it("rejects with any other refusal at once, and counts it as rejected", async () => {
    const there = await place();
    const connection = await there.connect();
    const ids = await stream(
      await there.connect(),
      () => `{"error":{"code":503,"err_code":10077,"description":"maximum messages exceeded"}}`,
    );
    const error = await rejection(connection.publishToStream("orders", "x"));
    expect(error).toMatchObject({ status: 503, description: "maximum messages exceeded" });
    expect(ids.length).toBe(1);
    expect((await connection.goodbye()).messages).toMatchObject({ published: 1, confirmed: 0, rejected: 1 });
  });
});

describe("publishToStream that ends early", () => {
  it("says that it was not sent when there was no connection all the time", async () => {
    const { network, ...there } = await place();
    const connection = await there.connect({ reconnect: { min: 60_000, max: 60_000, jitter: 0 } });
    for (const transport of network.dialled) transport.reset();
    await until(() => connection.state === "reconnecting");
    const error = await rejection(connection.publishToStream("orders", "x", { timeout: 30 }));
    expect(error).toMatchObject({ code: "ERR_TIMEOUT", timeout: 30, outcome: "not-sent" });
    const fast = await rejection(connection.publishToStream("orders", "x", { offline: "fail" }));
    expect(fast).toMatchObject({ code: "ERR_CONNECTION_LOST", outcome: "not-sent" });
  });

  it("says that it may have been sent when it was, and the connection does not come back", async () => {
    const { network, server, ...there } = await place();
    const connection = await there.connect({ reconnect: { min: 60_000, max: 60_000, jitter: 0 } });
    server.deaf = true;
    const sent = (): boolean => server.sessions[0]!.commands.some((line) => line.startsWith("HPUB "));
    const lost = [
      rejection(connection.publishToStream("orders", "x", { offline: "fail" })),
      rejection(connection.publishToStream("orders", "x", { retry: "never" })),
    ];
    const closed = rejection(connection.publishToStream("orders", "x"));
    await until(sent);
    for (const transport of network.dialled) transport.reset();
    for (const error of await Promise.all(lost)) {
      expect(error).toBeInstanceOf(ConnectionLostError);
      expect((error as ConnectionLostError).outcome).toBe("unknown");
    }
    const farewell = await connection.goodbye({ grace: 100 });
    expect(await closed).toMatchObject({ code: "ERR_CLOSED", outcome: "unknown" });
    expect(farewell.residue).toEqual(zero);
  });

  it("stops to ask again when the connection says goodbye", async () => {
    const { server, ...there } = await place();
    server.noResponders = true;
    const connection = await there.connect();
    const published = rejection(connection.publishToStream("orders", "x", { timeout: 60_000 }));
    const { commands } = server.sessions[0]!;
    await until(() => commands.filter((line) => line.startsWith("HPUB orders ")).length > 1);
    const farewell = await connection.goodbye();
    expect(await published).toMatchObject({ status: 503 });
    expect(farewell.outcome).toBe("clean");
    expect(farewell.residue).toEqual(zero);
  });

  it("has one listener on a signal while it asks again, and none afterwards", async () => {
    const { server, ...there } = await place();
    server.noResponders = true;
    const connection = await there.connect();
    const abort = countedAbort();
    const { signal } = abort;
    const all = Array.from(
      { length: 50 },
      () => rejection(connection.publishToStream("orders", "x", { signal })),
    );
    const { commands } = server.sessions[0]!;
    await until(() => commands.filter((line) => line.startsWith("HPUB orders ")).length > 100);
    expect(abort.listeners()).toBe(1);
    abort.abort(null);
    expect(new Set(await Promise.all(all))).toEqual(new Set([null]));
    expect(abort.listeners()).toBe(0);
    const { messages } = await connection.goodbye();
    expect(messages.published).toBe(messages.rejected + messages.unconfirmed);
  });
});
