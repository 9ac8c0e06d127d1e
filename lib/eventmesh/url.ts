import { readUrls, type ServerUrl, type ServerUrls } from "../messaging/url.ts";
import type { TransportTarget } from "../net/transport.ts";
import type { EventMeshOptions, ResolvedAgent } from "./options.ts";

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
 * &path=...]`, `eventmesh+tls://...` for TLS, `eventmesh+unix:///path` for a unix socket. Who we are is the same for all of
 * them: what one URL says holds for all, and cannot differ. Settings of TLS beside a server without TLS are a mistake:
 * whoever gives them counts on it that nothing is sent in clear.
 *
 * @throws {TypeError} naming the URL (without its credentials), what is wrong with it and what is wanted.
 */
export function parseUrls(
  urls: ServerUrls,
  tls: EventMeshOptions["tls"],
): { servers: Server[]; agent: Partial<ResolvedAgent> } {
  const parsed = readUrls(urls, schemes).map((url) => parseUrl(url, tls));
  const agent: Record<string, string> = {};
  for (const one of parsed) {
    for (const [key, value] of Object.entries(one.agent)) {
      if ((agent[key] ??= value) === value) continue;
      throw new TypeError(
        `Cannot connect: expected the same ${key} for all servers, got that for ${one.server.text} to differ`,
      );
    }
  }
  return { servers: parsed.map((one) => one.server), agent };
}

function parseUrl(
  { parts, wrong, decode }: ServerUrl,
  tls: EventMeshOptions["tls"],
): { server: Server; agent: Readonly<Record<string, string>> } {
  const unix = parts.protocol === "eventmesh+unix:";
  const place = parts.pathname === "/" ? "" : parts.pathname;
  // What is behind the host may be the rest of a password that was not encoded: it is not shown.
  if (unix && (place === "" || parts.host !== "")) {
    throw wrong("expected no host and a path, as in eventmesh+unix:///path");
  }
  if (!unix && parts.hostname === "") throw wrong("expected a host, got none");
  if (!unix && place !== "") throw wrong("expected nothing but parameters behind the host, got a path");
  if (!unix && parts.port === "0") throw wrong("expected a port from 1 to 65535, got 0");
  if (parts.protocol === "eventmesh:" && tls !== undefined) {
    throw wrong('expected scheme eventmesh+tls: beside option "tls", got eventmesh:');
  }
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
  if (parts.username !== "") agent["username"] = decode(parts.username, "a user name");
  if (parts.password !== "") agent["password"] = decode(parts.password, "a password");
  if (unix) {
    const path = decode(place, "a path");
    return { server: { target: { path }, text: path, tls: false }, agent };
  }
  const host = parts.hostname.replace(/^\[|\]$/g, "");
  const port = parts.port === "" ? defaultPort : Number(parts.port);
  const secure = parts.protocol === "eventmesh+tls:";
  return { server: serverAt(decode(host, "a host"), port, secure ? { ...tls } : undefined), agent };
}

/** A server at a host and port, such as a redirect leads to. */
export function serverAt(host: string, port: number, tls: EventMeshOptions["tls"]): Server {
  const text = `${host.includes(":") ? `[${host}]` : host}:${port}`;
  return { target: { host, port, ...(tls === undefined ? {} : { tls }) }, text, tls: tls !== undefined };
}
