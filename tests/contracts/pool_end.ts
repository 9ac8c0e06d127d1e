import { expect, it } from "vitest";
import { ClosedError } from "../../lib/errors.ts";
import { formatFarewell } from "../../lib/lifecycle/mod.ts";
import { abortReasons } from "../support/signals.ts";
import { turns } from "../support/until.ts";
import { type AnyMember, type PoolFixture, poolTests, rejection } from "./pool_kit.ts";

/** How a pool ends. */
export function poolEndContract(fixture: PoolFixture): void {
  const test = poolTests(fixture);

  it(
    "P10: a goodbye refuses new leases, rejects those who wait, and lets those who have one finish",
    test(async (bench) => {
      const { world } = bench;
      const pool = bench.pool({ min: 1, max: 1 });
      const reason = { why: "the end" };
      const lease = await bench.acquire(pool, { mode: "exclusive" });
      const waiting = [pool.acquire(), pool.acquire({ mode: "exclusive" })].map(rejection);
      await turns(2);
      const ending = pool.goodbye({ reason });
      for (
        const error of [...await bench.wait(Promise.all(waiting)), await bench.rejection(pool.acquire())]
      ) {
        expect(error).toBeInstanceOf(ClosedError);
        expect(error).toMatchObject({ cause: reason, outcome: "not-sent" });
      }
      expect(lease.draining.reason).toBe(reason);
      expect(pool.state).toBe("draining");
      await bench.wait(world.use(lease.value), "work during the end");
      await lease.release();
      const farewell = await bench.wait(ending, "the end");
      expect(farewell.outcome, formatFarewell(farewell)).toBe("clean");
      expect(farewell).toMatchObject({ childCount: 1, operations: { refused: 3 } });
      expect(farewell.residue).toEqual({ sockets: 0, timers: 0, listeners: 0 });
      await bench.nobody();
    }),
  );

  it(
    "P10: a goodbye closes what is being opened",
    test(async (bench) => {
      const { world } = bench;
      await bench.done(world.cool());
      const signals: AbortSignal[] = [];
      const open = (signal: AbortSignal): Promise<AnyMember> => {
        signals.push(signal);
        return world.open(signal);
      };
      const pool = bench.pool({ open, min: 3, max: 3, openTimeout: 10_000 });
      await bench.until(() => world.dials() === 3, "three attempts");
      const farewell = await bench.wait(pool.goodbye({ reason: "the end" }), "the end");
      for (const { reason } of signals) {
        expect(reason).toMatchObject({ code: "ERR_CLOSED", cause: "the end" });
      }
      expect(farewell.outcome, formatFarewell(farewell)).toBe("clean");
      world.warm();
      await bench.nobody();
      expect(world.dials()).toBe(3);
    }),
  );

  it(
    "P10: a goodbye while nothing can be opened ends the attempts",
    test(async (bench) => {
      const { world } = bench;
      await bench.done(world.kill());
      const pool = bench.pool();
      const waiting = rejection(pool.acquire());
      await bench.until(() => pool.inspect().failures >= 2, "attempts that fail");
      const farewell = await bench.wait(pool.goodbye(), "the end");
      expect(farewell.outcome, formatFarewell(farewell)).toBe("clean");
      expect(await waiting).toBeInstanceOf(ClosedError);
      const dials = world.dials();
      await bench.pass(100);
      expect(world.dials()).toBe(dials);
      await bench.restart();
    }),
  );

  it(
    "P11: a goodbye that is aborted cuts everything, with that reason, frozen peers and leases that nobody gives back too",
    test(async (bench) => {
      const { world } = bench;
      const pool = bench.pool({ min: 2 });
      await bench.ready(pool, 2);
      const lease = await bench.acquire(pool);
      await bench.done(world.freeze());
      const abort = bench.abort();
      const ending = pool.goodbye({ signal: abort.signal });
      await turns(3);
      expect(pool.state).toBe("draining");
      abort.abort(abortReasons[3]!());
      const start = performance.now();
      const farewell = await bench.wait(ending, "the end");
      expect(performance.now() - start, "milliseconds").toBeLessThan(2_000);
      expect(farewell.outcome, formatFarewell(farewell)).toBe("forced");
      expect(Object.is(pool.signal.reason, abort.signal.reason), "the reason of the hard signal").toBe(true);
      expect(Object.is(farewell.phases.find(({ ended }) => ended === "cut")?.reason, 0)).toBe(true);
      expect(farewell.residue).toEqual({ sockets: 0, timers: 0, listeners: 0 });
      expect(() => lease.value).toThrow(ClosedError);
      await lease.release();
      world.thaw();
      await bench.nobody();
    }),
  );

  it(
    "P11: a lease that nobody gives back costs its time, and no more",
    test(async (bench) => {
      const pool = bench.pool({ min: 2 });
      await bench.ready(pool, 2);
      await bench.acquire(pool);
      const farewell = await bench.wait(pool.goodbye({ grace: 400 }), "the end");
      expect(farewell.outcome, formatFarewell(farewell)).toBe("forced");
      expect(farewell.phases.find(({ phase }) => phase === "drain")).toMatchObject({ ended: "deadline" });
      expect(farewell.phases.find(({ phase }) => phase === "goodbye")).toMatchObject({ ended: "done" });
      await bench.nobody();
    }),
  );
}
