/**
 * A client of Apache EventMesh over TCP, for the runtime (1.10 to 1.12) and for the embedded broker.
 *
 * @example
 * ```ts
 * import { connect } from "gracewire/eventmesh";
 *
 * await using connection = await connect("eventmesh://127.0.0.1:10000?group=billing", { signal });
 * const subscription = await connection.subscribe("orders", { signal });
 * await connection.publish("orders", JSON.stringify({ id: 7 }), { signal });
 * for await (const message of subscription) console.log(message.json());
 * ```
 *
 * @module
 */

import { type EventMeshConnection, openConnection } from "./connection.ts";
import { type EventMeshOptions, resolveOptions } from "./options.ts";
import { parseUrls } from "./url.ts";

/**
 * Connects to a server, or to the first of a list that answers, and says hello.
 *
 * Schemes are `eventmesh:`, `eventmesh+tls:` (a TLS proxy in front of a runtime, or the embedded broker with TLS) and
 * `eventmesh+unix:`. The port defaults to 10000; credentials, `group`, `subsystem`, `idc`, `env` and `path` may be part of
 * the URL.
 *
 * `signal` and `timeout` bound the call: when it rejects, its sockets, timers and listeners are gone. The connection
 * itself lives until its goodbye.
 *
 * @throws {TypeError | RangeError} a wrong URL or option, before anything else.
 * @throws {ConnectError} no server answered.
 * @throws {PeerError} the server refused the hello.
 * @throws {TimeoutError} after `timeout` milliseconds.
 */
export async function connect(
  urls: string | URL | readonly (string | URL)[],
  options: EventMeshOptions = {},
): Promise<EventMeshConnection> {
  const { servers, agent } = parseUrls(urls, options?.tls);
  return await openConnection(servers, resolveOptions(options, agent), options.signal);
}

export type { EventMeshConnection, EventMeshPublishOptions, EventMeshRequestOptions } from "./connection.ts";
export type { EventMeshHeader } from "./incoming.ts";
export type { EventMeshOptions, EventMeshSubscribeOptions, ReconnectOptions } from "./options.ts";
export type { EventMeshMessageOptions } from "./outgoing.ts";
