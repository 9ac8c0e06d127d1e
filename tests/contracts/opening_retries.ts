import { expect, it } from "vitest";
import { countedAbort } from "../support/signals.ts";
import { until } from "../support/until.ts";
import { Attempt, type OpeningFixture, openingTests } from "./opening_kit.ts";

/** Attempts that follow one another: each begins when the one before holds nothing. */
export function retryContract(fixture: OpeningFixture): void {
  const { stages, virtual, timed = true, persistent = false } = fixture;
  // In memory the time of a thousand takes no time.
  const retries = virtual ? 1_000 : 40;
  const last = stages.at(-1)!;
  const test = openingTests(fixture);

  it(
    `holds one attempt at a time, and none in the end, in ${retries} retries while ${last} is always late`,
    test(async (bench) => {
      const { world } = bench;
      world.delay(last);
      for (let i = 0, owing = false; i < retries; i++) {
        const abort = countedAbort();
        const byTimeout = timed && virtual && i % 2 === 0;
        const before = world.arrived();
        const attempt = new Attempt(world.attempt(byTimeout ? { timeout: 20 } : { signal: abort.signal }));
        // The answer to the attempt before comes when the next one has begun, or came before that.
        if (owing) world.answer();
        if (byTimeout) {
          await bench.wait(attempt.settled, "the timeout");
        } else {
          await until(() => world.arrived() > before, { what: "the attempt to come to its stage" });
          abort.abort(i);
          await bench.wait(attempt.settled, "the rejection");
          expect(attempt.error).toBe(i);
        }
        expect(attempt.outcome).toHaveProperty("error");
        expect(bench.held).toBe(0);
        owing = i % 4 < 2;
        if (!owing) world.answer();
      }
      expect(world.arrived()).toBeGreaterThan(retries / 3);
      expect(world.most(), "attempts at a time, at the other end").toBe(1);
      expect(world.network.most - world.others, "attempts at a time, on this side").toBeLessThanOrEqual(1);
      world.answer();
      await bench.nothing();
    }),
    60_000,
  );

  if (!persistent) return;

  it(
    "comes back by itself with one attempt at a time",
    test(async (bench) => {
      const { world } = bench;
      for (const stage of stages) {
        const attempts = !virtual ? 8 : stage === last ? retries : 100;
        const endpoint = await bench.wait(world.persistent!(attempts));
        const { asked } = world.network;
        world.delay(stage);
        world.lose!();
        const farewell = await bench.wait(endpoint.closed, `${attempts} attempts`);
        expect(farewell).toMatchObject({ cause: "lost", residue: { sockets: 0, timers: 0, listeners: 0 } });
        expect(world.network.asked - asked).toBe(attempts);
        expect(world.most(), "attempts at a time, at the other end").toBeLessThanOrEqual(1);
        world.answer();
        await bench.nothing();
        world.delay(undefined);
      }
    }),
    60_000,
  );

  // With real time nobody knows how far an attempt of 20 ms comes.
  if (!virtual) return;

  it(
    "does not begin another attempt by itself before the stream of the one before is gone",
    test(async (bench) => {
      const { world } = bench;
      const { network } = world;
      const endpoint = await bench.wait(world.persistent!(3));
      world.delay(stages.at(-1));
      const before = world.arrived();
      world.lose!();
      await bench.wait(until(() => world.arrived() > before), "the first attempt");
      const { asked } = network;
      network.late = "close";
      await bench.wait(until(() => network.closing > 0), "the end of the first attempt");
      await bench.wait(new Promise((resolve) => setTimeout(resolve, 10_000)));
      expect(network.asked - asked, "attempts while the stream of one is closing").toBe(0);
      network.late = undefined;
      network.release();
      await bench.wait(endpoint.closed, "the end of the attempts");
      expect(network.asked - asked).toBe(2);
    }),
  );
}
