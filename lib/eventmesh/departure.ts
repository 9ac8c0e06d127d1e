import { abortable } from "../lifecycle/abort.ts";
import type { Lifecycle } from "../lifecycle/lifecycle.ts";
import { limited } from "../lifecycle/limit.ts";
import type { TlsConnectOptions } from "../net/transport.ts";
import type { Route } from "./route.ts";
import type { Session } from "./session.ts";
import { type Server, serverAt } from "./url.ts";
import { decodeRedirect, type Packet } from "./wire/mod.ts";

/** Milliseconds that a session which is left gets to settle what it has. The runtime closes it after 30 s. */
const settlement = 20_000;
/** Milliseconds for its goodbye after that. */
const goodbye = 2_000;

/** Where to go when the server of a session has said goodbye; undefined when no other server is known. */
export function successorOf(
  session: Session,
  packet: Packet,
  route: Route,
  tls: TlsConnectOptions,
  lifecycle: Lifecycle,
): Server | undefined {
  if (packet.command === "SERVER_GOODBYE_REQUEST") return route.size > 1 ? route.next() : undefined;
  try {
    const info = decodeRedirect(packet);
    if (info === undefined) return undefined;
    const server = serverAt(info.ip, info.port, session.server.tls ? tls : undefined);
    route.redirect(server);
    lifecycle.emit({ type: "redirect", target: server.text });
    return server;
  } catch (error) {
    lifecycle.fault(error);
    return undefined;
  }
}

/**
 * Leaves a session in order: what it has is answered and acknowledged there, then its server is told goodbye. An abort of
 * `stop` leaves the rest of that to whoever aborts.
 */
export async function leaveSession(
  session: Session,
  stop: AbortSignal,
  quiet: () => Promise<unknown>,
  fault: (error: unknown) => void,
): Promise<void> {
  const { text } = session.server;
  const settled = Promise.race([quiet(), session.closed]);
  const settling = { timeout: settlement, action: `settle with ${text} what it has`, owner: stop };
  await limited(settling, (signal) => abortable(settled, signal)).catch((error: unknown) => {
    if (!stop.aborted) fault(error);
  });
  if (stop.aborted) return;
  const leaving = { timeout: goodbye, action: `say goodbye to ${text}`, owner: stop };
  await limited(leaving, (signal) => session.goodbye({ signal }));
  if (stop.aborted) return;
  session.destroy();
  await session.closed;
}
