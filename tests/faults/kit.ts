import { expect } from "vitest";
import { GracewireError } from "../../lib/errors.ts";
import { connect, type EventMeshConnection, type EventMeshOptions } from "../../lib/eventmesh/mod.ts";
import type { Farewell, GoodbyeOptions } from "../../lib/lifecycle/mod.ts";
import { memoryNetwork, systemNetwork } from "../../lib/net/mod.ts";
import { TestClock } from "../support/clock.ts";
import { openSockets } from "../support/descriptors.ts";
import type { Fault } from "../support/fault.ts";
import { type FaultPeer, startFaultPeer } from "../support/fault_peer.ts";
import { watchUnhandled } from "../support/unhandled.ts";
import { until } from "../support/until.ts";
import { type WatchedNetwork, watchNetwork } from "../support/watch.ts";

/** The operations of a client that a peer can get in the way of. */
export type Operation = "connect" | "subscribe" | "publish" | "request" | "goodbye";

/** Where the streams are. Time is virtual in either case: the defaults hold, and pass at once. */
export type Ground = "memory" | "tcp";

/** Looks at sockets, at least 10 ms in all, after which nothing is expected of them any more. */
const looksBeforeLeap = 60;
/** Milliseconds that pass then, from one leap to the next. */
const leap = 300;

/** What an operation ended with, and when. */
export interface Ended<T = unknown> {
  readonly value?: T;
  readonly error?: unknown;
  /** Virtual milliseconds that it took. */
  readonly took: number;
}

/** A faulty peer, a network and a clock, and the proof that nothing is left of them. */
export class FaultBench {
  readonly ground: Ground;
  readonly clock: TestClock;
  readonly network: WatchedNetwork;
  readonly peer: FaultPeer;

  constructor(ground: Ground, clock: TestClock, network: WatchedNetwork, peer: FaultPeer) {
    this.ground = ground;
    this.clock = clock;
    this.network = network;
    this.peer = peer;
  }

  /** Starts an operation and lets it settle, with the time that it takes. Never rejects. */
  async ended<T>(operation: () => Promise<T>): Promise<Ended<T>> {
    const start = performance.now();
    const settled = operation().then((value) => ({ value }), (error: unknown) => ({ error }));
    const result = await this.until(settled, 60_000, "an operation");
    return { ...result, took: performance.now() - start };
  }

  /** Waits for a promise and lets the time pass that it needs. */
  until<T>(promise: Promise<T>, budget?: number, what?: string): Promise<T> {
    return this.ground === "memory"
      ? this.clock.until(promise, budget, what)
      : this.#patiently(promise, what);
  }

  /**
   * Over sockets the time stands still as long as anything may come from them, however slow the machine is, and passes
   * in leaps then.
   */
  async #patiently<T>(promise: Promise<T>, what = "it"): Promise<T> {
    let settled = false;
    const settle = (): void => void (settled = true);
    promise.then(settle, settle);
    let looks = 0;
    await until(async () => {
      if (!settled && ++looks > looksBeforeLeap && looks % 3 === 0) {
        await this.clock.until(new Promise<void>((resolve) => setTimeout(resolve, leap)));
      }
      return settled;
    }, { timeout: 25_000, what });
    return await promise;
  }

  /** Connects while the peer is well behaved. */
  async connected(options: EventMeshOptions = {}): Promise<EventMeshConnection> {
    const { fault } = this.peer;
    this.peer.fault = { mode: "healthy" };
    const connection = await this.until(this.connect(options));
    this.peer.fault = fault;
    return connection;
  }

  connect(options: EventMeshOptions = {}): Promise<EventMeshConnection> {
    return connect(this.peer.url, { network: this.network, reconnect: { min: 10, max: 10 }, ...options });
  }

  /** Carries out one operation, `goodbye` aside. */
  carryOut(
    operation: Exclude<Operation, "connect" | "goodbye">,
    connection: EventMeshConnection,
    timeout: number | undefined,
  ): Promise<unknown> {
    switch (operation) {
      case "subscribe":
        return connection.subscribe("orders", { timeout });
      case "publish":
        return connection.publish("orders", "data", { timeout });
      case "request":
        return connection.request("questions", "data", { timeout });
    }
  }

  /** Says goodbye, in the time that is allowed, and finds nothing left at this end. */
  async goodbye(
    connection: EventMeshConnection,
    options: GoodbyeOptions = {},
  ): Promise<Farewell> {
    const { value, error, took } = await this.ended(() => connection.goodbye(options));
    expect(error).toBe(undefined);
    const farewell = value!;
    // Reconnecting, a stream may be at its last turn.
    await this.clock.idle();
    expect(took, "milliseconds of the goodbye").toBeLessThanOrEqual((options.grace ?? 14_000) + 6_000);
    expect(farewell.residue).toEqual({ sockets: 0, timers: 0, listeners: 0 });
    expect(this.network.dialled.size, "streams of the client").toBe(0);
    expect(connection.state).toBe("closed");
    return farewell;
  }
}

/** Runs a test with a faulty peer and proves that it has left nothing, at either end. */
export async function withFault(
  ground: Ground,
  fault: Fault,
  body: (bench: FaultBench) => Promise<void>,
): Promise<void> {
  const sockets = openSockets();
  const unhandled = watchUnhandled();
  // A flood leaves no moment of rest in which the time could jump.
  const clock = new TestClock({ virtual: true, turn: fault.mode === "flood" ? 5 : 0 });
  const network = watchNetwork(ground === "memory" ? memoryNetwork() : systemNetwork(), () => {});
  clock.install();
  try {
    const peer = await startFaultPeer({ network, fault });
    await body(new FaultBench(ground, clock, network, peer));
    await peer.close();
    await until(() => Object.values(network.open()).every((count) => count === 0), {
      what: `nothing to be open, but there is ${JSON.stringify(network.open())}`,
    });
    expect(clock.timers).toEqual([]);
    if (sockets !== undefined && ground === "tcp") {
      await until(() => openSockets()! <= sockets, { what: "the sockets to be given back" });
    }
    expect(unhandled.errors).toEqual([]);
  } finally {
    clock.uninstall();
    unhandled.end();
  }
}

/** Checks the code of an error of the library, and that its message names something. */
export function expectError(error: unknown, code: string, naming: RegExp): void {
  expect(error, String(error)).toBeInstanceOf(GracewireError);
  const { message } = error as GracewireError;
  expect((error as GracewireError).code, message).toBe(code);
  expect(message).toMatch(naming);
}
