import { describe, expect, it } from "vitest";
import { ClosedError } from "../../lib/errors.ts";
import { createScope } from "../../lib/lifecycle/mod.ts";
import { createPool } from "../../lib/pool/mod.ts";
import { watchUnhandled } from "../support/unhandled.ts";
import { turns } from "../support/until.ts";
import { type AnyMember, bench, endBenches, listen, MemoryServer, ready, rejection } from "./kit.ts";

endBenches();

describe("the members of a pool", () => {
  it("take turns in sharing leases", async () => {
    const { pool, wait, pass } = bench({ min: 3 });
    await pass(10);
    const seen: number[] = [];
    for (let i = 0; i < 9; i++) seen.push((await wait(pool.acquire())).member);
    expect(seen).toEqual([1, 2, 3, 1, 2, 3, 1, 2, 3]);
  });

  it("grow to what exclusive leases need, and shrink when they have been idle", async () => {
    const { pool, pass, wait } = bench({ min: 1, max: 3, idleTimeout: 10_000 });
    const mode = "exclusive";
    const leases = await wait(Promise.all([1, 2, 3].map(() => pool.acquire({ mode }))));
    expect(new Set(leases.map(({ value }) => value)).size).toBe(3);
    const fourth = pool.acquire({ mode });
    await pass(1_000);
    expect(pool.inspect()).toMatchObject({ waiting: 1, leased: 3 });
    expect(pool.inspect().members).toHaveLength(3);
    await leases[1]!.release();
    expect((await wait(fourth)).member).toBe(2);
    for (const lease of leases) await lease.release();
    await pass(9_000);
    expect(ready(pool)).toBe(3);
    await pass(1_100);
    expect(pool.inspect().members.map(({ id, leases }) => [id, leases])).toEqual([[2, 1]]);
  });

  it("go on being opened when the one who waited has got another one", async () => {
    const { pool, server, pass, wait } = bench({ min: 1, max: 2 });
    const mode = "exclusive";
    const lease = await wait(pool.acquire({ mode }));
    server.cool();
    const second = pool.acquire({ mode });
    await pass(100);
    await lease.release();
    await (await wait(second)).release();
    server.warm();
    await pass(100);
    expect(ready(pool)).toBe(2);
    expect(server.dials()).toBe(2);
  });

  it("grow when each has as many shared leases as it may", async () => {
    const { pool, pass, wait } = bench({ min: 1, max: 3, shares: 2 });
    const leases = await wait(Promise.all(Array.from({ length: 6 }, () => pool.acquire())));
    expect(pool.inspect().members.map(({ leases }) => leases)).toEqual([2, 2, 2]);
    const seventh = pool.acquire();
    await pass(100);
    expect(pool.inspect().waiting).toBe(1);
    await leases[3]!.release();
    expect((await wait(seventh)).member).toBe(leases[3]!.member);
  });

  it("are not shared while somebody waits for one alone, and those who come later wait behind", async () => {
    const { pool, wait } = bench({ min: 1, max: 1 });
    const shared = await wait(pool.acquire());
    const order: string[] = [];
    const alone = pool.acquire({ mode: "exclusive" }).then((lease) => (order.push("alone"), lease));
    const behind = pool.acquire().then((lease) => (order.push("behind"), lease));
    await turns(5);
    expect(order).toEqual([]);
    await shared.release();
    await (await wait(alone)).release();
    await wait(behind);
    expect(order).toEqual(["alone", "behind"]);
  });

  it("are replaced when they are old, one by one, and not under their leases", async () => {
    const { pool, pass, wait } = bench({ min: 2, maxAge: 10_000 });
    const lease = await wait(pool.acquire());
    await pass(11_500);
    expect(pool.inspect().members.filter(({ status }) => status === "ready").every(({ id }) => id > 2)).toBe(
      true,
    );
    expect([lease.value.state, lease.draining.aborted]).toEqual(["open", true]);
    expect(lease.draining.reason).toMatchObject({
      code: "ERR_CLOSED",
      message: "The member is replaced: it is old",
    });
    const old = lease.value;
    await lease.release();
    await wait(old.closed);
  });

  it("are replaced when they leave, also when there is no room until they are gone", async () => {
    const { pool, server, pass, wait } = bench({ min: 1, max: 1, handover: 3_000 });
    const lease = await wait(pool.acquire());
    const old = lease.value;
    server.leave();
    const next = pool.acquire();
    await pass(2_500);
    expect(pool.inspect()).toMatchObject({ waiting: 1, members: [{ status: "retired", leases: 1 }] });
    const { value } = await wait(next);
    expect(value).not.toBe(old);
    expect((await old.closed).outcome).toBe("clean");
  });

  it("that die as soon as they are open are not opened again and again", async () => {
    const { pool, server, pass } = bench({ min: 1, max: 1 });
    const open = server.open.bind(server);
    const flapping = createPool<AnyMember>({
      min: 2,
      backoff: { min: 100, max: 1_000, jitter: 0 },
      open: async (signal) => {
        const member = await open(signal);
        setTimeout(() => server.lose(member), 5);
        return member;
      },
    });
    await pass(10_000);
    // 2 at a time, after waits of 0.1, 0.2, 0.4, 0.8 and then 1 s.
    expect(flapping.inspect().counters.opened).toBeLessThan(40);
    expect(flapping.inspect().counters.opened).toBeGreaterThan(10);
    await flapping.goodbye({ grace: 0 });
    await pool.goodbye({ grace: 0 });
  });

  it("must be endpoints, and answer a ping unless the pool asks them otherwise", async () => {
    const { wait } = bench();
    for (const wrong of [undefined, 7, {}, { goodbye: () => Promise.resolve() }, createScope()]) {
      const pool = createPool<AnyMember>({ open: () => Promise.resolve(wrong as unknown as AnyMember) });
      const error = await wait(rejection(pool.acquire()));
      expect(error).toBeInstanceOf(TypeError);
      await wait(pool.goodbye());
    }
    // @ts-expect-error: a scope has no ping(), and there is no probe.
    const unproven = createPool({ open: () => Promise.resolve(createScope()), min: 0 });
    await wait(unproven.goodbye());
    const scopes = createPool({ open: () => Promise.resolve(createScope()), probe: false, min: 1 });
    expect((await wait(scopes.acquire())).value.state).toBe("open");
    expect((await wait(scopes.goodbye({ grace: 10 }))).childCount).toBe(1);
  });

  it("have their goodbyes within the time that the pool has for them", async () => {
    const { pool, server, wait } = bench({ min: 2 });
    await wait(pool.acquire().then((lease) => lease.release()));
    server.freeze();
    const farewell = await wait(pool.goodbye({ grace: 1_000 }));
    expect(farewell).toMatchObject({ outcome: "forced", childCount: 2 });
    expect(farewell.phases.map(({ phase, ended }) => `${phase} ${ended}`)).toContain("goodbye done");
    server.thaw();
  });

  it("come to an end on arrival when the pool has ended meanwhile, deaf to its signal as they are", async () => {
    const { wait, pass } = bench();
    const server = new MemoryServer();
    const late: AnyMember[] = [];
    const pool = createPool<AnyMember>({
      min: 1,
      open: async () => {
        await new Promise((resolve) => setTimeout(resolve, 30_000));
        const member = await server.open(new AbortController().signal);
        late.push(member);
        return member;
      },
    });
    await pass(10);
    const farewell = await wait(pool.goodbye());
    expect(farewell).toMatchObject({ outcome: "failed", residue: { sockets: 1 } });
    await pass(31_000);
    expect((await wait(late[0]!.closed)).outcome).toBe("forced");
    expect(server.connections()).toBe(0);
  });
});

