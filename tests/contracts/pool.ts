import { describe, expect, it } from "vitest";
import { TimeoutError } from "../../lib/errors.ts";
import { turns } from "../support/until.ts";
import { poolEndContract } from "./pool_end.ts";
import { type AnyMember, listen, type PoolFixture, poolTests, ready } from "./pool_kit.ts";
import { poolOpeningContract } from "./pool_opening.ts";
import { poolTurnsContract } from "./pool_turns.ts";

export type { AnyMember, OpenMember, PoolFixture, PoolWorld } from "./pool_kit.ts";

/** What a pool must do, whatever its members are. Run it in a test file of each kind. */
export function poolContract(
  name: string,
  fixture: PoolFixture,
  world: { leave?: boolean; swallow?: boolean },
): void {
  describe(`a pool of ${name}`, () => {
    healthContract(fixture, world);
    poolTurnsContract(fixture);
    poolEndContract(fixture);
    poolOpeningContract(fixture);
  });
}

/** What it hands out. */
function healthContract(
  fixture: PoolFixture,
  { leave = false, swallow = false }: { leave?: boolean; swallow?: boolean },
): void {
  const test = poolTests(fixture);

  it(
    "P1: hands out none that died in an outage: all leases after it work",
    test(async (bench) => {
      const pool = bench.pool({ min: 3 });
      await bench.ready(pool, 3);
      const before = new Set<AnyMember>();
      for (let i = 0; i < 3; i++) before.add(await bench.once(pool));
      expect(before.size, "members in rotation").toBe(3);
      await bench.outage(pool);
      const early = pool.acquire();
      await bench.restart();
      expect((await bench.wait(early)).value.state).toBe("open");
      for (let i = 0; i < 100; i++) {
        const lease = await bench.acquire(pool);
        expect([lease.value.state, lease.value.draining.aborted]).toEqual(["open", false]);
        expect(before.has(lease.value), "one that has died").toBe(false);
        await bench.wait(lease.value.ping(), "a sign of life");
        await lease.release();
      }
    }),
  );

  it(
    "P1: hands out none that was used a moment ago and has frozen since",
    test(async (bench) => {
      const pool = bench.pool();
      await bench.ready(pool, 2);
      const frozen = new Set([await bench.once(pool), await bench.once(pool)]);
      await bench.done(bench.world.freeze());
      for (const member of frozen) expect(member.state, "what it knows itself").toBe("open");
      const error = await bench.rejection(pool.acquire({ timeout: 700 }));
      expect(error).toBeInstanceOf(TimeoutError);
      expect(pool.inspect().counters.unanswered).toBe(2);
      bench.world.thaw();
      for (let i = 0; i < 10; i++) {
        expect(frozen.has(await bench.once(pool)), "one that had frozen").toBe(false);
      }
    }),
  );

  for (const mode of ["exclusive", "shared"] as const) {
    it(
      `P1: hands out none to the next in the line that froze while the one before had it (${mode})`,
      test(async (bench) => {
        const pool = bench.pool({ min: 1, max: 1, shares: 1 });
        await bench.ready(pool, 1);
        const first = await bench.acquire(pool, { mode });
        const frozen = first.value;
        const [second, third] = [pool.acquire({ mode }), pool.acquire({ mode })];
        await turns(2);
        await first.release();
        const holder = await bench.wait(second, "the second one to be served");
        expect(holder.value, "asked after all of them had come").toBe(frozen);
        await bench.done(bench.world.freeze());
        await bench.pass(20);
        await holder.release();
        await bench.until(() => pool.inspect().counters.unanswered === 1, "the question");
        bench.world.thaw();
        const lease = await bench.wait(third, "the third one to be served");
        expect(lease.value, "the one that has frozen").not.toBe(frozen);
        await bench.wait(bench.world.use(lease.value), "the server to confirm");
      }),
    );
  }

  if (swallow) {
    it(
      "P1: hands out none whose peer still delivers, and takes nothing in any more",
      test(async (bench) => {
        const pool = bench.pool({ min: 1 });
        const member = await bench.once(pool);
        const { received } = await bench.wait(bench.world.swallow!(member));
        const before = received();
        await bench.until(() => received() > before, "a delivery");
        expect(member.state).toBe("open");
        expect(await bench.once(pool), "the one that is swallowed").not.toBe(member);
      }),
    );
  }

  if (leave) {
    it(
      "P1: hands out none whose peer is about to go, and its leases go on",
      test(async (bench) => {
        const pool = bench.pool();
        const events = listen(pool);
        await bench.ready(pool, 2);
        const lease = await bench.acquire(pool);
        const leaving = lease.value as AnyMember & { leaving?: boolean };
        await bench.done(bench.world.leave!());
        for (let i = 0; i < 20; i++) {
          const other = await bench.acquire(pool);
          expect((other.value as { leaving?: boolean }).leaving ?? false, "it leaves").toBe(false);
          await bench.wait(bench.world.use(other.value), "the server to confirm");
          await other.release();
        }
        if (leaving.leaving === true) {
          expect(lease.draining.aborted, "the lease is asked back").toBe(true);
          expect(leaving.state, "it is not ended under its lease").toBe("open");
          await lease.release();
          await bench.wait(leaving.closed, "its end");
          expect(events).toContainEqual(
            expect.objectContaining({ type: "member", change: "retired", why: "leaving" }),
          );
        }
        await bench.ready(pool, 2);
      }),
    );
  }

  it(
    "P2: no use of a lease fails after a recovery",
    test(async (bench) => {
      const { world } = bench;
      const pool = bench.pool({ min: 3 });
      await bench.ready(pool, 3);
      const after = { failed: 0, worked: 0 };
      let recovered = false;
      let over = false;
      const work = async (): Promise<void> => {
        for (let i = 0; i < 10_000 && !over; i++) {
          const counted = recovered;
          const lease = await pool.acquire();
          const used = world.use(lease.value).then(() => "worked" as const, () => "failed" as const);
          const outcome = await used;
          await lease.release();
          if (counted) after[outcome]++;
          await new Promise((resolve) => setTimeout(resolve, 1));
        }
      };
      const workers = Array.from({ length: 8 }, work);
      await bench.pass(20);
      await bench.done(world.kill());
      await bench.pass(50);
      await bench.restart();
      recovered = true;
      await bench.until(() => after.worked + after.failed >= 200, "the workers to go on");
      over = true;
      await bench.wait(Promise.all(workers));
      expect(after.failed).toBe(0);
    }),
  );

  it(
    "P3: a member that dies while it is idle is dropped without being handed out, and replaced",
    test(async (bench) => {
      const pool = bench.pool({ min: 2, max: 2 });
      const events = listen(pool);
      await bench.ready(pool, 2);
      const members = [await bench.once(pool), await bench.once(pool)];
      expect(members[0]).not.toBe(members[1]);
      bench.world.lose(members[0]!);
      await bench.until(() => members[0]!.draining.aborted, "it to notice");
      expect(ready(pool), "the size at once").toBe(1);
      for (let i = 0; i < 20; i++) expect(await bench.once(pool)).not.toBe(members[0]);
      await bench.ready(pool, 2);
      const closed = events.find((event) => event.type === "member" && event.change === "closed");
      expect(closed).toMatchObject({ by: "peer" });
      // The same for one that somebody has ended behind the pool's back.
      await bench.wait(members[1]!.goodbye());
      for (let i = 0; i < 20; i++) expect(members).not.toContain(await bench.once(pool));
    }),
  );

  it(
    "P4: a member that dies while it is leased never comes back",
    test(async (bench) => {
      const pool = bench.pool({ min: 2, max: 3 });
      await bench.ready(pool, 2);
      const dead = new Set<AnyMember>();
      for (let round = 0; round < 3; round++) {
        const lease = await bench.acquire(pool, { mode: round % 2 === 0 ? "exclusive" : "shared" });
        const member = lease.value;
        dead.add(member);
        bench.world.lose(member);
        await bench.wait(member.closed, "its end");
        expect(lease.draining.aborted).toBe(true);
        await lease.release();
        for (let i = 0; i < 10; i++) {
          expect(dead.has(await bench.once(pool)), "one that has died").toBe(false);
        }
      }
      const lease = await bench.acquire(pool);
      const discarded = lease.value;
      await lease.discard(new Error("it is of no use"));
      for (let i = 0; i < 10; i++) expect(await bench.once(pool)).not.toBe(discarded);
      await bench.wait(discarded.closed, "the end of what was discarded");
    }),
  );

  it(
    "P5: a member that is down is kept until it is up again: no orphans after many outages",
    test(async (bench) => {
      const { world } = bench;
      const pool = bench.pool({ min: 2, max: 3, reconnect: true });
      const events = listen(pool);
      await bench.ready(pool, 2);
      const members = new Set([await bench.once(pool), await bench.once(pool)]);
      const held = await bench.acquire(pool);
      for (let outage = 0; outage < 4; outage++) {
        await bench.outage(pool);
        await bench.restart();
        await bench.until(() => [...members].every(({ state }) => state === "open"), "all to be up again");
        expect(members.has(held.value), "the lease holds the same").toBe(true);
        await bench.wait(world.use(held.value));
      }
      const again = new Set<AnyMember>();
      for (let i = 0; i < 6; i++) again.add(await bench.once(pool));
      expect([...members].filter((member) => !again.has(member)), "members that were lost").toEqual([]);
      expect(events).toContainEqual(expect.objectContaining({ type: "member", change: "down" }));
      expect(events).toContainEqual(expect.objectContaining({ type: "member", change: "up" }));
      expect(world.connections()).toBeLessThanOrEqual(3);
      await held.release();
      const farewell = await bench.wait(pool.goodbye());
      expect(farewell.childCount).toBe(pool.inspect().counters.opened);
      await bench.nobody();
    }),
  );
}
