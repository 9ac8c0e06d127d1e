import { describe, expect, it } from "vitest";
import { startBroker } from "../../lib/broker/mod.ts";
import { connect } from "../../lib/eventmesh/mod.ts";
import { formatFarewell } from "../../lib/lifecycle/mod.ts";
import { systemNetwork } from "../../lib/net/mod.ts";
import { serve } from "../../lib/server/mod.ts";
import { type Ground, grounds } from "../contracts/grounds.ts";
import { bytesOf, fixture, fixtures, rigTest } from "../server/kit.ts";
import { type BadMode, startBadClient } from "../support/bad_client.ts";
import { startFakeServer } from "../support/fake_server.ts";
import { leakGate } from "../support/leak.ts";
import { turns, until } from "../support/until.ts";
import { hearing, type Noise } from "./noise.ts";

const gate = leakGate();
const patience = { timeout: 60_000 };

/** Nothing above info, nothing unhandled, nothing printed; and somebody did listen. */
function expectSilence(noise: Noise): void {
  expect(noise.alarms).toEqual([]);
  expect(noise.loud.map(({ endpoint, type, level, error }) => ({ endpoint, type, level, error }))).toEqual(
    [],
  );
  expect(noise.quiet).toBeGreaterThan(0);
}

/** Everything that this library is for, once, and its clean end. */
async function wholeRun(ground: Ground): Promise<void> {
  const network = gate.watch(ground.network());
  const broker = await startBroker({ port: 0, network, ...ground.server });
  const connection = await connect(broker.url, { network, ...ground.client });
  const orders = await connection.subscribe("orders");
  const loop = (async () => {
    for await (const message of orders) if (message.text() === "last") break;
  })();
  const answering = (await connection.subscribe("ask", { type: "sync" })).consume(() => "answer");
  for (const text of ["first", "last"]) await connection.publish("orders", text);
  expect((await connection.request("ask", "?")).text()).toBe("answer");
  await loop;
  const server = await serve(async ({ readable, ...rest }) => {
    for await (const _ of readable) void rest;
  }, { port: 0, network, ...ground.server });
  const { host, port } = server.address as { host: string; port: number };
  const peer = await network.dial({ host, port, ...ground.client }, {});
  peer.start({ data() {}, end: () => peer.end(), drain() {} });
  peer.write(bytesOf("hello"));
  await until(() => server.inspect().connections[0]?.bytesIn === 5);
  const farewells = [
    await connection.goodbye(),
    await answering,
    await broker.goodbye(),
    await server.goodbye(),
  ];
  for (const farewell of farewells) expect(farewell.outcome, formatFarewell(farewell)).toBe("clean");
  await peer.closed;
}

describe("I9 quiet: a clean run", () => {
  it.each(grounds)("over $name is silent above info", (ground) =>
    hearing(async (noise) => {
      await wholeRun(ground);
      await turns(5);
      expectSilence(noise);
    }));
});

describe.each(fixtures)("I9 quiet: a peer of a server over $kind that resets", (on) => {
  it.each(["before the goodbye", "in the midst of the goodbye", "after the goodbye"])(
    "%s is a value, and no noise",
    (moment) =>
      rigTest(on, (rig) =>
        hearing(async (noise) => {
          const server = await rig.serve(async (connection) => {
            connection.onPhase("goodbye", () => connection.write(bytesOf("goodbye")));
            for await (const chunk of connection.readable) await connection.write(chunk);
          });
          const bystander = await rig.accepted(server);
          const peers = [];
          for (let i = 0; i < 5; i++) peers.push(await rig.accepted(server));
          for (const peer of peers) {
            peer.send("hello");
            await peer.received("hello");
            if (moment === "before the goodbye") peer.transport.reset();
            if (moment === "in the midst of the goodbye") peer.onData = () => peer.transport.reset();
            if (moment !== "after the goodbye") continue;
            peer.polite = false;
            void until(() => peer.ended).then(() => peer.transport.reset());
          }
          if (moment === "before the goodbye") await until(() => server.connections === 1);
          const farewell = await server.goodbye();
          // A peer that has got everything has been told, however it answers.
          expect(farewell.outcome, formatFarewell(farewell)).toBe("clean");
          expect(farewell.connections.opened).toBe(6);
          await bystander.gone();
          expect(bystander.text).toBe("goodbye");
          await turns(5);
          expectSilence(noise);
        }))(),
  );
});

describe("I9 quiet: a server of a client that resets", () => {
  it.each(["before the goodbye", "in place of an answer to it", "after its answer"])(
    "%s is told once, by the client that has lost it, and thrown nowhere",
    (moment) =>
      hearing(async (noise) => {
        const network = gate.watch(systemNetwork());
        const server = await startFakeServer({ network });
        const connection = await connect(server.url, { network, reconnect: false });
        const subscription = await connection.subscribe("orders");
        const over = subscription.consume(() => {});
        if (moment === "before the goodbye") { for (const session of server.open) session.transport.reset(); }
        if (moment === "in place of an answer to it") {
          server.on("CLIENT_GOODBYE_REQUEST", ({ session }) => session.transport.reset());
        }
        if (moment === "after its answer") {
          server.on("CLIENT_GOODBYE_REQUEST", (request) => {
            request.reply();
            void (async () => {
              await turns(20);
              request.session.transport.reset();
            })();
          });
        }
        const farewell = await connection.goodbye();
        await over;
        await turns(5);
        expect(noise.alarms).toEqual([]);
        if (moment === "after its answer") {
          expect(farewell.outcome, formatFarewell(farewell)).toBe("clean");
          expectSilence(noise);
        } else {
          // Each of the two endpoints tells of its loss, and of its end that was not clean.
          expect(farewell.outcome).toBe("failed");
          const told = noise.loud.map(({ endpoint, type, level }) => `${endpoint}: ${type}, ${level}`).sort();
          expect(told).toEqual([
            "eventmesh connection: farewell, warn",
            "eventmesh connection: lost, warn",
            'subscription to "orders": farewell, warn',
            'subscription to "orders": lost, warn',
          ]);
        }
        await server.close();
      }),
  );
});

