import { createServer, type Server as NetServer } from "node:net";
import { afterEach, describe, expect, it, vi } from "vitest";
import { startBroker } from "../../lib/broker/mod.ts";
import { ConnectError } from "../../lib/errors.ts";
import { type Farewell, formatFarewell } from "../../lib/lifecycle/mod.ts";
import { SocketListener } from "../../lib/net/listener.ts";
import { type Listener, type Network, targetText } from "../../lib/net/mod.ts";
import { Registry } from "../../lib/net/registry.ts";
import { serve, type ServerConnection } from "../../lib/server/mod.ts";
import { leakGate } from "../support/leak.ts";
import { until } from "../support/until.ts";
import { WireClient } from "../support/wire_client.ts";
import { bytesOf, fixture, type Rig, rigTest } from "../server/kit.ts";

leakGate();
afterEach(() => void vi.useRealTimers());

/** The system's sockets, with listeners that are told what the test makes up, as the runtime would tell it. */
class ToldNetwork implements Network {
  readonly dial: Network["dial"];
  readonly listens: Listener[] = [];
  server!: NetServer;

  constructor({ dial }: Network) {
    this.dial = dial;
  }

  readonly listen: Network["listen"] = async (target, handler) => {
    this.server = createServer({ allowHalfOpen: true, pauseOnConnect: true });
    const options = { kind: "tcp", handler, registry: new Registry(), highWaterMark: 65_536 } as const;
    const listener = new SocketListener(this.server, { ...options, handshakeTimeout: 1_000 });
    expect(await listener.bind(target)).toBeUndefined();
    this.listens.push(listener);
    return listener;
  };

  fail(code: string): Error {
    const error = Object.assign(new Error(`accept ${code}`), { code, syscall: "accept" });
    this.server.emit("error", error);
    return error;
  }
}

function untilDraining({ draining }: ServerConnection): Promise<void> {
  return new Promise((resolve) => draining.addEventListener("abort", () => resolve(), { once: true }));
}

const told = (body: (rig: Rig, network: ToldNetwork) => Promise<void>): () => Promise<void> =>
  rigTest(fixture.tcp, (rig) => body(rig, new ToldNetwork(rig.network)));

describe("I14 a listener that cannot accept for now", () => {
  it(
    "is reported at once, after 50 ms, 100 ms and so on to 1 s, however often it fails, and the server goes on",
    told(async (rig, network) => {
      const server = await rig.serve(untilDraining, { network });
      vi.useFakeTimers({ toFake: ["performance"] });
      const start = performance.now();
      const reports: number[] = [];
      for (let faults = 0; performance.now() - start < 6_000; vi.advanceTimersByTime(1)) {
        for (let i = 0; i < 4; i++) network.fail(i % 2 === 0 ? "EMFILE" : "ENFILE");
        if (server.inspect().faults > faults) reports.push(performance.now() - start);
        expect(server.inspect().faults - faults).toBeLessThanOrEqual(1);
        faults = server.inspect().faults;
      }
      expect(reports).toEqual([0, 50, 150, 350, 750, 1_550, 2_550, 3_550, 4_550, 5_550]);
      vi.useRealTimers();
      // It has not tried anything by itself: the listening socket is sound.
      expect(network.listens).toHaveLength(1);
      await rig.accepted(server);
      const farewell = await server.goodbye();
      expect(farewell).toMatchObject({ outcome: "clean", cause: "goodbye" });
      expect(farewell.errors.length).toBeLessThanOrEqual(reports.length);
    }),
  );

  it(
    "begins anew once it has accepted",
    told(async (rig, network) => {
      const server = await rig.serve(untilDraining, { network });
      vi.useFakeTimers({ toFake: ["performance"] });
      for (let row = 1; row <= 3; row++) {
        for (let i = 0; i < 1_000; i++) network.fail("ECONNABORTED");
        expect(server.inspect().faults).toBe(row);
        await rig.accepted(server);
      }
    }),
  );

  it(
    "is a warning for whoever listens to events",
    told(async (rig, network) => {
      const server = await rig.serve(untilDraining, { network });
      const next = server.events().next();
      const error = network.fail("EMFILE");
      expect(await next).toMatchObject({ value: { type: "fault", level: "warn", error } });
      expect(server.state).toBe("open");
    }),
  );
});

/** What the runtime may tell of a listening socket that is beyond help. */
const deaths: Record<string, (network: ToldNetwork) => Error> = {
  "an error that does not pass": (network) => network.fail("EBADF"),
  "an error that is not known": (network) => {
    const error = new Error("the interface went away");
    network.server.emit("error", error);
    return error;
  },
  "the same error without end": (network) => {
    const error = network.fail("ENOTSOCK");
    for (let i = 0; i < 1_000; i++) network.fail("ENOTSOCK");
    return error;
  },
};

