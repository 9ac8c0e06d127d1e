import { readUrls, type ServerUrl, type ServerUrls } from "../messaging/url.ts";

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
 * The servers of a cluster know the same users: credentials in one URL are those for all, and cannot differ.
 *
 * @throws {TypeError} naming the URL (without its credentials), what is wrong with it and what is wanted.
 */
export function parseUrls(urls: ServerUrls): ParsedUrls {
  const parsed = readUrls(urls, schemes).map(parseUrl);
  if (new Set(parsed.map(({ tls }) => tls)).size > 1) {
    throw new TypeError("Cannot connect: expected servers of one scheme, got nats: and nats+tls:");
  }
  const named = parsed.filter(({ user, token }) => user !== undefined || token !== undefined);
  const [first] = named;
  const other = named.find(({ user, pass, token }) =>
    user !== first!.user || pass !== first!.pass || token !== first!.token
  );
  if (other !== undefined) {
    throw new TypeError(
      `Cannot connect: expected the same credentials for all servers, got those for ${other.server} to differ from those for ${
        first!.server
      }`,
    );
  }
  return {
    servers: parsed.map(({ server }) => server),
    tls: parsed[0]!.tls,
    user: first?.user,
    pass: first?.pass,
    token: first?.token,
  };
}

interface ParsedUrl {
  readonly server: string;
  readonly tls: boolean;
  readonly user: string | undefined;
  readonly pass: string | undefined;
  readonly token: string | undefined;
}

function parseUrl({ parts, wrong, decode }: ServerUrl): ParsedUrl {
  if (parts.hostname === "") throw wrong("expected a host, got none");
  // What is behind the host may be the rest of a password that was not encoded: it is not shown.
  if (parts.pathname !== "" && parts.pathname !== "/") {
    throw wrong("expected nothing behind the host, got a path");
  }
  if (parts.search !== "") throw wrong("expected nothing behind the host, got parameters");
  if (parts.hash !== "") throw wrong("expected nothing behind the host, got a fragment");
  if (parts.port === "0") throw wrong("expected a port from 1 to 65535, got 0");
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
