import { expect, it } from "vitest";
import { ConnectionLostError, TimeoutError } from "../../lib/errors.ts";
import { formatFarewell } from "../../lib/lifecycle/mod.ts";
import { rejection } from "../contracts/bench.ts";
import { checkBalance } from "../invariants/ledger.ts";
import { until } from "../support/until.ts";
import { gather, Load } from "./runtime_load.ts";
import { cutInHello } from "./runtime_tap.ts";
import { freshName, type World } from "./runtime_world.ts";

const quick = { min: 20, max: 200 };

/** A runtime that is killed, and one that is frozen. */
export function faults(world: () => World): void {
  it("comes back by itself after SIGKILL under load; every publish has the right outcome", async () => {
    const { runtime } = world();
    const client = await world().connect({ reconnect: quick });
    const { connection } = client;
    const topic = freshName("topic");
    const subscription = await connection.subscribe(topic);
    const texts = gather(subscription);
    const load = new Load(client, topic, { timeout: 60_000 });
    await load.confirms(100);
    await runtime.kill();
    await until(() => connection.state === "reconnecting" && subscription.state === "reconnecting");
    const lost = await rejection(connection.publish(topic, "at once", { offline: "fail" }));
    expect(lost).toBeInstanceOf(ConnectionLostError);
    expect(lost).toMatchObject({ outcome: "not-sent" });
    const again = connection.publish(topic, "again", { retry: "unknown", timeout: 60_000 });
    again.catch(() => {});
    await runtime.restart();
    await until(() => connection.state === "open" && subscription.state === "open", { timeout: 30_000 });
    const before = texts.length;
    await load.confirms(100);
    await until(() => texts.length >= before + 100, { timeout: 10_000, what: "messages after the restart" });
    const ledger = await load.stop();
    // What waited may have been faster than the subscription, without which there is no topic.
    await again.catch((error: unknown) => expect(error).toMatchObject({ code: "ERR_PEER" }));
    const farewell = await client.leave();
    const text = formatFarewell(farewell);
    expect(ledger.strange).toEqual([]);
    expect(farewell.messages.unconfirmed, text).toBe(ledger.unknown);
    expect(farewell.connections, text).toMatchObject({ opened: 4, clean: 2, lost: 2 });
    // What was held back while there was no runtime went out later: nobody was told that it was not sent.
    expect(load.of("withheld")).toEqual([]);
    expect(ledger.failed).toBe(ledger.unknown);
    // What was refused has reached nobody, and what has reached somebody was confirmed, or nothing is known of it.
    const told = texts.filter((one) => one.startsWith("message")).map((one) => ledger.fates.get(one));
    expect(told.filter((fate) => fate !== "confirmed" && fate !== "unknown")).toEqual([]);
    expect(ledger.confirmed.size).toBeGreaterThan(200);
    await world().lists(client.group, 0, cutInHello(client.network));
  }, 120_000);

  it("finds out by its heartbeats that the runtime is frozen, and comes back when it is not", async () => {
    const { runtime } = world();
    const client = await world().connect({ heartbeat: 250, reconnect: { ...quick, timeout: 1_000 } });
    const { connection } = client;
    const topic = freshName("topic");
    const subscription = await connection.subscribe(topic);
    // It keeps the topic in the runtime when the sessions of the client are gone.
    const holder = await world().connect({ group: client.group, heartbeat: Infinity });
    await holder.connection.subscribe(topic);
    void subscription.consume(() => {});
    await connection.publish(topic, "before");
    await runtime.freeze();
    try {
      const publishing = rejection(connection.publish(topic, "into the ice"));
      const error = await publishing as ConnectionLostError;
      expect(error).toBeInstanceOf(ConnectionLostError);
      expect(error.outcome).toBe("unknown");
      expect((error.cause as Error).cause).toBeInstanceOf(TimeoutError);
      await until(() => connection.state === "reconnecting" && subscription.state === "reconnecting");
      const late = await rejection(connection.publish(topic, "waits", { timeout: 300 }));
      expect(late).toBeInstanceOf(TimeoutError);
      expect(late).toMatchObject({ outcome: "not-sent" });
    } finally {
      runtime.thaw();
    }
    await until(() => connection.state === "open" && subscription.state === "open", { timeout: 20_000 });
    await connection.publish(topic, "after");
    const { messages, connections } = await client.leave();
    expect(messages).toMatchObject({ published: 3, confirmed: 2, unconfirmed: 1 });
    expect(connections).toMatchObject({ clean: 2, lost: 2 });
  }, 60_000);

  it("keeps the budget of its goodbye while the runtime is frozen", async () => {
    const { runtime } = world();
    const client = await world().connect();
    const { connection, network } = client;
    const topic = freshName("topic");
    const subscription = await connection.subscribe(topic);
    void subscription.consume(() => {});
    await runtime.freeze();
    try {
      const publishing = rejection(connection.publish(topic, "into the ice"));
      const start = performance.now();
      const farewell = await connection.goodbye({ grace: 600 });
      const took = performance.now() - start;
      checkBalance(farewell);
      expect(farewell.outcome, formatFarewell(farewell)).not.toBe("clean");
      expect(took).toBeGreaterThan(300);
      expect(took).toBeLessThan(6_600);
      expect(await publishing).toMatchObject({ code: "ERR_CLOSED", outcome: "unknown" });
      expect(farewell.messages).toMatchObject({ published: 1, unconfirmed: 1 });
      expect(network.open()).toEqual({ sockets: 0, listeners: 0, timers: 0 });
    } finally {
      runtime.thaw();
    }
    await world().lists(client.group, 0);
  }, 60_000);
}
