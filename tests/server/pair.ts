import type { ServerConnection } from "../../lib/server/mod.ts";
import type { Peer, Rig } from "./kit.ts";

/** What a handler does that waits for its end. */
export function untilDraining({ draining }: ServerConnection): Promise<void> {
  return new Promise((resolve) => draining.addEventListener("abort", () => resolve(), { once: true }));
}

/** One connection whose handler does nothing until the end, and its peer. */
export async function pair(
  rig: Rig,
  handler: (connection: ServerConnection) => unknown = untilDraining,
): Promise<{ connection: ServerConnection; peer: Peer }> {
  let connection: ServerConnection | undefined;
  const server = await rig.serve((accepted) => {
    connection = accepted;
    return handler(accepted);
  });
  const peer = await rig.accepted(server);
  return { connection: connection!, peer };
}
