import { expect } from "vitest";
import type { Endpoint, EndpointEvent } from "../../lib/lifecycle/mod.ts";
import { formatFarewell } from "../../lib/lifecycle/mod.ts";
import { createPool, type Lease, type Pingable, type Pool, type PoolOptions } from "../../lib/pool/mod.ts";
import { TestClock } from "../support/clock.ts";
import { type CountedAbort, countedAbort } from "../support/signals.ts";
import { turns, until } from "../support/until.ts";
import { bodyAndEnd, rejection } from "./bench.ts";

export { rejection } from "./bench.ts";

/** What the pool contract needs to know of a kind of member. */
export interface PoolFixture {
  /** Everything happens in memory: time is in the hands of the test. */
  readonly virtual: boolean;
  /** Attempts at a black hole that are made. */
  readonly holes: number;
  open(): Promise<PoolWorld>;
}

/** Any member of these pools. */
export type AnyMember = Endpoint & Pingable;

/** A server that can misbehave, and a way to connect to it. */
export interface PoolWorld {
  /** Options of a connection that `open` passes on as they are. */
  readonly options: object;
  /** Connects. */
  open(signal: AbortSignal, options?: OpenMember): Promise<AnyMember>;
  /** Does something with a member that the server confirms. */
  use(member: AnyMember): Promise<void>;
  /** Connections that the server has. */
  connections(): number;
  /** The most that it ever had at a time. */
  peak(): number;
  /** Connections that were asked for so far. */
  dials(): number;
  /** The server is gone, and every connection with it. */
  kill(): Promise<unknown> | void;
  /** It is back where it was. */
  restart(): Promise<unknown> | void;
  /** The server does nothing any more, and the system still takes connections for it. */
  freeze(): Promise<unknown> | void;
  thaw(): void;
  /** Connections from now on are taken, and not answered before `warm`. */
  cool(): Promise<unknown> | void;
  warm(): void;
  /** The server still delivers, and takes nothing in any more. A member receives while that is so. */
  swallow?(member: AnyMember): Promise<{ readonly received: () => number }>;
  /** The server announces that it will go. Another one takes its place. */
  leave?(): Promise<unknown> | void;
  /** From now on nobody gets in with the credentials of these members, or everybody does again. */
  lock(locked: boolean): Promise<unknown> | void;
  /** Cuts the connection of one member. */
  lose(member: AnyMember): void;
  /** Ends it all, and proves that nothing is left. */
  end(): Promise<unknown>;
}

export interface OpenMember {
  /** After a loss the member comes back by itself, within milliseconds of the server. @default {false} */
  readonly reconnect?: boolean;
}

/** The bench of one test. */
export class PoolBench {
  readonly world: PoolWorld;
  readonly clock: TestClock;
  readonly #pools: Pool<AnyMember>[] = [];
  readonly #aborts: CountedAbort[] = [];

  constructor(world: PoolWorld, clock: TestClock) {
    this.world = world;
    this.clock = clock;
  }

  /** A pool of members that do not come back by themselves. */
  pool(options: Partial<PoolOptions<AnyMember>> & OpenMember = {}): Pool<AnyMember> {
    const { reconnect = false, ...rest } = options;
    return this.poolOf({
      open: (signal) => this.world.open(signal, { reconnect }),
      backoff: { min: 5, max: 40 },
      probeTimeout: 300,
      openTimeout: 1_000,
      ...rest,
    });
  }

  /** A pool with just these options: the very object. */
  poolOf(options: PoolOptions<AnyMember>): Pool<AnyMember> {
    const pool = createPool<AnyMember>(options);
    this.#pools.push(pool);
    return pool;
  }

  abort(): CountedAbort {
    const abort = countedAbort();
    this.#aborts.push(abort);
    return abort;
  }

  /** Waits for a promise, and for the time that it needs. */
  wait<T>(promise: PromiseLike<T>, what?: string): Promise<T> {
    return this.clock.until(promise, 20_000, what);
  }

  /** Waits until the world has done something. */
  async done(act: Promise<unknown> | void): Promise<void> {
    await this.wait(Promise.resolve(act), "the world");
  }

  /** Waits for a condition, and for the time that it needs. */
  async until(predicate: () => boolean, what: string | (() => string) = predicate.toString()): Promise<void> {
    let over = false;
    const met = (async () => {
      while (!over && !predicate()) await new Promise((resolve) => setTimeout(resolve, 2));
    })();
    try {
      await this.clock.until(met, 10_000);
    } catch (error) {
      throw new Error(`Waited in vain for ${typeof what === "string" ? what : what()}`, { cause: error });
    } finally {
      over = true;
    }
  }

