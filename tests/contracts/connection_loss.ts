import { describe, expect, it } from "vitest";
import { ClosedError, ConnectionLostError, TimeoutError } from "../../lib/errors.ts";
import type { EndpointEvent } from "../../lib/lifecycle/mod.ts";
import type { MessageConnection } from "../../lib/messaging/mod.ts";
import { until } from "../support/until.ts";
import { balanced, benchTests, collect, type ConnectionFixture, range, rejection } from "./connection_kit.ts";

export function lossContract(fixture: ConnectionFixture): void {
  const test = benchTests(fixture);

  describe("a loss of the transport", () => {
    it(
      "rejects each operation that was written with an error of its own, all with one cause",
      test(async (bench) => {
        const publisher = await bench.connect();
        bench.world.freeze();
        const pending = range(3).map((i) => rejection(publisher.publish("orders", `${i}`)));
        await until(() => publisher.state === "open");
        await new Promise<void>((resolve) => setImmediate(resolve));
        bench.world.cut();
        const errors = await Promise.all(pending) as ConnectionLostError[];
        for (const error of errors) {
          expect(error).toBeInstanceOf(ConnectionLostError);
          expect(error.outcome).toBe("unknown");
          expect(error.message).toContain("orders");
        }
        expect(new Set(errors).size).toBe(3);
        expect(new Set(errors.map(({ cause }) => cause)).size).toBe(1);
        expect(errors[0]!.cause).toBeInstanceOf(Error);
      }),
    );

    it(
      "is survived: state and events tell of it, and everything works again",
      test(async (bench) => {
        const [publisher, subscriber] = await bench.pair();
        const texts = collect(await subscriber.subscribe("orders"));
        const events = watch(publisher);
        bench.world.cut();
        await until(() => types(events).includes("connected"), { what: "the reconnect" });
        expect(events.map((event) => event.type === "state" ? event.state : event.type).slice(0, 3)).toEqual([
          "lost",
          "reconnecting",
          "retry",
        ]);
        expect(events.find((event) => event.type === "connected")).toMatchObject({ epoch: 2 });
        await until(async () => {
          await publisher.publish("orders", "again");
          return texts.includes("again");
        }, { what: "the subscription to come back" });
        expect(publisher.state).toBe("open");
      }),
    );

    it(
      "keeps what was not yet written, and writes it in order afterwards",
      test(async (bench) => {
        const publisher = await bench.connect();
        const events = watch(publisher);
        bench.world.cut();
        await until(() => types(events).includes("lost"));
        const published = range(20).map((i) => publisher.publish("orders", `${i}`));
        await Promise.all(published);
        expect(types(events)).toContain("connected");
      }),
    );

    it(
      "does not keep what would rather fail, or has no time",
      test(async (bench) => {
        const publisher = await bench.connect();
        const events = watch(publisher);
        bench.world.refuse();
        bench.world.cut();
        await until(() => types(events).includes("lost"));
        const failed = await rejection(publisher.publish("orders", "now or never", { offline: "fail" }));
        expect(failed).toBeInstanceOf(ConnectionLostError);
        expect((failed as ConnectionLostError).outcome).toBe("not-sent");
        const late = await rejection(publisher.publish("orders", "soon", { timeout: 20 })) as TimeoutError;
        expect(late).toBeInstanceOf(TimeoutError);
        expect(late.outcome).toBe("not-sent");
        const waiting = rejection(publisher.publish("orders", "some day"));
        const farewell = await publisher.goodbye({ reason: "no more" });
        const refused = await waiting as ClosedError;
        expect(refused).toBeInstanceOf(ClosedError);
        expect([refused.outcome, refused.cause]).toEqual(["not-sent", "no more"]);
        expect(farewell.outcome).toBe("failed");
        balanced(farewell);
      }),
    );

    it(
      "sends again what asks for it, with the same id",
      test(async (bench) => {
        const [publisher, subscriber] = await bench.pair();
        const subscription = await subscriber.subscribe("orders");
        const ids: string[] = [];
        void subscription.consume((message) => void ids.push(message.id));
        bench.world.freeze();
        const published = publisher.publish("orders", "at least once", { retry: "unknown", id: "the one" });
        await new Promise<void>((resolve) => setImmediate(resolve));
        bench.world.cut();
        bench.world.thaw();
        await published;
        await until(() => ids.length > 0, { what: "the message" });
        expect(new Set(ids)).toEqual(new Set(["the one"]));
      }),
    );

    it(
      "for good ends the connection and the loops, with what was lost",
      test(async (bench) => {
        const connection = await bench.connect({ reconnect: false });
        const subscription = await connection.subscribe("orders");
        const next = rejection(subscription[Symbol.asyncIterator]().next());
        bench.world.cut();
        const farewell = await connection.closed;
        expect(farewell).toMatchObject({ cause: "lost", outcome: "failed" });
        expect(farewell.connections.lost).toBeGreaterThan(0);
        expect(await next).toBeInstanceOf(ConnectionLostError);
        expect((await subscription.closed).outcome).toBe("failed");
        expect(await rejection(connection.publish("orders", "too late"))).toBeInstanceOf(ClosedError);
      }),
    );
  });

  describe("the end of a connection", () => {
    it(
      "settles what is on its way, and refuses what comes then",
      test(async (bench) => {
        const publisher = await bench.connect();
        const published = publisher.publish("orders", "on its way");
        const ending = publisher.goodbye({ reason: "the end" });
        await until(() => publisher.state === "closing" || publisher.state === "closed");
        const refused = await rejection(publisher.publish("orders", "too late")) as ClosedError;
        expect([refused.code, refused.cause]).toEqual(["ERR_CLOSED", "the end"]);
        await published;
        const farewell = await ending;
        expect(farewell.outcome).toBe("clean");
        expect(farewell.messages).toMatchObject({ published: 1, confirmed: 1 });
        expect(farewell.operations.settled).toBe(1);
      }),
    );

    it(
      "by force rejects what is pending with a ClosedError: its cause is the reason",
      test(async (bench) => {
        const publisher = await bench.connect({ window: 1 });
        bench.world.freeze();
        const pending = [publisher.publish("orders", "written"), publisher.publish("orders", "waiting")].map(
          rejection,
        );
        await new Promise<void>((resolve) => setImmediate(resolve));
        const farewell = await publisher.goodbye({ grace: 0, reason: 0 });
        const errors = await Promise.all(pending) as ClosedError[];
        expect(errors.map((error) => [error.code, error.cause, error.outcome])).toEqual([
          ["ERR_CLOSED", 0, "unknown"],
          ["ERR_CLOSED", 0, "not-sent"],
        ]);
        expect(farewell).toMatchObject({ outcome: "forced", reason: 0 });
        expect(farewell.messages).toMatchObject({ published: 1, unconfirmed: 1 });
        balanced(farewell);
      }),
    );

    it(
      "takes its subscriptions with it",
      test(async (bench) => {
        const connection = await bench.connect();
        const subscriptions = await Promise.all(
          ["orders", "returns"].map((topic) => connection.subscribe(topic)),
        );
        const loops = subscriptions.map(async (subscription) => {
          for await (const message of subscription) message.ack();
          return "ended normally";
        });
        const farewell = await connection.goodbye();
        expect(await Promise.all(loops)).toEqual(["ended normally", "ended normally"]);
        expect(farewell).toMatchObject({ outcome: "clean", childCount: 2 });
        for (const subscription of subscriptions) expect((await subscription.closed).cause).toBe("parent");
        expect(bench.world.streams()).toBe(0);
      }),
    );
  });
}

function watch(connection: MessageConnection): EndpointEvent[] {
  const events: EndpointEvent[] = [];
  void (async () => {
    for await (const event of connection.events()) events.push(event);
  })();
  return events;
}

function types(events: readonly EndpointEvent[]): string[] {
  return events.map(({ type }) => type);
}
