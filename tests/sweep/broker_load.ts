import { delay } from "@std/async/delay";
import { expect } from "vitest";
import { type Broker, type BrokerOptions, startBroker } from "../../lib/broker/mod.ts";
import { connect, type EventMeshConnection } from "../../lib/eventmesh/mod.ts";
import { deferred } from "../../lib/lifecycle/deferred.ts";
import type { Farewell } from "../../lib/lifecycle/mod.ts";
import type { Interrupt, Scenario, Stage } from "../support/sweep.ts";
import { type Ended, expectEnd, hasCode } from "./fakes.ts";
import { residentsOf } from "./peers.ts";

/** A broker with clients that publish, request and consume, none of which comes back after a loss. */
export interface LoadWorld {
  readonly stage: Stage;
  readonly broker: Broker;
  readonly publishers: readonly EventMeshConnection[];
  readonly consumers: readonly EventMeshConnection[];
  /** Resolves when every order is handled, or all the consumers have ended. */
  readonly handled: Promise<unknown>;
}

const orders = 2;
const clients = 2;

/** The load itself, without what is done to the broker under it. */
export function brokerUnderLoad(options: BrokerOptions = {}): Omit<Scenario<LoadWorld, Ended>, "act"> {
  return {
    restless: true,
    async arrange(stage) {
      const { network } = stage;
      const broker = await startBroker({ port: 0, network, ...options });
      const open = (group: string): Promise<EventMeshConnection> =>
        connect(broker.url, { network, group, reconnect: false, window: 2 });
      const publishers = [await open("publishers"), await open("publishers")];
      const consumers = [await open("consumers"), await open("consumers")];
      let left = clients * orders;
      const all = deferred<void>();
      const subscriptions = [
        await consumers[0]!.subscribe("orders"),
        await consumers[1]!.subscribe("orders"),
      ];
      for (const subscription of subscriptions) {
        void subscription.consume(async (_message, { signal }) => {
          stage.step("a handler begins");
          await delay(20, { signal });
          stage.step("a handler ends");
          if (--left === 0) all.resolve();
        });
      }
      const questions = await consumers[0]!.subscribe("questions", { type: "sync" });
      void questions.consume(async (message, { signal }) => {
        await delay(5, { signal });
        return `reply to ${message.text()}`;
      });
      const over = Promise.all(subscriptions.map(({ closed }) => closed));
      const handled = Promise.race([all.promise, over]);
      return { stage, broker, publishers, consumers, handled };
    },
    async succeeded(ended, world, interrupt) {
      await afterLoad(ended, world, interrupt, ["clean"]);
    },
    async end({ publishers, consumers }) {
      const connections = [...publishers, ...consumers];
      for (const connection of connections) {
        const { residue } = await connection.goodbye();
        expect(residue).toEqual({ sockets: 0, timers: 0, listeners: 0 });
      }
    },
  };
}

/** Everybody works, and somebody new comes. */
export function load({ stage, broker, publishers, handled }: LoadWorld): Promise<unknown>[] {
  const late = connect(broker.url, { network: stage.network, reconnect: false });
  return [
    ...publishers.flatMap((publisher) => [
      ...Array.from({ length: orders }, (_, number) => publisher.publish("orders", `order ${number}`)),
      publisher.request("questions", "why"),
    ]),
    late.then((connection) => connection.goodbye()),
    handled,
  ];
}

/** What may become of an operation when the broker ends under it. */
const codes = ["ERR_CLOSED", "ERR_CONNECT", "ERR_CONNECTION_LOST", "ERR_PEER", "ERR_TIMEOUT"];

/**
 * Nothing is left at the broker, and its book agrees with those of its clients: a clean end loses no confirmation, unless
 * somebody else has cut the clients off.
 */
export async function afterLoad(
  ended: Ended,
  { broker, publishers, consumers }: LoadWorld,
  interrupt: Interrupt,
  allowed: readonly Farewell["outcome"][],
  complete = true,
): Promise<void> {
  await expectEnd(broker, ended, interrupt, allowed);
  const farewell = await broker.closed;
  expect(residentsOf(broker)).toEqual([]);
  for (const outcome of ended.outcomes) {
    if (outcome.status === "fulfilled") continue;
    const error: unknown = outcome.reason;
    if (!codes.some((code) => hasCode(error, code))) throw error;
  }
  const graceful = complete && farewell.outcome === "clean";
  const ends = await Promise.all([...publishers, ...consumers].map((connection) => connection.goodbye()));
  const sum = (count: (of: Farewell) => number): number => ends.reduce((total, end) => total + count(end), 0);
  const confirmed = sum(({ messages }) => messages.confirmed);
  const unknown = sum(({ messages }) => messages.unconfirmed);
  const { messages } = farewell;
  expect(confirmed, "confirmed to clients").toBeLessThanOrEqual(messages.confirmed);
  expect(messages.confirmed, "taken by the broker").toBeLessThanOrEqual(confirmed + unknown);
  // A peer that reads gets everything that was written before the goodbye.
  if (graceful) expect(confirmed, "confirmations that did not get through").toBe(messages.confirmed);
  expect(sum(({ messages }) => messages.acked), "acknowledged").toBeGreaterThanOrEqual(messages.acked);
}