describe("those who wait", () => {
  it("are no more than may, and are told so", async () => {
    const { pool, wait } = bench({ min: 1, max: 1, maxWaiting: 2 });
    const lease = await wait(pool.acquire({ mode: "exclusive" }));
    const line = [pool.acquire(), pool.acquire()];
    expect(await wait(rejection(pool.acquire()))).toMatchObject({ code: "ERR_OVERFLOW", capacity: 2 });
    await lease.release();
    await wait(Promise.all(line));
  });

  it("are rejected with the failure itself when they do not want to wait", async () => {
    const { pool, server, pass, wait } = bench({ min: 1 });
    server.kill();
    const [patient, impatient] = [pool.acquire(), rejection(pool.acquire({ offline: "fail" }))];
    expect(await wait(impatient)).toBe(pool.inspect().failure);
    await pass(5_000);
    expect(pool.inspect().waiting).toBe(1);
    server.restart();
    await wait(patient);
    // While one is of use, there is nothing to fail for.
    await wait(pool.acquire({ offline: "fail" }));
  });

  it("are refused by a pool that has ended, and by an aborted signal before anything else", async () => {
    const { pool, wait } = bench();
    const reason = { why: "the end" };
    await wait(pool.goodbye({ reason }));
    const error = await wait(rejection(pool.acquire()));
    expect(error).toBeInstanceOf(ClosedError);
    expect(error).toMatchObject({ state: "closed", cause: reason });
    expect(await wait(rejection(pool.acquire({ signal: AbortSignal.abort(null) })))).toBe(null);
    expect(pool.inspect().counters).toMatchObject({ acquired: 0, aborted: 1, refused: 1 });
  });
});

