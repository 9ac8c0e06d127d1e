import { delay } from "@std/async/delay";
import { describe, expect } from "vitest";
import { type Broker, startBroker } from "../../lib/broker/mod.ts";
import { connect, type EventMeshConnection } from "../../lib/eventmesh/mod.ts";
import { onAbort } from "../../lib/lifecycle/abort.ts";
import { deferred } from "../../lib/lifecycle/deferred.ts";
import type { Subscription } from "../../lib/messaging/mod.ts";
import { memoryNetwork } from "../../lib/net/mod.ts";
import { leakGate } from "../support/leak.ts";
import { type Scenario, type Stage, sweep, type SweepOptions } from "../support/sweep.ts";
import { expectClean } from "./scenarios.ts";
import { endAt, type Ended, expectEnd, expectTyped } from "./fakes.ts";
import { residentsOf } from "./peers.ts";

leakGate();

const memory: SweepOptions = { network: memoryNetwork, virtual: true, peerTimers: true, resolves: true };

describe("the goodbye of a busy client", () => {
  sweep("begun at every step of its work", {
    ...busy(),
    act: (world, signal, harder) => endAt(world.connection, signal, harder, () => work(world)),
  }, { ...memory, offsets: [0], again: 53 });

  sweep("whose own signal aborts at every step", {
    ...busy(),
    async act(world, signal) {
      const outcomes = Promise.allSettled(work(world));
      const farewell = await world.connection.goodbye({ signal });
      return { farewell, outcomes: await outcomes };
    },
    async succeeded({ farewell, outcomes }, world, interrupt) {
      const forced = interrupt.aborted && farewell.outcome === "forced";
      await expectEnd(world.connection, { farewell: undefined, outcomes }, interrupt, [
        forced ? "forced" : "clean",
      ]);
      expect(await world.connection.closed).toBe(farewell);
      const cut = [farewell, ...farewell.children].flatMap(({ phases }) =>
        phases.filter(({ ended }) => ended === "cut")
      );
      const reasons = [world.connection.signal.reason, farewell.reason, ...cut.map(({ reason }) => reason)];
      if (forced) {
        expect(reasons.some((reason) => Object.is(reason, interrupt.reason)), "the reason").toBe(true);
      }
      for (const outcome of outcomes) {
        if (outcome.status === "rejected") expect(outcome.reason).toMatchObject({ code: "ERR_CLOSED" });
      }
      if (!interrupt.aborted) expect(world.handled, "what handlers could not do").toEqual([]);
      expect(residentsOf(world.broker).slice(world.residents)).toEqual([]);
    },
  }, { ...memory, offsets: [0] });

  sweep("by force at every step of its work", {
    ...busy(),
    act: (world, signal, harder) => endAt(world.connection, signal, harder, () => work(world), { grace: 0 }),
    succeeded: (ended, world, interrupt) =>
      after(ended, world, interrupt.aborted ? ["forced"] : ["clean"], interrupt),
  }, { ...memory, offsets: [0] });

  sweep("with too little time at every step of its work", {
    ...busy(),
    act: (world, signal, harder) =>
      endAt(world.connection, signal, harder, () => work(world), { grace: 20, tail: 60 }),
    succeeded: (ended, world, interrupt) => after(ended, world, ["clean", "forced"], interrupt),
  }, { ...memory, offsets: [0] });

  sweep("and of its subscription, both begun at every step", {
    ...busy(),
    async act(world, signal, harder) {
      const link = onAbort(signal, () => void world.subscription.goodbye());
      const ended = await endAt(world.connection, signal, harder, () => work(world));
      link.unlink();
      return ended;
    },
  }, { ...memory, offsets: [0] });

  sweep("begun by one of its handlers at every step", {
    ...busy(),
    act: (world, signal, harder) =>
      endAt(world.connection, signal, harder, () => {
        world.onMessage = () => void world.connection.goodbye();
        return work(world);
      }),
    succeeded: async (ended, world, interrupt) => {
      const { cause } = await world.connection.goodbye();
      expect(cause).toBe("goodbye");
      for (const outcome of ended.outcomes) {
        if (outcome.status === "rejected") expect(outcome.reason).toMatchObject({ code: "ERR_CLOSED" });
      }
      expectClean(await world.connection.closed);
      expect(interrupt.harder.aborted).toBe(false);
      expect(residentsOf(world.broker).slice(world.residents)).toEqual([]);
    },
  }, { ...memory, offsets: [0] });
});

interface BusyWorld {
  readonly stage: Stage;
  readonly broker: Broker;
  readonly responder: EventMeshConnection;
  readonly connection: EventMeshConnection;
  readonly subscription: Subscription;
  readonly residents: number;
  /** What handlers could not do. */
  readonly handled: unknown[];
  onMessage: () => void;
  /** Resolves when all orders are handled, or none comes any more. */
  readonly idle: Promise<unknown>;
}

/** A client that publishes, requests and handles at the same time, a responder, and their broker. */
function busy(): Omit<Scenario<BusyWorld, Ended>, "act"> {
  return {
    async arrange(stage) {
      const { network } = stage;
      const broker = await startBroker({ port: 0, network });
      const responder = await connect(broker.url, { network, group: "responders" });
      const questions = await responder.subscribe("questions", { type: "sync" });
      void questions.consume(async (message) => {
        await delay(10);
        return `reply to ${message.text()}`;
      });
      await responder.publish("nothing", "yet");
      const residents = residentsOf(broker).length;
      const connection = await connect(broker.url, { network, window: 2 });
      const subscription = await connection.subscribe("orders");
      const handled: unknown[] = [];
      const all = deferred<void>();
      let left = orders.length;
      const world: BusyWorld = {
        stage,
        broker,
        responder,
        connection,
        subscription,
        residents,
        handled,
        onMessage: () => {},
        idle: Promise.race([all.promise, subscription.closed]),
      };
      void subscription.consume(async (message, { signal }) => {
        stage.step("a handler begins");
        world.onMessage();
        try {
          await delay(30, { signal });
          await connection.publish("answers", message.text());
        } catch (error) {
          handled.push(error);
        }
        stage.step("a handler ends");
        if (--left === 0) all.resolve();
      }, { concurrency: 2 });
      return world;
    },
    succeeded: (ended, world, interrupt) => after(ended, world, ["clean"], interrupt),
    async end({ broker, responder }) {
      expectClean(await responder.goodbye());
      expectClean(await broker.goodbye());
    },
  };
}

const orders = [1, 2, 3, 4];

/** More publishes than the window takes, requests, and what becomes of them in the handlers. */
function work({ connection, idle }: BusyWorld): Promise<unknown>[] {
  return [
    idle,
    ...orders.map((number) => connection.publish("orders", `order ${number}`)),
    connection.request("questions", "why"),
    connection.request("questions", "how"),
  ];
}

async function after(
  ended: Ended,
  world: BusyWorld,
  allowed: readonly ("clean" | "forced" | "failed")[],
  interrupt: Parameters<typeof expectEnd>[2],
): Promise<void> {
  await expectEnd(world.connection, ended, interrupt, allowed);
  expectTyped(ended, interrupt, ["ERR_CLOSED"]);
  // While a handler runs it can publish, until it is told to stop.
  if (allowed[0] === "clean" && allowed.length === 1 && !interrupt.harder.aborted) {
    expect(world.handled, "what handlers could not do").toEqual([]);
  }
  expect(residentsOf(world.broker).slice(world.residents), "left at the broker").toEqual([]);
}
