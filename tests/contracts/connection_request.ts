import { describe, expect, it } from "vitest";
import { TimeoutError } from "../../lib/errors.ts";
import type { Message } from "../../lib/messaging/mod.ts";
import { abortReasons } from "../support/signals.ts";
import { until } from "../support/until.ts";
import { benchTests, type ConnectionFixture, range, rejection, rejectsWithReason } from "./connection_kit.ts";

export function requestContract(fixture: ConnectionFixture): void {
  const test = benchTests(fixture);

  describe("request", () => {
    it(
      "resolves with what the handler of a responder returns",
      test(async (bench) => {
        const [asker, answerer] = await bench.pair();
        const questions = await bench.world.subscribeToRequests(answerer, "questions");
        void questions.consume((message) => message.wantsReply ? `reply to ${message.text()}` : undefined);
        const reply = await asker.request("questions", "why");
        expect(reply.text()).toBe("reply to why");
      }),
    );

    it(
      "resolves with what a loop responds",
      test(async (bench) => {
        const [asker, answerer] = await bench.pair();
        const questions = await bench.world.subscribeToRequests(answerer, "questions");
        const loop = (async () => {
          for await (const message of questions) {
            await message.respond(`reply to ${message.text()}`);
            return message;
          }
          return undefined;
        })();
        expect((await asker.request("questions", "why")).text()).toBe("reply to why");
        const message = await loop as Message;
        expect(await rejection(message.respond("twice"))).toBeInstanceOf(TypeError);
        expect((await questions.closed).outcome).toBe("clean");
      }),
    );

    it(
      "brings every reply to its own request, whatever the order",
      test(async (bench) => {
        const [asker, answerer] = await bench.pair();
        const questions = await bench.world.subscribeToRequests(answerer, "questions");
        const open: Message[] = [];
        void questions.consume(async (message) => {
          open.push(message);
          if (open.length === 20) {
            for (const one of open.reverse()) await one.respond(`reply to ${one.text()}`);
          }
        }, { concurrency: 20 });
        const replies = await Promise.all(range(20).map((i) => asker.request("questions", `${i}`)));
        expect(replies.map((reply) => reply.text())).toEqual(range(20).map((i) => `reply to ${i}`));
      }),
    );

    it(
      "gives up after its timeout, and a late reply goes to nobody",
      test(async (bench) => {
        const [asker, answerer] = await bench.pair();
        const questions = await bench.world.subscribeToRequests(answerer, "questions");
        const held: Message[] = [];
        void questions.consume((message) => {
          if (message.text() !== "slow") return `reply to ${message.text()}`;
          held.push(message);
          return undefined;
        });
        const error = await rejection(asker.request("questions", "slow", { timeout: 50 })) as TimeoutError;
        expect(error).toBeInstanceOf(TimeoutError);
        expect(error.outcome).toBe("unknown");
        await until(() => held.length === 1);
        await held[0]!.respond("reply that nobody waits for");
        expect((await asker.request("questions", "quick")).text()).toBe("reply to quick");
      }),
    );

    it(
      "rejects with a TimeoutError when nobody answers at all",
      test(async (bench) => {
        const asker = await bench.connect();
        const error = await rejection(asker.request("questions", "why", { timeout: 40 })) as TimeoutError;
        expect([error.code, error.timeout]).toEqual(["ERR_TIMEOUT", 40]);
      }),
    );

    it.each(abortReasons)("rejects with the reason of an abort: %s", (makeReason) =>
      test(async (bench) => {
        const asker = await bench.connect();
        for (const when of ["before", "after"] as const) {
          await rejectsWithReason(
            (signal) => asker.request("questions", "why", { signal }),
            makeReason,
            when,
          );
        }
        await asker.publish("orders", "still works");
      })());

    it(
      "does not let anybody respond to a message that wants no reply",
      test(async (bench) => {
        const [publisher, subscriber] = await bench.pair();
        const subscription = await subscriber.subscribe("orders");
        const next = subscription[Symbol.asyncIterator]().next();
        await publisher.publish("orders", "no question");
        const message = (await next).value!;
        expect(message.wantsReply).toBe(false);
        expect(await rejection(message.respond("an answer"))).toBeInstanceOf(TypeError);
        message.ack();
      }),
    );
  });
}
