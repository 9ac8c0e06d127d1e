import { describe, expect, it } from "vitest";
import { ConnectionLostError, MessageTooLargeError, PeerError, TimeoutError } from "../../lib/errors.ts";
import { zeroCounts } from "../../lib/flow/counts.ts";
import type { Message } from "../../lib/messaging/mod.ts";
import type { NatsConnection } from "../../lib/nats/mod.ts";
import type { Publisher } from "../../lib/nats/publisher.ts";
import { publishToStream } from "../../lib/nats/stream.ts";
import { leakGate } from "../support/leak.ts";
import { until } from "../support/until.ts";
import { places, rejection, virtualClock } from "./kit.ts";
import type { FakeNats } from "./server.ts";

const gate = leakGate();
const place = places(gate);
const stored = `{"stream":"ORDERS","seq":7}`;
const busy = `{"error":{"code":503,"err_code":10008,"description":"temporarily unavailable"}}`;
const refusal = `{"error":{"code":503,"err_code":10077,"description":"maximum messages exceeded"}}`;

describe("an acknowledgement that is late", () => {
  it.each([["no answer", undefined], ["a refusal", busy]])(
    "is the result, where the next attempt has got %s",
    async (_what, answer) => {
      const clock = virtualClock();
      const there = await place();
      const connection = await there.connect();
      const stream = await there.connect();
      const replies: string[] = [];
      const subscription = await stream.subscribe("orders", { overflow: "drop-oldest" });
      void subscription.consume((message) => {
        replies.push((message.raw as { reply: string }).reply);
        if (replies.length === 1) return undefined;
        if (replies.length === 2) stream.publishUnconfirmed(replies[0]!, stored);
        return answer;
      });
      const receipt = await clock.until(connection.publishToStream("orders", "x", { timeout: 60_000 }));
      expect(receipt).toEqual({ stream: "ORDERS", seq: 7, duplicate: false });
      // At once: the second attempt was sent after 5 s, and is not waited for.
      expect(clock.time).toBeLessThan(7_000);
      expect(replies.length).toBe(2);
      const { messages } = await clock.until(connection.goodbye());
      expect(messages).toMatchObject({ published: 1, confirmed: 1, rejected: 0, unconfirmed: 0 });
    },
  );

  it("is the result, where it comes while the next attempt backs off from a refusal", async () => {
    const clock = virtualClock();
    const there = await place();
    const connection = await there.connect();
    const stream = await there.connect();
    const replies: string[] = [];
    const subscription = await stream.subscribe("orders", { overflow: "drop-oldest" });
    void subscription.consume((message) => {
      const reply = (message.raw as { reply: string }).reply;
      replies.push(reply);
      if (replies.length === 1) return undefined;
      // Both answers in one: the refusal first.
      stream.publishUnconfirmed(reply, busy);
      if (replies.length === 2) stream.publishUnconfirmed(replies[0]!, stored);
      return undefined;
    });
    const receipt = await clock.until(connection.publishToStream("orders", "x", { timeout: 60_000 }));
    expect(receipt).toEqual({ stream: "ORDERS", seq: 7, duplicate: false });
    expect(clock.time).toBeLessThan(7_000);
    await clock.until(connection.goodbye());
  });
});

describe("a message that was lost with its connection, and is refused when it is sent again", () => {
  const refusals: readonly (readonly [string, (server: FakeNats) => void, string])[] = [
    ["its size", (server) => void (server.info = { max_payload: 50 }), "ERR_MESSAGE_TOO_LARGE"],
    ["its headers", (server) => void (server.info = { headers: false }), "ERR_UNSUPPORTED"],
    ["its subject", (server) => void server.deniedPublishes.add("orders"), "ERR_PEER"],
  ];
  const operations: Readonly<Record<string, (connection: NatsConnection) => Promise<unknown>>> = {
    publish: (connection) => connection.publish("orders", "x".repeat(100), { retry: "unknown" }),
    publishToStream: (connection) => connection.publishToStream("orders", "x".repeat(100)),
  };

  it.each(Object.keys(operations).flatMap((name) => refusals.map((refused) => [name, ...refused] as const)))(
    "may have arrived: %s, for %s",
    async (name, _what, refuse, code) => {
      const { network, server, ...there } = await place();
      const connection = await there.connect();
      server.deaf = true;
      server.late = "publish";
      const lost = rejection(operations[name]!(connection));
      await until(() => server.sessions[0]!.commands.some((line) => line.startsWith("HPUB orders ")));
      server.deaf = false;
      server.late = undefined;
      refuse(server);
      for (const transport of network.dialled) transport.reset();
      const error = await lost as ConnectionLostError;
      expect(error).toBeInstanceOf(ConnectionLostError);
      expect(error.outcome).toBe("unknown");
      expect(error.cause).toMatchObject({ code });
    },
  );

  it("may have arrived: the stream refuses it", async () => {
    const { network, ...there } = await place();
    const connection = await there.connect();
    const stream = await there.connect();
    const subscription = await stream.subscribe("orders");
    let count = 0;
    void subscription.consume(() => {
      if (++count > 1) return refusal;
      [...network.dialled][0]!.reset();
      return undefined;
    });
    const error = await rejection(connection.publishToStream("orders", "x"));
    expect(error).toBeInstanceOf(ConnectionLostError);
    expect(error).toMatchObject({ outcome: "unknown", cause: { status: 503 } });
  });

  it("has not arrived where each attempt was refused", async () => {
    const { network, server, ...there } = await place();
    const connection = await there.connect();
    server.noResponders = true;
    const lost = rejection(connection.publishToStream("orders", "x".repeat(100)));
    const { commands } = server.sessions[0]!;
    await until(() => commands.filter((line) => line.startsWith("HPUB orders ")).length > 1);
    await connection.flush();
    server.info = { max_payload: 50 };
    for (const transport of network.dialled) transport.reset();
    expect(await lost).toBeInstanceOf(MessageTooLargeError);
  });
});

describe("an abort in the turn in which an attempt ends", () => {
  it.each([
    ["its time", (): Error => new TimeoutError("Cannot", { timeout: 5_000, outcome: "unknown" })],
    ["a loss", (): Error => new ConnectionLostError("Cannot", { outcome: "not-sent" })],
    ["a refusal", (): Error => new PeerError("Cannot", { status: 503 })],
  ])("is how it ends: %s", async (_what, errorOf) => {
    const abort = new AbortController();
    const publisher = {
      requests: { exchange: { counts: zeroCounts() } },
      ask(): Promise<Message> {
        abort.abort(0);
        return Promise.reject(errorOf());
      },
    } as unknown as Publisher;
    const { signal } = abort;
    expect(await rejection(publishToStream(publisher, "orders", "x", { signal, timeout: 50 }, Infinity)))
      .toBe(0);
  });
});
