import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { Kvm } from "@nats-io/kv";
import type { NatsConnection as RawConnection } from "@nats-io/nats-core";
import { Objm } from "@nats-io/obj";
import { expect, it } from "vitest";
import type { NatsConnection } from "../../lib/nats/mod.ts";
import { rejection } from "../contracts/bench.ts";
import { leakGate } from "../support/leak.ts";
import { countedAbort } from "../support/signals.ts";
import { until } from "../support/until.ts";
import { useConnections, useNats } from "./nats_world.ts";
import { natsServer, natsVersions, withPeers } from "./peers/mod.ts";

const gate = leakGate();
const seconds = { timeout: 20_000 };
const open = useConnections(gate);
const rawOf = ({ raw }: NatsConnection): RawConnection => raw as RawConnection;

for (const version of natsVersions) {
  await withPeers(`the raw connection to a nats-server ${version}`, [natsServer(version)], () => {
    const server = useNats({ version, jetstream: true });

    it("serves a key-value store, which is watched over a kill, until the goodbye", async () => {
      const connection = await open(server().url);
      const store = await new Kvm(rawOf(connection)).create("prices", { history: 5 });
      const first = await store.put("bread", "50");
      expect((await store.get("bread"))?.string()).toBe("50");
      const seen: string[] = [];
      const watched = (async () => {
        for await (const { key, operation, value } of await store.watch()) {
          seen.push(`${key} ${operation === "PUT" ? new TextDecoder().decode(value) : "is gone"}`);
        }
      })();
      await store.update("bread", "60", first);
      expect(await rejection(store.update("bread", "70", first))).toBeInstanceOf(Error);
      await until(() => seen.includes("bread 60"));
      await server().restart();
      await until(() => connection.epoch === 2 && connection.state === "open", seconds);
      expect((await store.get("bread"))?.string()).toBe("60");
      await store.put("tea", "30");
      await store.delete("bread");
      const keys: string[] = [];
      for await (const key of await store.keys()) keys.push(key);
      expect(keys).toEqual(["tea"]);
      await until(() => seen.includes("bread is gone"), seconds);
      expect((await connection.goodbye()).outcome).toBe("clean");
      await watched;
    }, 60_000);

    it("serves an object store", async () => {
      const connection = await open(server().url);
      const store = await new Objm(rawOf(connection)).create("pictures");
      const picture = Uint8Array.from({ length: 300_000 }, (_, i) => i * 7 % 251);
      await store.putBlob({ name: "tea" }, picture);
      const found = await store.getBlob("tea");
      expect(found?.byteLength).toBe(picture.byteLength);
      expect(found?.every((byte, i) => byte === picture[i])).toBe(true);
      const names = (await store.list()).map(({ name }) => name);
      expect(names).toEqual(["tea"]);
      await store.delete("tea");
      expect(await store.getBlob("tea")).toBe(null);
    });

    it("serves a service, and discovers what others serve", async () => {
      const connection = await open(server().url);
      for (const id of ["a", "b"]) serve(rawOf(await open(server().url)), id);
      const found: string[] = [];
      await until(async () => {
        found.length = 0;
        const pings = connection.requestMany("$SRV.PING.prices", "", { count: 2, timeout: 200 });
        for await (const reply of pings) found.push((reply.json() as { id: string }).id);
        return found.length === 2;
      });
      expect(found.sort()).toEqual(["a", "b"]);
      // One of the two answers.
      const reply = await connection.request("prices.of", "bread");
      expect(reply.text()).toMatch(/^bread costs 50, says [ab]$/);
      expect(reply.properties).toEqual({});
    });

    it("works until the goodbye has ended, and not a moment longer", async () => {
      const connection = await open(server().url);
      const raw = rawOf(connection);
      const manager = await jetstreamManager(raw);
      await manager.streams.add({ name: "JOBS", subjects: ["jobs.>"] });
      await manager.consumers.add("JOBS", { durable_name: "workers", ack_policy: "explicit" });
      await connection.publishToStream("jobs.1", "bake");
      const work = await connection.subscribe("work");
      let begin = (): void => {};
      const begun = new Promise<void>((resolve) => begin = resolve);
      const done: string[] = [];
      void work.consume(async (_message, { draining }) => {
        begin();
        await new Promise<void>((resolve) => draining.addEventListener("abort", () => resolve()));
        // From here on the connection says goodbye.
        const { seq } = await jetstream(raw).publish("jobs.2", "sell");
        done.push(`stored ${seq}`);
        const consumer = await jetstream(raw).consumers.get("JOBS", "workers");
        for await (const job of await consumer.fetch({ max_messages: 2, expires: 2_000 })) {
          done.push(job.string());
          expect(await job.ackAck()).toBe(true);
        }
        const { num_ack_pending, num_pending } = await manager.consumers.info("JOBS", "workers");
        done.push(`${num_ack_pending + num_pending} left`);
      });
      await connection.publish("work", "x");
      await begun;
      const farewell = await connection.goodbye();
      expect(done).toEqual(["stored 2", "bake", "sell", "0 left"]);
      expect(farewell.outcome).toBe("clean");
      expect(raw.isClosed()).toBe(true);
      expect(() => raw.publish("jobs.3", "late")).toThrow();
      expect(await rejection(raw.request("jobs.3", "late"))).toBeInstanceOf(Error);
    });

    it("ends the connection when it is drained by whoever has it", async () => {
      const connection = await open(server().url);
      const subscription = await connection.subscribe("orders");
      await rawOf(connection).drain();
      const farewell = await connection.closed;
      expect(farewell).toMatchObject({ cause: "lost", outcome: "failed" });
      expect((farewell.reason as Error).message).toContain("closed through its raw connection");
      expect(farewell.residue).toEqual({ sockets: 0, timers: 0, listeners: 0 });
      expect((await subscription.closed).residue.sockets).toBe(0);
    });

    it("does not keep an abort of publishToStream waiting for a server that has frozen", async () => {
      const connection = await open(server().url);
      const manager = await jetstreamManager(rawOf(connection));
      await manager.streams.add({ name: "BILLS", subjects: ["bills.>"] });
      await connection.publishToStream("bills.1", "x", { id: "first" });
      const abort = countedAbort();
      await server().freeze();
      const aborted = rejection(
        connection.publishToStream("bills.2", "x", { id: "second", signal: abort.signal }),
      );
      await until(() => abort.listeners() === 1);
      abort.abort(null);
      expect(await aborted).toBe(null);
      expect(abort.listeners()).toBe(0);
      server().thaw();
      // It was on its way, so it may be stored; with its id it is stored once in any case.
      const { seq } = await connection.publishToStream("bills.2", "x", { id: "second" });
      expect(seq).toBe(2);
      const { state } = await manager.streams.info("BILLS");
      expect(state.messages).toBe(2);
    });
  });
}

/** A service as the official package makes one (ADR-32 of NATS), by hand: that package is behind the others. */
function serve(raw: RawConnection, id: string): void {
  const about = { name: "prices", id, version: "1.0.0", metadata: {} };
  for (const subject of ["$SRV.PING", "$SRV.PING.prices", `$SRV.PING.prices.${id}`]) {
    raw.subscribe(subject, {
      callback(_error, message) {
        message.respond(JSON.stringify({ type: "io.nats.micro.v1.ping_response", ...about }));
      },
    });
  }
  raw.subscribe("prices.of", {
    queue: "q",
    callback(_error, message) {
      message.respond(`${message.string()} costs 50, says ${id}`);
    },
  });
}
