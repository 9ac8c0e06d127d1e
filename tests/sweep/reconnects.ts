import { describe, expect } from "vitest";
import type { MessageConnection, SubscribeOptions, Subscription } from "../../lib/messaging/mod.ts";
import { memoryNetwork } from "../../lib/net/mod.ts";
import type { Interrupt, Scenario } from "../support/sweep.ts";
import { sweep, type SweepOptions } from "../support/sweep.ts";
import { endAt, type Ended, endedBy, hasCode, steadily } from "./fakes.ts";
import { connectedAgain, governed, living, untilState } from "./lives.ts";

/** What a loss happens to. */
export interface LosableWorld {
  readonly connection: MessageConnection;
}

/** A client whose server can be cut off, of one protocol. */
export interface Losses<World extends LosableWorld> {
  readonly name: string;
  /** A client at its server; `happen` is the last thing before the operation. */
  world(
    options?: { readonly reconnect?: { readonly attempts: number } },
    happen?: (world: World) => unknown,
  ): Pick<Scenario<World, never>, "arrange" | "end" | "orphans" | "restless">;
  /** How it subscribes. */
  readonly subscribe: SubscribeOptions;
  /** Its subscriptions live on the stream of their connection. @default {false} */
  readonly shared?: boolean;
  /** A stream counts as back before it has subscribed again. @default {false} */
  readonly early?: boolean;
  /** Cuts the stream that it publishes on, that of its subscription, or all. */
  cut(world: World, which: "connection" | "subscription" | "all"): void;
  /** The server cuts off so many of the next that come, in place of the answer to their hello. */
  stumble(world: World, times: number): void;
  /** The server cuts off the next one that subscribes. */
  stumbleOnce(world: World): void;
  /** All are cut off when the next one subscribes. */
  loseOnce(world: World): void;
  /** The server delivers a message to the next one that subscribes. */
  deliverOnce(world: World, text: string): void;
  /** What a message becomes that was not acknowledged. */
  readonly unacknowledged: "returned" | "dropped";
  /** Nobody is left, and the servers end. */
  close(world: World): Promise<unknown>;
}

const memory: SweepOptions = { network: memoryNetwork, virtual: true };
const ending: SweepOptions = { ...memory, resolves: true, offsets: [0, 1, 2, 3] };

/** What must withstand an abort at every step of a reconnect of a connection, whatever the protocol. */
export function connectionReconnects<World extends LosableWorld>(on: Losses<World>): void {
  const ended = (
    allowed: readonly ("clean" | "forced" | "failed")[] = ["clean", "failed"],
  ): Pick<Scenario<World, Ended>, "succeeded" | "end"> => ({
    // It has failed where nobody could be told.
    succeeded: endedBy(({ connection }) => connection, allowed, ["ERR_CLOSED", "ERR_CONNECTION_LOST"]),
    end: (world) => on.close(world),
  });

  /** All is lost, and operations wait for what comes back. */
  const work = (world: World): Promise<unknown>[] => {
    const { connection } = world;
    const written = connection.publish("orders", "written");
    on.cut(world, "all");
    return [
      written,
      connection.publish("orders", "waiting"),
      connection.request("questions", "waiting"),
      connectedAgain(connection).catch(() => {}),
    ];
  };

  describe(`a reconnect of ${on.name}`, () => {
    sweep("a request that waits for it", {
      ...lost(on),
      act: async ({ connection }, signal) => {
        const reply = await connection.request("questions", "interrupted", { signal });
        expect(reply.text()).toBe("re: interrupted");
      },
    }, memory);

    sweep("a publish that waits for it through failures and back-off", {
      ...lost(on, {}, 3),
      act: ({ connection }, signal) => connection.publish("orders", "interrupted", { signal }),
    }, memory);

    sweep("a publish that waits until the connection is given up", {
      ...lost(on, { reconnect: { ...steadily, attempts: 2 } }, Infinity),
      act: ({ connection }, signal) => connection.publish("orders", "interrupted", { signal }),
      tolerates: (error) => hasCode(error, "ERR_CLOSED"),
      async end(world) {
        expect(await world.connection.closed).toMatchObject({ cause: "lost", outcome: "failed" });
        await on.close(world);
      },
    }, memory);

    sweep("goodbye begun at every step of it", {
      ...on.world(),
      act: (world, signal, harder) => endAt(world.connection, signal, harder, () => work(world)),
      ...ended(),
    }, { ...ending, again: 2 });

    sweep("a goodbye by force at every step of it", {
      ...on.world(),
      act: (world, signal, harder) =>
        endAt(world.connection, signal, harder, () => work(world), { grace: 0 }),
      ...ended(["forced", "failed"]),
    }, ending);

    sweep("goodbye begun at every step of one that fails twice", {
      ...on.world(),
      act: (world, signal, harder) =>
        endAt(world.connection, signal, harder, () => {
          on.stumble(world, 2);
          return work(world);
        }),
      ...ended(),
    }, ending);
  });
}

