import { checkNames } from "../lifecycle/option.ts";
import { checkDuration } from "../lifecycle/timer.ts";
import { systemNetwork } from "../net/mod.ts";
import type { ListenTarget, Network, TlsListenOptions } from "../net/transport.ts";
import type { ConnectionHandler } from "./connection.ts";

/** What {@linkcode serve} takes. */
export interface ServeOptions {
  /** TCP port; 0 takes a free one. @default {0} */
  readonly port?: number | undefined;
  /** Name or address to listen on. @default {"127.0.0.1"} */
  readonly host?: string | undefined;
  /** Path of a unix socket, in place of host, port and tls. */
  readonly path?: string | undefined;
  /** Certificate and key: only TLS is accepted then. */
  readonly tls?: TlsListenOptions | undefined;
  /** Where connections come from. @default {the sockets of the system} */
  readonly network?: Network | undefined;
  /**
   * Bounds the call: an abort before it has succeeded makes it reject with the reason. Then it governs the life: its
   * abort begins the graceful goodbye, with that reason.
   */
  readonly signal?: AbortSignal | undefined;
  /** What the server is, for people. @default {"server"} */
  readonly name?: string | undefined;
  /**
   * Milliseconds at the begin of the end in which connections are still accepted, so that load balancers notice. They
   * are part of `grace`. @default {0}
   */
  readonly announce?: number | undefined;
  /** Milliseconds of a goodbye for everything before force. @default {14_000} */
  readonly grace?: number | undefined;
  readonly limits?: ServeLimits | undefined;
}

/** What a server grants its peers. */
export interface ServeLimits {
  /** Connections at a time; more are reset. @default {10_000} */
  readonly connections?: number | undefined;
  /** Connections at a time from one address (unix sockets have none). @default {Infinity} */
  readonly perAddress?: number | undefined;
  /** Milliseconds for the TLS handshake. @default {10_000} */
  readonly handshakeTimeout?: number | undefined;
  /**
   * Milliseconds without a byte of the peer after which a connection ends, with cause `idle-timeout`. Time in which
   * nobody reads does not count, nor does the end of a connection. @default {Infinity}
   */
  readonly idleTimeout?: number | undefined;
}

/** The options with their defaults, checked. */
export interface ServeSettings {
  readonly target: ListenTarget;
  readonly network: Network;
  readonly signal: AbortSignal | undefined;
  readonly name: string;
  readonly announce: number;
  readonly grace: number | undefined;
  readonly limits: Required<{ [name in keyof ServeLimits]: number }>;
}

/** Checks what a caller of `serve` gives first. */
export function checkHandler(handler: ConnectionHandler): void {
  if (typeof handler === "function") return;
  throw new TypeError(`Cannot serve: expected a function as handler, got ${describe(handler)}`);
}

/** Checks what a caller of `serve` gives: throws a TypeError or a RangeError. The network checks the address. */
export function checkServeOptions(options: ServeOptions): ServeSettings {
  checkNames(options, optionNames, limitHints);
  const { network, signal, name = "server", announce = 0, grace, limits = {} } = options;
  if (network !== undefined) checkObject("network", network);
  if (network !== undefined && typeof network.listen !== "function") refuse("network", "a network", network);
  if (signal !== undefined && !(signal instanceof AbortSignal)) refuse("signal", "an AbortSignal", signal);
  if (typeof name !== "string") refuse("name", "a text", name);
  if (grace !== undefined) checkDuration("grace", grace);
  checkObject("limits", limits);
  for (const [name, value] of Object.entries(limits)) {
    if (value === undefined || limitNames.includes(name)) continue;
    throw new TypeError(`Cannot use option "limits.${name}": there is no such option`);
  }
  return {
    target: targetOf(options),
    network: network ?? systemNetwork(),
    signal,
    name,
    announce: checkDuration("announce", announce),
    grace,
    limits: {
      connections: checkCount("limits.connections", limits.connections ?? 10_000),
      perAddress: checkCount("limits.perAddress", limits.perAddress ?? Infinity),
      handshakeTimeout: checkTimeout("limits.handshakeTimeout", limits.handshakeTimeout ?? 10_000),
      idleTimeout: checkTimeout("limits.idleTimeout", limits.idleTimeout ?? Infinity),
    },
  };
}

const optionNames: readonly string[] = [
  "port",
  "host",
  "path",
  "tls",
  "network",
  "signal",
  "name",
  "announce",
  "grace",
  "limits",
];
const limitNames: readonly string[] = ["connections", "perAddress", "handshakeTimeout", "idleTimeout"];
const limitHints: Readonly<Record<string, string>> = Object.fromEntries(
  limitNames.map((name) => [name, `it is "limits.${name}"`]),
);

function targetOf({ host, path, port, tls }: ServeOptions): ListenTarget {
  if (path === undefined) return { host: host ?? "127.0.0.1", port: port ?? 0, tls };
  for (const [name, value] of Object.entries({ host, port, tls })) {
    if (value !== undefined) {
      throw new TypeError(`Cannot use option "${name}" together with "path": use one of them`);
    }
  }
  return { path };
}

function checkCount(name: string, value: number): number {
  if (typeof value !== "number") refuse(name, "a number", value);
  if (value !== Infinity && (!Number.isInteger(value) || value < 1)) {
    throw new RangeError(`Cannot use option "${name}": expected 1 or more, or Infinity, got ${value}`);
  }
  return value;
}

function checkTimeout(name: string, value: number): number {
  checkDuration(name, value);
  if (value === 0) {
    throw new RangeError(`Cannot use option "${name}": expected more than 0 milliseconds, got 0`);
  }
  return value;
}

function checkObject(name: string, value: unknown): void {
  if (typeof value !== "object" || value === null) refuse(name, "an object", value);
}

function refuse(name: string, wanted: string, value: unknown): never {
  throw new TypeError(`Cannot use option "${name}": expected ${wanted}, got ${describe(value)}`);
}

function describe(value: unknown): string {
  return value === null ? "null" : typeof value;
}
