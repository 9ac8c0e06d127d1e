import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { CoreSettings } from "../../lib/broker/core.ts";
import type { SubscriptionMode, SubscriptionType } from "../../lib/eventmesh/wire/mod.ts";
import { type FakeSession, Model, type SeenPush } from "./model.ts";

type Action =
  | {
    readonly do: "enter";
    readonly group: number;
    readonly topics: readonly number[];
    readonly mode: number;
  }
  | { readonly do: "publish"; readonly topic: number; readonly count: number }
  | { readonly do: "ack"; readonly who: number; readonly at: number; readonly count: number }
  | {
    readonly do: "block" | "unblock" | "kill" | "leave" | "unsubscribe" | "resubscribe";
    readonly who: number;
  }
  | { readonly do: "request"; readonly who: number; readonly topic: number; readonly ttl: number }
  | { readonly do: "respond"; readonly who: number; readonly at: number }
  | { readonly do: "wait"; readonly time: number };

const index = fc.nat(15);
const actions: fc.Arbitrary<Action[]> = fc.array(
  fc.oneof(
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constant("enter" as const),
        group: fc.nat(2),
        topics: fc.uniqueArray(fc.nat(2), { minLength: 1, maxLength: 3 }),
        mode: fc.nat(9),
      }),
    },
    {
      weight: 8,
      arbitrary: fc.record({
        do: fc.constant("publish" as const),
        topic: fc.nat(2),
        count: fc.integer({ min: 1, max: 8 }),
      }),
    },
    {
      weight: 8,
      arbitrary: fc.record({
        do: fc.constant("ack" as const),
        who: index,
        at: fc.nat(5),
        count: fc.integer({ min: 1, max: 8 }),
      }),
    },
    {
      weight: 4,
      arbitrary: fc.record({
        do: fc.constantFrom(
          "block" as const,
          "unblock" as const,
          "kill" as const,
          "leave" as const,
          "unsubscribe" as const,
          "resubscribe" as const,
        ),
        who: index,
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constant("request" as const),
        who: index,
        topic: fc.nat(2),
        ttl: fc.constantFrom(10, 3_000),
      }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("respond" as const), who: index, at: fc.nat(5) }) },
    {
      weight: 2,
      arbitrary: fc.record({ do: fc.constant("wait" as const), time: fc.constantFrom(1, 50, 1_000) }),
    },
  ),
  { minLength: 5, maxLength: 120, size: "max" },
);

const modes: readonly [SubscriptionMode, SubscriptionType][] = [
  ["CLUSTERING", "ASYNC"],
  ["CLUSTERING", "ASYNC"],
  ["CLUSTERING", "ASYNC"],
  ["CLUSTERING", "ASYNC"],
  ["CLUSTERING", "ASYNC"],
  ["CLUSTERING", "ASYNC"],
  ["CLUSTERING", "SYNC"],
  ["CLUSTERING", "SYNC"],
  ["BROADCASTING", "ASYNC"],
  ["BROADCASTING", "SYNC"],
];

/** Runs actions against a core, and knows what must come of them. */
class World {
  readonly model: Model;
  readonly live: FakeSession[] = [];
  readonly everyone: FakeSession[] = [];
  /** Which shared groups had listening sessions for a message when it was accepted. */
  readonly expected: Map<string, string[]> = new Map();
  readonly #settings: CoreSettings;
  #messages = 0;

  constructor(settings: Partial<CoreSettings>) {
    this.model = new Model(settings);
    this.#settings = this.model.core.settings;
  }

  run(list: readonly Action[]): void {
    for (const action of list) {
      this.act(action);
      this.check();
    }
  }

