import { performance } from "node:perf_hooks";
import { describe, expect, it } from "vitest";
import { startBroker } from "../../lib/broker/mod.ts";
import { connect } from "../../lib/eventmesh/mod.ts";
import {
  createScope,
  type Endpoint,
  type Farewell,
  formatFarewell,
  type GoodbyeOptions,
} from "../../lib/lifecycle/mod.ts";
import { memoryNetwork, systemNetwork } from "../../lib/net/mod.ts";
import { endpointFixtures } from "../contracts/endpoints.ts";
import { memory } from "../contracts/grounds.ts";
import type { TestClock } from "../support/clock.ts";
import type { FaultMode } from "../support/fault.ts";
import { startFaultPeer } from "../support/fault_peer.ts";
import { leakGate } from "../support/leak.ts";
import { turns } from "../support/until.ts";
import { WireClient } from "../support/wire_client.ts";
import { inFakeTime } from "./kit.ts";
import {
  type Crowd,
  everybody,
  handlerManners,
  hookManners,
  peerManners,
  stubbornServer,
} from "./stubborn.ts";

const gate = leakGate();
const zero = { sockets: 0, timers: 0, listeners: 0 };
/** Milliseconds that a goodbye without options may take, and those it may be late. */
const [grace, tail, late] = [14_000, 6_000, 250];

/** Ends an endpoint in the time of a clock; it must not take longer than it may. */
async function timed(
  clock: TestClock,
  endpoint: Endpoint,
  options: GoodbyeOptions = {},
): Promise<{ farewell: Farewell; duration: number }> {
  const start = clock.time;
  const farewell = await clock.until(endpoint.goodbye(options));
  const duration = clock.time - start;
  const total = (options.grace ?? grace) + (options.tail ?? tail);
  expect(duration, formatFarewell(farewell)).toBeLessThanOrEqual(total + late);
  expect(farewell.residue).toEqual(zero);
  return { farewell, duration };
}

describe.each(endpointFixtures(gate, [memory]))("I5 the end of a $name", ({ fixture }) => {
  it.each([{}, { grace: 1_000 }, { grace: 50, tail: 300 }, { grace: 0, tail: 60 }])(
    "is over in time when its work never ends: %o",
    (options) =>
      inFakeTime(async (clock) => {
        const open = await fixture.open({});
        try {
          await open.occupy();
          const { duration } = await timed(clock, open.endpoint, options);
          // The work had its time: at the end of a tree of endpoints a part of what drain may take.
          expect(duration).toBeGreaterThan((options.grace ?? grace) * 0.3 - 1);
        } finally {
          open.release();
          await clock.until(open.end());
        }
      }),
  );
});

describe("I5 the end of a server", () => {
  const alone: [string, Crowd][] = [
    ...peerManners.map((manner): [string, Crowd] => {
      return [`a peer that ${manner}`, { connections: [[manner, "obeys"]], hooks: ["works"] }];
    }),
    ...handlerManners.map((manner): [string, Crowd] => {
      return [`a handler that ${manner}`, { connections: [["polite", manner]], hooks: ["works"] }];
    }),
    ...hookManners.map((manner): [string, Crowd] => {
      return [`a hook that ${manner}`, {
        connections: [["polite", "obeys"]],
        hooks: ["works", manner, "works"],
      }];
    }),
    ["all of them", everybody],
  ];

  it.each(alone)(
    "is over in time in spite of %s, with every hook run",
    (_name, crowd) =>
      inFakeTime(async (clock) => {
        for (const options of [{}, { grace: 500 }, { grace: 500, tail: 200 }, { grace: 0 }]) {
          const { server, hooks, end } = await stubbornServer(gate.watch(memoryNetwork()), crowd);
          const { farewell } = await timed(clock, server, options);
          expect(hooks).toEqual(crowd.hooks.toReversed());
          expect(farewell.hooks.slice(-hooks.length).map(({ name }) => name)).toEqual(hooks);
          const { opened, clean, forced, lost } = farewell.connections;
          expect([opened, clean + forced + lost]).toEqual([
            crowd.connections.length,
            crowd.connections.length,
          ]);
          await clock.until(end());
        }
      }),
  );

  it("is over in time in the time of the world, too", async () => {
    const { server, hooks, end } = await stubbornServer(gate.watch(systemNetwork()), everybody);
    const start = performance.now();
    const farewell = await server.goodbye({ grace: 400, tail: 600 });
    const duration = performance.now() - start;
    // A machine that does a lot else may be late; what is not bounded takes for ever.
    expect(duration, formatFarewell(farewell)).toBeLessThan(10 * 1_000);
    expect(duration).toBeGreaterThan(390);
    expect(hooks).toEqual(hookManners.toReversed());
    expect(farewell.residue).toEqual(zero);
    await end();
  });
});

