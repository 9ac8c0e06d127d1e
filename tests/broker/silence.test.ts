import { describe, expect, it } from "vitest";
import { TestClock } from "../support/clock.ts";
import { leakGate } from "../support/leak.ts";
import { until } from "../support/until.ts";
import { dataOf } from "../support/wire_client.ts";
import { useBroker } from "./fixture.ts";

leakGate();

const mesh = useBroker();

describe("silence", () => {
  /** Runs a test whose time passes only when it says so, with the default of a minute. */
  const timeless = async (body: (pass: (time: number) => Promise<void>) => Promise<void>): Promise<void> => {
    const clock = new TestClock({ virtual: true });
    clock.install();
    try {
      // A push that is not acknowledged stays where it is.
      await mesh.start({ ackTimeout: Infinity });
      await body((time) => clock.until(new Promise<void>((resolve) => setTimeout(resolve, time))));
      await clock.until(mesh.broker.goodbye({ grace: 0 }));
    } finally {
      clock.uninstall();
    }
  };

  it("ends a session after its time, and gives its messages to another", () =>
    timeless(async (pass) => {
      const silent = await mesh.subscriber("g", "t");
      await (await mesh.publisher()).publish("t", "hello");
      const lively = await mesh.subscriber("g", "t");
      for (let time = 0; time < 5; time++) {
        await pass(11_000);
        expect(await lively.settled()).toEqual([]);
        expect(silent.ended).toBe(false);
      }
      await pass(11_000);
      await until(async () => (await lively.settled()).length > 0);
      expect(lively.inbox.map(dataOf)).toEqual(["hello"]);
      expect(silent.ended || silent.closed).toBe(true);
      lively.ack(lively.inbox[0]!);
      await lively.settled();
    }));

  it("is broken by anything that a client sends", () =>
    timeless(async (pass) => {
      const client = await mesh.subscriber("g", "t");
      for (let i = 0; i < 10; i++) {
        await pass(55_000);
        client.send({ cmd: "ASYNC_MESSAGE_TO_CLIENT_ACK", seq: "1" });
      }
      expect(client.ended).toBe(false);
      await client.settled();
      await pass(65_000);
      expect(client.ended).toBe(true);
    }));
});
