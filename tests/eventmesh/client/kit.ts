import { afterAll, afterEach, beforeAll, expect, vi } from "vitest";
import {
  connect,
  type EventMeshConnection,
  type EventMeshOptions,
  type ReconnectOptions,
} from "../../../lib/eventmesh/mod.ts";
import type { EndpointEvent, Farewell } from "../../../lib/lifecycle/mod.ts";
import type { Message, Subscription } from "../../../lib/messaging/mod.ts";
import { type Counted, memoryNetwork, type Network, type Transport } from "../../../lib/net/mod.ts";
import { FakeServer, type FakeServerOptions, startFakeServer } from "../../support/fake_server.ts";
import { leakGate } from "../../support/leak.ts";
import { turns } from "../../support/until.ts";

/** Reconnects without waiting long. */
export const quick: ReconnectOptions = { min: 1, max: 5, jitter: 0 };

/** The network of all these tests. */
export const network: Network & Counted = countDials(memoryNetwork());
const dialled = new Set<Transport>();
const servers: FakeServer[] = [];
const connections: EventMeshConnection[] = [];

let gated = false;

/** Holds every test of a file to leaving nothing, and frees what it has left. Call it once, at the top of the file. */
export function clientGate(): void {
  leakGate();
  beforeAll(() => void (gated = true));
  afterAll(() => void (gated = false));
  afterEach(async () => {
    vi.useRealTimers();
    // Most tests have ended their connections by now; what a failed one has left is cut.
    await Promise.all(connections.splice(0).map((connection) => connection.goodbye({ grace: 0 })));
    await Promise.all(servers.splice(0).map((server) => server.close()));
    expect(network.open(), "what is left in the network").toEqual({ sockets: 0, listeners: 0, timers: 0 });
  });
}

function mustBeGated(): void {
  if (!gated) throw new TypeError("Cannot start a server or a client: this file has not called clientGate()");
}

/** A server in memory, gone after the test. */
export async function fake(options: Partial<FakeServerOptions> = {}): Promise<FakeServer> {
  mustBeGated();
  const server = await startFakeServer({ network, ...options });
  servers.push(server);
  return server;
}

/** A connection to one or more servers, gone after the test. */
export async function client(
  server: FakeServer | readonly FakeServer[] | string | readonly string[],
  options: EventMeshOptions = {},
): Promise<EventMeshConnection> {
  mustBeGated();
  const list = Array.isArray(server) ? server : [server];
  const urls = list.map((one: FakeServer | string) => one instanceof FakeServer ? one.url : one);
  const connection = await connect(urls, { network, reconnect: quick, ...options });
  connections.push(connection);
  return connection;
}

/** A server and a connection to it. */
export async function pair(
  options: EventMeshOptions = {},
  serverOptions: Partial<FakeServerOptions> = {},
): Promise<{ server: FakeServer; connection: EventMeshConnection }> {
  const server = await fake(serverOptions);
  return { server, connection: await client(server, options) };
}

/** Streams of the clients that are there. */
export function openStreams(): number {
  return dialled.size;
}

function countDials(inner: Network & Counted): Network & Counted {
  return {
    ...inner,
    async dial(target, options) {
      const transport = await inner.dial(target, options);
      dialled.add(transport);
      void transport.closed.then(() => dialled.delete(transport));
      return transport;
    },
  };
}

/** What {@linkcode onData} tells. */
export interface Arrival {
  /** Number of the stream, from 1. */
  readonly dial: number;
  /** Number of the chunk on it, from 1. */
  readonly chunk: number;
}

/** The network, with an observer of every chunk that a client has taken in. */
export function onData(observe: (arrival: Arrival) => void): Network {
  let dials = 0;
  return {
    ...network,
    async dial(target, options) {
      const transport = await network.dial(target, options);
      const start = transport.start.bind(transport);
      const dial = ++dials;
      let chunks = 0;
      transport.start = (handler) =>
        start({
          ...handler,
          data(bytes) {
            handler.data(bytes);
            observe({ dial, chunk: ++chunks });
          },
        });
      return transport;
    },
  };
}

/** Acts after so many microtasks: 0 is at once. */
export function microtasksLater(count: number, action: () => void): void {
  if (count === 0) action();
  else queueMicrotask(() => microtasksLater(count - 1, action));
}

/** What a promise rejects with; fails when it resolves. */
export async function failure(promise: Promise<unknown>): Promise<unknown> {
  const outcome = await promise.then((value) => ({ value }), (error: unknown) => ({ error }));
  if ("error" in outcome) return outcome.error;
  throw new Error(`Expected a rejection, got ${String(outcome.value)}`);
}

/** Whether a promise has settled by now. */
export async function settled(promise: Promise<unknown>): Promise<boolean> {
  let done = false;
  promise.then(() => done = true, () => done = true);
  await turns(3);
  return done;
}

/** Collects the events of an endpoint. */
export function watch(endpoint: { events(): AsyncIterable<EndpointEvent> }): EndpointEvent[] {
  const seen: EndpointEvent[] = [];
  void (async () => {
    for await (const event of endpoint.events()) seen.push(event);
  })();
  return seen;
}

/** The Farewell of an endpoint whose ledger must balance and that must hold nothing. */
export function balanced(farewell: Farewell): Farewell {
  const { messages, residue, connections: streams } = farewell;
  expect(residue).toEqual({ sockets: 0, timers: 0, listeners: 0 });
  expect(messages.published, "published").toBe(messages.confirmed + messages.rejected + messages.unconfirmed);
  expect(messages.received, "received").toBe(messages.acked + messages.returned + messages.dropped);
  expect(streams.opened, "connections opened").toBe(streams.clean + streams.forced + streams.lost);
  return farewell;
}

/** A goodbye that must be in order. */
export async function partClean(connection: EventMeshConnection): Promise<Farewell> {
  const farewell = balanced(await connection.goodbye());
  expect(farewell.outcome, JSON.stringify(farewell)).toBe("clean");
  return farewell;
}

/** Takes so many messages off a subscription, acknowledging each but the last. */
export async function take(subscription: Subscription, count: number): Promise<Message[]> {
  const iterator = subscription[Symbol.asyncIterator]();
  const messages: Message[] = [];
  while (messages.length < count) {
    const { value, done } = await iterator.next();
    if (done === true) break;
    messages.push(value);
  }
  return messages;
}

/** What a server was sent to publish, in order. */
export function texts(server: FakeServer): string[] {
  return server.of("ASYNC_MESSAGE_TO_SERVER").map(({ text }) => text);
}

/** The events that a clean run has none of. */
export function loud(events: readonly EndpointEvent[]): string[] {
  return events.filter(({ level }) => level === "warn" || level === "error").map(({ type }) => type);
}

/** Takes the time into our hands, before anything has looked at it; what happens without time goes on by itself. */
export function holdTime(): void {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance", "Date"] });
}

/** Lets so many milliseconds pass, and everything happen that they bring. */
export async function pass(milliseconds: number): Promise<void> {
  await turns(6);
  for (let left = milliseconds; left > 0; left -= stride) {
    await vi.advanceTimersByTimeAsync(Math.min(stride, left));
    await turns(6);
  }
}

/** Short enough that an answer comes before the next thing is due. */
const stride = 100;
