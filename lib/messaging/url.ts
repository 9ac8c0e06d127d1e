import { show } from "./show.ts";

/** What a caller of `connect` gives: a server, or several of one cluster. */
export type ServerUrls = string | URL | readonly (string | URL)[];

/** A URL of a server, read so far as every protocol does. */
export interface ServerUrl {
  readonly parts: URL;
  /** What is wrong with it: the URL is named without its credentials. */
  wrong(reason: string): TypeError;
  /** Text of it without its escapes. */
  decode(text: string, what: string): string;
}

/**
 * Reads a list of URLs.
 *
 * @throws {TypeError} naming the URL, what is wrong with it and what is wanted.
 */
export function readUrls(urls: ServerUrls, schemes: readonly string[]): readonly ServerUrl[] {
  const list = Array.isArray(urls) ? urls as readonly (string | URL)[] : [urls as string | URL];
  if (list.length === 0) throw new TypeError("Cannot connect: expected one or more URLs, got an empty list");
  return list.map((url) => readUrl(url, schemes));
}

/** A URL for people: whatever may belong to credentials is left out, even where they made the URL unreadable. */
export function withoutCredentials(url: string): string {
  const scheme = /^[a-z][a-z0-9+.-]*:\/\//i.exec(url)?.[0] ?? "";
  const at = url.lastIndexOf("@");
  return at < 0 ? url : `${scheme}...@${url.slice(at + 1)}`;
}

function readUrl(url: string | URL, schemes: readonly string[]): ServerUrl {
  if (typeof url !== "string" && !(url instanceof URL)) {
    throw new TypeError(`Cannot connect: expected a URL as text or a URL object, got ${show(url)}`);
  }
  const wrong = (reason: string): TypeError =>
    new TypeError(`Cannot use URL "${withoutCredentials(String(url))}": ${reason}`);
  const parts = partsOf(url);
  // Without a cause: that of the runtime carries the whole URL.
  if (parts === undefined) throw wrong(`expected ${schemes[0]}//host:port, got no URL`);
  if (!schemes.includes(parts.protocol)) {
    throw wrong(`expected scheme ${schemes.join(" or ")}, got ${parts.protocol}`);
  }
  const decode = (text: string, what: string): string => {
    try {
      return decodeURIComponent(text);
    } catch {
      throw wrong(`expected ${what} with %XX for special characters, got a % that begins none`);
    }
  };
  return { parts, wrong, decode };
}

function partsOf(url: string | URL): URL | undefined {
  try {
    return new URL(url);
  } catch {
    return undefined;
  }
}
