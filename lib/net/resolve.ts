import { lookup } from "node:dns";
import { isIP } from "node:net";

/** The addresses of a host, in the order to try them, or why there are none. Never rejects. */
export type Resolved = { readonly addresses: readonly string[] } | { readonly error: Error };

/**
 * Finds the addresses of a host. The names are resolved here, not inside `connect` and `listen`: there an abort leaves
 * a timer behind (Node, while it tries several addresses), or a server that listens later although it was closed.
 *
 * The system call behind it cannot be cancelled; its late answer is dropped.
 */
export function resolveHost(host: string): Promise<Resolved> {
  if (isIP(host) !== 0) return Promise.resolve({ addresses: [host] });
  return new Promise((resolve) => {
    lookup(host, { all: true }, (error, found) => {
      if (error !== null && error !== undefined) resolve({ error });
      else if (found.length === 0) resolve({ error: new Error(`no address found for ${host}`) });
      else resolve({ addresses: alternate(found) });
    });
  });
}

/** Alternates the families, the first one's first (RFC 8305 section 4): a broken IPv6 then costs one attempt only. */
export function alternate(found: readonly { readonly address: string; readonly family: number }[]): string[] {
  const first = found.filter((one) => one.family === found[0]?.family);
  const second = found.filter((one) => one.family !== found[0]?.family);
  const ordered: string[] = [];
  for (let i = 0; i < Math.max(first.length, second.length); i++) {
    for (const one of [first[i], second[i]]) if (one !== undefined) ordered.push(one.address);
  }
  return ordered;
}
