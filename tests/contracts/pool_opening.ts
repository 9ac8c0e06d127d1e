import diagnostics from "node:diagnostics_channel";
import { expect, it } from "vitest";
import { PeerError } from "../../lib/errors.ts";
import type { MemberNews } from "../../lib/lifecycle/mod.ts";
import { turns, until } from "../support/until.ts";
import {
  type AnyMember,
  deepFrozen,
  listen,
  type PoolFixture,
  poolTests,
  ready,
  rejection,
} from "./pool_kit.ts";

/** How a pool gets its members. */
export function poolOpeningContract(fixture: PoolFixture): void {
  const test = poolTests(fixture);

  it(
    "P12: leaves the options of the caller alone, and does not look at them again",
    test(async (bench) => {
      const { world } = bench;
      deepFrozen(world.options);
      const before = JSON.stringify(world.options, plain);
      const open = (signal: AbortSignal): Promise<AnyMember> => world.open(signal);
      const options = deepFrozen({
        open,
        min: 2,
        max: 2,
        backoff: { min: 5, max: 40, jitter: 0.5 },
        name: "frozen",
      });
      const mutable = { open, min: 1, max: 1, shares: Infinity, name: "mutable", backoff: { min: 5 } };
      const frozen = bench.poolOf(options);
      const pool = bench.poolOf(mutable);
      Object.assign(mutable, { min: 9, max: 9, name: "changed", open: undefined });
      await bench.ready(frozen, 2);
      await bench.once(frozen);
      await bench.once(pool);
      expect(pool.inspect()).toMatchObject({ name: "mutable", min: 1, max: 1 });
      expect(JSON.stringify(world.options, plain)).toBe(before);
      expect(options).toEqual({
        open,
        min: 2,
        max: 2,
        backoff: { min: 5, max: 40, jitter: 0.5 },
        name: "frozen",
      });
    }),
  );

  it(
    "P13: waits while all servers are down, one attempt after the other with growing, jittered waits",
    test(async (bench) => {
      const { world } = bench;
      await bench.done(world.kill());
      const pool = bench.pool({ min: 4, max: 4, backoff: { min: 20, max: 80, jitter: 0.5 } });
      const delays: number[] = [];
      const failures: unknown[] = [];
      void (async () => {
        for await (const event of pool.events()) {
          if (event.type === "member" && event.change === "failed") failures.push(event.error);
          if (event.type === "member" && event.delay !== undefined) delays.push(event.delay);
        }
      })();
      const waiting = Array.from({ length: 50 }, () => pool.acquire());
      const start = performance.now();
      await bench.pass(600);
      // All four places at the same time, and from then on one attempt at a time: 40 to 80 ms each, on a busy machine more.
      await bench.until(() => world.dials() >= 4 + 4, () => `8 attempts, there were ${world.dials()}`);
      expect(world.dials()).toBeLessThanOrEqual(4 + 20 * (performance.now() - start) / 600);
      expect(pool.inspect()).toMatchObject({ waiting: 50, refused: false });
      await until(() => delays.length > 4);
      expect(new Set(delays.slice(2).map(Math.round)).size, `different waits of ${delays}`).toBeGreaterThan(
        1,
      );
      expect(Math.max(...delays)).toBeLessThanOrEqual(80);
      const impatient = await bench.rejection(pool.acquire({ offline: "fail" }));
      const timeout = await bench.rejection(pool.acquire({ timeout: 10 })) as Error;
      await turns(3);
      expect(failures, "the failure itself").toContain(impatient);
      expect(timeout).toMatchObject({ code: "ERR_TIMEOUT" });
      expect(failures, "the cause").toContain(timeout.cause);
      await bench.restart();
      for (const lease of await bench.wait(Promise.all(waiting))) await lease.release();
      await bench.ready(pool, 4);
    }),
  );

  it(
    "P14: refused credentials are reported and not tried again, until somebody says so",
    test(async (bench) => {
      const { world } = bench;
      const pool = bench.pool({ reconnect: true });
      const events = listen(pool);
      await bench.ready(pool, 2);
      await bench.done(world.kill());
      await bench.done(world.lock(true));
      await bench.restart();
      const error = await bench.rejection(pool.acquire());
      expect(error).toBeInstanceOf(PeerError);
      const refused = (): unknown =>
        events.find((event) => event.type === "member" && event.change === "refused");
      await bench.until(() => refused() !== undefined, "the report");
      expect(refused()).toMatchObject({ level: "error", error });
      await bench.until(() => pool.inspect().members.length === 0, "members that try no more");
      const dials = world.dials();
      expect(await bench.rejection(pool.acquire())).toBe(error);
      await bench.pass(300);
      expect(world.dials(), "attempts after the refusal").toBe(dials);
      expect(pool.inspect()).toMatchObject({ refused: true, failure: error, state: "open" });
      await bench.done(world.lock(false));
      pool.retry();
      await bench.once(pool);
      await bench.ready(pool, 2);
      expect(pool.inspect()).toMatchObject({ refused: false, failures: 0 });
    }),
  );

  it(
    "P15: attempts at a server that does not answer leave nothing",
    test(async (bench) => {
      const { world } = bench;
      await bench.done(world.cool());
      const pool = bench.pool({ min: 0, max: 1, openTimeout: 20, backoff: { min: 0, max: 0 } });
      const waiting = rejection(pool.acquire({ timeout: Infinity }));
      const failed = (): number => pool.inspect().counters.failed;
      // Each takes the 20 ms of its time limit, on a machine that has other work longer.
      for (let some = 0; some < fixture.holes; some += 100) {
        await bench.until(
          () => failed() >= Math.min(some + 100, fixture.holes),
          () => `${failed()} have failed`,
        );
      }
      expect(world.peak(), "connections at a time").toBeLessThanOrEqual(2);
      const farewell = await bench.wait(pool.goodbye());
      expect(farewell.outcome).toBe("clean");
      await waiting;
      await bench.nobody();
    }),
  );

  it(
    "P16: tells who has ended a member, and why",
    test(async (bench) => {
      const heard: MemberNews[] = [];
      const listener = (message: unknown): void => void heard.push(message as MemberNews);
      const hooked: [MemberNews, unknown][] = [];
      diagnostics.subscribe("gracewire:member", listener);
      try {
        const pool = bench.pool({
          min: 1,
          idleTimeout: 30,
          onMember: (news, member) => void hooked.push([news, member]),
        });
        const events = listen(pool);
        const byPeer = await bench.once(pool);
        bench.world.lose(byPeer);
        await bench.until(() => byPeer.state === "closed", "the loss");
        await bench.ready(pool, 1);
        const byUser = await bench.once(pool);
        await bench.wait(byUser.goodbye({ reason: "I want to" }));
        await bench.ready(pool, 1);
        // The second one is not needed for long.
        const leases = [
          await bench.acquire(pool, { mode: "exclusive" }),
          await bench.acquire(pool, { mode: "exclusive" }),
        ];
        for (const lease of leases) await lease.release();
        await bench.until(() => pool.inspect().members.length === 1, "the surplus to end");
        expect(ready(pool)).toBe(1);
        await bench.wait(pool.goodbye());
        const ends = hooked.filter(([{ change }]) => change === "closed");
        expect(
          ends.map(([{ by }]) => by),
          JSON.stringify(hooked.map(([{ change, member, why, by }]) => [member, change, why, by])),
        ).toEqual(["peer", "user", "pool", "pool"]);
        expect(ends[0]![0].error).toBeInstanceOf(Error);
        expect(ends[0]![1]).toBe(byPeer);
        expect(ends[1]).toEqual([expect.objectContaining({ error: "I want to" }), byUser]);
        expect(hooked).toContainEqual([
          expect.objectContaining({ change: "retired", why: "surplus" }),
          expect.anything(),
        ]);
        const changes = hooked.map(([{ change, member }]) => `${member} ${change}`);
        for (const [i, told] of [heard, events.filter(({ type }) => type === "member")].entries()) {
          const same = (told as MemberNews[]).map(({ change, member }) => `${member} ${change}`);
          expect(same, i === 0 ? "the channel" : "the events").toEqual(changes.slice(-same.length));
        }
        expect(heard).toHaveLength(hooked.length);
        expect(changes.slice(0, 2)).toEqual(["1 opening", "1 opened"]);
      } finally {
        diagnostics.unsubscribe("gracewire:member", listener);
      }
    }),
  );
}

/** Functions as text. */
function plain(_key: string, value: unknown): unknown {
  return typeof value === "function" ? String(value) : value;
}
