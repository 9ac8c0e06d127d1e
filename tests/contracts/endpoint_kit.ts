import { expect } from "vitest";
import type { Endpoint, EndpointEvent, Outcome } from "../../lib/lifecycle/mod.ts";
import { abortReasons } from "../support/signals.ts";
import { turns } from "../support/until.ts";
import { bodyAndEnd } from "./bench.ts";

/** What the endpoint contract needs to know of an implementation. */
export interface EndpointFixture {
  /** Makes an endpoint that is open. */
  open(options: OpenOptions): Promise<OpenEndpoint>;
  /** What an abort of the signal of its life does. */
  readonly governed?: "graceful" | "forced";
  /** How an end may be called that was forced while it was occupied. @default {["forced"]} */
  readonly forced?: readonly Outcome[];
}

/** How an endpoint is made. */
export interface OpenOptions {
  /** Governs its life, where an implementation has that. */
  readonly signal?: AbortSignal;
  /** False: one that would come back after a loss ends. */
  readonly reconnect?: false;
}

/** An endpoint and what stands around it. */
export interface OpenEndpoint {
  readonly endpoint: Endpoint;
  /** Gives it work that outlasts every drain: it ends with `release`, or when the endpoint stops waiting. */
  occupy(): Promise<void>;
  /** Lets the work end. */
  release(): void;
  /** The peer says its goodbye, where there is one. */
  peerGoodbye?(): void;
  /** What it lives on breaks. */
  lose?(): void;
  /** Frees what stands around it. */
  end(): Promise<unknown>;
}

export type EndpointTest = (
  body: (open: OpenEndpoint) => Promise<void>,
  signal?: () => AbortSignal,
) => () => Promise<void>;

/** Makes tests of bodies: each gets an endpoint, and everything around it is ended afterwards. */
export function endpointTests(fixture: EndpointFixture): EndpointTest {
  return (body, signal) => async () => {
    const open = await fixture.open(signal === undefined ? {} : { signal: signal() });
    await bodyAndEnd(() => body(open), async () => {
      open.release();
      await open.endpoint.goodbye({ grace: 0 });
      await open.end();
    });
  };
}

/** Every kind of reason, with a name for the title of a test. */
export const reasons: readonly (readonly [name: string, make: () => unknown])[] = abortReasons.map((make) =>
  [String(make).replace("() => ", ""), make] as const
);
export const zero = { sockets: 0, timers: 0, listeners: 0 } as const;

export async function collect(endpoint: Endpoint): Promise<EndpointEvent[]> {
  const events: EndpointEvent[] = [];
  for await (const event of endpoint.events()) events.push(event);
  return events;
}

export async function expectPending(promise: Promise<unknown>): Promise<void> {
  const pending = Symbol("pending");
  await turns(2);
  expect(await Promise.race([promise, Promise.resolve(pending)])).toBe(pending);
}
