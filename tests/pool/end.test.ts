import { expect, it } from "vitest";
import type { PoolInspection } from "../../lib/pool/mod.ts";
import { type Bench, bench, endBenches } from "./kit.ts";

endBenches();

it.each(["shared", "exclusive"] as const)(
  "an inspection during the end of a pool agrees with itself: leases that it took, %s",
  async (mode) => {
    const seen: PoolInspection[] = [];
    const there: Bench = bench({
      min: 2,
      onMember({ change }) {
        if (change === "closed") seen.push(there.pool.inspect());
      },
    });
    const { pass, pool, wait } = there;
    await pass(10);
    const leases = await wait(Promise.all([pool.acquire({ mode }), pool.acquire({ mode })]));
    await wait(pool.goodbye({ grace: 0 }));
    expect(leases.every(({ released }) => released)).toBe(true);
    // One is gone, the other is not.
    expect(seen.map(({ members }) => members.length)).toContain(1);
    for (const { leased, members } of seen) {
      expect(members.reduce((sum, member) => sum + member.leases, 0)).toBe(leased);
      expect(members.filter(({ exclusive }) => exclusive)).toHaveLength(mode === "exclusive" ? leased : 0);
    }
  },
);
