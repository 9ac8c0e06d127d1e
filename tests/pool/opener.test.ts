import { describe, expect, it } from "vitest";
import { PeerError } from "../../lib/errors.ts";
import { createPool } from "../../lib/pool/mod.ts";
import { type AnyMember, bench, endBenches, MemoryServer, ready } from "./kit.ts";

endBenches();

describe("attempts to open members", () => {
  it("do not wait any longer when somebody says so", async () => {
    const { pool, server, pass, time, wait } = bench({
      min: 2,
      backoff: { min: 60_000, max: 60_000, jitter: 0 },
    });
    server.kill();
    await pass(10);
    const waiting = pool.acquire();
    await pass(1_000);
    server.restart();
    const start = time();
    pool.retry();
    await (await wait(waiting)).release();
    await pass(10);
    expect(time() - start).toBeLessThan(100);
    expect(ready(pool)).toBe(2);
    expect(pool.inspect().failures).toBe(0);
  });

  it("go on when one was let in after another one was refused", async () => {
    const { pass, wait } = bench();
    const server = new MemoryServer();
    let attempts = 0;
    const pool = createPool<AnyMember>({
      min: 2,
      backoff: { min: 100, max: 100, jitter: 0 },
      open: async (signal) => {
        if (++attempts === 1) {
          throw new PeerError("Cannot connect: the credentials are refused", { status: 1 });
        }
        await new Promise((resolve) => setTimeout(resolve, 50));
        return await server.open(signal);
      },
    });
    await pass(20);
    expect(pool.inspect()).toMatchObject({ refused: true });
    await pass(1_000);
    expect(pool.inspect()).toMatchObject({ refused: false, failure: undefined });
    expect(ready(pool), "the place of the one that was refused too").toBe(2);
    expect(attempts).toBe(3);
    await wait(pool.goodbye({ grace: 0 }));
  });
});
