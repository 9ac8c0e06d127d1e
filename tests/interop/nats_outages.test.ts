import { jetstreamManager } from "@nats-io/jetstream";
import type { NatsConnection as RawConnection } from "@nats-io/nats-core";
import { expect, it } from "vitest";
import { type ConnectionLostError, PeerError } from "../../lib/errors.ts";
import type { EndpointEvent } from "../../lib/lifecycle/mod.ts";
import type { NatsConnection } from "../../lib/nats/mod.ts";
import { leakGate } from "../support/leak.ts";
import { until } from "../support/until.ts";
import { useConnections, useNats } from "./nats_world.ts";
import {
  type NatsServer,
  natsServer,
  natsVersions,
  startNats,
  startNatsCluster,
  withPeers,
} from "./peers/mod.ts";

const gate = leakGate();
const seconds = { timeout: 20_000 };

function watch(connection: NatsConnection): EndpointEvent[] {
  const events: EndpointEvent[] = [];
  void (async () => {
    for await (const event of connection.events()) events.push(event);
  })();
  return events;
}

for (const version of natsVersions) {
  await withPeers(`a client of a nats-server ${version} that fails`, [natsServer(version)], () => {
    const open = useConnections(gate);
    const server = useNats({ version, jetstream: true });

    it("loses nothing that was confirmed when it is killed under load, and comes back", async () => {
      const connection = await open(server().url);
      const received = new Set<string>();
      // On the same connection: it is subscribed again before anything is published again.
      const subscription = await connection.subscribe("load", { overflow: "fail", capacity: 1_000_000 });
      void subscription.consume((message) => void received.add(message.text()), { concurrency: 64 });
      const confirmed: string[] = [];
      const outcomes = new Set<string>();
      let [next, over] = [0, false];
      const workers = Promise.all(Array.from({ length: 32 }, async () => {
        while (!over) {
          const text = `${next++}`;
          await connection.publish("load", text).then(
            () => confirmed.push(text),
            (error: ConnectionLostError) => {
              outcomes.add(error.outcome);
            },
          );
        }
      }));
      for (let outage = 1; outage <= 3; outage++) {
        const before = confirmed.length;
        await until(() => confirmed.length > before + 1_000, seconds);
        await server().restart();
        await until(() => connection.epoch === outage + 1, seconds);
      }
      const before = confirmed.length;
      await until(() => confirmed.length > before + 100, seconds);
      over = true;
      await workers;
      await connection.flush();
      expect(confirmed.filter((text) => !received.has(text))).toEqual([]);
      expect([...outcomes]).toEqual(["unknown"]);
      expect((await connection.goodbye()).outcome).toBe("clean");
    }, 60_000);

    it("stores in a stream what it acknowledges, exactly once, over a kill", async () => {
      const connection = await open(server().url);
      const manager = await jetstreamManager(connection.raw as RawConnection);
      await manager.streams.add({ name: "ORDERS", subjects: ["orders.>"] });
      const receipts = new Set<number>();
      let [next, over] = [0, false];
      const workers = Promise.all(Array.from({ length: 8 }, async () => {
        while (!over) receipts.add((await connection.publishToStream(`orders.${next++}`, "x")).seq);
      }));
      await until(() => receipts.size > 200, seconds);
      await server().restart();
      const before = receipts.size;
      await until(() => receipts.size > before + 200, seconds);
      over = true;
      await workers;
      const { state } = await manager.streams.info("ORDERS");
      expect(receipts.size).toBe(next);
      expect(state.messages).toBe(next);
      const first = await connection.publishToStream("orders.again", "x", { id: "the one" });
      const second = await connection.publishToStream("orders.again", "x", {
        id: "the one",
        stream: "ORDERS",
      });
      expect(second).toEqual({ ...first, duplicate: true });
      const refused = connection.publishToStream("orders.again", "x", { stream: "OTHERS" });
      await expect(refused).rejects.toBeInstanceOf(PeerError);
      for (const options of [{ retry: "never" }, { timeout: 500 }] as const) {
        const nowhere = connection.publishToStream("nowhere", "x", options);
        await expect(nowhere).rejects.toMatchObject({ status: 503 });
      }
    }, 60_000);

    it("says goodbye in time to a server that has frozen", async () => {
      const connection = await open(server().url);
      await connection.subscribe("orders");
      await server().freeze();
      const pending = connection.publish("orders", "x").catch((error: unknown) => error);
      const farewell = await connection.goodbye({ grace: 500 });
      server().thaw();
      expect(farewell.outcome).not.toBe("clean");
      expect(farewell.duration).toBeLessThan(6_500);
      expect(farewell.residue).toEqual({ sockets: 0, timers: 0, listeners: 0 });
      expect(await pending).toMatchObject({ code: "ERR_CLOSED", outcome: "unknown" });
    });

    it("finds out that a server has frozen, and says goodbye to one that is dead at once", async () => {
      const connection = await open(server().url, { heartbeat: 100, missedHeartbeats: 2 });
      const events = watch(connection);
      await server().freeze();
      await until(() => events.some(({ type }) => type === "lost"), seconds);
      server().thaw();
      await until(() => connection.state === "open", seconds);
      await server().kill();
      await until(() => connection.state === "reconnecting", seconds);
      const farewell = await connection.goodbye();
      expect(farewell.outcome).toBe("failed");
      expect(farewell.duration).toBeLessThan(2_000);
      await server().restart();
    }, 60_000);
  });
}

