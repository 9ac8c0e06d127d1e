import { randomUUID } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ConnectError, ConnectionLostError, PeerError } from "../../../lib/errors.ts";
import { connect, type EventMeshConnection, type EventMeshOptions } from "../../../lib/eventmesh/mod.ts";
import type { Message } from "../../../lib/messaging/mod.ts";
import { type Counted, type ListenTarget, type Network, systemNetwork } from "../../../lib/net/mod.ts";
import { ca, cert, key } from "../../support/certificate.ts";
import { differs } from "../../support/env.ts";
import { type FakeServer, startFakeServer } from "../../support/fake_server.ts";
import { leakGate } from "../../support/leak.ts";
import { until } from "../../support/until.ts";
import { balanced, clientGate, failure, quick } from "./kit.ts";

clientGate();

const gate = leakGate();

/** One kind of socket. */
interface Kind {
  readonly name: string;
  target(): ListenTarget;
  url(server: FakeServer): string;
  readonly options: EventMeshOptions;
}

const local = { host: "127.0.0.1", port: 0 };
const kinds: Kind[] = [
  { name: "tcp", target: () => local, url: (server) => server.url, options: {} },
  {
    name: "tls",
    target: () => ({ ...local, tls: { cert, key } }),
    url: (server) => `eventmesh+tls://localhost:${server.port}`,
    options: { tls: { ca } },
  },
];
if (!differs.lacksUnixSockets) {
  kinds.push({
    name: "unix",
    target: () => ({ path: join(tmpdir(), `${randomUUID()}.sock`) }),
    url: (server) => server.url,
    options: {},
  });
}

/** What a test has to play with; everything of it is gone afterwards. */
interface Bench {
  readonly network: Network & Counted;
  server(): Promise<FakeServer>;
  client(server: FakeServer, options?: EventMeshOptions): Promise<EventMeshConnection>;
}

function on(kind: Kind, body: (bench: Bench) => Promise<void>): () => Promise<void> {
  return async () => {
    const network = gate.watch(systemNetwork());
    const servers: FakeServer[] = [];
    const connections: EventMeshConnection[] = [];
    try {
      await body({
        network,
        async server() {
          const server = await startFakeServer({ network, target: kind.target() });
          servers.push(server);
          return server;
        },
        async client(server, options) {
          const wanted = { network, reconnect: quick, ...kind.options, ...options };
          const connection = await connect(kind.url(server), wanted);
          connections.push(connection);
          return connection;
        },
      });
    } finally {
      await Promise.all(connections.map((connection) => connection.goodbye({ grace: 0 })));
      await Promise.all(servers.map((server) => server.close()));
    }
  };
}