/** What a subscription must withstand while it, or its connection, is lost. */
export function subscriptionReconnects<World extends LosableWorld>(on: Losses<World>): void {
  /** Resolves when the stream of a subscription has come back for good. */
  const back = ({ connection }: World, subscription: Subscription, stumbles = false): Promise<void> =>
    connectedAgain(on.shared === true ? connection : subscription, on.early === true && stumbles ? 2 : 1);
  /** A subscription to which something happens. */
  const struck = (world: World, signal: AbortSignal, stumbles: boolean): Promise<Subscription> =>
    governed(world, signal, (subscription) => {
      const returned = back(world, subscription, stumbles);
      on.cut(world, "subscription");
      if (stumbles) {
        on.stumble(world, 1);
        on.stumbleOnce(world);
      }
      return returned;
    }, on.subscribe);
  const survives = {
    succeeded: (subscription: Subscription, _world: World, interrupt: Interrupt): Promise<void> =>
      living(subscription, interrupt),
  };

  describe(`a reconnect of ${on.name} with a subscription`, () => {
    sweep("subscribe while its connection is lost", {
      ...lost(on),
      act: ({ connection }, signal) => connection.subscribe("orders", { ...on.subscribe, signal }),
      ...survives,
    }, memory);

    sweep("subscribe that waits for its connection through failures and back-off", {
      ...lost(on, {}, 2),
      act: ({ connection }, signal) => connection.subscribe("orders", { ...on.subscribe, signal }),
      ...survives,
    }, memory);

    sweep("subscribe that waits until its connection is given up", {
      ...lost(on, { reconnect: { ...steadily, attempts: 2 } }, Infinity),
      act: ({ connection }, signal) => connection.subscribe("orders", { ...on.subscribe, signal }),
      tolerates: (error) => hasCode(error, "ERR_CLOSED"),
      async end(world) {
        expect(await world.connection.closed).toMatchObject({ cause: "lost", outcome: "failed" });
        await on.close(world);
      },
    }, memory);

    sweep("subscribe whose connection is lost while it is being made", {
      ...on.world({}, (world) => on.loseOnce(world)),
      act: ({ connection }, signal) => connection.subscribe("orders", { ...on.subscribe, signal }),
      ...survives,
    }, memory);

    sweep("a subscription that is lost and subscribes again", {
      ...on.world(),
      act: (world, signal) => struck(world, signal, false),
      ...survives,
    }, memory);

    sweep("a subscription that gets back after two failures, of its hello and of its subscribe", {
      ...on.world(),
      act: (world, signal) => struck(world, signal, true),
      ...survives,
    }, { ...memory, offsets: [0, 1, 2, 3] });

    sweep("a loop that waits while its subscription gets back", {
      ...on.world(),
      act: async (world, signal) => {
        const subscription = await world.connection.subscribe("orders", { ...on.subscribe, signal });
        on.cut(world, "subscription");
        on.deliverOnce(world, "at last");
        for await (const message of subscription) {
          expect(message.text()).toBe("at last");
          message.ack();
          break;
        }
        return subscription;
      },
      // A loop that is left has ended its subscription: an abort after that is none of its business, or forces it.
      succeeded: async (subscription, _world, interrupt) => {
        const { outcome, messages } = await subscription.closed;
        expect(interrupt.aborted ? ["clean", "forced"] : ["clean"]).toContain(outcome);
        // What is acknowledged after the abort does not count as acknowledged: the server hears no more of it.
        expect(messages.received).toBe(messages.acked + messages[on.unacknowledged]);
        if (!interrupt.aborted) expect(messages).toMatchObject({ received: 1, acked: 1 });
      },
    }, { ...memory, offsets: [0, 1, 2, 3] });

    sweep("goodbye of a subscription begun at every step of its reconnect", {
      ...on.world(),
      act: async (world, signal, harder) => {
        const subscription = await world.connection.subscribe("orders", on.subscribe);
        const ended = await endAt(subscription, signal, harder, () => {
          const returned = back(world, subscription).catch(() => {});
          on.cut(world, "subscription");
          return [returned];
        });
        return { ...ended, subscription };
      },
      succeeded: endedBy<World, Ended & { subscription: Subscription }>(
        (_world, { subscription }) => subscription,
        ["clean", "failed"],
      ),
    }, { ...ending, offsets: [0, 2], again: 5 });
  });
}

/** A client that has lost its connection, to a server that stumbles so many times. */
function lost<World extends LosableWorld>(
  on: Losses<World>,
  options: Parameters<Losses<World>["world"]>[0] = {},
  stumbles = 0,
): ReturnType<Losses<World>["world"]> {
  return on.world(options, async (world) => {
    if (stumbles > 0) on.stumble(world, stumbles);
    const away = untilState(world.connection, "reconnecting");
    on.cut(world, "connection");
    await away;
  });
}
