import { show } from "./show.ts";

/** What the URLs of a list of servers say. */
export interface ParsedUrls {
  /** Host and port of each, as text. */
  readonly servers: readonly string[];
  /** TLS is asked for. */
  readonly tls: boolean;
  readonly user: string | undefined;
  readonly pass: string | undefined;
  readonly token: string | undefined;
}

/** The port that NATS listens on. */
export const defaultPort = 4_222;

const schemes = ["nats:", "nats+tls:"];

/**
 * Reads the URLs of a list of servers: `nats://[user:password@ | token@]host[:port]`, `nats+tls://...` where TLS is a must.
 *
 * @throws {TypeError} naming the URL (without its credentials), what is wrong with it and what is wanted.
 */
export function parseUrls(urls: string | URL | readonly (string | URL)[]): ParsedUrls {
  const list = Array.isArray(urls) ? urls as readonly (string | URL)[] : [urls as string | URL];
  if (list.length === 0) throw new TypeError("Cannot connect: expected one or more URLs, got an empty list");
  const parsed = list.map(parseUrl);
  const named = parsed.find(({ user, token }) => user !== undefined || token !== undefined);
  if (new Set(parsed.map(({ tls }) => tls)).size > 1) {
    throw new TypeError("Cannot connect: expected servers of one scheme, got nats: and nats+tls:");
  }
  return {
    servers: parsed.map(({ server }) => server),
    tls: parsed[0]!.tls,
    user: named?.user,
    pass: named?.pass,
    token: named?.token,
  };
}

/** A URL for people: whatever may belong to credentials is left out, even where they made the URL unreadable. */
export function withoutCredentials(url: string): string {
  const scheme = /^[a-z][a-z0-9+.-]*:\/\//i.exec(url)?.[0] ?? "";
  const at = url.lastIndexOf("@");
  return at < 0 ? url : `${scheme}...@${url.slice(at + 1)}`;
}

interface ParsedUrl {
  readonly server: string;
  readonly tls: boolean;
  readonly user: string | undefined;
  readonly pass: string | undefined;
  readonly token: string | undefined;
}

function parseUrl(url: string | URL): ParsedUrl {
  if (typeof url !== "string" && !(url instanceof URL)) {
    throw new TypeError(`Cannot connect: expected a URL as text or a URL object, got ${show(url)}`);
  }
  const wrong = (reason: string): TypeError =>
    new TypeError(`Cannot use URL "${withoutCredentials(String(url))}": ${reason}`);
  const parts = readUrl(url);
  // Without a cause: that of the runtime carries the whole URL.
  if (parts === undefined) throw wrong("expected nats://host:port, got no URL");
  if (!schemes.includes(parts.protocol)) {
    throw wrong(`expected scheme ${schemes.join(" or ")}, got ${parts.protocol}`);
  }
  if (parts.hostname === "") throw wrong("expected a host, got none");
  // What is behind the host may be the rest of a password that was not encoded: it is not shown.
  if (parts.pathname !== "" && parts.pathname !== "/") {
    throw wrong("expected nothing behind the host, got a path");
  }
  if (parts.search !== "") throw wrong("expected nothing behind the host, got parameters");
  if (parts.hash !== "") throw wrong("expected nothing behind the host, got a fragment");
  if (parts.port === "0") throw wrong("expected a port from 1 to 65535, got 0");
  const decode = (text: string, what: string): string => {
    try {
      return decodeURIComponent(text);
    } catch {
      throw wrong(`expected ${what} with %XX for special characters, got a % that begins none`);
    }
  };
  const name = parts.username === "" ? undefined : decode(parts.username, "a user name or token");
  const pass = parts.password === "" ? undefined : decode(parts.password, "a password");
  return {
    server: `${decode(parts.hostname, "a host")}:${parts.port === "" ? defaultPort : parts.port}`,
    tls: parts.protocol === "nats+tls:",
    user: pass === undefined ? undefined : name ?? "",
    pass,
    token: pass === undefined ? name : undefined,
  };
}

function readUrl(url: string | URL): URL | undefined {
  try {
    return new URL(url);
  } catch {
    return undefined;
  }
}
