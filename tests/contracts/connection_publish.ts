import { describe, expect, it } from "vitest";
import { ClosedError, MessageTooLargeError, TimeoutError } from "../../lib/errors.ts";
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

export function publishContract(fixture: ConnectionFixture): void {
  const test = benchTests(fixture);

  describe("publish", () => {
    it(
      "resolves when the server has the message",
      test(async (bench) => {
        const [publisher, subscriber] = await bench.pair();
        const texts = collect(await subscriber.subscribe("orders"));
        await publisher.publish("orders", "confirmed");
        await until(() => texts.length === 1);
        expect(texts).toEqual(["confirmed"]);
      }),
    );

    it(
      "carries bytes, properties and an id",
      test(async (bench) => {
        const [publisher, subscriber] = await bench.pair();
        const subscription = await subscriber.subscribe("orders");
        const next = subscription[Symbol.asyncIterator]().next();
        const data = new TextEncoder().encode("grüße");
        await publisher.publish("orders", data, { id: "number 7", properties: { kind: "greeting" } });
        const message = (await next).value!;
        expect(message.topic).toBe("orders");
        expect(message.id).toBe("number 7");
        expect(message.properties).toMatchObject({ kind: "greeting" });
        expect(message.text()).toBe("grüße");
        expect(new Uint8Array(message.data)).toEqual(new Uint8Array(data));
        expect([message.wantsReply, message.redelivered]).toEqual([false, false]);
        message.ack();
      }),
    );

    it(
      "lets the caller change the bytes once it has returned",
      test(async (bench) => {
        const [publisher, subscriber] = await bench.pair();
        const texts = collect(await subscriber.subscribe("orders"));
        const data = new TextEncoder().encode("before");
        const published = publisher.publish("orders", data);
        data.fill(0);
        await published;
        await until(() => texts.length === 1);
        expect(texts).toEqual(["before"]);
      }),
    );

    it(
      "writes in the order of the calls, more than the window at a time",
      test(async (bench) => {
        const publisher = await bench.connect({ window: 7 });
        const texts = collect(await (await bench.connect()).subscribe("orders"));
        await Promise.all(range(200).map((i) => publisher.publish("orders", `${i}`)));
        await until(() => texts.length === 200);
        expect(texts).toEqual(range(200).map(String));
      }),
    );

    it.each(abortReasons)(
      "rejects with the reason before anything else when it has aborted already: %s",
      (makeReason) =>
        test(async (bench) => {
          const [publisher, subscriber] = await bench.pair();
          const texts = collect(await subscriber.subscribe("orders"));
          await rejectsWithReason(
            (signal) => publisher.publish("orders", "never", { signal }),
            makeReason,
            "before",
          );
          await publisher.publish("orders", "after");
          await until(() => texts.length === 1);
          expect(texts).toEqual(["after"]);
        })(),
    );

    it.each(abortReasons)(
      "rejects with the reason when its server has not answered: %s",
      (makeReason) =>
        test(async (bench) => {
          const publisher = await bench.connect();
          bench.world.freeze();
          await rejectsWithReason(
            (signal) => publisher.publish("orders", "sent", { signal }),
            makeReason,
            "after",
          );
        })(),
    );

    it(
      "withdraws what waits for its turn, and lets the others go on",
      test(async (bench) => {
        const publisher = await bench.connect({ window: 1 });
        const texts = collect(await (await bench.connect()).subscribe("orders"));
        bench.world.freeze();
        const first = publisher.publish("orders", "first");
        const abort = countedAbort();
        const second = publisher.publish("orders", "second", { signal: abort.signal });
        const third = publisher.publish("orders", "third");
        abort.abort(null);
        expect(await rejection(second)).toBe(null);
        bench.world.thaw();
        await Promise.all([first, third]);
        await until(() => texts.length === 2);
        expect(texts).toEqual(["first", "third"]);
      }),
    );

    it(
      "sends nothing when it has no time at all, and neither do the others",
      test(async (bench) => {
        const [publisher, subscriber] = await bench.pair();
        const texts = collect(await subscriber.subscribe("orders"));
        const calls = [
          publisher.publish("orders", "never", { timeout: 0 }),
          publisher.request("orders", "never", { timeout: 0 }),
          publisher.ping({ timeout: 0 }),
          publisher.subscribe("orders", { timeout: 0 }),
          bench.connect({ timeout: 0 }),
        ];
        for (const error of await Promise.all(calls.map((call) => rejection(call)))) {
          expect(error).toBeInstanceOf(TimeoutError);
          expect(error).toMatchObject({ timeout: 0, outcome: "not-sent" });
        }
        await publisher.publish("orders", "sent");
        await until(() => texts.length > 0);
        expect(texts).toEqual(["sent"]);
      }),
    );

    it(
      "is a TypeError for a topic that is none, and the connection is none the worse for it",
      test(async (bench) => {
        const publisher = await bench.connect();
        for (const topic of [undefined, null, "", 5, {}] as never[]) {
          for (const call of [publisher.publish(topic, "x"), publisher.request(topic, "x")]) {
            const error = await rejection(call) as Error;
            expect(error).toBeInstanceOf(TypeError);
            expect(error.message).toMatch(/topic|subject/);
          }
        }
        await publisher.publish("orders", "x");
      }),
    );

    it(
      "gives up after its timeout, and says what is known",
      test(async (bench) => {
        const publisher = await bench.connect({ window: 1 });
        bench.world.freeze();
        const errors = await Promise.all([
          rejection(publisher.publish("orders", "sent", { timeout: 30 })),
          rejection(publisher.publish("orders", "queued", { timeout: 30 })),
        ]) as TimeoutError[];
        for (const error of errors) {
          expect(error).toBeInstanceOf(TimeoutError);
          expect([error.code, error.timeout]).toEqual(["ERR_TIMEOUT", 30]);
          expect(error.message).toContain("orders");
        }
        expect(errors.map(({ outcome }) => outcome)).toEqual(["unknown", "not-sent"]);
      }),
    );

    it(
      "leaves a timeout signal of the caller its own reason",
      test(async (bench) => {
        const publisher = await bench.connect();
        bench.world.freeze();
        const signal = AbortSignal.timeout(20);
        expect(await rejection(publisher.publish("orders", "sent", { signal }))).toBe(signal.reason);
      }),
    );

    it(
      "rejects what cannot be sent, and nothing is thrown",
      test(async (bench) => {
        const publisher = await bench.connect();
        const publish = publisher.publish.bind(publisher) as (...args: unknown[]) => Promise<void>;
        for (
          const [topic, data, options] of [["", "x"], [7, "x"], ["orders", 7], ["orders"], ["orders", "x", {
            signal: {},
          }]]
        ) {
          expect(await rejection(publish(topic, data, options)), JSON.stringify([topic, data, options]))
            .toBeInstanceOf(TypeError);
        }
        expect(await rejection(publish("orders", "x", { timeout: -1 }))).toBeInstanceOf(RangeError);
        const large = await rejection(publish("orders", "x".repeat(8_388_608)));
        expect(large).toBeInstanceOf(MessageTooLargeError);
        expect((large as MessageTooLargeError).limit).toBeGreaterThan(0);
        await publish("orders", "still works");
      }),
    );

    it(
      "puts one listener on a signal that many share, and takes it off",
      test(async (bench) => {
        const publisher = await bench.connect();
        const abort = countedAbort();
        const { signal } = abort;
        bench.world.freeze();
        const all = range(100).map((i) => rejection(publisher.publish("orders", `${i}`, { signal })));
        expect(abort.listeners()).toBe(1);
        abort.abort("all of them");
        expect(new Set(await Promise.all(all))).toEqual(new Set(["all of them"]));
        await until(() => abort.listeners() === 0);
      }),
    );

    it(
      "is refused when the end has begun, with the reason as its cause",
      test(async (bench) => {
        const publisher = await bench.connect();
        await publisher.goodbye({ reason: "closing time" });
        const error = await rejection(publisher.publish("orders", "too late")) as ClosedError;
        expect(error).toBeInstanceOf(ClosedError);
        expect([error.cause, error.outcome, error.state]).toEqual(["closing time", "not-sent", "closed"]);
      }),
    );
  });
}
