import { afterEach } from "vitest";
import { createPool, type Pool, type PoolOptions } from "../../lib/pool/mod.ts";
import { TestClock } from "../support/clock.ts";
import { MemoryServer } from "../contracts/pool_memory.ts";
import type { AnyMember, OpenMember } from "../contracts/pool_kit.ts";

export { type AnyMember, listen, ready, rejection } from "../contracts/pool_kit.ts";
export { MemoryServer } from "../contracts/pool_memory.ts";

/** A pool of members in memory, and time in the hands of the test. */
export interface Bench {
  readonly server: MemoryServer;
  readonly pool: Pool<AnyMember>;
  /** Waits for a promise, and for the time that it needs. */
  wait<T>(promise: PromiseLike<T>): Promise<T>;
  /** Lets time pass. */
  pass(milliseconds: number): Promise<void>;
  /** Virtual milliseconds that have passed. */
  time(): number;
}

let clock: TestClock | undefined;
const pools: Pool<AnyMember>[] = [];

/** Ends what the tests of a file have left. Call it once in each file. */
export function endBenches(): void {
  afterEach(async () => {
    const ends = Promise.all(pools.splice(0).map((pool) => pool.goodbye({ grace: 0 })));
    await clock?.until(ends);
    clock?.uninstall();
    clock = undefined;
  });
}

/** Makes a pool, ended after the test. */
export function bench(options: Partial<PoolOptions<AnyMember>> & OpenMember = {}): Bench {
  const time = clock ??= new TestClock({ virtual: true });
  time.install();
  const server = new MemoryServer();
  const { reconnect = false, ...rest } = options;
  const pool = createPool<AnyMember>({
    open: (signal) => server.open(signal, { reconnect }),
    backoff: { min: 100, max: 1_000, jitter: 0 },
    ...rest,
  });
  pools.push(pool);
  return {
    server,
    pool,
    wait: (promise) => time.until(promise, 300_000),
    pass: (milliseconds) => time.until(new Promise((resolve) => setTimeout(resolve, milliseconds)), 300_000),
    time: () => time.time,
  };
}
