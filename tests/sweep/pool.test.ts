import { describe, expect } from "vitest";
import type { Farewell } from "../../lib/lifecycle/mod.ts";
import type { MessageConnection } from "../../lib/messaging/mod.ts";
import { memoryNetwork } from "../../lib/net/mod.ts";
import { createPool, type Lease, type Pingable, type Pool, type PoolOptions } from "../../lib/pool/mod.ts";
import { leakGate } from "../support/leak.ts";
import { type Scenario, type Stage, sweep, type SweepOptions } from "../support/sweep.ts";
import { natsPeer, plainPeer } from "./peers.ts";
import { expectClean, type StartPeer, type SweepPeer } from "./scenarios.ts";

leakGate();

type Member = MessageConnection & Pingable;
type Options = Omit<PoolOptions<Member>, "open">;

interface PoolWorld {
  readonly peer: SweepPeer;
  readonly pool: Pool<Member>;
  /** Held by somebody else. */
  readonly held: readonly Lease<Member>[];
}

/** A pool has members and timers of its own, whatever becomes of the call. */
const memory: SweepOptions = { network: memoryNetwork, virtual: true, peerTimers: true };

for (const [name, start] of [["EventMesh", plainPeer], ["NATS", natsPeer]] as const) {
  describe(`a pool of ${name} connections`, () => {
    sweep("acquire of a member that is opened for it", acquireScenario(start, { min: 0, max: 2 }, 0), memory);
    sweep(
      "acquire of a member that is asked for proof",
      acquireScenario(start, { min: 1, max: 1 }, 0),
      memory,
    );
    sweep("acquire of a member that somebody has", acquireScenario(start, { min: 1, max: 1 }, 1), memory);
    sweep("goodbye while leases are out", goodbyeScenario(start), {
      ...memory,
      offsets: [0, 1, 3],
      resolves: true,
    });
  });
}

/** `acquire`: nothing is held for a call that rejects, and whoever comes next gets the member. */
function acquireScenario(
  start: StartPeer,
  options: Options,
  leases: number,
): Scenario<PoolWorld, Lease<Member>> {
  return {
    restless: true,
    arrange: (stage) => arrangePool(start, options, leases, stage),
    async act({ pool, held }, signal) {
      const asked = pool.acquire({ signal, mode: "exclusive" });
      await Promise.all([asked, ...held.map((lease) => lease.release())]);
      return await asked;
    },
    async succeeded(lease) {
      expect(lease.released).toBe(false);
      await lease.value.publish("orders", "7");
      await lease.release();
    },
    async end({ pool, peer }) {
      expect(pool.inspect()).toMatchObject({ waiting: 0, leased: 0 });
      const lease = await pool.acquire({ mode: "exclusive" });
      await lease.value.publish("orders", "8");
      await lease.release();
      expectClean(await pool.goodbye());
      expect(peer.residents()).toEqual([]);
      await peer.end();
    },
  };
}

/** `goodbye`: it waits for the leases; an abort takes them away, and leaves nothing out. */
function goodbyeScenario(start: StartPeer): Scenario<PoolWorld, Farewell> {
  return {
    restless: true,
    arrange: (stage) => arrangePool(start, { min: 2, max: 2 }, 2, stage),
    async act({ pool, held }, signal) {
      const farewell = pool.goodbye({ signal });
      for (const lease of held) {
        if (!lease.released) {
          await lease.value.publish("orders", "7", { signal: pool.signal }).catch(() => {});
        }
        await lease.release();
      }
      return await farewell;
    },
    succeeded(farewell, { pool, held, peer }, interrupt) {
      expect(pool.state).toBe("closed");
      expect(held.map(({ released }) => released)).toEqual([true, true]);
      expect(farewell.residue).toEqual({ sockets: 0, timers: 0, listeners: 0 });
      expect(interrupt.aborted ? ["clean", "forced"] : ["clean"]).toContain(farewell.outcome);
      expect(peer.residents()).toEqual([]);
    },
    end: ({ peer }) => peer.end(),
  };
}

async function arrangePool(
  start: StartPeer,
  options: Options,
  leases: number,
  stage: Stage,
): Promise<PoolWorld> {
  const peer = await start(stage);
  const open = (signal: AbortSignal): Promise<Member> =>
    peer.protocol.connect(peer.url, { network: stage.network, signal }) as Promise<Member>;
  const pool = createPool<Member>({ ...options, open });
  const held: Lease<Member>[] = [];
  for (let i = 0; i < leases; i++) held.push(await pool.acquire({ mode: "exclusive" }));
  return { peer, pool, held };
}
