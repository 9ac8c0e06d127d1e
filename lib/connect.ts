import { UnsupportedError } from "./errors.ts";
import type { EventMeshConnection } from "./eventmesh/connection.ts";
import type { EventMeshOptions, EventMeshSubscribeOptions } from "./eventmesh/options.ts";
import type { MessageConnection, SubscribeOptions, Subscription } from "./messaging/connection.ts";
import type { NatsConnection } from "./nats/api.ts";
import type { NatsOptions } from "./nats/options.ts";

/** Options that all protocols have. */
export type ConnectOptions = Pick<EventMeshOptions, keyof EventMeshOptions & keyof NatsOptions>;

/** A connection whose protocol is known when the program runs: by its URL. */
export interface AnyConnection extends MessageConnection {
  /** `type: "sync"` is for messages that want a reply; NATS makes no difference between the two. */
  subscribe(
    topics: string | readonly string[],
    options?: SubscribeOptions & Pick<EventMeshSubscribeOptions, "type">,
  ): Promise<Subscription>;
}

/**
 * Connects to a messaging server; the scheme of the URL picks the protocol, which is loaded when it is first used.
 *
 * | scheme | protocol |
 * | --- | --- |
 * | `eventmesh:`, `eventmesh+tls:`, `eventmesh+unix:` | EventMesh over TCP: see `gracewire/eventmesh` |
 * | `nats:`, `nats+tls:` | NATS: see `gracewire/nats`; needs the package `@nats-io/nats-core` |
 *
 * A list of URLs is a list of servers of one cluster: the first that answers is used, the others when it is lost.
 * URLs and options are copied by the call: they may be changed, and keys overwritten, once it was made.
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
 * @throws {UnsupportedError} a scheme that no protocol has, or a protocol whose package is missing or of another version.
 * @throws {ConnectError | PeerError | TimeoutError} as the protocol documents.
 */
export function connect(
  urls: Several<`eventmesh${string}`>,
  options?: EventMeshOptions,
): Promise<EventMeshConnection>;
export function connect(urls: Several<`nats${string}`>, options?: NatsOptions): Promise<NatsConnection>;
export function connect(urls: Several<string | URL>, options?: ConnectOptions): Promise<AnyConnection>;
export async function connect(
  urls: Several<string | URL>,
  options: ConnectOptions = {},
): Promise<AnyConnection> {
  const scheme = schemeOf(urls);
  const load = protocols.get(scheme.replace(/[+:].*$/, ""));
  if (load === undefined) {
    throw new UnsupportedError(
      `Cannot connect: expected a URL with scheme eventmesh:, eventmesh+tls:, eventmesh+unix:, nats: or nats+tls:, got ${scheme}`,
    );
  }
  const { signal } = options ?? {};
  if (signal instanceof AbortSignal && signal.aborted) throw signal.reason;
  // Before anything is waited for: from now on they are the caller's again.
  const places = Array.isArray(urls) ? urls.map(placeOf) : placeOf(urls as string | URL);
  const given = copyOf(options);
  const protocol = await load();
  return await protocol.connect(places, given);
}

type Several<T> = T | readonly T[];

interface Protocol {
  connect(urls: Several<string | URL>, options: ConnectOptions): Promise<AnyConnection>;
}

/** A map: an object has names that nobody has put there, such as `constructor`. */
const protocols: ReadonlyMap<string, () => Promise<Protocol>> = new Map<string, () => Promise<Protocol>>([
  ["eventmesh", () => import("./eventmesh/mod.ts")],
  ["nats", () => import("./nats/mod.ts")],
]);

function placeOf(url: string | URL): string | URL {
  return url instanceof URL ? new URL(url) : url;
}

/** As it was given, for the protocol to check: with the objects in it that have options of their own, lists and bytes. */
function copyOf(options: ConnectOptions): ConnectOptions {
  if (typeof options !== "object" || options === null) return options;
  return Object.fromEntries(
    Object.entries(options).map(([name, value]) => [name, copyOfOption(name, value)]),
  );
}

function copyOfOption(name: string, value: unknown): unknown {
  if (value instanceof Uint8Array) return new Uint8Array(value);
  if (Array.isArray(value)) return [...value];
  const nested = (name === "reconnect" || name === "tls") && typeof value === "object" && value !== null;
  return nested ? { ...value } : value;
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