/** Those that are reset at once; a third of them is enough to be loud, whatever else goes wrong with them. */
const [crowdSize, fewer] = [1_000, 300];
/** Warnings of a server about its connections in one second, and the seconds that a slow machine needs. */
const loudest = (since: number): number => 20 * (2 + Math.ceil((performance.now() - since) / 1_000));

/** Starts a hundred at a time: the queue of a listener is no longer than 128 everywhere. */
async function crowd<T>(size: number, start: () => Promise<T>): Promise<T[]> {
  const all: T[] = [];
  while (all.length < size) all.push(...await Promise.all(Array.from({ length: 100 }, start)));
  return all;
}

describe("I9 quiet: a crowd of connections", () => {
  it(
    "of a server, 1,000 of them, that are reset at once are no warning",
    rigTest(fixture.tcp, (rig) =>
      hearing(async (noise) => {
        const server = await rig.serve(async ({ readable }) => {
          for await (const _ of readable);
        });
        const peers = await crowd(crowdSize, () => rig.connect(server));
        await until(() => server.connections === crowdSize, patience);
        for (const { transport } of peers) transport.reset();
        await until(() => server.connections === 0, patience);
        const farewell = await server.goodbye();
        expect(farewell.outcome).toBe("clean");
        expect(farewell.connections).toMatchObject({ opened: crowdSize, lost: crowdSize });
        expectSilence(noise);
      })),
  );

  it(
    "of a server whose handlers all fail at once are few warnings",
    rigTest(fixture.tcp, (rig) =>
      hearing(async (noise) => {
        const server = await rig.serve(async ({ readable }) => {
          for await (const _ of readable) throw new Error("a bug");
        });
        const peers = await crowd(fewer, () => rig.connect(server));
        await until(() => server.connections === fewer, patience);
        const since = performance.now();
        for (const peer of peers) peer.send("x");
        await until(() => server.connections === 0, patience);
        expect(server.inspect().faults).toBe(fewer);
        expect(noise.loud.length).toBeGreaterThan(0);
        expect(noise.loud.length).toBeLessThanOrEqual(loudest(since));
        const { errors, errorsDropped } = await server.goodbye();
        expect(errors.length + errorsDropped).toBe(fewer);
        expect(noise.alarms).toEqual([]);
      })),
  );

  it(
    "of a TLS server that begin no handshake are few warnings",
    rigTest(fixture.tls, (rig) =>
      hearing(async (noise) => {
        const server = await rig.serve(() => {});
        const target = server.address;
        const since = performance.now();
        for (let i = 0; i < 3; i++) {
          const transports = await Promise.all(
            Array.from({ length: 100 }, () => rig.network.dial(target, {})),
          );
          for (const transport of transports) {
            transport.start({ data() {}, end: () => transport.end(), drain() {} });
            transport.write(bytesOf("GET / HTTP/1.1\r\n\r\n"));
          }
          await Promise.all(transports.map(({ closed }) => closed));
        }
        await until(() => server.inspect().refused === 300, patience);
        expect(noise.loud.length).toBeGreaterThan(0);
        expect(noise.loud.length).toBeLessThanOrEqual(loudest(since));
        expect((await server.goodbye()).connections).toMatchObject({ opened: 0, refused: 300 });
        expect(noise.alarms).toEqual([]);
      })),
  );

  it.each(["rst-at-byte-n", "garbage", "garbage-later"] as const satisfies readonly BadMode[])(
    "of a broker that go with %s are few warnings, and a reset is none",
    (mode) =>
      hearing(async (noise) => {
        const network = gate.watch(systemNetwork());
        const broker = await startBroker({ port: 0, network });
        const { host, port } = broker.address as { host: string; port: number };
        const since = performance.now();
        const options = { network, target: { host, port }, mode, topic: "noise", bytes: 300 };
        const clients = await crowd(fewer, () => startBadClient(options));
        await Promise.all(clients.map(({ transport }) => transport.closed));
        await until(() => broker.inspect().sessions.length === 0, patience);
        const farewell = await broker.goodbye();
        expect(farewell.outcome, formatFarewell(farewell)).toBe("clean");
        if (mode === "rst-at-byte-n") expectSilence(noise);
        expect(noise.loud.length).toBeLessThanOrEqual(loudest(since));
        expect(noise.alarms).toEqual([]);
      }),
  );

  it("of a broker, 1,000 of them, that are cut while it says goodbye change nothing about that", () =>
    hearing(async (noise) => {
      const network = gate.watch(systemNetwork());
      const broker = await startBroker({ port: 0, network });
      const { host, port } = broker.address as { host: string; port: number };
      const options = { network, target: { host, port }, mode: "hello-and-idle", topic: "noise" } as const;
      const clients = await crowd(crowdSize, () => startBadClient(options));
      await until(() => broker.inspect().sessions.length === crowdSize, patience);
      const since = performance.now();
      const leaving = broker.goodbye({ grace: 5_000 });
      for (const { transport } of clients) transport.reset();
      const farewell = await leaving;
      expect(farewell.residue).toEqual({ sockets: 0, timers: 0, listeners: 0 });
      expect(noise.loud.length).toBeLessThanOrEqual(loudest(since));
      expect(noise.alarms).toEqual([]);
    }));
});
