/**
 * A client of NATS, over the official client: `npm install @nats-io/nats-core@3.4`.
 *
 * @example
 * ```ts
 * import { connect } from "gracewire/nats";
 *
 * await using connection = await connect("nats://127.0.0.1:4222", { signal });
 * const subscription = await connection.subscribe("orders.*", { queue: "billing", signal });
 * await connection.publish("orders.new", JSON.stringify({ id: 7 }), { signal });
 * for await (const message of subscription) console.log(message.json());
 * ```
 *
 * @module
 */

import type { NatsConnection as RawConnection } from "@nats-io/nats-core";
import { abortable } from "../lifecycle/abort.ts";
import type { ServerUrls } from "../messaging/url.ts";
import type { NatsConnection } from "./api.ts";
import { loadConnection, loadedConnection } from "./official.ts";
import { type NatsOptions, resolveOptions } from "./options.ts";
import { parseUrls } from "./url.ts";

/**
 * Connects to a server, or to the first of a list that answers, and logs in.
 *
 * Schemes are `nats:`, where TLS is used when the server demands it, and `nats+tls:`, where it is a must. The port defaults to
 * 4222; `user:password@` or `token@` may stand before the host, the same for all servers of a list. The servers of the
 * cluster that the server tells about are used after a loss, too.
 *
 * `signal` and `timeout` bound the call: when it rejects, its sockets, timers and listeners are gone. The connection
 * itself lives until its goodbye, over all losses, unless its credentials are refused.
 *
 * @throws {TypeError | RangeError} a wrong URL or option, before anything else.
 * @throws {UnsupportedError} the package `@nats-io/nats-core` is missing, or of another version.
 * @throws {ConnectError} no server answered.
 * @throws {PeerError} the server refused the credentials.
 * @throws {TimeoutError} after `timeout` milliseconds.
 */
export async function connect(
  urls: ServerUrls,
  options: NatsOptions = {},
): Promise<NatsConnection<RawConnection>> {
  const parsed = parseUrls(urls);
  const resolved = resolveOptions(options, parsed);
  const { signal } = options;
  if (signal?.aborted === true) throw signal.reason;
  const { openConnection } = loadedConnection() ?? await abortable(loadConnection(), signal);
  return await openConnection(parsed.servers, resolved, signal);
}

export type {
  NatsConnection,
  NatsRequestManyOptions,
  NatsStreamPublishOptions,
  NatsStreamReceipt,
  NatsSubscribeOptions,
  NatsUnconfirmedOptions,
} from "./api.ts";
export type { NatsAuthenticator, NatsOptions, NatsReconnectOptions, NatsTlsOptions } from "./options.ts";
