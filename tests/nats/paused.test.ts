import { describe, expect, it } from "vitest";
import { ConnectionLostError } from "../../lib/errors.ts";
import type { Message } from "../../lib/messaging/mod.ts";
import { memoryNetwork } from "../../lib/net/mod.ts";
import { leakGate } from "../support/leak.ts";
import { turns, until } from "../support/until.ts";
import { places, rejection, watch } from "./kit.ts";
import type { FakeNats } from "./server.ts";
import type { FakeSession } from "./session.ts";

const gate = leakGate();
const narrowPlace = places(gate, () => memoryNetwork({ highWaterMark: 256 }));
const place = places(gate);
const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const encoder = new TextEncoder();
const noResidue = { sockets: 0, timers: 0, listeners: 0 };

/** Delivers texts to whoever subscribes, each time it does, before the answer to its PING. */
function atOnce(server: FakeNats, texts: readonly string[]): void {
  server.onSubscribe = (session, subject, sid) => {
    for (const text of texts) session.deliver(subject, sid, "", undefined, encoder.encode(text));
  };
}

describe("a subscription whose messages come before the server's word", () => {
  it("is made, holds them, and reads no more from then on", async () => {
    const { network, server, ...there } = await place();
    const connection = await there.connect();
    atOnce(server, ["0", "1", "2"]);
    server.late = "subscribe";
    const subscribing = connection.subscribe("orders", { capacity: 1, timeout: 4_000 });
    await until(() => server.asked === 1);
    await turns(5);
    server.answer();
    const subscription = await subscribing;
    const road = [...network.accepted].at(-1)!;
    const session = server.sessions.at(-1)!;
    session.deliver("orders", 1, "", undefined, encoder.encode("3"));
    await turns(5);
    expect(road.buffered, "bytes that were not read").toBeGreaterThan(0);
    const texts: string[] = [];
    void subscription.consume((message) => void texts.push(message.text()));
    await until(() => texts.length === 4);
    expect(texts).toEqual(["0", "1", "2", "3"]);
    expect(road.buffered).toBe(0);
    expect((await connection.goodbye()).residue).toEqual(noResidue);
  });

  it("leaves nothing when it is given up meanwhile", async () => {
    const { server, ...there } = await place();
    const connection = await there.connect();
    atOnce(server, ["0", "1", "2"]);
    server.late = "subscribe";
    const abort = new AbortController();
    const refused = rejection(connection.subscribe("orders", { capacity: 1, signal: abort.signal }));
    await until(() => server.asked === 1);
    await turns(5);
    abort.abort("enough");
    expect(await refused).toBe("enough");
    expect((await connection.goodbye()).residue).toEqual(noResidue);
  });
});

describe("respond of a subscription that reads nothing", () => {
  // More than is gathered in a tick.
  const big = "x".repeat(80_000);

  /** Two messages that want a reply; behind them so many that nothing is read. */
  async function full(heartbeat: number, missedHeartbeats: number) {
    const { network, server, ...there } = await narrowPlace();
    const connection = await there.connect({ heartbeat, missedHeartbeats });
    const subscription = await connection.subscribe("questions", { capacity: 10 });
    const road = [...network.accepted].at(-1)!;
    const session: FakeSession = server.sessions.at(-1)!;
    for (const i of range(50)) session.deliver("questions", 1, "inbox", undefined, encoder.encode(`${i}`));
    const iterator = subscription[Symbol.asyncIterator]();
    const messages: Message[] = [];
    for (const _ of range(2)) messages.push((await iterator.next()).value as Message);
    await until(() => road.buffered > 0 || subscription.state !== "open");
    road.pause();
    await messages[0]!.respond(big);
    await turns(2);
    return { connection, subscription, road, session, message: messages[1]! };
  }

  it("gives a server up that takes nothing", async () => {
    const { connection, message, session, subscription } = await full(20, 10);
    const events = watch(subscription);
    let given: unknown = undefined;
    void rejection(message.respond(big)).then((reason) => given = reason);
    await until(() => given !== undefined, { what: "an end of respond" });
    const error = given as ConnectionLostError;
    expect(error).toBeInstanceOf(ConnectionLostError);
    expect(error.outcome).toBe("not-sent");
    expect(session.commands.filter((line) => line.startsWith("PUB "))).toEqual([]);
    await until(() => events.some(({ type }) => type === "connected"), { what: "another connection" });
    const losses = events.flatMap((event) => event.type === "lost" ? [(event.error as Error).message] : []);
    expect(losses).toEqual([expect.stringContaining("the server has taken nothing for 220 ms")]);
    expect((await connection.goodbye({ grace: 0 })).residue).toEqual(noResidue);
  });

  it("waits for one that takes it in time, and for no longer", async () => {
    const { connection, message, road, session, subscription } = await full(20_000, 2);
    let done = false;
    const responding = message.respond(big).then(() => done = true);
    await turns(5);
    expect(done).toBe(false);
    road.resume();
    await responding;
    await until(() => session.commands.filter((line) => line.startsWith("PUB inbox")).length === 2);
    expect(subscription.state).toBe("open");
    expect((await connection.goodbye({ grace: 0 })).residue).toEqual(noResidue);
  });
});
