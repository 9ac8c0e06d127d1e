import { expect } from "vitest";
import type { Farewell } from "../../lib/lifecycle/mod.ts";
import type { Message, MessageConnection, SubscribeOptions, Subscription } from "../../lib/messaging/mod.ts";
import type { Protocol } from "../contracts/protocols.ts";
import type { Interrupt, Scenario, Stage } from "../support/sweep.ts";

/** The server of a sweep. */
export interface SweepPeer {
  readonly protocol: Protocol;
  readonly url: string;
  /** Sessions, subscriptions and members of groups that are there, one line each. */
  residents(): readonly string[];
  /** Ends it; whatever is not in order is an error. */
  end(): Promise<unknown>;
}

/** Starts the server of one run. */
export type StartPeer = (stage: Stage) => Promise<SweepPeer>;

/** What a scenario of a client plays with. */
export interface ClientWorld {
  readonly stage: Stage;
  readonly peer: SweepPeer;
  /** The client, where the operation does not make it. */
  readonly connection: MessageConnection;
  /** What was at the peer before the operation. */
  readonly residents: number;
}

type PeerWorld = Omit<ClientWorld, "connection">;

/** `connect`: its signal bounds the call, and nothing of a call that rejects is left. */
export function connectScenario(
  start: StartPeer,
): Scenario<PeerWorld, MessageConnection> {
  return {
    arrange: async (stage) => ({ stage, peer: await start(stage), residents: 0 }),
    act: ({ stage, peer }, signal) => peer.protocol.connect(peer.url, { network: stage.network, signal }),
    rejected: ({ stage }) => {
      expect(stage.network.dialled.size, "streams when connect rejects").toBe(0);
    },
    succeeded: async (connection) => {
      // An abort after the success is none of its business.
      expect(connection.state).toBe("open");
      await connection.publish("orders", "still alive");
      expectClean(await connection.goodbye());
    },
    orphans: ({ peer }) => peer.residents(),
    end: ({ peer }) => peer.end(),
  };
}

/** `subscribe`: its signal bounds the call, and then governs the life. */
export function subscribeScenario(
  start: StartPeer,
  topics: string | string[],
  options: SubscribeOptions = {},
): Scenario<ClientWorld, Subscription> {
  return {
    arrange: arrangeClient(start),
    act: ({ connection }, signal) => connection.subscribe(topics, { ...options, signal }),
    succeeded: async (subscription, _world, interrupt) => {
      if (!interrupt.aborted) expectClean(await subscription.goodbye());
      const farewell = await subscription.closed;
      expect(farewell.residue).toEqual({ sockets: 0, timers: 0, listeners: 0 });
      if (!interrupt.aborted) return;
      // The abort ended it by itself: nobody has asked for its end before.
      expect(farewell).toMatchObject({ cause: "aborted", outcome: "forced" });
      expect(Object.is(farewell.reason, interrupt.reason), "the reason of the end").toBe(true);
      await expectThrown(subscription, interrupt);
    },
    orphans: orphansOf,
    end: endClient,
  };
}

/** `publish`: an abort before the write withdraws it, and later one only stops the waiting. */
export function publishScenario(start: StartPeer): Scenario<ClientWorld, void> {
  return {
    arrange: arrangeClient(start),
    act: ({ connection }, signal) => connection.publish("orders", "interrupted", { signal }),
    orphans: orphansOf,
    end: endClient,
  };
}

/**
 * `request`: a reply that comes after the abort is dropped and goes to nobody else. The answers come from the peer itself,
 * or from a responder.
 */
export function requestScenario(
  start: StartPeer,
  { responder = false }: { readonly responder?: boolean } = {},
): Scenario<ClientWorld & { responder: MessageConnection | undefined }, Message> {
  return {
    arrange: async (stage) => {
      const world = await arrangeClient(start)(stage);
      if (!responder) return { ...world, responder: undefined };
      const { protocol, url } = world.peer;
      const other = await protocol.connect(url, { network: stage.network, role: "responders" });
      const questions = await protocol.subscribeToRequests(other, "questions");
      void questions.consume((message) => `reply to ${message.text()}`);
      return { ...world, responder: other, residents: world.peer.residents().length };
    },
    act: ({ connection }, signal) => connection.request("questions", "interrupted", { signal }),
    succeeded: (reply) => expect(reply.text()).toBe("reply to interrupted"),
    end: async (world, interrupt) => {
      const reply = await world.connection.request("questions", "afterwards");
      expect(reply.text()).toBe("reply to afterwards");
      if (world.responder !== undefined) expectClean(await world.responder.goodbye());
      await endClient(world, interrupt);
    },
  };
}

/** `goodbye`: an abort of its own signal forces it, and never makes it reject or leave anything out. */
export function goodbyeScenario(
  start: StartPeer,
): Scenario<ClientWorld & { subscription: Subscription }, Farewell> {
  return {
    arrange: async (stage) => {
      const world = await arrangeClient(start)(stage);
      const subscription = await world.connection.subscribe("orders");
      return { ...world, subscription };
    },
    act: async ({ connection }, signal) => {
      const published = connection.publish("orders", "last words").catch(() => {});
      const farewell = await connection.goodbye({ signal });
      await published;
      return farewell;
    },
    succeeded: async (farewell, { connection, subscription, peer }, interrupt) => {
      expect(connection.state).toBe("closed");
      expect(await connection.closed).toBe(farewell);
      expect(subscription.state).toBe("closed");
      expect(connection.signal.aborted && connection.draining.aborted, "both signals").toBe(true);
      expect(farewell.phases.map(({ phase }) => phase)).toContain("release");
      expect(farewell.residue).toEqual({ sockets: 0, timers: 0, listeners: 0 });
      expect(["clean", "forced"]).toContain(farewell.outcome);
      if (!interrupt.aborted) expect(farewell.outcome).toBe("clean");
      if (farewell.outcome === "forced") {
        const cut = [farewell, ...farewell.children].flatMap(({ phases }) =>
          phases.filter(({ ended }) => ended === "cut")
        );
        const reasons = [farewell.reason, connection.signal.reason, ...cut.map(({ reason }) => reason)];
        expect(reasons.some((reason) => Object.is(reason, interrupt.reason)), "the reason of the force").toBe(
          true,
        );
      }
      expect(peer.residents()).toEqual([]);
    },
    end: ({ peer }) => peer.end(),
  };
}

export function arrangeClient(start: StartPeer): (stage: Stage) => Promise<ClientWorld> {
  return async (stage) => {
    const peer = await start(stage);
    const connection = await peer.protocol.connect(peer.url, { network: stage.network });
    return { stage, peer, connection, residents: peer.residents().length };
  };
}

function orphansOf({ peer, residents }: ClientWorld): readonly string[] {
  return peer.residents().slice(residents);
}

/** The connection has taken no harm: it publishes, and its goodbye is clean. */
export async function endClient({ connection, peer }: ClientWorld, _interrupt: Interrupt): Promise<void> {
  await connection.publish("orders", "afterwards");
  const farewell = await connection.goodbye();
  expectClean(farewell);
  await peer.end();
}

export function expectClean(farewell: Farewell): void {
  expect(farewell.outcome, JSON.stringify(farewell)).toBe("clean");
}

async function expectThrown(subscription: Subscription, interrupt: Interrupt): Promise<void> {
  const next = subscription[Symbol.asyncIterator]().next();
  const thrown = await next.then(() => ({}), (error: unknown) => ({ error }));
  expect("error" in thrown && Object.is(thrown.error, interrupt.reason), "the reason of the loop").toBe(true);
}
