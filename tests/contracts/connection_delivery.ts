import { describe, expect, it } from "vitest";
import { abortReasons, countedAbort } from "../support/signals.ts";
import { until } from "../support/until.ts";
import {
  benchTests,
  collect,
  type ConnectionFixture,
  range,
  rejection,
  rejectsWithReason,
} from "./connection_kit.ts";

export function deliveryContract(fixture: ConnectionFixture): void {
  const test = benchTests(fixture);

  describe("subscribe", () => {
    it(
      "gets what is published from then on, of all its topics, in order",
      test(async (bench) => {
        const [publisher, subscriber] = await bench.pair();
        const subscription = await subscriber.subscribe(["orders", "returns"]);
        expect(subscription.topics).toEqual(["orders", "returns"]);
        const texts = collect(subscription);
        for (const i of range(10)) await publisher.publish(i % 2 === 0 ? "orders" : "returns", `${i}`);
        await publisher.publish("other", "not subscribed");
        await until(() => texts.length === 10);
        expect(texts).toEqual(range(10).map(String));
      }),
    );

    it.each(abortReasons)(
      "rejects with the reason of an abort, and leaves nothing: %s",
      (makeReason) =>
        test(async (bench) => {
          const subscriber = await bench.connect();
          const streams = bench.world.streams();
          await rejectsWithReason(
            (signal) => subscriber.subscribe("orders", { signal }),
            makeReason,
            "before",
          );
          expect(bench.world.streams()).toBe(streams);
          bench.world.freeze();
          await rejectsWithReason(
            (signal) => subscriber.subscribe("orders", { signal }),
            makeReason,
            "after",
          );
          await until(() => bench.world.streams() === streams);
        })(),
    );

    it(
      "ends at once by an abort after its success, and its loop throws the reason",
      test(async (bench) => {
        const subscriber = await bench.connect();
        const abort = countedAbort();
        const subscription = await subscriber.subscribe("orders", { signal: abort.signal });
        const next = subscription[Symbol.asyncIterator]().next();
        abort.abort(0);
        expect(await rejection(next)).toBe(0);
        const farewell = await subscription.closed;
        expect(farewell).toMatchObject({ cause: "aborted", reason: 0, outcome: "forced" });
        expect(subscriber.state).toBe("open");
      }),
    );

    it(
      "refuses what are no topics",
      test(async (bench) => {
        const subscriber = await bench.connect();
        const subscribe = subscriber.subscribe.bind(subscriber) as (
          topics: unknown,
          options?: unknown,
        ) => Promise<unknown>;
        for (const topics of ["", [], [""], ["orders", 7], 7, undefined, null]) {
          expect(await rejection(subscribe(topics)), JSON.stringify(topics)).toBeInstanceOf(TypeError);
        }
        expect(await rejection(subscribe("orders", { overflow: "explode" }))).toBeInstanceOf(TypeError);
        expect(await rejection(subscribe("orders", { capacity: 0 }))).toBeInstanceOf(RangeError);
      }),
    );

    it(
      "has one consumer",
      test(async (bench) => {
        const subscriber = await bench.connect();
        const iterated = await subscriber.subscribe("orders");
        void iterated[Symbol.asyncIterator]();
        expect(() => iterated[Symbol.asyncIterator]()).toThrow(TypeError);
        expect(await rejection(iterated.consume(() => {}))).toBeInstanceOf(TypeError);
        const consumed = await subscriber.subscribe("orders");
        void consumed.consume(() => {});
        expect(() => consumed[Symbol.asyncIterator]()).toThrow(TypeError);
        expect(await rejection(consumed.consume(() => {}))).toBeInstanceOf(TypeError);
      }),
    );
  });

  describe("a loop over a subscription", () => {
    it(
      "acknowledges a message with the next turn, and not the one it is left with",
      test(async (bench) => {
        const [publisher, subscriber] = await bench.pair();
        const first = await subscriber.subscribe("orders");
        for (const i of range(3)) await publisher.publish("orders", `${i}`);
        const seen: string[] = [];
        for await (const message of first) {
          seen.push(message.text());
          if (seen.length === 2) break;
        }
        const farewell = await first.closed;
        expect(farewell.cause).toBe("goodbye");
        expect(farewell.messages).toMatchObject({ acked: 1 });
        expect(farewell.messages.returned + farewell.messages.dropped).toBeGreaterThanOrEqual(1);
        expect(seen).toEqual(["0", "1"]);
      }),
    );

    it(
      "acknowledges what it is left with when the body does it",
      test(async (bench) => {
        const [publisher, subscriber] = await bench.pair();
        const subscription = await subscriber.subscribe("orders");
        await publisher.publish("orders", "the only one");
        for await (const message of subscription) {
          message.ack();
          message.ack();
          break;
        }
        expect((await subscription.closed).messages).toMatchObject({
          received: 1,
          acked: 1,
          returned: 0,
          dropped: 0,
        });
      }),
    );

    it(
      "hands on what its body throws, and ends",
      test(async (bench) => {
        const [publisher, subscriber] = await bench.pair();
        const subscription = await subscriber.subscribe("orders");
        await publisher.publish("orders", "bad luck");
        const failure = new Error("in the body");
        const loop = (async () => {
          for await (const message of subscription) throw Object.assign(failure, { text: message.text() });
        })();
        expect(await rejection(loop)).toBe(failure);
        const farewell = await subscription.closed;
        expect(farewell.messages.acked).toBe(0);
      }),
    );

    it(
      "ends normally after a goodbye, with what had been delivered before",
      test(async (bench) => {
        const [publisher, subscriber] = await bench.pair();
        const subscription = await subscriber.subscribe("orders");
        for (const i of range(5)) await publisher.publish("orders", `${i}`);
        const seen: string[] = [];
        let ending: Promise<unknown> | undefined;
        for await (const message of subscription) {
          seen.push(message.text());
          // All have arrived by then: what waits still goes to a consumer that is active.
          if (seen.length === 3) ending = subscription.goodbye();
          if (seen.length === 1) {
            await until(() => (subscription as unknown as { state: string }).state === "open");
          }
        }
        await ending;
        expect(seen.slice(0, 3)).toEqual(["0", "1", "2"]);
        const { received, acked } = (await subscription.closed).messages;
        expect(acked).toBe(seen.length);
        expect(received).toBeGreaterThanOrEqual(acked);
      }),
    );

    it(
      "lets return() pass a next() that waits",
      test(async (bench) => {
        const subscriber = await bench.connect();
        const subscription = await subscriber.subscribe("orders");
        const iterator = subscription[Symbol.asyncIterator]();
        const next = iterator.next();
        expect(await iterator.return!()).toEqual({ done: true, value: undefined });
        expect(await next).toEqual({ done: true, value: undefined });
        expect((await subscription.closed).outcome).toBe("clean");
      }),
    );
  });
}
