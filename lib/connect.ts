import { UnsupportedError } from "./errors.ts";
import type { EventMeshConnection } from "./eventmesh/connection.ts";
import type { EventMeshOptions } from "./eventmesh/options.ts";

/**
 * Connects to a messaging server; the scheme of the URL picks the protocol, which is loaded when it is first used.
 *
 * | scheme | protocol |
 * | --- | --- |
 * | `eventmesh:`, `eventmesh+tls:`, `eventmesh+unix:` | EventMesh over TCP: see `gracewire/eventmesh` |
 *
 * A list of URLs is a list of servers of one cluster: the first that answers is used, the others when it is lost.
 * Create-or-nothing: when the call rejects, nothing of it is left.
 *
 * @example
 * ```ts
 * import { connect } from "gracewire";
 *
 * await using connection = await connect("eventmesh://127.0.0.1:10000", { signal });
 * await connection.publish("greetings", "hello", { signal });
 * ```
 *
 * @throws {TypeError | RangeError} a wrong URL or option.
 * @throws {UnsupportedError} a scheme that no protocol has.
 * @throws {ConnectError | PeerError | TimeoutError} as the protocol documents.
 */
export async function connect(
  urls: string | URL | readonly (string | URL)[],
  options: EventMeshOptions = {},
): Promise<EventMeshConnection> {
  const scheme = schemeOf(urls);
  if (scheme.startsWith("eventmesh")) {
    const { signal } = options ?? {};
    if (signal instanceof AbortSignal && signal.aborted) throw signal.reason;
    const protocol = await import("./eventmesh/mod.ts");
    return await protocol.connect(urls, options);
  }
  throw new UnsupportedError(
    `Cannot connect: expected a URL with scheme eventmesh:, eventmesh+tls: or eventmesh+unix:, got ${scheme}`,
  );
}

function schemeOf(urls: string | URL | readonly (string | URL)[]): string {
  const first: unknown = Array.isArray(urls) ? urls[0] : urls;
  if (typeof first !== "string" && !(first instanceof URL)) {
    const got = Array.isArray(urls) && urls.length === 0 ? "an empty list" : typeof first;
    throw new TypeError(`Cannot connect: expected a URL or a list of URLs, got ${got}`);
  }
  const [scheme] = String(first).match(/^[a-z][a-z0-9+.-]*:(?=\/\/)/i) ?? [];
  if (scheme !== undefined) return scheme.toLowerCase();
  // Where no scheme is, there may be credentials: the text is shown only behind them.
  const shown = JSON.stringify(String(first).replace(/^.*@/s, "...@"));
  throw new TypeError(`Cannot connect: expected a URL such as eventmesh://host:port, got ${shown}`);
}
