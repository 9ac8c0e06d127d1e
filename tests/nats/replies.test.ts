import { describe, expect, it } from "vitest";
import { OverflowError, PeerError, ProtocolError, TimeoutError } from "../../lib/errors.ts";
import type { Message } from "../../lib/messaging/mod.ts";
import { leakGate } from "../support/leak.ts";
import { turns, until } from "../support/until.ts";
import { places, rejection, watch } from "./kit.ts";
import type { FakeSession } from "./session.ts";

const gate = leakGate();
const place = places(gate);
const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const encoder = new TextEncoder();
const nothing = new Uint8Array(0);
const broken = encoder.encode("NATS/1.0\r\nbad name: x\r\n\r\n");

async function gathered(replies: AsyncIterable<Message>): Promise<string[]> {
  const texts: string[] = [];
  for await (const reply of replies) texts.push(reply.text());
  return texts;
}

/** The subject that the last request wants its reply to. */
function replySubject({ commands }: FakeSession): string | undefined {
  return commands.findLast((line) => line.startsWith("PUB questions "))?.split(" ")[2];
}

/** Delivers a reply to the last request. */
function answer(session: FakeSession, headers: Uint8Array | undefined, data: Uint8Array): void {
  const to = replySubject(session)!;
  for (const { sid } of session.matching(to)) session.deliver(to, sid, "", headers, data);
}

describe("a reply with headers that cannot be read", () => {
  it("refuses its request, and harms nothing else", async () => {
    const { server, ...there } = await place();
    const connection = await there.connect();
    const [session] = server.sessions as [FakeSession];
    const refused = rejection(connection.request("questions", "x"));
    await until(() => replySubject(session) !== undefined);
    answer(session, broken, nothing);
    const error = await refused as PeerError;
    expect(error).toBeInstanceOf(PeerError);
    expect(error.message).toContain('Cannot request an answer of "questions"');
    expect(error.cause).toBeInstanceOf(ProtocolError);
    await connection.ping();
    expect(connection.epoch).toBe(1);
  });

  it("ends the loop over replies of many", async () => {
    const { server, ...there } = await place();
    const connection = await there.connect();
    const [session] = server.sessions as [FakeSession];
    const refused = rejection(gathered(connection.requestMany("questions", "x")));
    await until(() => replySubject(session) !== undefined);
    answer(session, broken, nothing);
    expect(await refused).toBeInstanceOf(PeerError);
    await connection.ping();
    expect(connection.epoch).toBe(1);
  });

  it("is delivered where it has a payload, and throws where its properties are asked for", async () => {
    const { server, ...there } = await place();
    const connection = await there.connect();
    const [session] = server.sessions as [FakeSession];
    const replied = connection.request("questions", "x");
    await until(() => replySubject(session) !== undefined);
    answer(session, broken, encoder.encode("yes"));
    const reply = await replied;
    expect(reply.text()).toBe("yes");
    expect(() => reply.properties).toThrow(ProtocolError);
  });
});

describe("requestMany", () => {
  it("rejects with not-sent when there was no connection all the time", async () => {
    const { network, ...there } = await place();
    const connection = await there.connect({ reconnect: { min: 60_000, max: 60_000, jitter: 0 } });
    const events = watch(connection);
    for (const transport of network.dialled) transport.reset();
    await until(() => events.some(({ type }) => type === "lost"));
    const error = await rejection(gathered(connection.requestMany("workers", "x", { timeout: 20 })));
    expect(error).toBeInstanceOf(TimeoutError);
    expect(error).toMatchObject({ timeout: 20, outcome: "not-sent" });
  });

  it.each([
    ["1,000 replies", 1_100, 1, 1_000],
    ["16 MiB", 20, 1_000_000, 16 * 1_024 * 1_024],
  ])("holds %s for a slow loop, and then fails", async (_what, count, size, capacity) => {
    const { server, ...there } = await place();
    const connection = await there.connect();
    const [session] = server.sessions as [FakeSession];
    const replies = connection.requestMany("questions", "x", { timeout: 60_000 });
    await until(() => replySubject(session) !== undefined);
    const data = new Uint8Array(size);
    for (const _ of range(count)) answer(session, undefined, data);
    await connection.ping();
    await turns(1);
    let held = 0;
    const failed = await rejection((async () => {
      for await (const { data } of replies) if (data.byteLength === size) held++;
    })());
    expect(failed).toBeInstanceOf(OverflowError);
    expect((failed as OverflowError).capacity).toBe(capacity);
    expect(held).toBe(Math.min(1_000, Math.floor(16 * 1_024 * 1_024 / size)));
  });
});

describe("the buffer of a subscription", () => {
  it("counts headers", async () => {
    const there = await place();
    const connection = await there.connect();
    const subscription = await connection.subscribe("orders", {
      overflow: "fail",
      capacityBytes: 2_000,
    });
    for (const _ of range(3)) {
      await connection.publish("orders", "x", { properties: { long: "x".repeat(1_000) } });
    }
    const { cause, reason } = await subscription.closed;
    expect(cause).toBe("overflow");
    expect(reason).toBeInstanceOf(OverflowError);
  });
});
