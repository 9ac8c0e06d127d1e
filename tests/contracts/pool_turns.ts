import { expect, it } from "vitest";
import { ClosedError } from "../../lib/errors.ts";
import type { Lease } from "../../lib/pool/mod.ts";
import { abortReasons } from "../support/signals.ts";
import { turns } from "../support/until.ts";
import { type AnyMember, type PoolFixture, poolTests } from "./pool_kit.ts";

/** Who gets a member, and when. */
export function poolTurnsContract(fixture: PoolFixture): void {
  const test = poolTests(fixture);

  it(
    "P6: members that are open or being opened are never more than max, whatever happens at the same time",
    test(async (bench) => {
      const { world } = bench;
      const pool = bench.pool({ min: 1, max: 4 });
      let most = 0;
      let served = 0;
      let next = 7;
      // The same each time.
      const dice = (sides: number): number => (next = (next * 48_271) % 2_147_483_647) % sides;
      const rents = Array.from({ length: 1_000 }, async (_, i) => {
        const abort = bench.abort();
        const mode = i % 4 === 0 ? "shared" : "exclusive";
        const [fate, late] = [dice(20), dice(40)];
        if (fate === 0) setTimeout(() => abort.abort(i), late);
        const lease = await pool.acquire({ mode, signal: abort.signal }).catch((error: unknown) => {
          expect(error).toBe(i);
          return undefined;
        });
        most = Math.max(most, pool.inspect().members.length);
        if (lease === undefined) return;
        served++;
        if (fate === 1) world.lose(lease.value);
        if (fate === 2) await moment();
        if (fate === 3 && i % 7 === 0) await lease.discard(i);
        else await lease.release();
      });
      await bench.wait(Promise.all(rents), "all to be served");
      await bench.pass(50);
      expect(served).toBeGreaterThan(900);
      expect(most).toBe(4);
      expect(world.peak(), "connections that the server had at a time").toBeLessThanOrEqual(4);
      expect(world.peak()).toBeGreaterThan(1);
    }),
  );

  it(
    "P7: those who wait are served in order, and one that leaves takes nothing with it",
    test(async (bench) => {
      const pool = bench.pool({ min: 1, max: 1 });
      for (const makeReason of abortReasons) {
        const holder = await bench.acquire(pool, { mode: "exclusive" });
        const abort = bench.abort();
        const order: string[] = [];
        const line = ["first", "second", "third", "fourth"].map(async (name) => {
          const signal = name === "second" ? abort.signal : undefined;
          const lease = await pool.acquire({ mode: name === "third" ? "shared" : "exclusive", signal });
          order.push(name);
          await moment();
          await lease.release();
        });
        const left = line[1]!.then(() => undefined, (error: unknown) => ({ error }));
        await turns(2);
        expect(pool.inspect().waiting).toBe(4);
        abort.abort(makeReason());
        expect(Object.is((await bench.wait(left))?.error, abort.signal.reason), "the reason by identity")
          .toBe(true);
        expect(pool.inspect().waiting).toBe(3);
        expect(order).toEqual([]);
        await holder.release();
        await bench.wait(Promise.all([line[0], line[2], line[3]]));
        expect(order).toEqual(["first", "third", "fourth"]);
      }
      expect(pool.inspect().counters).toMatchObject({ opened: 1, aborted: abortReasons.length });
    }),
  );

  it(
    "P7: one that leaves while its member is asked for a sign of life takes nothing with it",
    test(async (bench) => {
      const pool = bench.pool({ min: 1, max: 1 });
      const member = await bench.once(pool);
      for (let offset = 0; offset < 6; offset++) {
        const abort = bench.abort();
        const leaving = pool.acquire({ mode: "exclusive", signal: abort.signal }).then(
          (lease) => lease.release(),
          (error: unknown) => expect(error).toBe("enough"),
        );
        const next = pool.acquire({ mode: "exclusive" });
        await turns(offset);
        abort.abort("enough");
        await bench.wait(leaving);
        const lease = await bench.wait(next, "the next one to be served");
        expect(lease.value).toBe(member);
        await lease.release();
      }
    }),
  );

  it(
    "P8: an abort while a member is opened rejects at once, and the member goes to the next one",
    test(async (bench) => {
      const { world } = bench;
      await bench.done(world.cool());
      const pool = bench.pool({ min: 0, max: 1, openTimeout: 10_000 });
      const abort = bench.abort();
      const leaving = pool.acquire({ signal: abort.signal });
      const next = pool.acquire();
      await bench.until(() => world.dials() === 1, "the attempt");
      abort.abort("enough");
      const time = bench.clock.time;
      expect(await bench.rejection(leaving)).toBe("enough");
      expect(bench.clock.time - time, "milliseconds that the abort took").toBe(0);
      world.warm();
      const lease = await bench.wait(next, "the next one to be served");
      await bench.wait(world.use(lease.value));
      expect(world.dials()).toBe(1);
    }),
  );

  it(
    "P8: an abort while a member is opened closes it when nobody else wants it",
    test(async (bench) => {
      const { world } = bench;
      await bench.done(world.cool());
      const pool = bench.pool({ min: 0, max: 1, openTimeout: 10_000 });
      const abort = bench.abort();
      const leaving = pool.acquire({ signal: abort.signal });
      await bench.until(() => world.dials() === 1, "the attempt");
      abort.abort("enough");
      expect(await bench.rejection(leaving)).toBe("enough");
      world.warm();
      await bench.nobody();
      await bench.until(() => pool.inspect().members.length === 0, "no members");
      await bench.once(pool);
    }),
  );

  it(
    "P9: a lease can be given back any number of times, is of no use then, and only its own pool takes it",
    test(async (bench) => {
      const pool = bench.pool({ min: 1, max: 1 });
      const other = bench.pool({ min: 1, max: 1 });
      const lease = await bench.acquire(pool, { mode: "exclusive" });
      const strangers = [await bench.acquire(other), { ...lease }, {}, undefined, lease.value];
      for (const stranger of strangers) {
        expect(await bench.rejection(pool.release(stranger as Lease<AnyMember>))).toBeInstanceOf(TypeError);
      }
      expect((strangers[0] as Lease<AnyMember>).released).toBe(false);
      for (let i = 0; i < 2; i++) {
        await Promise.all([lease.release(), pool.release(lease), lease[Symbol.asyncDispose]()]);
      }
      await lease.discard("too late");
      expect(lease.released).toBe(true);
      expect(() => lease.value).toThrow(ClosedError);
      expect(pool.inspect()).toMatchObject({ leased: 0, counters: { acquired: 1, released: 1 } });
      // Two renters do not share what one of them has for itself.
      const [first, second] = [pool.acquire({ mode: "exclusive" }), pool.acquire({ mode: "exclusive" })];
      const winner = await bench.wait(first);
      await lease.release();
      await turns(3);
      expect(pool.inspect().waiting).toBe(1);
      await winner.release();
      await (await bench.wait(second)).release();
    }),
  );
}

/** Long enough for others to have their turn. */
function moment(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1));
}