  /** Lets time pass. */
  pass(milliseconds: number): Promise<void> {
    return this.wait(new Promise((resolve) => setTimeout(resolve, milliseconds)), "time to pass");
  }

  acquire(
    pool: Pool<AnyMember>,
    options?: Parameters<Pool<AnyMember>["acquire"]>[0],
  ): Promise<Lease<AnyMember>> {
    return this.wait(pool.acquire(options), "a lease");
  }

  /** Takes a lease, proves that its member works, and gives it back. */
  async once(pool: Pool<AnyMember>): Promise<AnyMember> {
    const lease = await this.acquire(pool);
    const member = lease.value;
    await this.wait(this.world.use(member), "the server to confirm");
    await lease.release();
    return member;
  }

  /** Waits until so many members can be handed out. */
  ready(pool: Pool<AnyMember>, count: number): Promise<void> {
    return this.until(() => ready(pool) === count, () => `${count} members, there are ${describe(pool)}`);
  }

  /** Cuts off a server whose connections do not come back, until the pool knows. */
  async outage(pool: Pool<AnyMember>): Promise<void> {
    await this.done(this.world.kill());
    await this.until(
      () => pool.inspect().members.every(({ status }) => status === "opening" || status === "down"),
      () => `the pool to notice, there are ${describe(pool)}`,
    );
  }

  restart(): Promise<void> {
    return this.done(this.world.restart());
  }

  /** What a promise rejects with. */
  rejection(promise: Promise<unknown>): Promise<unknown> {
    return this.wait(rejection(promise));
  }

  /** The server is told of ends by the network, which takes a moment. */
  nobody(): Promise<void> {
    return this.until(
      () => this.world.connections() === 0,
      () => `no connections, there are ${this.world.connections()}`,
    );
  }

  /** Ends the pools, proves that they leave nothing, and that no signal has kept a listener. */
  async end(): Promise<void> {
    for (const pool of this.#pools) {
      const farewell = await this.wait(pool.goodbye({ grace: 0 }), "the end of the pool");
      expect(farewell.residue, formatFarewell(farewell)).toEqual({ sockets: 0, timers: 0, listeners: 0 });
      const { counters: { acquired, closed, opened, released }, leased } = pool.inspect();
      expect(closed, "members closed").toBe(opened);
      expect({ leased, released }, "leases that are over").toEqual({ leased: 0, released: acquired });
    }
    await turns(2);
    for (const abort of this.#aborts) expect(abort.listeners(), "listeners left on a signal").toBe(0);
    await this.nobody();
  }
}

/** Members that can be handed out. */
export function ready(pool: Pool<AnyMember>): number {
  return pool.inspect().members.filter(({ status }) => status === "ready").length;
}

export function describe(pool: Pool<AnyMember>): string {
  const { members, waiting } = pool.inspect();
  return `${
    members.map(({ id, leases, status }) => `${id} ${status} ${leases}`).join(", ")
  }; ${waiting} wait`;
}

/** Collects the events of an endpoint. */
export function listen(endpoint: Endpoint): EndpointEvent[] {
  const seen: EndpointEvent[] = [];
  void (async () => {
    for await (const event of endpoint.events()) seen.push(event);
  })();
  return seen;
}

/** Freezes an object and all that is in it, but for functions and instances of classes. */
export function deepFrozen<T>(value: T): T {
  if (typeof value !== "object" || value === null || Object.getPrototypeOf(value) !== Object.prototype) {
    return value;
  }
  for (const part of Object.values(value)) deepFrozen(part);
  return Object.freeze(value);
}

export type PoolTest = (body: (bench: PoolBench) => Promise<void>) => () => Promise<void>;

/** Makes tests of bodies: each gets a world of its own, in which nothing may be left in the end. */
export function poolTests(fixture: PoolFixture): PoolTest {
  return (body) => async () => {
    const clock = new TestClock({ virtual: fixture.virtual });
    clock.install();
    try {
      const world = await clock.until(fixture.open());
      const bench = new PoolBench(world, clock);
      await bodyAndEnd(() => body(bench), async () => {
        world.warm();
        world.thaw();
        await bodyAndEnd(() => bench.end(), () => clock.until(world.end()));
      });
      await clock.idle();
      await until(() => clock.timers.length === 0, {
        timeout: 2_000,
        what: () => `no timers but ${clock.timers}`,
      });
    } finally {
      clock.uninstall();
    }
  };
}