describe.each(kinds)("the client over $name", (kind) => {
  it(
    "publishes, asks, receives, responds and leaves in order",
    on(kind, async (bench) => {
      const server = await bench.server();
      const connection = await bench.client(server);
      const orders = await connection.subscribe("orders");
      const questions = await connection.subscribe("questions", { type: "sync" });
      void questions.consume((message) => `re: ${message.text()}`);
      await Promise.all(
        Array.from({ length: 100 }, (_, number) => connection.publish("orders", String(number))),
      );
      expect(server.of("ASYNC_MESSAGE_TO_SERVER").map(({ text }) => Number(text))).toEqual([
        ...Array(100).keys(),
      ]);
      expect((await connection.request("questions", "six")).text()).toBe("re: six");
      const [, toOrders, toQuestions] = server.sessions;
      toOrders!.push("orders", "seven");
      const iterator = orders[Symbol.asyncIterator]();
      expect(((await iterator.next()).value as Message).text()).toBe("seven");
      toQuestions!.push("questions", "nine", {
        command: "REQUEST_TO_CLIENT",
        properties: { correlation99id: "1" },
      });
      expect((await server.saw("RESPONSE_TO_SERVER"))[0]!.text).toBe("re: nine");
      const next = iterator.next();
      const farewell = balanced(await connection.goodbye());
      expect((await next).done).toBe(true);
      expect(farewell, JSON.stringify(farewell)).toMatchObject({
        outcome: "clean",
        messages: { published: 101, confirmed: 101, received: 2, acked: 2 },
        connections: { opened: 3, clean: 3 },
      });
      await server.holds(0);
      expect(server.sessions.map(({ peerEnded, end }) => [peerEnded, end])).toEqual(
        Array(3).fill([true, { error: undefined }]),
      );
    }),
  );

  it(
    "carries large messages, and waits for a peer that does not read",
    on(kind, async (bench) => {
      const server = await bench.server();
      const connection = await bench.client(server, { window: 100 });
      const session = server.last("pub");
      session.freeze();
      const data = "x".repeat(1_000_000);
      const publishes = Array.from(
        { length: 20 },
        (_, number) => connection.publish("orders", `${number} ${data}`),
      );
      await new Promise((resolve) => setImmediate(resolve));
      session.thaw();
      await Promise.all(publishes);
      expect(server.of("ASYNC_MESSAGE_TO_SERVER").map(({ text }) => text.length)).toEqual(
        Array.from({ length: 20 }, (_, number) => `${number} `.length + 1_000_000),
      );
      expect(balanced(await connection.goodbye()).outcome).toBe("clean");
    }),
  );

  it(
    "connects completely or not at all",
    on(kind, async (bench) => {
      const server = await bench.server();
      server.refuse("HELLO_REQUEST", "group is blank");
      expect(await failure(bench.client(server))).toBeInstanceOf(PeerError);
      server.hold("HELLO_REQUEST");
      for (const reason of [null, new Error("enough")]) {
        const abort = new AbortController();
        const connecting = failure(bench.client(server, { signal: abort.signal }));
        const count = server.of("HELLO_REQUEST").length;
        await server.saw("HELLO_REQUEST", count + 1);
        abort.abort(reason);
        expect(await connecting).toBe(reason);
      }
      expect(await failure(bench.client(server, { timeout: 20 }))).toMatchObject({ code: "ERR_TIMEOUT" });
      await server.holds(0);
      await server.close();
      const error = await failure(bench.client(server)) as ConnectError;
      expect(error).toBeInstanceOf(ConnectError);
      expect(bench.network.open()).toEqual({ sockets: 0, listeners: 0, timers: 0 });
    }),
  );

  it(
    "comes back after a loss",
    on(kind, async (bench) => {
      const server = await bench.server();
      const connection = await bench.client(server);
      const subscription = await connection.subscribe("orders");
      server.hold("ASYNC_MESSAGE_TO_SERVER");
      const lost = failure(connection.publish("orders", "lost"));
      await server.saw("ASYNC_MESSAGE_TO_SERVER");
      server.off("ASYNC_MESSAGE_TO_SERVER");
      for (const session of server.open) session.transport.reset();
      expect(await lost).toMatchObject({ code: "ERR_CONNECTION_LOST", outcome: "unknown" });
      expect((await lost as ConnectionLostError).cause).toBeInstanceOf(ConnectionLostError);
      await connection.publish("orders", "found");
      await until(() => server.open.some(({ items }) => items.length === 1), { what: "a new subscription" });
      await until(() => subscription.state === "open", { what: "an open subscription" });
      server.last("sub").push("orders", "seven");
      for await (const message of subscription) {
        expect(message.text()).toBe("seven");
        message.ack();
        break;
      }
      const farewell = balanced(await connection.goodbye());
      expect(farewell).toMatchObject({ outcome: "clean", connections: { opened: 4, lost: 2, clean: 2 } });
    }),
  );

  it(
    "leaves a server that says goodbye",
    on(kind, async (bench) => {
      const server = await bench.server();
      const connection = await bench.client(server);
      server.last("pub").goodbye();
      await until(() => server.sessions.length === 2 && connection.state === "open", {
        what: "a new session",
      });
      await connection.publish("orders", "x");
      expect(server.sessions[0]!.commands).toEqual(["HELLO_REQUEST", "CLIENT_GOODBYE_REQUEST"]);
      expect(balanced(await connection.goodbye())).toMatchObject({
        outcome: "clean",
        connections: { clean: 2 },
      });
    }),
  );

  it(
    "ends in time when the peer is frozen, and tells that nobody was told",
    on(kind, async (bench) => {
      const server = await bench.server();
      const connection = await bench.client(server);
      await connection.subscribe("orders");
      for (const session of server.open) session.freeze();
      const farewell = balanced(await connection.goodbye({ grace: 200 }));
      expect(farewell).toMatchObject({ outcome: "forced", connections: { opened: 2, forced: 2 } });
      expect(farewell.duration).toBeLessThan(2_000);
    }),
  );

  it(
    "takes a reset in place of an answer to its goodbye for a loss",
    on(kind, async (bench) => {
      const server = await bench.server();
      const connection = await bench.client(server);
      server.on("CLIENT_GOODBYE_REQUEST", ({ session }) => session.transport.reset());
      const farewell = balanced(await connection.goodbye());
      expect(farewell).toMatchObject({ outcome: "failed", connections: { opened: 1, lost: 1 } });
    }),
  );
});

describe("a redirect over the kinds of sockets", () => {
  it.each(kinds.filter(({ name }) => name !== "unix"))(
    "moves everything ($name)",
    (kind) =>
      on(kind, async (bench) => {
        const [one, other] = [await bench.server(), await bench.server()];
        const connection = await bench.client(one);
        const subscription = await connection.subscribe("orders");
        for (const session of one.open) session.redirect(other);
        await one.holds(0);
        await other.holds(2);
        await connection.publish("orders", "x");
        other.last("sub").push("orders", "y");
        void subscription.consume(() => {});
        await other.saw("ASYNC_MESSAGE_TO_CLIENT_ACK");
        expect(balanced(await connection.goodbye())).toMatchObject({
          outcome: "clean",
          connections: { opened: 4, clean: 4 },
        });
      })(),
  );
});
