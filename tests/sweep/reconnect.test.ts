import { describe } from "vitest";
import { memoryNetwork } from "../../lib/net/mod.ts";
import { answer } from "../support/fake_request.ts";
import { leakGate } from "../support/leak.ts";
import { sweep } from "../support/sweep.ts";
import { closeServers, type FakeWorld, fakeWorld } from "./fakes.ts";
import { untilState } from "./lives.ts";
import { connectionReconnects, type Losses, subscriptionReconnects } from "./reconnects.ts";

leakGate();

const eventMeshLosses: Losses<FakeWorld> = {
  name: "EventMesh",
  world: (options = {}, happen = () => {}) => fakeWorld(options, happen),
  subscribe: {},
  cut({ servers: [server] }, which) {
    const purpose = { connection: "pub", subscription: "sub", all: undefined }[which];
    for (const { agent, transport } of server!.open) {
      if (purpose === undefined || agent?.purpose === purpose) transport.reset();
    }
  },
  stumble({ servers: [server] }, times) {
    let left = times;
    server!.on("HELLO_REQUEST", (request) => {
      if (left-- > 0) request.session.transport.reset();
      else answer(request);
    });
  },
  stumbleOnce({ servers: [server] }) {
    server!.on("SUBSCRIBE_REQUEST", ({ session }) => {
      server!.off("SUBSCRIBE_REQUEST");
      session.transport.end();
    });
  },
  loseOnce(world) {
    const [server] = world.servers;
    server!.on("SUBSCRIBE_REQUEST", () => {
      server!.off("SUBSCRIBE_REQUEST");
      eventMeshLosses.cut(world, "all");
    });
  },
  deliverOnce({ servers: [server] }, text) {
    server!.on("LISTEN_REQUEST", (request) => {
      answer(request);
      request.session.push("orders", text);
    });
  },
  unacknowledged: "returned",
  close: ({ servers }) => closeServers(servers),
};

connectionReconnects(eventMeshLosses);
subscriptionReconnects(eventMeshLosses);

describe("a reconnect of EventMesh", () => {
  sweep("a recommendation that waits for it", {
    ...fakeWorld({}, async (world) => {
      const away = untilState(world.connection, "reconnecting");
      eventMeshLosses.cut(world, "connection");
      await away;
    }),
    act: ({ connection }, signal) => connection.recommend({ signal }),
  }, { network: memoryNetwork, virtual: true });
});
