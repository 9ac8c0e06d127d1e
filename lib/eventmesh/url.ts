import type { TransportTarget } from "../net/transport.ts";
import { type EventMeshOptions, type ResolvedAgent, show } from "./options.ts";

/** A server to connect to. */
export interface Server {
  readonly target: TransportTarget;
  /** It for people, without credentials. */
  readonly text: string;
  readonly tls: boolean;
}

/** The port that EventMesh listens on. */
export const defaultPort = 10_000;

const schemes = ["eventmesh:", "eventmesh+tls:", "eventmesh+unix:"];
const parameters = ["group", "subsystem", "idc", "env", "path"] as const;

/**
 * Reads the URLs of a list of servers: `eventmesh://[user[:password]@]host[:port][?group=...&subsystem=...&idc=...&env=...
 * &path=...]`, `eventmesh+tls://...` for TLS, `eventmesh+unix:///path` for a unix socket.
 *
 * @throws {TypeError} naming the URL (without its credentials), what is wrong with it and what is wanted.
 */
export function parseUrls(
  urls: string | URL | readonly (string | URL)[],
  tls: EventMeshOptions["tls"],
): { servers: Server[]; agent: Partial<ResolvedAgent> } {
  const list = Array.isArray(urls) ? urls as readonly (string | URL)[] : [urls as string | URL];
  if (list.length === 0) throw new TypeError("Cannot connect: expected one or more URLs, got an empty list");
  const parsed = list.map((url) => parseUrl(url, tls));
  // Who we are is the same for every server of the list: the first that says it wins.
  const agent = Object.assign({}, ...parsed.map((one) => one.agent).reverse()) as Partial<ResolvedAgent>;
  return { servers: parsed.map((one) => one.server), agent };
}

/** A URL for people: whatever may belong to credentials is left out, even where they made the URL unreadable. */
export function withoutCredentials(url: string): string {
  const scheme = /^[a-z][a-z0-9+.-]*:\/\//i.exec(url)?.[0] ?? "";
  const at = url.lastIndexOf("@");
  return at < 0 ? url : `${scheme}...@${url.slice(at + 1)}`;
}

function parseUrl(
  url: string | URL,
  tls: EventMeshOptions["tls"],
): { server: Server; agent: Partial<ResolvedAgent> } {
  if (typeof url !== "string" && !(url instanceof URL)) {
    throw new TypeError(`Cannot connect: expected a URL as text or a URL object, got ${show(url)}`);
  }
  const wrong = (reason: string): TypeError =>
    new TypeError(`Cannot use URL "${withoutCredentials(String(url))}": ${reason}`);
  const parts = readUrl(url);
  // Without a cause: that of the runtime carries the whole URL.
  if (parts === undefined) throw wrong("expected eventmesh://host:port, got no URL");
  if (!schemes.includes(parts.protocol)) {
    throw wrong(`expected scheme ${schemes.join(" or ")}, got ${parts.protocol}`);
  }
  const unix = parts.protocol === "eventmesh+unix:";
  const place = parts.pathname === "/" ? "" : parts.pathname;
  // What is behind the host may be the rest of a password that was not encoded: it is not shown.
  if (unix && (place === "" || parts.host !== "")) {
    throw wrong("expected no host and a path, as in eventmesh+unix:///path");
  }
  if (!unix && parts.hostname === "") throw wrong("expected a host, got none");
  if (!unix && place !== "") throw wrong("expected nothing but parameters behind the host, got a path");
  if (!unix && parts.port === "0") throw wrong("expected a port from 1 to 65535, got 0");
  if (parts.hash !== "") throw wrong("expected nothing but parameters behind the host, got a fragment");
  const agent: Record<string, string> = {};
  for (const [key, value] of parts.searchParams) {
    if (!(parameters as readonly string[]).includes(key)) {
      throw wrong(
        `expected parameters out of ${parameters.join(", ")}, got ${key.includes("@") ? "another" : key}`,
      );
    }
    agent[key] = value;
  }
  const decode = (text: string, what: string): string => {
    try {
      return decodeURIComponent(text);
    } catch {
      throw wrong(`expected ${what} with %XX for special characters, got a % that begins none`);
    }
  };
  if (parts.username !== "") agent["username"] = decode(parts.username, "a user name");
  if (parts.password !== "") agent["password"] = decode(parts.password, "a password");
  if (unix) {
    const path = decode(place, "a path");
    return { server: { target: { path }, text: path, tls: false }, agent };
  }
  const host = parts.hostname.replace(/^\[|\]$/g, "");
  const port = parts.port === "" ? defaultPort : Number(parts.port);
  const secure = parts.protocol === "eventmesh+tls:";
  return { server: serverAt(decode(host, "a host"), port, secure ? tls ?? {} : undefined), agent };
}

/** A server at a host and port, such as a redirect leads to. */
export function serverAt(host: string, port: number, tls: EventMeshOptions["tls"]): Server {
  const text = `${host.includes(":") ? `[${host}]` : host}:${port}`;
  return { target: { host, port, ...(tls === undefined ? {} : { tls }) }, text, tls: tls !== undefined };
}

function readUrl(url: string | URL): URL | undefined {
  try {
    return new URL(url);
  } catch {
    return undefined;
  }
}
