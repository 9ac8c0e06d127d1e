import type { Counted } from "../../lib/net/mod.ts";
import { openSockets } from "../support/descriptors.ts";
import { until } from "../support/until.ts";

/**
 * Runs the body of a test, and what must be done after it, whatever has become of it: there are proofs in both. A body
 * that has failed says why; what it has left behind is only the consequence.
 */
export async function bodyAndEnd(body: () => Promise<void>, end: () => Promise<unknown>): Promise<void> {
  let failure: { error: unknown } | undefined;
  await body().catch((error: unknown) => failure = { error });
  await end().catch((error: unknown) => failure ??= { error });
  if (failure !== undefined) throw failure.error;
}

/** A network holds nothing, neither by its own book nor by the system's, which had so many `sockets` before. */
export async function settled(network: Counted, sockets: number | undefined): Promise<void> {
  await until(() => Object.values(network.open()).every((count) => count === 0), {
    what: () => `nothing to be open, but there is ${JSON.stringify(network.open())}`,
  });
  if (sockets === undefined) return;
  await until(() => (openSockets() ?? 0) <= sockets, { what: "all descriptors to be given back" });
}

/** What a promise rejects with; fails when it does not. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  const outcome = await promise.then((value) => ({ value }), (error: unknown) => ({ error }));
  if ("error" in outcome) return outcome.error;
  throw new Error(`Expected a rejection, got ${String(outcome.value)}`);
}

export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
