import { describe, expect, it } from "vitest";
import { PeerError } from "../../lib/errors.ts";
import type { EndpointEvent } from "../../lib/lifecycle/mod.ts";
import { leakGate } from "../support/leak.ts";
import { until } from "../support/until.ts";
import { places, rejection, watch } from "./kit.ts";

const gate = leakGate();
const place = places(gate);
const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

function faults(events: readonly EndpointEvent[]): string[] {
  return events.flatMap((event) => event.type === "fault" ? [(event.error as Error).message] : []);
}

describe("publishUnconfirmed where the user may not publish", () => {
  it("is told as a fault, and counted as rejected", async () => {
    const { server, ...there } = await place();
    server.deniedPublishes.add("secrets");
    const connection = await there.connect();
    const events = watch(connection);
    for (const i of range(30)) connection.publishUnconfirmed(i % 3 === 0 ? "orders" : "secrets", "x");
    await connection.flush();
    expect(faults(events)).toEqual([
      expect.stringContaining('Cannot publish to "secrets": the server answered'),
    ]);
    const { messages, errors, outcome } = await connection.goodbye();
    expect(messages).toMatchObject({ published: 30, confirmed: 10, rejected: 20, unconfirmed: 0 });
    expect(errors.length).toBe(1);
    expect(errors[0]).toBeInstanceOf(PeerError);
    expect(outcome).toBe("clean");
  });

  it("is told again when it happens again, and takes no room in the window", async () => {
    const { server, ...there } = await place();
    server.deniedPublishes.add("secrets");
    const connection = await there.connect({ windowBytes: 1_180 });
    const events = watch(connection);
    for (const round of [1, 2, 3]) {
      for (const _ of range(10)) connection.publishUnconfirmed("secrets", "x".repeat(100));
      await connection.flush();
      expect(faults(events).length).toBe(round);
    }
    expect((await connection.goodbye()).messages).toMatchObject({
      published: 30,
      confirmed: 0,
      rejected: 30,
    });
  });

  it("keeps the ledger together with a loss", async () => {
    const { network, server, ...there } = await place();
    server.deniedPublishes.add("secrets");
    const connection = await there.connect();
    const events = watch(connection);
    server.late = "publish";
    for (const topic of ["secrets", "orders", "secrets"]) connection.publishUnconfirmed(topic, "x");
    await until(() => faults(events).length === 1 && server.asked > 0);
    for (const transport of network.dialled) transport.reset();
    server.late = undefined;
    await until(() => connection.epoch === 2);
    const lost = await rejection(connection.flush()) as Error;
    expect(lost.message).toBe("Cannot flush: 1 unconfirmed messages were lost with an earlier connection");
    connection.publishUnconfirmed("orders", "x");
    const { messages } = await connection.goodbye();
    expect(messages).toMatchObject({ published: 4, confirmed: 1, rejected: 2, unconfirmed: 1 });
  });
});

describe("a denial that somebody waits for", () => {
  it("rejects all of them, and is no fault beside that", async () => {
    const { server, ...there } = await place();
    server.deniedPublishes.add("secrets");
    const connection = await there.connect();
    const events = watch(connection);
    const all = range(20).flatMap((i) => [
      connection.publish("secrets", `${i}`),
      connection.request("secrets", `${i}`),
    ]);
    for (const error of await Promise.all(all.map(rejection))) expect(error).toBeInstanceOf(PeerError);
    await connection.publish("orders", "x");
    expect(faults(events)).toEqual([]);
    expect((await connection.goodbye()).messages).toMatchObject({
      published: 41,
      confirmed: 1,
      rejected: 40,
    });
  });
});

describe("a denial that nobody waits for", () => {
  it.each(["drop-oldest", "pause"] as const)("is told: the reply of a handler, %s", async (overflow) => {
    const { server, ...there } = await place();
    const connection = await there.connect();
    const asker = await there.connect();
    const subscription = await connection.subscribe("questions", { overflow });
    const events = watch(connection);
    const ofSubscription = watch(subscription as never);
    void subscription.consume((message) => {
      server.deniedPublishes.add((message.raw as { reply: string }).reply);
      return "an answer";
    });
    const unanswered = rejection(asker.request("questions", "x", { timeout: 100 }));
    const seen = overflow === "pause" ? ofSubscription : events;
    await until(() => faults(seen).length === 1);
    expect(faults(seen)[0]).toContain('to "_INBOX.');
    expect(await unanswered).toMatchObject({ code: "ERR_TIMEOUT" });
  });

  it("is told: what was published through the raw connection", async () => {
    const { server, ...there } = await place();
    server.deniedPublishes.add("secrets");
    const connection = await there.connect();
    const events = watch(connection);
    (connection.raw as { publish(subject: string): void }).publish("secrets");
    await until(() => faults(events).length === 1);
    expect(faults(events)[0]).toContain('publish to "secrets"');
  });
});
