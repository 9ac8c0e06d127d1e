import type { MessageConnection } from "../../lib/messaging/mod.ts";
import { nats } from "../contracts/protocols.ts";
import { type FakeNats, startFakeNats } from "../nats/server.ts";
import { leakGate } from "../support/leak.ts";
import { steadily } from "./fakes.ts";
import { natsEmpty, natsResidents } from "./peers.ts";
import { connectionReconnects, type Losses, subscriptionReconnects } from "./reconnects.ts";
import { expectClean } from "./scenarios.ts";

leakGate();

interface NatsWorld {
  readonly server: FakeNats;
  readonly connection: MessageConnection;
}

const natsLosses: Losses<NatsWorld> = {
  name: "NATS",
  world: ({ reconnect = steadily } = {}, happen = () => {}) => ({
    restless: true,
    async arrange({ network }) {
      const server = await startFakeNats({ network });
      server.answers = (text) => `re: ${text}`;
      const connection = await nats.connect(server.url, { network, reconnect });
      const world = { server, connection };
      await happen(world);
      return world;
    },
    // What is subscribed to is none of a request's or a publish's, and a subscription of its own has its own stream.
    orphans: ({ server }) => natsResidents(server).filter((line) => line.includes("orders")),
    async end(world) {
      const { connection, server } = world;
      server.onConnect = server.onSubscribe = () => {};
      await connection.publish("orders", "afterwards");
      expectClean(await connection.goodbye());
      await natsLosses.close(world);
    },
  }),
  subscribe: {},
  early: true,
  cut({ server }, which) {
    // The stream of the connection comes first, and has no subscription to orders.
    for (const { subjects, transport } of server.open) {
      if (which === "all" || (which === "subscription") === subjects.includes("orders")) transport.reset();
    }
  },
  stumble({ server }, times) {
    let left = times;
    server.onConnect = () => {
      if (left-- > 0) server.open.at(-1)!.transport.reset();
    };
  },
  stumbleOnce({ server }) {
    server.onSubscribe = ({ transport }) => {
      server.onSubscribe = () => {};
      transport.end();
    };
  },
  loseOnce(world) {
    world.server.onSubscribe = (_session, subject) => {
      if (subject !== "orders") return;
      world.server.onSubscribe = () => {};
      natsLosses.cut(world, "all");
    };
  },
  deliverOnce({ server }, text) {
    server.onSubscribe = (session, subject, sid) => {
      if (subject === "orders") session.deliver(subject, sid, "", undefined, new TextEncoder().encode(text));
    };
  },
  unacknowledged: "dropped",
  async close({ server }) {
    await natsEmpty(server);
    await server.close();
  },
};

connectionReconnects(natsLosses);
subscriptionReconnects(natsLosses);
subscriptionReconnects({
  ...natsLosses,
  name: "NATS with one stream for all",
  subscribe: { overflow: "drop-oldest" },
  shared: true,
});
