import { Buffer } from "node:buffer";
import { isIPv6 } from "node:net";
import process from "node:process";
import type { ListenAddress, ListenTarget, TransportTarget } from "./transport.ts";

/**
 * Writes an address for people and logs: `127.0.0.1:4222`, `[::1]:4222`, or the path of a unix socket.
 *
 * @example
 * ```ts
 * import { targetText } from "gracewire/net";
 *
 * targetText({ host: "::1", port: 4222 }); // "[::1]:4222"
 * ```
 */
export function targetText(target: TransportTarget | ListenTarget | ListenAddress): string {
  return "path" in target ? target.path : formatAddress(target.host, target.port);
}

/** Writes a host and a port; an IPv6 address gets its brackets. */
export function formatAddress(host: string, port: number): string {
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
}

/**
 * Reads what {@linkcode targetText} writes. A text that starts with `/` or `.` is the path of a unix socket; everything
 * else is a host and a port, an IPv6 address in brackets.
 *
 * Throws a TypeError when the text is neither, and a RangeError when the port is above 65535.
 */
export function parseAddress(text: string): ListenAddress {
  if (text.startsWith("/") || text.startsWith(".")) return { path: text };
  const match = /^(?:\[([^\]]+)\]|([^:\s]+)):(\d+)$/.exec(text);
  const bracketed = match?.[1];
  const host = bracketed ?? match?.[2];
  if (match === null || host === undefined || (bracketed !== undefined && !isIPv6(bracketed))) {
    throw new TypeError(`Cannot read address "${text}": expected host:port, [IPv6]:port or a path`);
  }
  return { host, port: checkPort(Number(match[3]), 0) };
}

/** Refuses a place that no dial could reach: a TypeError or a RangeError. */
export function checkTransportTarget(target: TransportTarget): void {
  checkTarget(target, 1);
  if ("path" in target || target.tls === undefined) return;
  const { ca, cert, key } = target.tls;
  for (const [name, text] of Object.entries({ ca, cert, key })) if (text !== undefined) checkPem(name, text);
}

/** Refuses a place where nothing could listen: a TypeError or a RangeError. */
export function checkListenTarget(target: ListenTarget): void {
  checkTarget(target, 0);
  if ("path" in target || target.tls === undefined) return;
  const { ca, cert, key } = target.tls;
  checkPem("cert", cert);
  checkPem("key", key);
  if (ca !== undefined) checkPem("ca", ca);
}

/** Deno takes any text and then fails every handshake; the others throw an error of their TLS library. */
function checkPem(name: string, text: string): void {
  if (typeof text !== "string" || !text.includes("-----BEGIN ")) {
    throw new TypeError(`Cannot use option "tls.${name}": expected a PEM text`);
  }
}

function checkTarget(target: TransportTarget | ListenTarget, lowestPort: number): void {
  if ("path" in target) {
    checkPath(target.path);
    return;
  }
  if (typeof target.host !== "string" || target.host === "") {
    throw new TypeError(
      `Cannot use option "host": expected a name or an address, got ${JSON.stringify(target.host)}`,
    );
  }
  checkPort(target.port, lowestPort);
}

function checkPort(port: number, lowest: number): number {
  if (typeof port !== "number") {
    throw new TypeError(`Cannot use option "port": expected a number, got ${typeof port}`);
  }
  if (!Number.isInteger(port) || port < lowest || port > 65_535) {
    throw new RangeError(`Cannot use option "port": expected ${lowest} to 65535, got ${port}`);
  }
  return port;
}

/** Node 20 cuts a path that is too long and then listens somewhere else; Bun and Deno refuse it. */
function checkPath(path: string): void {
  if (typeof path !== "string" || path === "" || path.includes("\0")) {
    throw new TypeError(
      `Cannot use option "path": expected the path of a socket, got ${JSON.stringify(path)}`,
    );
  }
  const size = Buffer.byteLength(path);
  if (size > maxPathBytes) {
    throw new RangeError(`Cannot use option "path": expected at most ${maxPathBytes} bytes, got ${size}`);
  }
}

/** The size of `sun_path`, without its final zero; a Windows pipe has its own rule. */
const maxPathBytes: number = process.platform === "win32" ? 256 : process.platform === "linux" ? 107 : 103;
