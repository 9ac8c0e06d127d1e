import { createPool, type Pool } from "../../lib/pool/mod.ts";
import type { LeakGate } from "../support/leak.ts";
import type { EndingFixture } from "./ending.ts";
import type { OpenEndpoint } from "./endpoint.ts";
import type { NamedFixture } from "./endpoints.ts";
import type { Ground } from "./grounds.ts";
import type { AnyMember } from "./pool_kit.ts";
import { MemoryServer } from "./pool_memory.ts";
import type { Protocol } from "./protocols.ts";

/** A pool as an endpoint: its work are leases. */
export const memoryPoolEnding: EndingFixture = {
  governed: "graceful",
  async open({ signal }) {
    const server = new MemoryServer();
    const open = (until: AbortSignal): Promise<AnyMember> => server.open(until);
    return await occupied(createPool({ open, min: 2, signal }), () => Promise.resolve());
  },
};

/** The same with the connections of a client. */
export function poolFixture(gate: LeakGate, ground: Ground, protocol: Protocol): NamedFixture {
  return {
    name: `pool of ${protocol.name} connections over ${ground.name}`,
    fixture: {
      governed: "graceful",
      async open({ signal }) {
        const network = gate.watch(ground.network());
        const server = await protocol.serve(network, ground);
        const open = (until: AbortSignal): Promise<AnyMember> =>
          protocol.connect(server.url, { network, signal: until, ...ground.client });
        return await occupied(createPool({ open, min: 2, signal }), () => server.goodbye());
      },
    },
  };
}

async function occupied(pool: Pool<AnyMember>, end: () => Promise<unknown>): Promise<OpenEndpoint> {
  await (await pool.acquire()).release();
  let release = (): void => {};
  return {
    endpoint: pool,
    async occupy() {
      const lease = await pool.acquire();
      release = () => void lease.release();
    },
    release: () => release(),
    end,
  };
}