describe.each(Object.keys(deaths))("I14 a listener that dies, by %s,", (death) => {
  it(
    "ends its server in order, with the cause listener-error",
    told(async (rig, network) => {
      const trace: string[] = [];
      const server = await rig.serve(async (connection) => {
        connection.onPhase("goodbye", () => {
          trace.push("goodbye");
          return connection.write(bytesOf("goodbye"));
        });
        await untilDraining(connection);
        // What was started is finished.
        await connection.write(bytesOf("the answer, "));
        trace.push("drained");
      }, { network });
      server.onRelease("first", () => void trace.push("released first"));
      server.onRelease("second", () => void trace.push(`released second, ${server.connections} connections`));
      void server.closed.then(() => trace.push("closed"));
      const peers = [await rig.accepted(server), await rig.accepted(server)];
      const error = deaths[death]!(network);
      const farewell = await server.closed;
      expectListenerError(farewell, server.address, error);
      expect(trace).toEqual([
        ...["drained", "drained", "goodbye", "goodbye"],
        ...["released second, 0 connections", "released first", "closed"],
      ]);
      for (const peer of peers) {
        await peer.gone();
        expect([peer.text, peer.error]).toEqual(["the answer, goodbye", undefined]);
      }
      // Nobody tries to listen again, and somebody else can.
      expect(network.listens).toHaveLength(1);
      await rig.serve(untilDraining, server.address as { port: number });
    }),
  );

  it(
    "ends its broker in order, which tells its clients",
    told(async (_rig, network) => {
      const broker = await startBroker({ port: 0, network, grace: 2_000 });
      const client = await WireClient.open(broker.url, {}, { network });
      const error = deaths[death]!(network);
      await client.expect("SERVER_GOODBYE_REQUEST");
      client.transport.end();
      expectListenerError(await broker.closed, broker.address, error);
    }),
  );

  it(
    "changes nothing about an end that has begun",
    told(async (rig, network) => {
      const server = await rig.serve(untilDraining, { network });
      await rig.accepted(server);
      const goodbye = server.goodbye();
      deaths[death]!(network);
      const farewell = await goodbye;
      expect(farewell, formatFarewell(farewell)).toMatchObject({
        outcome: "clean",
        cause: "goodbye",
        errors: [],
      });
    }),
  );
});

describe("I14 a listener that is closed behind its back", () => {
  it(
    "ends its server, in order, when its last stream is gone: the runtimes do not tell it before",
    told(async (rig, network) => {
      const server = await rig.serve(async ({ readable }) => {
        for await (const _ of readable) continue;
      }, { network });
      const peer = await rig.accepted(server);
      network.server.close();
      expect(server.state).toBe("open");
      peer.transport.end();
      expectListenerError(await server.closed, server.address, undefined);
    }),
  );
});

describe("I14 a listener of another network", () => {
  it("that ends without an error of its own ends its server with one that says so", () =>
    rigTest(fixture.memory, async (rig) => {
      let listener!: Listener;
      const listen: Network["listen"] = async (...how) => listener = await rig.network.listen(...how);
      const server = await serve(untilDraining, { network: { dial: rig.network.dial, listen } });
      const peer = await rig.accepted(server);
      await listener.close();
      expectListenerError(await server.closed, server.address, undefined);
      await peer.gone();
    })());

  it("may report what it likes for as long as it likes: the end is not held up, and nothing is unhandled", () =>
    rigTest(fixture.memory, async (rig) => {
      let report: (error: Error) => void = () => {};
      const listen: Network["listen"] = (target, handler, options) => {
        report = (error) => handler.acceptError(error);
        return rig.network.listen(target, handler, options);
      };
      const server = await serve(untilDraining, { network: { dial: rig.network.dial, listen } });
      for (let i = 0; i < 10_000; i++) report(new Error(`report ${i}`));
      const farewell = await server.goodbye();
      for (let i = 0; i < 10_000; i++) report(new Error(`late report ${i}`));
      expect(farewell.outcome).toBe("clean");
      expect(farewell.errors.length).toBeLessThanOrEqual(100);
      await until(() => server.inspect().faults === 20_000);
    })());
});

function expectListenerError(farewell: Farewell, address: Listener["address"], cause: unknown): void {
  expect(farewell, formatFarewell(farewell)).toMatchObject({
    outcome: "clean",
    cause: "listener-error",
    residue: { sockets: 0, timers: 0, listeners: 0 },
  });
  const reason = farewell.reason as ConnectError;
  expect(reason).toBeInstanceOf(ConnectError);
  expect(reason.address).toBe(targetText(address));
  if (cause !== undefined) expect(reason.cause).toBe(cause);
  expect(farewell.errors).toEqual([reason]);
}
