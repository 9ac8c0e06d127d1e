import { expect, it } from "vitest";
import { ConnectError, UnsupportedError } from "../../lib/errors.ts";
import type { EndpointEvent } from "../../lib/lifecycle/mod.ts";
import { connect, type NatsConnection } from "../../lib/nats/mod.ts";
import { systemNetwork } from "../../lib/net/mod.ts";
import { rejection } from "../contracts/bench.ts";
import { leakGate } from "../support/leak.ts";
import { until } from "../support/until.ts";
import { useConnections, useNats } from "./nats_world.ts";
import { natsServer, natsVersions, startNats, withPeers } from "./peers/mod.ts";

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
  await withPeers(`what a nats-server ${version} says no to`, [natsServer(version)], () => {
    const open = useConnections(gate);
    const server = useNats({
      version,
      config: `authorization { timeout: 0.05, user: "me", password: "sesame", default_permissions: {
        publish: { deny: ["secrets"] } } }`,
    });
    const me = { user: "me", pass: "sesame" };

    it("a login that takes too long: it is tried again, as wrong credentials are not", async () => {
      let slow = true;
      const authenticator = (): object => {
        // The server waits 50 ms.
        for (const end = performance.now() + (slow ? 300 : 0); performance.now() < end;);
        return me;
      };
      const network = gate.watch(systemNetwork());
      const error = await rejection(connect(server().url, { network, authenticator })) as ConnectError;
      expect(error).toBeInstanceOf(ConnectError);
      slow = false;
      const connection = await open(server().url, { authenticator });
      const events = watch(connection);
      slow = true;
      await server().restart();
      await until(() => events.filter(({ type }) => type === "retry").length > 4, seconds);
      expect(connection.state).toBe("reconnecting");
      slow = false;
      await until(() => connection.epoch === 2, seconds);
    }, 60_000);

    it("what is published where nobody waits: it is rejected in the ledger, and a fault", async () => {
      const users = await startNats({
        version,
        config: `authorization { users = [{ user: "me", password: "sesame", permissions: {
          publish: { deny: ["secrets"] } } }] }`,
      });
      const connection = await open(users.url, me);
      const events = watch(connection);
      for (let i = 0; i < 1_000; i++) connection.publishUnconfirmed(i % 2 === 0 ? "orders" : "secrets", "x");
      await connection.flush();
      expect(events.filter(({ type }) => type === "fault").length).toBe(1);
      await expect(connection.publish("secrets", "x")).rejects.toMatchObject({ code: "ERR_PEER" });
      await connection.publish("orders", "x");
      const { messages, errors } = await connection.goodbye();
      expect(messages).toMatchObject({ published: 1_002, confirmed: 501, rejected: 501, unconfirmed: 0 });
      expect(errors.length).toBe(1);
      await users.stop();
    }, 60_000);

    it("headers, where it is told to: nothing of them is sent", async () => {
      const bare = await startNats({ version, config: "no_header_support: true" });
      const connection = await open(bare.url);
      for (const options of [{ id: "1" }, { properties: { kind: "test" } }]) {
        expect(await rejection(connection.publish("orders", "x", options))).toBeInstanceOf(UnsupportedError);
      }
      await connection.publish("orders", "x");
      expect(connection.epoch).toBe(1);
      await bare.stop();
    }, 60_000);
  });
}
