import { expect } from "vitest";
import type { Farewell } from "../../lib/lifecycle/mod.ts";
import { formatFarewell } from "../../lib/lifecycle/mod.ts";
import type { Message, MessageConnection, MessageHandler, Subscription } from "../../lib/messaging/mod.ts";
import { countedAbort } from "../support/signals.ts";
import { until } from "../support/until.ts";
import { bodyAndEnd } from "./bench.ts";

export { rejection } from "./bench.ts";

/** What the connection contract needs to know of an implementation. */
export interface ConnectionFixture {
  /** Starts a server. */
  open(): Promise<ConnectionWorld>;
}

/** A server, and the streams that lead to it. */
export interface ConnectionWorld {
  /** Connects. A connection that is lost comes back within milliseconds, unless `reconnect` is false. */
  connect(
    options?: { readonly reconnect?: false; readonly window?: number; readonly timeout?: number },
  ): Promise<MessageConnection>;
  /** Subscribes to what wants a reply. */
  subscribeToRequests(connection: MessageConnection, topic: string): Promise<Subscription>;
  /** Cuts all streams; the server lives on. */
  cut(): void;
  /** Nobody gets in from now on, until `thaw`. */
  refuse(): void;
  /** The server reads no more, until `thaw`. */
  freeze(): void;
  thaw(): void;
  /** Streams of clients that are there. */
  streams(): number;
  /** Ends it and proves that nothing is left. */
  end(): Promise<void>;
}

/** The bench of one test. */
export class ConnectionBench {
  readonly world: ConnectionWorld;
  readonly connections: MessageConnection[] = [];

  constructor(world: ConnectionWorld) {
    this.world = world;
  }

  async connect(options?: Parameters<ConnectionWorld["connect"]>[0]): Promise<MessageConnection> {
    const connection = await this.world.connect(options);
    this.connections.push(connection);
    return connection;
  }

  /** Two connections: one that publishes, one that subscribes. */
  async pair(): Promise<[publisher: MessageConnection, subscriber: MessageConnection]> {
    return [await this.connect(), await this.connect()];
  }
}

/** Makes tests of bodies: each gets a bench of its own, and every connection of it ends with a ledger that balances. */
export function benchTests(
  fixture: ConnectionFixture,
): (body: (bench: ConnectionBench) => Promise<void>) => () => Promise<void> {
  return (body) => async () => {
    const bench = new ConnectionBench(await fixture.open());
    await bodyAndEnd(async () => {
      await body(bench);
      bench.world.thaw();
      for (const connection of bench.connections) balanced(await connection.goodbye());
    }, async () => {
      bench.world.thaw();
      await Promise.all(bench.connections.map((connection) => connection.goodbye({ grace: 0 })));
      await bench.world.end();
    });
  };
}

/** Every message has become exactly one thing, and nothing is held. */
export function balanced(farewell: Farewell): void {
  const { published, confirmed, rejected, unconfirmed, received, acked, returned, dropped } =
    farewell.messages;
  expect(published, formatFarewell(farewell)).toBe(confirmed + rejected + unconfirmed);
  expect(received, formatFarewell(farewell)).toBe(acked + returned + dropped);
  expect(farewell.residue).toEqual({ sockets: 0, timers: 0, listeners: 0 });
}

/** An operation whose signal aborts with each kind of reason: it must reject with that very reason. */
export async function rejectsWithReason(
  operation: (signal: AbortSignal) => Promise<unknown>,
  makeReason: () => unknown,
  when: "before" | "after",
): Promise<void> {
  const abort = countedAbort();
  if (when === "before") abort.abort(makeReason());
  const pending = operation(abort.signal).then(() => "a value", (error: unknown) => ({ error }));
  if (when === "after") {
    await new Promise<void>((resolve) => setImmediate(resolve));
    abort.abort(makeReason());
  }
  const outcome = await pending;
  expect(outcome).toHaveProperty("error");
  expect(Object.is((outcome as { error: unknown }).error, abort.signal.reason), "the reason by identity")
    .toBe(true);
  await until(() => abort.listeners() === 0, { what: "the listeners to be taken off the signal" });
}

/** Handles messages into a list. */
export function collect(
  subscription: Subscription,
  then?: (message: Message) => ReturnType<MessageHandler>,
): string[] {
  const texts: string[] = [];
  void subscription.consume((message) => {
    texts.push(message.text());
    return then?.(message);
  });
  return texts;
}

export function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}
