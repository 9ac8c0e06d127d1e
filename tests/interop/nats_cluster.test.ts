import { type JetStreamManager, jetstreamManager } from "@nats-io/jetstream";
import type { NatsConnection as RawConnection } from "@nats-io/nats-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { leakGate } from "../support/leak.ts";
import { until } from "../support/until.ts";
import { useConnections } from "./nats_world.ts";
import { type NatsServer, natsServer, natsVersions, startNatsCluster, withPeers } from "./peers/mod.ts";

const gate = leakGate();
const seconds = { timeout: 30_000 };
const open = useConnections(gate);

for (const version of natsVersions) {
  await withPeers(`a stream on three nats-servers ${version}`, [natsServer(version)], () => {
    let nodes: NatsServer[] = [];
    beforeAll(async () => void (nodes = await startNatsCluster({ version, jetstream: true })), 60_000);
    afterAll(() => Promise.all(nodes.map((node) => node.stop())));

    it("stores what it acknowledges, exactly once, when the server that leads it is killed", async () => {
      const observer = await open(nodes[0]!.url);
      const manager = await made(observer.raw as RawConnection);
      const { cluster } = await manager.streams.info("ORDERS");
      const leader = nodes[Number(cluster!.leader!.slice(1)) - 1]!;
      // Connected to the leader: what is on its way is lost with it, and the next server knows no leader yet.
      const connection = await open(leader.url);
      const raw = connection.raw as RawConnection;
      await until(() => (raw.info?.connect_urls?.length ?? 0) === 3, seconds);

      const confirmed = new Set<string>();
      const refused: unknown[] = [];
      let [next, over] = [0, false];
      const workers = Promise.all(Array.from({ length: 16 }, async () => {
        while (!over) {
          const id = `${next++}`;
          await connection.publishToStream("orders.new", id, { id, timeout: 30_000 }).then(
            () => confirmed.add(id),
            (error: unknown) => refused.push(error),
          );
        }
      }));
      await until(() => confirmed.size > 500, seconds);
      await leader.kill("SIGKILL");
      const before = confirmed.size;
      await until(() => confirmed.size > before + 500, seconds);
      over = true;
      await workers;

      expect(refused).toEqual([]);
      expect(connection.epoch).toBeGreaterThan(1);
      expect(confirmed.size).toBe(next);
      const stored = await allOf(await jetstreamManager(raw, { checkAPI: false }));
      // Each of them, and none twice.
      expect(stored.length).toBe(next);
      expect(new Set(stored)).toEqual(confirmed);
      expect((await connection.goodbye()).outcome).toBe("clean");
    }, 90_000);
  });
}

/** A stream with a copy on each server, as soon as they have agreed on who leads them. */
async function made(raw: RawConnection): Promise<JetStreamManager> {
  let manager: JetStreamManager | undefined;
  await until(async () => {
    try {
      manager ??= await jetstreamManager(raw, { timeout: 2_000, checkAPI: false });
      await manager.streams.add({ name: "ORDERS", subjects: ["orders.>"], num_replicas: 3 });
      return true;
    } catch {
      // They have not agreed yet.
      return false;
    }
  }, seconds);
  return manager!;
}

/**
 * The texts of all that is stored, in order. One by one: whoever leads the stream answers that, while a consumer takes the
 * servers to have agreed on who leads them all.
 */
async function allOf({ streams }: JetStreamManager): Promise<string[]> {
  const { first_seq, last_seq } = (await streams.info("ORDERS")).state;
  const texts: string[] = [];
  for (let from = first_seq; from <= last_seq; from += 50) {
    const batch = Array.from({ length: Math.min(50, last_seq - from + 1) }, (_, i) => from + i);
    const messages = await Promise.all(batch.map((seq) => streams.getMessage("ORDERS", { seq })));
    texts.push(...messages.map((message) => message!.string()));
  }
  return texts;
}
