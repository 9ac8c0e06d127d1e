import { afterAll, afterEach, beforeAll, expect } from "vitest";
import { TimeoutError } from "../../lib/errors.ts";
import { connect, type EventMeshConnection, type EventMeshOptions } from "../../lib/eventmesh/mod.ts";
import type { EventMeshSubscribeOptions } from "../../lib/eventmesh/mod.ts";
import { formatFarewell } from "../../lib/lifecycle/mod.ts";
import { checkBalance } from "../invariants/ledger.ts";
import { leakGate } from "../support/leak.ts";
import { until } from "../support/until.ts";
import { type EventMeshRuntime, type RocketMq, startEventMesh, startRocketMq } from "./peers/mod.ts";

/** A runtime of EventMesh that stores its messages in RocketMQ, and the clients of the running test. */
export interface World {
  readonly rocketMq: RocketMq;
  readonly runtime: EventMeshRuntime;
  /** Connects; after the test, the connection says goodbye, which must be clean. */
  connect(group: string, options?: EventMeshOptions): Promise<EventMeshConnection>;
  /** Subscribes a new connection, and collects what comes. */
  gather(group: string, topic: string, options?: EventMeshSubscribeOptions): Promise<Gathered>;
}

/** What a subscription has received so far, acknowledged, in the order of arrival. */
export interface Gathered {
  readonly connection: EventMeshConnection;
  readonly texts: readonly string[];
  /** Waits until it has received all of these, in any order and some perhaps twice: the storage promises no more. */
  receives(texts: readonly string[]): Promise<void>;
}

/**
 * Milliseconds that the storage may need until a new subscriber gets what it has stored. It is a second or two most of the
 * time. When two heartbeats of the runtime's consumer to RocketMQ meet, one is left out, and RocketMQ serves the
 * subscription after the next: 30 s later.
 */
export const patience = 50_000;

/** The topic of the replies, of all topics. */
const replies = "DefaultCluster-rr-reply-topic";

/** Starts RocketMQ and EventMesh for the tests of a `describe`. */
export function useRocketMq(topics: readonly string[]): () => World {
  let world: World | undefined;
  let connections: EventMeshConnection[] = [];
  leakGate();
  beforeAll(async () => {
    const rocketMq = await startRocketMq();
    await rocketMq.createTopics(replies, ...topics);
    const runtime = await startEventMesh({ version: "1.12.0", nameServer: rocketMq.nameServer });
    // One after the other: the runtime refuses a hello at times when two groups come into being at once.
    let turn: Promise<unknown> = Promise.resolve();
    const dial: World["connect"] = async (group, options) => {
      const opening = turn.then(() => connect(runtime.url, { ...options, group, subsystem: group }));
      turn = opening.catch(() => {});
      const connection = await opening;
      connections.push(connection);
      return connection;
    };
    world = { rocketMq, runtime, connect: dial, gather: (...args) => gather(dial, ...args) };
  });
  afterAll(async () => {
    await world?.runtime.stop();
    await world?.rocketMq.stop();
  });
  afterEach(async () => {
    const ending = connections;
    connections = [];
    for (const farewell of await Promise.all(ending.map((connection) => connection.goodbye()))) {
      checkBalance(farewell);
      expect(farewell.outcome, formatFarewell(farewell)).toBe("clean");
    }
  });
  return () => world!;
}

async function gather(
  dial: World["connect"],
  group: string,
  topic: string,
  options?: EventMeshSubscribeOptions,
): Promise<Gathered> {
  const connection = await dial(group);
  const subscription = await connection.subscribe(topic, options);
  const texts: string[] = [];
  void subscription.consume((message) => void texts.push(message.text()));
  return {
    connection,
    texts,
    async receives(wanted) {
      const missing = (): readonly string[] => wanted.filter((text) => !texts.includes(text));
      const what = (): string =>
        `${missing().length} messages of ${topic} at ${group}: ${missing().slice(0, 10)}`;
      await until(() => missing().length === 0, { timeout: patience, what });
    },
  };
}

/** Asks until there is an answer: what is asked before the responder's subscription is served may be too old by then. */
export async function firstReply(asker: EventMeshConnection, topic: string, text: string): Promise<string> {
  let reply: string | undefined;
  await until(async () => {
    reply = await asker.request(topic, text, { timeout: 3_000 }).then((message) => message.text(), outOfTime);
    return reply !== undefined;
  }, { timeout: patience, what: `an answer of ${topic}` });
  return reply!;
}

function outOfTime(error: unknown): undefined {
  if (!(error instanceof TimeoutError)) throw error;
}

/** Texts that begin alike. */
export function numbered(start: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${start}-${i}`);
}
