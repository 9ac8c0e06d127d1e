import type { PushCommand, PushSink } from "../../lib/broker/consumer.ts";
import type { Alarms, Timers } from "../../lib/broker/context.ts";
import type { Copy } from "../../lib/broker/copy.ts";
import { Core, type CoreSettings } from "../../lib/broker/core.ts";
import type { DropCause } from "../../lib/broker/ledger.ts";
import type { Asker, Reply, Request } from "../../lib/broker/request.ts";
import { RequestBag } from "../../lib/broker/request_bag.ts";
import type { Subscriber } from "../../lib/broker/subscriber.ts";
import { encodeEvent, type SubscriptionMode, type SubscriptionType } from "../../lib/eventmesh/wire/mod.ts";
import type { WheelNode, WheelTarget } from "../../lib/lifecycle/wheel.ts";

/** Deadlines on a clock that goes when it is told to. */
export class FakeTimers implements Timers, Alarms {
  time = 0;
  readonly #nodes: Map<WheelNode, { cancel(): void }> = new Map();
  readonly #set: Set<{ due: number; target: WheelTarget }> = new Set();

  get size(): number {
    return this.#set.size;
  }

  add(delay: number, target: WheelTarget): { cancel(): void } {
    const timer = { due: this.time + delay, target };
    if (delay !== Infinity) this.#set.add(timer);
    return { cancel: () => void this.#set.delete(timer) };
  }

  set(node: WheelNode, delay: number): void {
    this.#nodes.set(node, this.add(delay, node));
  }

  clear(node: WheelNode): void {
    this.#nodes.get(node)?.cancel();
    this.#nodes.delete(node);
  }

  /** Lets so many milliseconds pass, deadline by deadline. */
  advance(delay: number): void {
    const end = this.time + delay;
    for (let rounds = 0; rounds < 100_000; rounds++) {
      const next = [...this.#set].filter(({ due }) =>
        due <= end
      ).sort((one, other) => one.due - other.due)[0];
      if (next === undefined) break;
      this.time = Math.max(this.time, next.due);
      this.#set.delete(next);
      next.target.onDeadline();
    }
    this.time = end;
  }
}

/** A push as a session saw it. */
export interface SeenPush {
  readonly seq: number;
  readonly command: PushCommand;
  readonly topic: string;
  readonly text: string;
  /** Of the request that it is. */
  readonly id: string | undefined;
  readonly deliveries: number;
  readonly copy: Copy;
}

/** A session without a wire: it keeps what it was pushed. */
export class FakeSession implements PushSink, Asker {
  readonly subscriber: Subscriber;
  readonly requests: RequestBag = new RequestBag("atAsker");
  readonly pushes: SeenPush[] = [];
  /** Pushes it has not acknowledged. */
  readonly open: SeenPush[] = [];
  readonly replies: { seq: number | string; reply: Reply }[] = [];
  writable = true;
  readonly #core: Core;

  constructor(core: Core, id: number, group: string) {
    this.#core = core;
    this.subscriber = core.enter(id, group, this)!;
  }

  push(command: PushCommand, copy: Copy): void {
    const { topic, body } = copy.message;
    const message = JSON.parse(new TextDecoder().decode(body)) as WrittenMessage;
    if (message.topic !== topic) throw new Error(`Pushed a body of "${message.topic}" for "${topic}"`);
    const { body: text, properties: { correlation99id: id } } = message;
    const seen = { seq: copy.seq, command, topic, text, id, deliveries: copy.deliveries, copy };
    this.pushes.push(seen);
    this.open.push(seen);
  }

  reply(request: Request, reply: Reply): void {
    this.replies.push({ seq: request.seq, reply });
  }

  /** What it was pushed, as texts. */
  get texts(): string[] {
    return this.pushes.map(({ text }) => text);
  }

  subscribe(
    topic: string,
    mode: SubscriptionMode = "CLUSTERING",
    type: SubscriptionType = "ASYNC",
  ): string | undefined {
    return this.subscriber.subscribe([{ topic, mode, type }]);
  }