await withPeers("a client of a cluster of three nats-servers 2.15.2", [natsServer("2.15.2")], () => {
  const open = useConnections(gate);

  it("moves to the next when one dies or is about to go, and gets what others publish", async () => {
    const config = `lame_duck_duration: "30s"\nlame_duck_grace_period: "1s"`;
    const nodes = await startNatsCluster({ version: "2.15.2", config });
    try {
      const connection = await open(nodes[0]!.url);
      const raw = connection.raw as RawConnection;
      await until(() => (raw.info?.connect_urls?.length ?? 0) === 3, seconds);
      const texts: string[] = [];
      void (await connection.subscribe("orders")).consume((message) => void texts.push(message.text()));
      const other = await open(nodes[2]!.url);
      await heard(other, texts, "from another node");
      const events = watch(connection);
      const leaving = nodes.find(({ port }) => connection.server.endsWith(`:${port}`)) as NatsServer;
      leaving.process.send("SIGUSR2");
      await until(() => connection.leaving, seconds);
      expect(events.filter(({ type }) => type === "leaving").length).toBe(1);
      await connection.publish("orders", "while it leaves");
      await leaving.kill();
      await until(() => connection.epoch === 2, seconds);
      expect(connection.leaving).toBe(false);
      expect(connection.server.endsWith(`:${leaving.port}`)).toBe(false);
      await heard(other, texts, "after the move");
    } finally {
      await Promise.all(nodes.map((node) => node.stop()));
    }
  }, 60_000);

  it("stops to try when its password has changed over a restart", async () => {
    const config = (password: string): string => `authorization { user: "me", password: "${password}" }`;
    const first = await startNats({ version: "2.15.2", config: config("old") });
    const connection = await open(first.url, { user: "me", pass: "old" });
    await first.stop();
    const second = await startNats({ version: "2.15.2", config: config("new"), port: first.port });
    const farewell = await connection.closed;
    expect(farewell).toMatchObject({ cause: "refused", outcome: "failed" });
    expect(farewell.reason).toBeInstanceOf(PeerError);
    await second.stop();
  }, 60_000);
});

/** Publishes until it has arrived: interest travels through a cluster in its own time. */
async function heard(from: NatsConnection, texts: readonly string[], text: string): Promise<void> {
  await until(async () => {
    await from.publish("orders", text);
    return texts.includes(text);
  }, seconds);
}
