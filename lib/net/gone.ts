import type { Transport } from "./transport.ts";

/** Told once when a stream is gone. */
export interface GoneTarget {
  onGone(error: Error | undefined): void;
}

/** How a transport of this library tells one target without a promise: see {@linkcode whenGone}. */
export const watchGone: unique symbol = Symbol("watchGone");

/** A transport that can do so. It tells when it settles `closed`, never inside a call of its user. */
export interface GoneSource {
  [watchGone](target: GoneTarget): void;
}

/**
 * Tells a target when a stream is gone, with the error that ended it. Like `closed`, which for each of thousands of idle
 * streams weighs more than the stream's own state: so it is asked for only where there is no other way. One target each.
 */
export function whenGone(transport: Transport & Partial<GoneSource>, target: GoneTarget): void {
  if (transport[watchGone] !== undefined) transport[watchGone](target);
  else void transport.closed.then((error) => target.onGone(error));
}
