import { describe, expect, it } from "vitest";
import { ClosedError } from "../../lib/errors.ts";
import type { Message } from "../../lib/messaging/mod.ts";
import type { NatsConnection } from "../../lib/nats/mod.ts";
import { leakGate } from "../support/leak.ts";
import { countedAbort } from "../support/signals.ts";
import { turns, until } from "../support/until.ts";
import { places, rejection } from "./kit.ts";

const gate = leakGate();
const place = places(gate);

async function gathered(replies: AsyncIterable<Message>): Promise<string[]> {
  const texts: string[] = [];
  for await (const reply of replies) texts.push(reply.text());
  return texts;
}

describe("where nobody is subscribed", () => {
  it("requestMany fails at once, or waits for its timeout where that is asked for", async () => {
    const { server, ...there } = await place();
    server.noResponders = true;
    const hasty = await there.connect();
    expect(await rejection(gathered(hasty.requestMany("workers", "x")))).toMatchObject({ status: 503 });
    const patient = await there.connect({ noResponders: "wait" });
    expect(await gathered(patient.requestMany("workers", "x", { timeout: 30 }))).toEqual([]);
  });
});

describe("an abort of publishToStream", () => {
  it.each(["written", "asked again", "waiting"])(
    "rejects with its reason, and sends no more: %s",
    async (stage) => {
      const { network, server, ...there } = await place();
      const connection = await there.connect({
        noResponders: "wait",
        reconnect: { min: 60_000, max: 60_000, jitter: 0 },
      });
      const { commands } = server.sessions[0]!;
      const sent = (): number => commands.filter((line) => line.startsWith("HPUB orders ")).length;
      if (stage === "asked again") server.noResponders = true;
      if (stage === "waiting") {
        for (const transport of network.dialled) transport.reset();
        await until(() => connection.state === "reconnecting");
      }
      const abort = countedAbort();
      const aborted = rejection(connection.publishToStream("orders", "x", { signal: abort.signal, id: "1" }));
      await until(() => sent() >= { "written": 1, "asked again": 2 }[stage]! || stage === "waiting");
      const before = sent();
      abort.abort(0);
      expect(await aborted).toBe(0);
      expect(abort.listeners()).toBe(0);
      if (stage !== "waiting") {
        await connection.ping();
        expect(sent()).toBe(before);
      }
      const late = await rejection(connection.publishToStream("orders", "x", { signal: abort.signal }));
      expect(late).toBe(0);
      await turns(2);
      expect(sent()).toBe(before);
      const farewell = await connection.goodbye({ grace: 100 });
      expect(farewell.operations.aborted).toBe(2);
      expect(farewell.residue).toEqual({ sockets: 0, timers: 0, listeners: 0 });
    },
  );
});

describe("requestMany on a connection that has ended", () => {
  it("rejects, and subscribes to nothing", async () => {
    const there = await place();
    const connection = await there.connect();
    await connection.goodbye();
    const before = subscriptions(connection);
    const replies = connection.requestMany("workers", "x", { timeout: 60_000 });
    expect(subscriptions(connection)).toBe(before);
    expect(await rejection(replies.next())).toBeInstanceOf(ClosedError);
    expect(await replies.next()).toEqual({ done: true, value: undefined });
  });

  it("rejects while that says goodbye, and writes nothing more to the server", async () => {
    const { server, ...there } = await place();
    const connection = await there.connect();
    const { commands } = server.sessions[0]!;
    // What is on its way holds up the end.
    server.late = "publish";
    const held = connection.publish("orders", "x");
    await until(() => server.asked > 0);
    const ended = connection.goodbye();
    await until(() => connection.state === "draining");
    await turns(5);
    const replies = connection.requestMany("workers", "x", { timeout: 60_000 });
    expect(await rejection(replies.next())).toBeInstanceOf(ClosedError);
    server.late = undefined;
    server.answer();
    await held;
    expect((await ended).outcome).toBe("clean");
    expect(commands.some((line) => line.startsWith("SUB"))).toBe(false);
  });
});

/** How many there are in the official client's book. */
function subscriptions({ raw }: NatsConnection): number {
  return (raw as { protocol: { subscriptions: { size(): number } } }).protocol.subscriptions.size();
}