  listen(): this {
    this.subscriber.listen();
    return this;
  }

  /** Acknowledges the push at this place among the open ones. */
  ack(at = 0): void {
    const [push] = this.open.splice(at, 1);
    this.#core.tick();
    if (push !== undefined) this.subscriber.consumer.ack(push.seq);
  }

  ackAll(): void {
    for (let turns = 0; this.open.length > 0 && turns < 100_000; turns++) this.ack();
  }

  block(): void {
    this.writable = false;
  }

  unblock(): void {
    this.writable = true;
    this.#core.tick();
    this.subscriber.consumer.wake();
  }

  /** Ends it. */
  close(lost: boolean): void {
    this.#core.tick();
    this.#core.requests.abandon(this);
    this.#core.leave(this.subscriber, lost);
    this.open.length = 0;
  }
}

/** Settings under which nothing is dropped. */
export const generous: CoreSettings = {
  ackTimeout: 30_000,
  maxDeliveries: 1_000_000,
  groupExpiry: Infinity,
  queue: 1_000_000,
  unackedPerSession: 1_000_000,
  memory: 1_000_000_000,
  topics: 1_000,
  groups: 1_000,
  pendingRequests: 1_000,
  retain: 0,
};

/** A core with a clock of its own. */
export class Model {
  readonly timers: FakeTimers = new FakeTimers();
  readonly losses: DropCause[] = [];
  readonly core: Core;
  #sessions = 0;

  constructor(settings: Partial<CoreSettings> = {}) {
    this.core = new Core({
      settings: { ...generous, ...settings },
      timers: this.timers,
      now: () => this.timers.time,
      onLoss: (cause) => this.losses.push(cause),
    });
  }

  session(group: string): FakeSession {
    return new FakeSession(this.core, ++this.#sessions, group);
  }

  /** A session that listens to one topic. */
  listener(group: string, topic: string, mode?: SubscriptionMode, type?: SubscriptionType): FakeSession {
    const session = this.session(group);
    session.subscribe(topic, mode, type);
    return session.listen();
  }

  /** Returns the refusal, if any. */
  publish(topic: string, text: string): string | undefined {
    this.core.tick();
    return this.core.publish(topic, "eventmeshmessage", { body: bodyOf(topic, text) });
  }

  request(
    asker: FakeSession,
    topic: string,
    text: string,
    ttl = 3_000,
    seq: string = text,
  ): string | undefined {
    this.core.tick();
    return this.core.request({
      asker,
      seq,
      topic,
      protocol: "eventmeshmessage",
      ttl,
      pooled: true,
      encode: (prefix, number, blocks) =>
        blocks.copy(bodyOf(topic, text, { correlation99id: `${prefix}${number}` })),
    });
  }

  /** Answers a request that was pushed. False when nobody waits for the answer. */
  respond(push: SeenPush, text: string): boolean {
    this.core.tick();
    return this.core.requests.answer(push.id!, {
      protocol: "eventmeshmessage",
      body: bodyOf(push.topic, text),
    });
  }

  /** Copies that are held. */
  get held(): number {
    let held = 0;
    for (const { lanes, responders } of this.core.topics) {
      for (const lane of [...lanes, ...responders]) held += lane.held;
    }
    return held;
  }
}

export function bodyOf(topic: string, text: string, properties: Record<string, string> = {}): Uint8Array {
  return new TextEncoder().encode(encodeEvent("eventmeshmessage", { topic, data: text, properties }));
}

/** The text of a reply, or why there is none. */
export function replyText(reply: Reply): string {
  if ("refusal" in reply) return reply.refusal;
  return (JSON.parse(new TextDecoder().decode(reply.body)) as { body: string }).body;
}

/** What a body holds. */
interface WrittenMessage {
  readonly topic: string;
  readonly properties: { readonly correlation99id?: string };
  readonly body: string;
}
