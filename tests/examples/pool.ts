import { connect } from "gracewire/eventmesh";
import { createPool, type Pool } from "gracewire/pool";
import type { EventMeshConnection } from "gracewire/eventmesh";

/** Connections to an EventMesh server: two at least, four at most, none of them dead when it is handed out. */
export function connections(url: string): Pool<EventMeshConnection> {
  return createPool({
    open: (signal) => connect(url, { signal }),
    min: 2,
    max: 4,
    onMember: ({ member, change, why }) => console.log(`member ${member} ${change} ${why ?? ""}`.trim()),
  });
}

export async function publishOrder(
  pool: Pool<EventMeshConnection>,
  id: number,
  signal: AbortSignal,
): Promise<void> {
  await using lease = await pool.acquire({ signal });
  await lease.value.publish("orders", JSON.stringify({ id }), { signal });
}
