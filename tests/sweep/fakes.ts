import { expect } from "vitest";
import { GracewireError } from "../../lib/errors.ts";
import { connect, type EventMeshConnection, type EventMeshOptions } from "../../lib/eventmesh/mod.ts";
import { onAbort } from "../../lib/lifecycle/abort.ts";
import type { Endpoint, Farewell, GoodbyeOptions } from "../../lib/lifecycle/mod.ts";
import { type FakeServer, startFakeServer } from "../support/fake_server.ts";
import type { Interrupt, Scenario, Stage } from "../support/sweep.ts";
import { until } from "../support/until.ts";
import { expectClean } from "./scenarios.ts";

/** A client and one or more servers whose every answer is scripted. */
export interface FakeWorld {
  readonly stage: Stage;
  /** Those that the client knows first, in its order; a redirect may lead to the others. */
  readonly servers: readonly FakeServer[];
  readonly connection: EventMeshConnection;
  /** Streams that were at the servers before the operation. */
  readonly residents: number;
}

/** How a {@linkcode FakeWorld} is made. */
export interface FakeWorldOptions extends EventMeshOptions {
  /** @default {1} */
  readonly servers?: number;
  /** How many of them the client is told of. @default {1} */
  readonly known?: number;
}

/** Always after the same time. */
export const steadily = { min: 100, max: 100, jitter: 0 } as const;

/** So many servers in memory. */
export async function startServers({ network }: Stage, count: number): Promise<FakeServer[]> {
  const servers: FakeServer[] = [];
  for (let i = 0; i < count; i++) servers.push(await startFakeServer({ network }));
  return servers;
}

/** A client at the first of the servers; `happen` is the last thing before the operation. */
export function fakeWorld(
  options: FakeWorldOptions = {},
  happen: (world: FakeWorld) => unknown = () => {},
): Pick<Scenario<FakeWorld, never>, "arrange" | "end" | "orphans" | "restless"> {
  const { servers: count = 1, known = 1, ...rest } = options;
  return {
    restless: true,
    async arrange(stage) {
      const servers = await startServers(stage, count);
      const urls = servers.slice(0, known).map(({ url }) => url);
      const connection = await connect(urls, { network: stage.network, reconnect: steadily, ...rest });
      const world = { stage, servers, connection, residents: 0 };
      await happen(world);
      return { ...world, residents: streamsOf(servers).length };
    },
    orphans: ({ servers }) => streamsOf(servers).filter((stream) => stream.startsWith("sub")),
    end: endFakes,
  };
}

/** Whatever happened, the connection works, and its goodbye is clean; nothing of it is left at any server. */
export async function endFakes({ connection, servers }: FakeWorld): Promise<void> {
  for (const server of servers) for (const command of scripted) server.off(command);
  await connection.publish("orders", "afterwards");
  expectClean(await connection.goodbye());
  await closeServers(servers);
}

const scripted = [
  "HELLO_REQUEST",
  "SUBSCRIBE_REQUEST",
  "LISTEN_REQUEST",
  "ASYNC_MESSAGE_TO_SERVER",
  "REQUEST_TO_SERVER",
  "RECOMMEND_REQUEST",
  "CLIENT_GOODBYE_REQUEST",
] as const;

/** Nobody is left at any of them, and they end. */
export async function closeServers(servers: readonly FakeServer[]): Promise<void> {
  await until(() => streamsOf(servers).length === 0, { what: () => `no ${streamsOf(servers).join(", ")}` });
  await Promise.all(servers.map((server) => server.close()));
}

/** The streams that are there, one line each. */
export function streamsOf(servers: readonly FakeServer[]): string[] {
  return servers.flatMap((server) =>
    server.open.map(({ agent, number }) =>
      `${agent?.purpose ?? "unknown"}: stream ${number} of ${server.url}`
    )
  );
}

