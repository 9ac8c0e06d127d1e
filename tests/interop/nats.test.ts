import { describe, expect, it } from "vitest";
import { ConnectError, PeerError } from "../../lib/errors.ts";
import { connect } from "../../lib/nats/mod.ts";
import { systemNetwork } from "../../lib/net/mod.ts";
import { rejection } from "../contracts/bench.ts";
import { connectionContract } from "../contracts/connection.ts";
import { openWorld } from "../contracts/connection_world.ts";
import { tcp } from "../contracts/grounds.ts";
import { ca } from "../support/certificate.ts";
import { leakGate } from "../support/leak.ts";
import { until } from "../support/until.ts";
import { relayed, useConnections, useNats } from "./nats_world.ts";
import { natsServer, natsVersions, withPeers } from "./peers/mod.ts";

const gate = leakGate();

for (const version of natsVersions) {
  await withPeers(`a client of nats-server ${version}`, [natsServer(version)], () => {
    const open = useConnections(gate);

    describe("in clear", () => {
      const server = useNats({ version });
      connectionContract("NATS", { open: () => openWorld(relayed(server(), gate), tcp, gate) });

      it("knows that nobody is subscribed, and which server it talks to", async () => {
        const connection = await open(server().url);
        expect(await rejection(connection.request("nobody", "x"))).toMatchObject({ status: 503 });
        expect(
          await rejection((async () => {
            for await (const _ of connection.requestMany("nobody", "x")) break;
          })()),
        ).toMatchObject({ status: 503 });
        expect(connection.server).toBe(`127.0.0.1:${server().port}`);
        expect(await connection.ping()).toBeGreaterThan(0);
      });

      it("has wildcards, queue groups, headers, and many replies", async () => {
        const connection = await open(server().url);
        const topics: string[] = [];
        void (await connection.subscribe(["things.*.new", "all.>"])).consume((message) =>
          void topics.push(message.topic)
        );
        for (const topic of ["things.a.new", "things.a.old", "all.of.them", "things.b.c.new"]) {
          await connection.publish(topic, "x", { properties: { kind: "test" } });
        }
        await until(() => topics.length === 2);
        expect(topics.sort()).toEqual(["all.of.them", "things.a.new"]);
        for (const name of ["a", "b", "c"]) {
          void (await connection.subscribe("workers", { queue: name })).consume((message) =>
            name + message.text()
          );
          void (await connection.subscribe("workers", { queue: name })).consume((message) =>
            name + message.text()
          );
        }
        const replies: string[] = [];
        for await (const reply of connection.requestMany("workers", "!", { count: 3 })) {
          replies.push(reply.text());
        }
        expect(replies.sort()).toEqual(["a!", "b!", "c!"]);
      });

      it("confirms 20,000 publishes of 64 workers, and all of them arrive", async () => {
        const connection = await open(server().url);
        let received = 0;
        void (await connection.subscribe("load")).consume(() => void received++, { concurrency: 16 });
        let next = 0;
        await Promise.all(Array.from({ length: 64 }, async () => {
          while (next++ < 20_000) await connection.publish("load", `message ${next}`);
        }));
        await until(() => received === 20_000, { timeout: 10_000 });
        expect((await connection.goodbye()).outcome).toBe("clean");
      });
    });

    describe("with TLS", () => {
      const server = useNats({ version, tls: true });
      connectionContract("NATS", {
        open: () => openWorld(relayed(server(), gate, { tls: { ca } }), tcp, gate),
      });

      it("is served, in the certificate's name only", async () => {
        const connection = await open(server().url, { tls: { ca } });
        await connection.publish("orders", "x".repeat(500_000));
        expect((await connection.goodbye()).outcome).toBe("clean");
        const network = gate.watch(systemNetwork());
        for (const tls of [{}, { ca, servername: "elsewhere" }]) {
          const error = await rejection(connect(server().url, { network, tls }));
          expect(error).toBeInstanceOf(ConnectError);
          expect(network.open().sockets).toBe(0);
        }
      });

      it("uses TLS by scheme nats: where the server demands it", async () => {
        const url = server().url.replace("nats+tls:", "nats:");
        expect(await rejection(open(url))).toBeInstanceOf(ConnectError);
        const connection = await open(url, { tls: { ca } });
        const subscription = await connection.subscribe("orders");
        await connection.publish("orders", "in secret");
        for await (const message of subscription) {
          expect(message.text()).toBe("in secret");
          break;
        }
      });
    });

    describe("with users", () => {
      const server = useNats({
        version,
        config: `authorization { users = [
          { user: "admin", password: "sesame" },
          { nkey: "UD6OU4D3CIOGIDZVL4ANXU3NWXOW5DCDE2YPZDBHPBXCVKHSODUA4FKI" },
          { user: "guest", password: "guest", permissions: {
            publish: ["public.>", "_INBOX.>"], subscribe: ["public.>", "_INBOX.>"] } }
        ] }`,
      });

      it("lets in who has a password or a key, and nobody else", async () => {
        await open(server().url, { user: "admin", pass: "sesame" });
        await open(server().url.replace("nats://", "nats://guest:guest@"));
        await open(server().url, { nkey: "SUAEL6GG2L2HIF7DUGZJGMRUFKXELGGYFMHF76UO2AYBG3K4YLWR3FKC2Q" });
        for (const options of [{}, { user: "admin", pass: "wrong" }]) {
          expect(await rejection(open(server().url, options))).toBeInstanceOf(PeerError);
        }
      });

      it("keeps to what a user may do", async () => {
        const guest = await open(server().url, { user: "guest", pass: "guest" });
        for (const overflow of ["pause", "fail"] as const) {
          expect(await rejection(guest.subscribe("secrets", { overflow }))).toBeInstanceOf(PeerError);
          expect(await rejection(guest.subscribe("secrets", { overflow, queue: "q" }))).toBeInstanceOf(
            PeerError,
          );
        }
        expect(await rejection(guest.publish("secrets", "x"))).toBeInstanceOf(PeerError);
        expect(await rejection(guest.request("secrets", "x"))).toBeInstanceOf(PeerError);
        const subscription = await guest.subscribe("public.orders");
        await guest.publish("public.orders", "allowed");
        for await (const message of subscription) {
          expect(message.text()).toBe("allowed");
          break;
        }
      });
    });
  });
}

await withPeers("a client of nats-server 2.15.2 with TLS from the first byte", [natsServer("2.15.2")], () => {
  const open = useConnections(gate);
  const server = useNats({ version: "2.15.2", tls: "first" });

  it("is served", async () => {
    const connection = await open(server().url, { tls: { ca, handshakeFirst: true } });
    await connection.publish("orders", "x");
    expect((await connection.goodbye()).outcome).toBe("clean");
  });
});