describe("what a pool tells", () => {
  it("is nothing louder than info when all is well", async () => {
    const { pool, pass, wait } = bench({ min: 2, idleTimeout: 100 });
    const events = listen(pool);
    const leases = await wait(Promise.all([1, 2, 3].map(() => pool.acquire({ mode: "exclusive" }))));
    for (const lease of leases) await lease.release();
    await pass(1_000);
    expect(ready(pool)).toBe(2);
    expect((await wait(pool.goodbye())).outcome).toBe("clean");
    expect(events.filter(({ level }) => level === "warn" || level === "error")).toEqual([]);
    expect(events.filter(({ type }) => type === "member")).toHaveLength(3 * 3 + 1);
  });

  it("reaches a hook that throws, and nobody suffers for it", async () => {
    const { pool, wait } = bench({
      min: 1,
      onMember: ({ change }) => {
        if (change === "opened") throw new Error("a mistake in a hook");
      },
    });
    const events = listen(pool);
    await wait(pool.acquire());
    expect(events).toContainEqual(expect.objectContaining({ type: "fault", level: "error" }));
  });

  it("reaches a hook that rejects, and nobody suffers for it", async () => {
    const unhandled = watchUnhandled();
    try {
      const error = new Error("a mistake in a hook");
      const { pass, pool, wait } = bench({
        min: 1,
        onMember: async ({ change }) => {
          await Promise.resolve();
          if (change === "opened") throw error;
        },
      });
      const events = listen(pool);
      await wait(pool.acquire());
      await pass(10);
      expect(events).toContainEqual(expect.objectContaining({ type: "fault", level: "error", error }));
      expect(unhandled.errors).toEqual([]);
    } finally {
      unhandled.end();
    }
  });

  it("is the reason that somebody gave, whatever it is", async () => {
    const { pool, wait } = bench({ min: 1 });
    const events = listen(pool);
    for (const reason of [null, 0, "", false]) {
      const lease = await wait(pool.acquire());
      const member = lease.value;
      await lease.discard(reason);
      expect((await wait(member.closed)).reason).toBe(reason);
      expect(events.filter((event) => event.type === "member" && event.change === "retired").at(-1))
        .toMatchObject({ why: "discarded", error: reason });
    }
    const lease = await wait(pool.acquire());
    const member = lease.value;
    await lease.discard();
    expect((await wait(member.closed)).reason).toBeInstanceOf(ClosedError);
  });

  it("is plain data at any moment", async () => {
    const { pool, server, pass, wait } = bench({ min: 2, max: 3 });
    expect(pool.inspect()).toMatchObject({
      name: "pool",
      state: "open",
      min: 2,
      max: 3,
      waiting: 0,
      leased: 0,
    });
    await pass(10);
    expect(pool.inspect().members.map(({ status }) => status)).toEqual(["ready", "ready"]);
    const lease = await wait(pool.acquire({ mode: "exclusive" }));
    expect(pool.inspect().members[0]).toMatchObject({ id: 1, leases: 1, exclusive: true, status: "ready" });
    server.kill();
    await pass(350);
    const down = JSON.parse(JSON.stringify(pool.inspect())) as Record<string, unknown>;
    expect(down).toMatchObject({ failures: 2, refused: false, counters: { opened: 2, closed: 2 } });
    await lease.release();
  });
});
