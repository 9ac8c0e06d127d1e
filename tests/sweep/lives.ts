import { expect } from "vitest";
import type { Endpoint } from "../../lib/lifecycle/mod.ts";
import type { MessageConnection, SubscribeOptions, Subscription } from "../../lib/messaging/mod.ts";
import type { Interrupt } from "../support/sweep.ts";

/**
 * A subscription whose signal governs its life: something happens to it, and the abort ends it at once, before, during or
 * after that. Rejects with the reason it has ended with.
 */
export async function governed(
  { connection }: { readonly connection: MessageConnection },
  signal: AbortSignal,
  happen: (subscription: Subscription) => Promise<unknown>,
  options: SubscribeOptions = {},
): Promise<Subscription> {
  const subscription = await connection.subscribe("orders", { ...options, signal });
  const over = subscription.closed.then(({ cause, reason }) => {
    expect(cause).toBe("aborted");
    throw reason;
  });
  await Promise.race([happen(subscription), over]);
  return subscription;
}

/** Ends a subscription that lives, or looks at how the abort has ended it: by force, with its reason, holding nothing. */
export async function living(subscription: Subscription, interrupt: Interrupt): Promise<void> {
  if (!interrupt.aborted) {
    expect((await subscription.goodbye()).outcome).toBe("clean");
    return;
  }
  const farewell = await subscription.closed;
  expect(farewell).toMatchObject({ cause: "aborted", outcome: "forced" });
  expect(Object.is(farewell.reason, interrupt.reason), "the reason of the end").toBe(true);
  expect(farewell.residue).toEqual({ sockets: 0, timers: 0, listeners: 0 });
}

/** Resolves when an endpoint has got another transport, from now on, so many times. Rejects when it ends before. */
export async function connectedAgain(endpoint: Endpoint, times = 1): Promise<void> {
  let left = times;
  for await (const { type } of endpoint.events()) if (type === "connected" && --left === 0) return;
  throw new Error("It has ended instead");
}

/** Resolves when an endpoint is in a state. */
export async function untilState(endpoint: Endpoint, wanted: string): Promise<void> {
  for await (const event of endpoint.events()) if (event.type === "state" && event.state === wanted) return;
}
