import { describe, expect, it } from "vitest";
import { type Authenticate, startBroker } from "../../lib/broker/mod.ts";
import { connect } from "../../lib/eventmesh/mod.ts";
import type { Farewell, Outcome } from "../../lib/lifecycle/mod.ts";
import { memoryNetwork } from "../../lib/net/mod.ts";
import { serve } from "../../lib/server/mod.ts";
import { leakGate } from "../support/leak.ts";
import { until } from "../support/until.ts";
import { WireClient } from "../support/wire_client.ts";
import { bug, never, sleep, type Stubborn, stubborn, timeless } from "./stubborn.ts";

leakGate();

const kinds: readonly Stubborn[] = [
  "is well behaved",
  "ignores the soft signal",
  "ignores both signals",
  "throws",
];

interface Expected {
  readonly outcome: Outcome;
  /** Milliseconds. */
  readonly duration: number;
}

/** Who does not end in the time of drain is told to stop, and left behind if need be: the peer is told, all is freed. */
const graceful: Readonly<Record<Stubborn, Expected>> = {
  "is well behaved": { outcome: "clean", duration: 0 },
  "ignores the soft signal": { outcome: "forced", duration: 9_950 },
  "ignores both signals": { outcome: "forced", duration: 9_950 },

  "throws": { outcome: "clean", duration: 0 },
};

/** Without any grace a handler has a part of a second to stop: its connection must be free before force is over. */

const forced: Readonly<Record<Stubborn, Expected>> = {
  "is well behaved": { outcome: "forced", duration: 0 },
  "ignores the soft signal": { outcome: "forced", duration: 0 },
  "ignores both signals": { outcome: "forced", duration: 158 },
  "throws": { outcome: "forced", duration: 0 },
};

function check(farewell: Farewell, { outcome, duration }: Expected): void {
  expect(farewell.outcome).toBe(outcome);

  expect(farewell.duration).toBeGreaterThanOrEqual(duration);
  expect(farewell.duration).toBeLessThan(duration + 20);

  expect(farewell.residue).toEqual({ sockets: 0, timers: 0, listeners: 0 });
}

describe("a server, with a handler that", () => {
  async function start(how: Stubborn) {
    const network = memoryNetwork();
    const freed: string[] = [];
    const server = await serve((connection) => {
      connection.onPhase("goodbye", () => connection.write(new TextEncoder().encode("goodbye")));
      connection.onPhase("release", () => void freed.push("connection"));
      return stubborn(how, connection.draining, connection.signal);
    }, { network });
    server.onRelease("storage", () => void freed.push("storage"));
    const client = await network.dial(server.address, {});
    let text = "";
    client.start({
      data: (chunk) => text += new TextDecoder().decode(chunk),
      end: () => client.end(),
      drain() {},
    });
    await until(() => server.connections === 1);
    return { server, freed, text: () => text };
  }

  it.each(kinds)(
    "%s ends in time: the peer is told, and everything is freed",
    (how) =>
      timeless(async (clock) => {
        const { server, freed, text } = await start(how);
        const farewell = await clock.until(server.goodbye());
        check(farewell, graceful[how]);
        expect(text()).toBe("goodbye");
        expect(freed).toEqual(["connection", "storage"]);
        expect(farewell.hooks).toMatchObject([{ name: "storage", ended: "ok" }]);
        expect(farewell.errors).toEqual(how === "throws" ? [bug] : []);
        expect(farewell.connections).toMatchObject({ opened: 1, clean: 1 });
      }),
  );

  it.each(kinds)(
    "%s ends in time when it is forced: everything is freed",
    (how) =>
      timeless(async (clock) => {
        const { server, freed } = await start(how);
        const farewell = await clock.until(server.goodbye({ grace: 0 }));
        check(farewell, forced[how]);
        expect(freed).toEqual(["connection", "storage"]);
        expect(farewell.hooks).toMatchObject([{ name: "storage", ended: "ok" }]);
        expect(farewell.connections).toMatchObject({ opened: 1, forced: 1 });
      }),
  );
});

describe("a subscription, with a handler that", () => {
  async function start(how: Stubborn) {
    const network = memoryNetwork();
    const broker = await startBroker({ port: 0, network });
    const connection = await connect(broker.url, { network });
    const subscription = await connection.subscribe("orders");
    let begun = false;
    const consuming = subscription.consume((_message, { draining, signal }) => {
      begun = true;
      return stubborn(how, draining, signal);
    });
    await connection.publish("orders", "data");
    await until(() => begun);
    return { broker, connection, consuming };
  }

  it.each(kinds)(
    "%s ends in time with its connection, and its message is accounted for",
    (how) =>
      timeless(async (clock) => {
        const { broker, connection, consuming } = await start(how);
        const farewell = await clock.until(connection.goodbye());
        // A subscription has its share of the time of its connection: 7 s for its drain and its goodbye.
        const { outcome, duration } = graceful[how];
        check(farewell, { outcome, duration: duration === 0 ? 0 : 7_000 / 1.3 });

        const own = await consuming;
        expect(own.outcome).toBe(outcome);
        const acked = how === "is well behaved" ? 1 : 0;
        expect(own.messages).toMatchObject({ received: 1, acked, returned: 1 - acked, dropped: 0 });
        expect(own.errors).toEqual(how === "throws" ? [bug] : []);
        const end = await clock.until(broker.goodbye());
        expect(end.outcome).toBe("clean");
        expect(end.messages).toMatchObject({ acked, dropped: 1 - acked });
      }),
  );

  it.each(kinds)("%s waits for nobody when it is forced", (how) =>
    timeless(async (clock) => {
      const { broker, connection, consuming } = await start(how);
      const farewell = await clock.until(connection.goodbye({ grace: 0 }));
      expect(farewell.outcome).toBe("forced");
      expect(farewell.duration).toBeLessThanOrEqual(1_000);
      expect((await consuming).messages).toMatchObject({ received: 1 });
      await clock.until(broker.goodbye());
    }));
});

describe("a broker, with an authenticate that", () => {
  const kinds: Readonly<Record<string, Authenticate>> = {
    "throws": () => {
      throw bug;
    },
    "rejects": () => Promise.reject(bug),
    "hangs": never,
    "is slow": () => sleep(2_000),
  };

  it.each(Object.keys(kinds))("%s ends in time, and frees its queues", (kind) =>
    timeless(async (clock) => {
      for (const grace of [undefined, 0]) {
        const network = memoryNetwork();
        let asked = false;
        const broker = await startBroker({
          port: 0,
          network,
          authenticate: (agent, options) => {
            asked = true;
            return kinds[kind]!(agent, options);
          },
        });
        const client = await WireClient.connect(broker.url, { network });
        const hello = client.hello().then(({ code }) => code, () => undefined);
        await until(() => asked);
        const end = client.untilEnded().then(() => client.end());
        const farewell = await clock.until(broker.goodbye({ grace }));
        expect(farewell.duration).toBeLessThan(100);
        expect(farewell.outcome).toBe(grace === 0 ? "forced" : "clean");
        expect(farewell.hooks).toMatchObject([{ name: "queues of the broker", ended: "ok" }]);
        expect(farewell.residue).toEqual({ sockets: 0, timers: 0, listeners: 0 });
        await clock.until(end);
        expect(await clock.until(hello)).not.toBe(0);
        // What it says later is of no interest to anybody.
        await clock.until(sleep(3_000));
      }
    }));
});