describe("I5 the end of a broker", () => {
  it.each([{}, { grace: 500 }, { grace: 500, tail: 200 }, { grace: 0 }])(
    "is over in time in spite of its clients: %o",
    (options) =>
      inFakeTime(async (clock) => {
        const network = gate.watch(memoryNetwork());
        const broker = await startBroker({ port: 0, network });
        const publisher = await WireClient.publisher(broker.url, { network });
        // It takes a message and does not acknowledge it, and never ends.
        const busy = await WireClient.subscriber(broker.url, "busy", ["work"], { network });
        await publisher.publish("work", "x");
        await busy.expect("ASYNC_MESSAGE_TO_CLIENT");
        const deaf = await WireClient.subscriber(broker.url, "deaf", ["work"], { network });
        deaf.transport.pause();
        // A connection that has said nothing, and one that has stopped in the midst of a word.
        const mute = await WireClient.connect(broker.url, { network });
        const halting = await WireClient.connect(broker.url, { network });
        halting.sendBytes("EventMesh");
        await turns(10);
        const { farewell } = await timed(clock, broker, options);
        expect(farewell.connections).toMatchObject({ opened: 5, lost: 0 });
        expect(broker.inspect()).toMatchObject({ sessions: [], memory: 0 });
        for (const client of [publisher, busy, deaf, mute, halting]) await client.destroy();
      }),
  );
});

describe("I5 the end of a client", () => {
  const modes: readonly FaultMode[] = ["healthy", "silent", "never-read", "never-fin", "half-open", "flood"];

  it.each(modes)(
    "is over in time with a handler that never ends, and a server that is %s",
    (mode) =>
      inFakeTime(async (clock) => {
        for (const options of [{}, { grace: 500, tail: 200 }, { grace: 0 }]) {
          const network = gate.watch(memoryNetwork());
          const peer = await startFaultPeer({ network, fault: { mode, at: "goodbye" } });
          const connection = await connect(peer.url, { network });
          const subscription = await connection.subscribe("work");
          const started = new Promise<void>((resolve) => {
            void subscription.consume(() => {
              resolve();
              return new Promise(() => {});
            });
          });
          await connection.publish("work", "never done");
          await started;
          const { farewell } = await timed(clock, connection, options);
          expect(farewell.childCount).toBe(1);
          expect(subscription.state).toBe("closed");
          await clock.until(peer.close());
        }
      }, mode === "flood" ? 20 : 0),
  );
});

describe("I5 the end of a scope", () => {
  it("is over in time in spite of what it owns, and each has its turn", () =>
    inFakeTime(async (clock) => {
      for (const options of [{}, { grace: 500 }, { grace: 500, tail: 200 }, { grace: 0 }]) {
        const scope = createScope();
        const ran: string[] = [];
        for (const name of ["first", "second", "third"]) {
          scope.defer(() => {
            ran.push(name);
            return new Promise(() => {});
          });
        }
        // It looks like an endpoint, and never ends.
        scope.use({
          closed: new Promise(() => {}),
          goodbye: () => new Promise(() => void ran.push("endless")),
          [Symbol.asyncDispose]: () => new Promise<void>(() => {}),
        });
        const { farewell } = await timed(clock, scope, options);
        expect([...new Set(ran)]).toEqual(["endless", "third", "second", "first"]);
        expect(farewell.outcome).toBe("failed");
      }
    }));
});