  act(action: Action): void {
    const { model } = this;
    switch (action.do) {
      case "enter": {
        const session = model.session(`g${action.group}`);
        const [mode, type] = modes[action.mode]!;
        for (const topic of action.topics) session.subscribe(`t${topic}`, mode, type);
        session.listen();
        this.live.push(session);
        this.everyone.push(session);
        break;
      }
      case "publish":
        for (let i = 0; i < action.count; i++) this.#publish(`t${action.topic}`);
        break;
      case "wait":
        model.timers.advance(action.time);
        break;
      default: {
        const session = this.live[action.who % Math.max(1, this.live.length)];
        if (session !== undefined) this.#actOn(session, action);
      }
    }
  }

  /** What holds at every moment. */
  check(): void {
    const { core, held } = this.model;
    const { ledger, memory } = core;
    const { queue, unackedPerSession } = this.#settings;
    holds(ledger.received === ledger.acked + ledger.returned + ledger.dropped + held, "copies balance");
    holds(
      ledger.published === ledger.confirmed + ledger.rejected + ledger.unconfirmed + core.requests.size,
      "publishes balance",
    );
    holds(memory.used <= memory.limit, "memory is bounded");
    for (const { subscriber: { consumer } } of this.live) {
      holds(consumer.unacked.length <= unackedPerSession, "pushes are bounded");
      holds(consumer.owed >= 0, "answers are counted");
    }
    for (const { lanes } of core.topics) {
      for (const lane of lanes) {
        holds((lane.kind === "own" ? lane.queue.length : lane.held) <= queue, "queues are bounded");
        const idle = lane.members.some(({ consumer }) => consumer.ready && !consumer.suspect);
        holds(lane.queue.length === 0 || !idle, "nothing waits for a session that could have it");
      }
    }
  }

  /** Everybody takes and acknowledges everything; groups that are away come back. */
  settle(): void {
    const { model } = this;
    for (const session of this.live) session.unblock();
    for (const topic of [...model.core.topics]) {
      for (const lane of [...topic.lanes]) {
        if (lane.kind !== "shared" || lane.members.length > 0) continue;
        const session = model.listener(lane.owner, lane.topic);
        this.live.push(session);
        this.everyone.push(session);
      }
    }
    for (let round = 0; round < 50; round++) {
      for (const session of this.live) session.ackAll();
      model.timers.advance(10_000);
    }
  }

  /** All pushes of messages, in their order. Requests have a fate of their own. */
  pushes(): (SeenPush & { group: string })[] {
    return this.everyone
      .flatMap((session) => {
        const { group } = session.subscriber.consumer;
        return ordinary(session).map((push) => ({ ...push, group }));
      })
      .sort((one, other) => one.seq - other.seq);
  }

  #publish(topic: string): void {
    const { core } = this.model;
    const text = `m${++this.#messages}`;
    const lanes = core.topics.get(topic)?.lanes ?? [];
    const groups = lanes.filter(({ kind, members }) => kind === "shared" && members.length > 0).map((
      { owner },
    ) => owner);
    core.ledger.published++;
    if (this.model.publish(topic, text) === undefined) {
      core.ledger.confirmed++;
      this.expected.set(text, groups);
    } else {
      core.ledger.rejected++;
    }
  }

  #actOn(session: FakeSession, action: Exclude<Action, { do: "enter" | "publish" | "wait" }>): void {
    const { model } = this;
    switch (action.do) {
      case "ack":
        for (let i = 0; i < action.count; i++) {
          session.ack(Math.min(action.at, Math.max(0, session.open.length - 1)));
        }
        break;
      case "block":
        session.block();
        break;
      case "unblock":
        session.unblock();
        break;
      case "kill":
      case "leave":
        this.live.splice(this.live.indexOf(session), 1);
        session.close(action.do === "kill");
        break;
      case "unsubscribe":
        session.subscriber.unsubscribe(false);
        break;
      case "resubscribe":
        session.subscribe("t0");
        break;
      case "request":
        model.core.ledger.published++;
        if (model.request(session, `t${action.topic}`, `m${++this.#messages}`, action.ttl) !== undefined) {
          model.core.ledger.rejected++;
        }
        break;
      case "respond": {
        const asked = session.open.filter(({ copy }) => copy.message.ask !== undefined);
        const push = asked[action.at % Math.max(1, asked.length)];
        if (push !== undefined) model.respond(push, "answer");
        break;
      }
    }
  }
}