/** What `act` of a swept end resolves with. */
export interface Ended {
  /** Of the end that the abort has begun; undefined when the work was over before it. */
  readonly farewell: Farewell | undefined;
  /** How the operations ended that were under way. */
  readonly outcomes: readonly PromiseSettledResult<unknown>[];
}

/**
 * Begins the end of an endpoint in the very step of the abort, with its reason, while work is under way, which may fail.
 * A second abort forces the end.
 */
export async function endAt(
  endpoint: Endpoint,
  signal: AbortSignal,
  harder: AbortSignal,
  work: () => readonly Promise<unknown>[],
  options: GoodbyeOptions = {},
): Promise<Ended> {
  let farewell: Promise<Farewell> | undefined;
  const link = onAbort(signal, (reason) => {
    farewell = endpoint.goodbye({ reason, signal: harder, ...options });
  });
  const outcomes = await Promise.allSettled(work());
  link.unlink();
  return { farewell: await farewell, outcomes };
}

/** How the operations of an endpoint may come out when it ends under them. */
export function expectTyped({ outcomes }: Ended, interrupt: Interrupt, codes: readonly string[]): void {
  for (const outcome of outcomes) {
    if (outcome.status === "fulfilled") continue;
    const error: unknown = outcome.reason;
    if (!(error instanceof GracewireError)) throw error;
    expect(codes, `${error.stack}`).toContain(error.code);
    if (error.code !== "ERR_CLOSED") continue;
    expect(Object.is(error.cause, interrupt.reason), `the cause of ${error.message}`).toBe(true);
  }
}

/**
 * Ends the endpoint where the abort has not. It holds nothing and owes nothing, was forced only if that was asked for, and
 * ended for the reason it was given.
 */
export async function expectEnd(
  endpoint: Endpoint,
  ended: Ended,
  interrupt: Interrupt,
  allowed: readonly Farewell["outcome"][] = ["clean"],
): Promise<void> {
  const farewell = ended.farewell ?? await endpoint.goodbye();
  expect(endpoint.state).toBe("closed");
  expect(endpoint.signal.aborted && endpoint.draining.aborted, "both signals").toBe(true);
  expect(farewell.phases.at(-1)?.phase).toBe("release");
  expect(farewell.residue).toEqual({ sockets: 0, timers: 0, listeners: 0 });
  const outcomes = [...allowed];
  if (interrupt.harder.aborted) outcomes.push("forced");
  if (ended.farewell === undefined) outcomes.push("clean");
  // A hook that does not stop when it is cut counts as a failure.
  const forced = outcomes.includes("forced") && interrupt.aborted;
  if (forced && farewell.hooks.some((hook) => hook.ended === "timeout")) outcomes.push("failed");
  expect(outcomes, JSON.stringify(farewell)).toContain(farewell.outcome);
  const { messages, connections } = farewell;
  expect(messages.published).toBe(messages.confirmed + messages.rejected + messages.unconfirmed);
  expect(messages.received).toBe(messages.acked + messages.returned + messages.dropped);
  expect(connections.opened).toBe(connections.clean + connections.forced + connections.lost);
  if (ended.farewell !== undefined && farewell.cause === "goodbye") {
    expect(Object.is(farewell.reason, interrupt.reason), "the reason of the end").toBe(true);
  }
}

/** What is looked at when the end of an endpoint was begun at any step of its work: it, and how that came out. */
export function endedBy<World, Value extends Ended>(
  endpointOf: (world: World, ended: Value) => Endpoint,
  allowed: readonly Farewell["outcome"][],
  codes?: readonly string[],
): (ended: Value, world: World, interrupt: Interrupt) => Promise<void> {
  return async (ended, world, interrupt) => {
    await expectEnd(endpointOf(world, ended), ended, interrupt, allowed);
    if (codes !== undefined) expectTyped(ended, interrupt, codes);
  };
}

export function hasCode(error: unknown, code: string): boolean {
  return error instanceof GracewireError && error.code === code;
}
