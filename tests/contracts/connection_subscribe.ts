import { describe, expect, it } from "vitest";
import { ClosedError, ConnectError, TimeoutError } from "../../lib/errors.ts";
import type { MessageConnection, OverflowPolicy, SubscribeOptions } from "../../lib/messaging/mod.ts";
import { abortReasons } from "../support/signals.ts";
import { until } from "../support/until.ts";
import {
  benchTests,
  collect,
  type ConnectionBench,
  type ConnectionFixture,
  rejection,
  rejectsWithReason,
} from "./connection_kit.ts";

/** Subscriptions with a connection of their own, and those that share one where the protocol lets them. */
const policies: readonly OverflowPolicy[] = ["pause", "drop-oldest"];

/** What becomes of a subscribe while there is no connection. */
export function subscribeContract(fixture: ConnectionFixture): void {
  const test = benchTests(fixture);

  describe.each(policies)("a subscribe with %s while its connection reconnects", (overflow) => {
    const subscribe = (connection: MessageConnection, options: SubscribeOptions = {}) =>
      connection.subscribe("orders", { ...options, overflow });

    it(
      "waits until it is open again, and gets what is published from then on",
      test(async (bench) => {
        const [publisher, subscriber] = await bench.pair();
        let attempts = 0;
        void (async () => {
          for await (const { type } of subscriber.events()) if (type === "retry") attempts++;
        })();
        await loseConnections(bench);
        const subscribed = subscribe(subscriber);
        await until(() => attempts > 2);
        expect(bench.world.streams(), "streams while the connection is lost").toBe(0);
        bench.world.thaw();
        const texts = collect(await subscribed);
        expect(subscriber.state).toBe("open");
        await publisher.publish("orders", "at last");
        await until(() => texts.length > 0);
        expect(texts).toEqual(["at last"]);
      }),
    );

    it(
      "rejects when its time has passed: with what it was to subscribe to",
      test(async (bench) => {
        const subscriber = await bench.connect();
        await loseConnections(bench);
        const late = await rejection(subscribe(subscriber, { timeout: 30 }));
        expect(late).toBeInstanceOf(TimeoutError);
        expect(late).toMatchObject({ timeout: 30, message: expect.stringContaining(`"orders"`) });
        bench.world.thaw();
        await until(() => subscriber.state === "open");
        expect(bench.world.streams()).toBe(1);
      }),
    );

    it.each(abortReasons)(
      "rejects with the reason of an abort: %s",
      (makeReason) =>
        test(async (bench) => {
          const subscriber = await bench.connect();
          await loseConnections(bench);
          await rejectsWithReason((signal) => subscribe(subscriber, { signal }), makeReason, "after");
          bench.world.thaw();
          await until(() => subscriber.state === "open");
        })(),
    );

    it(
      "rejects with the end of the connection",
      test(async (bench) => {
        const subscriber = await bench.connect();
        await loseConnections(bench);
        const refused = rejection(subscribe(subscriber));
        const farewell = await subscriber.goodbye({ reason: "no more" });
        const error = await refused;
        expect(error).toBeInstanceOf(ClosedError);
        expect(error).toMatchObject({ cause: "no more", message: expect.stringContaining(`"orders"`) });
        expect(farewell.residue).toEqual({ sockets: 0, timers: 0, listeners: 0 });
      }),
    );
  });

  describe("a subscribe whose server lets nobody in", () => {
    it(
      "rejects at once while its connection is open",
      test(async (bench) => {
        const subscriber = await bench.connect();
        bench.world.refuse();
        expect(await rejection(subscriber.subscribe("orders"))).toBeInstanceOf(ConnectError);
        expect(subscriber.state).toBe("open");
        expect(bench.world.streams()).toBe(1);
      }),
    );

    it(
      "rejects at once when its connection does not come back",
      test(async (bench) => {
        const subscriber = await bench.connect({ reconnect: false });
        bench.world.refuse();
        bench.world.cut();
        const { code } = await rejection(subscriber.subscribe("orders")) as ClosedError | ConnectError;
        expect(["ERR_CLOSED", "ERR_CONNECT"]).toContain(code);
        expect((await subscriber.closed).cause).toBe("lost");
      }),
    );
  });
}

/** All are lost, and nobody gets in again. */
async function loseConnections({ connections, world }: ConnectionBench): Promise<void> {
  world.refuse();
  world.cut();
  await until(() => connections.every(({ state }) => state === "reconnecting"));
}