/** Like `expect`, which is too slow for what is looked at after every step. */
function holds(condition: boolean, what: string): void {
  if (!condition) throw new Error(`Does not hold: ${what}`);
}

function ordinary(session: FakeSession): FakeSession["pushes"] {
  return session.pushes.filter(({ copy }) => copy.message.ask === undefined);
}

describe("a broker under random traffic", () => {
  it("loses nothing, and delivers twice only what it says to deliver again", () => {
    fc.assert(
      fc.property(actions, (list) => {
        const world = new World({ ackTimeout: 100, unackedPerSession: 3 });
        world.run(list);
        world.settle();
        const { core } = world.model;
        expect(core.ledger.drops).toMatchObject({ overflow: 0, deliveries: 0, absence: 0, end: 0 });
        const acked = new Set<string>();
        const seen = new Set<string>();
        for (const { command, copy, deliveries, group, text } of world.pushes()) {
          if (command === "BROADCAST_MESSAGE_TO_CLIENT") continue;
          const key = `${group} ${text}`;
          holds(seen.has(key) === deliveries > 1, `${key}, push ${deliveries}`);
          seen.add(key);
          if (copy.list === undefined) acked.add(key);
        }
        for (const [text, groups] of world.expected) {
          for (const group of groups) holds(acked.has(`${group} ${text}`), `${text} for ${group}`);
        }
        expect(core.inFlight).toBe(0);
      }),
      { numRuns: 300 },
    );
  });

  it("keeps the order per session and topic", () => {
    fc.assert(
      fc.property(actions, (list) => {
        const world = new World({ ackTimeout: 100, unackedPerSession: 3 });
        world.run(list);
        for (const session of world.everyone) {
          // By queue: who has subscribed in another mode before sees the topic from another side.
          const last = new Map<unknown, number>();
          for (const { copy: { home, message }, deliveries, topic } of ordinary(session)) {
            if (deliveries > 1) continue;
            holds(message.order > (last.get(home) ?? 0), `order of ${topic}`);
            last.set(home, message.order);
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  it("keeps every bound, and its ledger balances in the end", () => {
    fc.assert(
      fc.property(actions, fc.nat(3), (list, retain) => {
        const world = new World({
          ackTimeout: 100,
          unackedPerSession: 2,
          queue: 5,
          maxDeliveries: 3,
          groupExpiry: 500,
          memory: 12_000,
          pendingRequests: 4,
          retain,
        });
        world.run(list);
        const { core, timers } = world.model;
        core.pause();
        for (const session of world.live) session.close(true);
        core.end();
        world.check();
        const { ledger } = core;
        expect(ledger.published).toBe(ledger.confirmed + ledger.rejected + ledger.unconfirmed);
        expect(ledger.received).toBe(ledger.acked + ledger.returned + ledger.dropped);
        expect({ memory: core.memory.used, topics: core.topics.size, groups: core.groups.size }).toEqual({
          memory: 0,
          topics: 0,
          groups: 0,
        });
        expect({ timers: timers.size, flights: core.inFlight, requests: core.requests.size }).toEqual({
          timers: 0,
          flights: 0,
          requests: 0,
        });
      }),
      { numRuns: 400 },
    );
  });

  it("answers or abandons every request", () => {
    fc.assert(
      fc.property(actions, (list) => {
        const world = new World({ ackTimeout: 100, unackedPerSession: 3, pendingRequests: 5 });
        world.run(list);
        world.model.timers.advance(5_000);
        expect(world.model.core.requests.size).toBe(0);
        for (const session of world.everyone) {
          const seqs = session.replies.map(({ seq }) => seq);
          expect(new Set(seqs).size).toBe(seqs.length);
          expect(session.subscriber.consumer.owed).toBe(0);
        }
      }),
      { numRuns: 200 },
    );
  });
});
