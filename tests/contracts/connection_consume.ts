import { describe, expect, it } from "vitest";
import type { EndpointEvent } from "../../lib/lifecycle/mod.ts";
import { until } from "../support/until.ts";
import { benchTests, type ConnectionFixture, range } from "./connection_kit.ts";

/** How a handler gets the messages of a subscription. */
export function consumeContract(fixture: ConnectionFixture): void {
  const test = benchTests(fixture);

  describe("consume", () => {
    it(
      "runs one handler at a time, in order, or as many as it may",
      test(async (bench) => {
        const [publisher, subscriber] = await bench.pair();
        for (const concurrency of [undefined, 3]) {
          const topic = `orders of ${concurrency ?? 1}`.replaceAll(" ", "-");
          const subscription = await subscriber.subscribe(topic);
          const started: string[] = [];
          let running = 0;
          let most = 0;
          void subscription.consume(async (message) => {
            started.push(message.text());
            most = Math.max(most, ++running);
            await new Promise<void>((resolve) => setTimeout(resolve, 2));
            running--;
          }, concurrency === undefined ? {} : { concurrency });
          await Promise.all(range(12).map((i) => publisher.publish(topic, `${i}`)));
          await until(() => started.length === 12 && running === 0);
          expect(started).toEqual(range(12).map(String));
          expect(most).toBe(concurrency ?? 1);
        }
      }),
    );

    it(
      "goes on after a handler that throws, and tells of it; the message is not acknowledged",
      test(async (bench) => {
        const [publisher, subscriber] = await bench.pair();
        const subscription = await subscriber.subscribe("orders");
        const faults: EndpointEvent[] = [];
        const watching = (async () => {
          for await (const event of subscription.events()) if (event.type === "fault") faults.push(event);
        })();
        const failure = new Error("in the handler");
        const seen: string[] = [];
        const consuming = subscription.consume((message) => {
          seen.push(message.text());
          if (message.text() === "bad") throw failure;
        });
        for (const text of ["good", "bad", "good too"]) await publisher.publish("orders", text);
        await until(() => seen.length >= 3);
        const farewell = await subscription.goodbye();
        expect(await consuming).toBe(farewell);
        await watching;
        expect(seen.slice(0, 3)).toEqual(["good", "bad", "good too"]);
        expect(farewell.errors).toContain(failure);
        expect(farewell.messages.acked).toBe(2);
        expect(faults[0]).toMatchObject({ type: "fault", error: failure });
      }),
    );

    it(
      "lets a handler finish during the drain: it publishes, asks, and acknowledges",
      test(async (bench) => {
        const [publisher, subscriber] = await bench.pair();
        const echoes = await bench.world.subscribeToRequests(publisher, "questions");
        void echoes.consume((message) => `reply to ${message.text()}`);
        const subscription = await subscriber.subscribe("orders");
        const signals: boolean[] = [];
        let begun = false;
        let replied = "";
        void subscription.consume(async (_message, { signal, draining }) => {
          begun = true;
          await until(() => draining.aborted);
          signals.push(signal.aborted);
          await subscriber.publish("results", "from the drain");
          replied = (await subscriber.request("questions", "in the drain")).text();
        });
        await publisher.publish("orders", "work");
        await until(() => begun);
        const farewell = await subscriber.goodbye();
        expect(farewell.outcome).toBe("clean");
        expect(replied).toBe("reply to in the drain");
        expect(signals).toEqual([false]);
        expect(farewell.messages).toMatchObject({ published: 2, confirmed: 2, received: 1, acked: 1 });
      }),
    );

    it(
      "tells a handler to stop when the end is forced",
      test(async (bench) => {
        const [publisher, subscriber] = await bench.pair();
        const subscription = await subscriber.subscribe("orders");
        let stopped: unknown = "not yet";
        let begun = false;
        void subscription.consume(async (_message, { signal }) => {
          begun = true;
          await until(() => signal.aborted);
          stopped = signal.reason;
        });
        await publisher.publish("orders", "endless work");
        await until(() => begun);
        const farewell = await subscription.goodbye({ grace: 0, reason: "stop it" });
        expect(farewell.outcome).toBe("forced");
        await until(() => stopped === "stop it");
        expect(farewell.messages.acked).toBe(0);
      }),
    );

    it(
      "holds up a server that is faster, and loses nothing",
      test(async (bench) => {
        const [publisher, subscriber] = await bench.pair();
        const subscription = await subscriber.subscribe("orders", { capacity: 2 });
        const texts: string[] = [];
        void subscription.consume(async (message) => {
          await new Promise<void>((resolve) => setTimeout(resolve, 1));
          texts.push(message.text());
        });
        await Promise.all(range(60).map((i) => publisher.publish("orders", `${i}`)));
        await until(() => texts.length === 60);
        expect(texts).toEqual(range(60).map(String));
      }),
    );
  });
}
