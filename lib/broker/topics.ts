import type { Context } from "./context.ts";
import { Lane } from "./lane.ts";
import type { Message } from "./message.ts";
import { RequestBag } from "./request_bag.ts";

/** A topic, as long as anybody subscribes to it or anything is held for it. Publishing to others is fine, too. */
export class Topic {
  readonly name: string;
  /** Sessions that subscribe to it, listening or not. */
  subscribers = 0;
  /** What every message goes to: the shared lanes of groups and the own ones of broadcasting sessions. */
  readonly lanes: Lane[] = [];
  /** What requests go to. */
  readonly responders: Lane[] = [];
  /** Requests that are not answered yet. */
  readonly pending: RequestBag = new RequestBag("atTopic");
  /** The last messages, for late subscribers. */
  readonly retained: Message[] = [];

  constructor(name: string) {
    this.name = name;
  }

  /** Nobody subscribes to it and nothing is held but retained messages. */
  get deserted(): boolean {
    return this.subscribers === 0 && this.lanes.length === 0 && this.responders.length === 0 &&
      this.pending.size === 0;
  }

  /** Keeps a message for late subscribers, in place of the oldest of `count`. */
  retain(message: Message, count: number): void {
    message.hold();
    this.retained.push(message);
    message.settle();
    if (this.retained.length > count) this.retained.shift()!.release();
  }

  forget(): void {
    for (const message of this.retained.splice(0)) message.release();
  }
}

/** All topics. */
export class Topics implements Iterable<Topic> {
  readonly #context: Context;
  readonly #limit: number;
  readonly #byName: Map<string, Topic> = new Map();
  /** Topics with nothing but retained messages, the one that was so first in front. */
  readonly #deserted: Set<Topic> = new Set();

  constructor(context: Context, limit: number) {
    this.#context = context;
    this.#limit = limit;
  }

  get size(): number {
    return this.#byName.size;
  }

  get(name: string): Topic | undefined {
    return this.#byName.get(name);
  }

  /** The topic of that name, made when there is none. Undefined when there are too many. */
  open(name: string): Topic | undefined {
    const known = this.#byName.get(name);
    if (known !== undefined) return known;
    if (this.#byName.size >= this.#limit && !this.shed()) return undefined;
    const topic = new Topic(name);
    this.#byName.set(name, topic);
    return topic;
  }

  /** Whether all of these can be opened. */
  hasRoomFor(names: readonly string[]): boolean {
    const added = new Set(names.filter((name) => !this.#byName.has(name))).size;
    return this.#byName.size - this.#deserted.size + added <= this.#limit;
  }

  /** Something has been added to the topic or taken from it: forgets it when nothing is left. */
  review(topic: Topic): void {
    if (this.#deserted.size > 0) this.#deserted.delete(topic);
    if (!topic.deserted) return;
    if (topic.retained.length > 0) this.#deserted.add(topic);
    else if (this.#byName.get(topic.name) === topic) this.#byName.delete(topic.name);
  }

  /** Throws away what is retained for one topic that nobody subscribes to. False when there is none. */
  shed(): boolean {
    const [topic] = this.#deserted;
    if (topic === undefined) return false;
    topic.forget();
    this.review(topic);
    return true;
  }

  /** The lane of a group (or of one session) in a topic, made when there is none. */
  lane(topic: Topic, kind: Lane["kind"], owner: string, onVacant: (lane: Lane) => void): Lane {
    const lanes = kind === "requests" ? topic.responders : topic.lanes;
    const known = lanes.find((lane) => lane.kind === kind && lane.owner === owner);
    if (known !== undefined) return known;
    const lane = new Lane(this.#context, kind, topic.name, owner, (vacant) => {
      lanes.splice(lanes.indexOf(vacant), 1);
      this.review(topic);
      onVacant(vacant);
    });
    lanes.push(lane);
    this.review(topic);
    return lane;
  }

  [Symbol.iterator](): IterableIterator<Topic> {
    return this.#byName.values();
  }
}
