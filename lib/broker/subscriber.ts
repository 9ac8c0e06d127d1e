import type { ReceivedSubscriptionItem } from "../eventmesh/wire/mod.ts";
import type { Consumer, PushCommand } from "./consumer.ts";
import type { Lane, Member } from "./lane.ts";
import { refused } from "./refusals.ts";
import type { Requests } from "./requests.ts";
import type { Topic, Topics } from "./topics.ts";

/** Longest name of a topic, in characters. */
export const MAX_TOPIC = 1_024;

/** Where a subscriber finds its topics. */
export interface Registry {
  readonly topics: Topics;
  readonly requests: Requests;
  /** A lane of that group is new, or gone. */
  laneAdded(group: string): void;
  laneVacated(group: string): void;
}

const none: Member[] = [];

/** What one session subscribes to, and its places in the lanes once it listens. */
export class Subscriber {
  readonly consumer: Consumer;
  readonly #registry: Registry;
  #items: Map<string, ReceivedSubscriptionItem> | undefined = undefined;
  #members: Member[] = none;
  #listening = false;

  constructor(registry: Registry, consumer: Consumer) {
    this.#registry = registry;
    this.consumer = consumer;
  }

  get topics(): readonly string[] {
    return [...this.#items?.keys() ?? []];
  }

  get listening(): boolean {
    return this.#listening;
  }

  /** Subscribes to all topics or, returning why, to none. The first subscription of a topic counts. */
  subscribe(items: readonly ReceivedSubscriptionItem[]): string | undefined {
    const { topics } = this.#registry;
    for (const { topic } of items) {
      if (topic.trim() === "") return refused("topic to subscribe to is blank");
      if (topic.length > MAX_TOPIC) {
        return refused(`topic to subscribe to is longer than ${MAX_TOPIC} characters`);
      }
    }
    if (!topics.hasRoomFor(items.map(({ topic }) => topic))) return refused("too many topics");
    const all = this.#items ??= new Map();
    for (const item of items) {
      if (all.has(item.topic)) continue;
      all.set(item.topic, item);
      const topic = topics.open(item.topic)!;
      topic.subscribers++;
      topics.review(topic);
      if (this.#listening) this.#join(topic, item);
    }
    return undefined;
  }

  /** From now on messages are pushed. */
  listen(): void {
    if (this.#listening) return;
    this.#listening = true;
    for (const [name, item] of this.#items ?? []) this.#join(this.#registry.topics.get(name)!, item);
  }

  /** Drops all topics; `lost`: without a word of the peer, so it may come back. */
  unsubscribe(lost: boolean): void {
    const members = this.#members;
    this.#members = none;
    for (const member of members) member.lane.leave(member, lost);
    if (this.#items === undefined) return;
    const { topics } = this.#registry;
    for (const name of this.#items.keys()) {
      const topic = topics.get(name)!;
      topic.subscribers--;
      topics.review(topic);
    }
    this.#items = undefined;
  }

  #join(topic: Topic, { mode, type }: ReceivedSubscriptionItem): void {
    const { consumer } = this;
    if (mode === "BROADCASTING") {
      this.#enter(topic, "own", "BROADCAST_MESSAGE_TO_CLIENT", String(consumer.id));
      return;
    }
    const sync = type === "SYNC";
    this.#enter(topic, "shared", sync ? "REQUEST_TO_CLIENT" : "ASYNC_MESSAGE_TO_CLIENT", consumer.group);
    if (!sync) return;
    const lane = this.#enter(topic, "requests", "REQUEST_TO_CLIENT", consumer.group);
    this.#registry.requests.serve(lane, topic);
  }

  #enter(topic: Topic, kind: Lane["kind"], command: PushCommand, owner: string): Lane {
    const { topics } = this.#registry;
    const { group } = this.consumer;
    const lane = topics.lane(topic, kind, owner, () => this.#registry.laneVacated(group));
    const fresh = lane.vacant;
    if (fresh) this.#registry.laneAdded(group);
    if (this.#members === none) this.#members = [];
    this.#members.push(lane.join(this.consumer, command));
    // A group that was here before has had them.
    if (fresh && kind !== "requests") lane.catchUp(topic.retained);
    return lane;
  }
}
