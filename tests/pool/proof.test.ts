import { describe, expect, it } from "vitest";
import type { AnyMember } from "./kit.ts";
import { bench, endBenches, listen, ready, rejection } from "./kit.ts";

endBenches();

describe("the proof of a member", () => {
  it("is one question for all who ask in one tick, and another one for those who ask meanwhile", async () => {
    const sent: number[] = [];
    const { pool, time, wait } = bench({
      min: 1,
      probe: (member, signal) => {
        sent.push(time());
        return member.ping({ signal });
      },
    });
    await wait(pool.acquire());
    expect(sent).toHaveLength(1);
    await wait(Promise.all(Array.from({ length: 64 }, () => pool.acquire())));
    expect(sent).toHaveLength(2);
    const late: Promise<unknown>[] = [];
    const first = pool.acquire();
    await Promise.resolve();
    for (let i = 0; i < 10; i++) late.push(pool.acquire());
    await wait(Promise.all([first, ...late]));
    expect(sent).toHaveLength(4);
    expect(pool.inspect().counters).toMatchObject({ probes: 4, acquired: 76 });
  });

  it("is the opening itself for those who have asked before it, where a ping would be asked for", async () => {
    const { pool, wait } = bench({ min: 0, max: 2 });
    await wait(Promise.all(Array.from({ length: 8 }, () => pool.acquire())));
    expect(pool.inspect().counters).toMatchObject({ opened: 1, probes: 0 });
    await wait(pool.acquire());
    expect(pool.inspect().counters).toMatchObject({ probes: 1 });
  });

  it("is not asked for again within the time that the option says", async () => {
    const { pool, pass, wait } = bench({ min: 1, check: 1_000 });
    for (let i = 0; i < 10; i++) {
      await wait(pool.acquire());
      await pass(300);
    }
    // At 0, 1.2 and 2.4 seconds; the first of them was its opening.
    expect(pool.inspect().counters.probes).toBe(2);
  });

  it("is not asked for when the caller does not want it", async () => {
    const { pool, server, wait } = bench({ min: 1, probe: false });
    await wait(pool.acquire());
    server.freeze();
    await wait(pool.acquire());
    expect(pool.inspect().counters).toMatchObject({ probes: 0, acquired: 2 });
    server.thaw();
  });

  it("may be any work that the member does: one that answers and does nothing else is replaced", async () => {
    const idle = new Set<AnyMember>();
    const { pool, wait } = bench({
      min: 1,
      probe: (member) => {
        if (idle.has(member)) throw new Error("it does nothing");
      },
    });
    const lease = await wait(pool.acquire());
    const member = lease.value;
    await lease.release();
    idle.add(member);
    const events = listen(pool);
    const next = await wait(pool.acquire());
    expect(next.value).not.toBe(member);
    expect((await wait(member.closed)).reason).toMatchObject({ message: "it does nothing" });
    expect(events).toContainEqual(
      expect.objectContaining({ change: "retired", why: "probe", level: "warn" }),
    );
  });

  it("does not count when something happens to the member before it is handed out", async () => {
    let doom: ((member: AnyMember) => void) | undefined;
    const { pool, server, wait } = bench({
      min: 1,
      probe: (member) => doom?.(member),
    });
    const first = await wait(pool.acquire());
    const member = first.value;
    for (
      const fate of [
        (one: AnyMember) => void one.goodbye(),
        (one: AnyMember) => server.lose(one),
        // What it says when it is asked comes before its event.
        () => void server.generation++,
      ]
    ) {
      const lease = await wait(pool.acquire());
      const doomed = lease.value;
      await lease.release();
      doom = (one) => {
        doom = undefined;
        fate(one);
      };
      const next = await wait(pool.acquire());
      expect(next.value).not.toBe(doomed);
      expect(next.value.state).toBe("open");
      await next.release();
    }
    expect(member.state).not.toBe("open");
    expect(pool.inspect().counters.unanswered).toBe(0);
  });

  it("is nothing that a member which knows that it is down is asked for", async () => {
    const { pool, server, pass, wait } = bench({ min: 1, max: 1, reconnect: true });
    const lease = await wait(pool.acquire());
    const member = lease.value;
    await lease.release();
    const abandoned = pool.acquire();
    server.kill();
    await pass(200);
    expect(pool.inspect().members).toMatchObject([{ status: "down" }]);
    server.restart();
    // It lost its connection while it was asked: that is no reason to replace it.
    expect((await wait(abandoned)).value).toBe(member);
    expect(pool.inspect().counters).toMatchObject({ opened: 1, unanswered: 0 });
  });

  it("costs a frozen member its place after the time of one probe, and its other leases after the handover", async () => {
    const { pool, server, time, wait } = bench({ min: 1, max: 2, handover: 5_000 });
    const lease = await wait(pool.acquire());
    const member = lease.value;
    server.deaf.add(member);
    const start = time();
    const next = await wait(pool.acquire());
    expect(next.value).not.toBe(member);
    expect(time() - start).toBeGreaterThanOrEqual(2_000);
    expect(time() - start).toBeLessThan(2_200);
    expect([member.state, lease.draining.aborted]).toEqual(["open", true]);
    await wait(member.closed);
    expect(time() - start).toBeGreaterThanOrEqual(7_000);
    expect(time() - start).toBeLessThan(7_300);
    await lease.release();
    expect(ready(pool)).toBe(1);
  });

  it("from before somebody who waited ahead has left is none for those behind", async () => {
    const { pool, server, pass, wait } = bench({ min: 1, max: 1, probeTimeout: 300 });
    const lease = await wait(pool.acquire());
    const abort = new AbortController();
    // The question for the first one is sent when all three have come.
    const first = pool.acquire();
    const alone = rejection(pool.acquire({ mode: "exclusive", signal: abort.signal }));
    const behind = pool.acquire();
    const frozen = (await wait(first)).value;
    server.deaf.add(frozen);
    await pass(6_000);
    abort.abort("enough");
    expect(await wait(alone)).toBe("enough");
    await lease.release();
    expect((await wait(behind)).value).not.toBe(frozen);
    expect(pool.inspect().counters.unanswered).toBe(1);
  });

  it("is one question for all that come back in one tick, and those that come back meanwhile share the next", async () => {
    const { pool, wait } = bench({ min: 1, max: 1, shares: 50 });
    const leases = await wait(Promise.all(Array.from({ length: 50 }, () => pool.acquire())));
    const line = Array.from({ length: 50 }, () => pool.acquire());
    const before = pool.inspect().counters.probes;
    for (const lease of leases.slice(0, 25)) await lease.release();
    for (const lease of leases.slice(25)) void lease.release();
    await wait(Promise.all(line));
    expect(pool.inspect().counters.probes - before).toBeLessThanOrEqual(15);
  });

  it("is as old as the option says for those in the line too, and no older", async () => {
    const { pool, server, pass, wait } = bench({ min: 1, max: 1, check: 1_000, probeTimeout: 300 });
    const mode = "exclusive";
    const first = await wait(pool.acquire({ mode }));
    await pass(1_500);
    const line = [pool.acquire({ mode }), pool.acquire({ mode }), pool.acquire({ mode })];
    await first.release();
    const second = await wait(line[0]!);
    await pass(500);
    await second.release();
    const third = await wait(line[1]!);
    expect(pool.inspect().counters.probes, "it was young enough").toBe(1);
    const frozen = third.value;
    server.deaf.add(frozen);
    await pass(1_000);
    await third.release();
    expect((await wait(line[2]!)).value).not.toBe(frozen);
  });

  it("ends a call with the time limit of the call when nobody answers", async () => {
    const { pool, server, wait } = bench({ openTimeout: 1_000 });
    await wait(pool.acquire());
    server.freeze();
    const error = await wait(rejection(pool.acquire({ timeout: 5_000 })));
    expect(error).toMatchObject({ code: "ERR_TIMEOUT", timeout: 5_000, cause: { code: "ERR_TIMEOUT" } });
    expect(pool.inspect().waiting).toBe(0);
    server.thaw();
  });
});
