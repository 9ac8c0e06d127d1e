import type { EventProtocol } from "../eventmesh/wire/mod.ts";
import { SequenceTable } from "../flow/table.ts";
import type { RunningPhase } from "../lifecycle/running.ts";
import { now as clock } from "../lifecycle/timer.ts";
import type { WheelTarget } from "../lifecycle/wheel.ts";
import { Consumer, type PushSink } from "./consumer.ts";
import type { Alarms, Context, DeliverySettings, Timers } from "./context.ts";
import type { Copy } from "./copy.ts";
import { Groups } from "./groups.ts";
import type { Lane } from "./lane.ts";
import { type DropCause, Ledger } from "./ledger.ts";
import { Memory } from "./memory.ts";
import { type BodySource, Message } from "./message.ts";
import { BUSY, OVERLOAD } from "./refusals.ts";
import { type RequestOptions, Requests } from "./requests.ts";
import { type Registry, Subscriber } from "./subscriber.ts";
import { Topics } from "./topics.ts";

/** The settings of a {@linkcode Core}. */
export interface CoreSettings extends DeliverySettings {
  /** Bytes. */
  readonly memory: number;
  readonly topics: number;
  readonly groups: number;
  readonly pendingRequests: number;
  /** Messages per topic for late subscribers. */
  readonly retain: number;
}

/** What a {@linkcode Core} needs. */
export interface CoreOptions {
  readonly settings: CoreSettings;
  readonly timers: Timers & Alarms;
  /** Milliseconds on a clock that never goes back. */
  readonly now?: () => number;
  /** Told of a copy that was dropped and may be missed. */
  onLoss?(cause: DropCause): void;
}

/**
 * The broker without its wire: topics, groups, queues, requests. It is told of everything in one call each, does all of
 * its work in that call, and knows neither sockets nor promises, but for those who wait for it to come to rest.
 */
export class Core implements Context, Registry {
  readonly settings: CoreSettings;
  readonly timers: Timers;
  readonly alarms: Alarms;
  readonly ledger: Ledger = new Ledger();
  readonly memory: Memory;
  readonly flights: SequenceTable<Copy> = new SequenceTable(16_384);
  readonly topics: Topics;
  readonly groups: Groups;
  readonly requests: Requests;
  readonly #now: () => number;
  readonly #onLoss: (cause: DropCause) => void;
  readonly #watchers: Set<() => void> = new Set();
  #looking = false;
  #time = 0;
  #paused = false;
  #seq = firstSeq - 1;
  #order = 0;

  constructor({ settings, timers, now = clock, onLoss = () => {} }: CoreOptions) {
    this.settings = settings;
    this.#now = now;
    this.#onLoss = onLoss;
    this.alarms = timers;
    // Every deadline is an input of its own.
    this.timers = { add: (delay, target) => timers.add(delay, new Deadline(this, target)) };
    this.memory = new Memory(settings.memory);
    this.topics = new Topics(this, settings.topics);
    this.groups = new Groups(settings.groups);
    this.requests = new Requests(this, this.topics, settings.pendingRequests);
    this.tick();
  }

  get time(): number {
    return this.#time;
  }

  get paused(): boolean {
    return this.#paused;
  }

  /** Pushes that are not acknowledged. */
  get inFlight(): number {
    return this.flights.size;
  }

  /** An input comes next: asks the clock. */
  tick(): void {
    this.#time = this.#now();
  }

  nextSeq(): number {
    if (++this.#seq > lastSeq) this.#seq = firstSeq;
    return this.#seq;
  }

  /** A session that may subscribe. Undefined when there are too many groups. */
  enter(id: number, group: string, sink: PushSink): Subscriber | undefined {
    if (!this.groups.enter(group)) return undefined;
    return new Subscriber(this, new Consumer(this, id, group, sink));
  }

  /** Its session has ended; `lost`: without a goodbye. */
  leave(subscriber: Subscriber, lost: boolean): void {
    const { consumer } = subscriber;
    subscriber.unsubscribe(lost);
    consumer.close();
    this.groups.add(consumer.group, "sessions", -1);
    if (this.#paused) this.requests.close(false);
  }

  /** Hands a message to every group of its topic. Returns why it cannot be held by all of them, and is held by none. */
  publish(name: string, protocol: EventProtocol, source: BodySource): string | undefined {
    const { retain } = this.settings;
    const lanes = this.topics.get(name)?.lanes ?? none;
    if (lanes.length === 0 && retain === 0) return undefined;
    for (let i = 0; i < lanes.length; i++) if (lanes[i]!.refuses) return BUSY;
    const { body } = source;
    while (!this.memory.fits(body, lanes.length + 1)) if (!this.topics.shed()) return OVERLOAD;
    const topic = retain > 0 ? this.topics.open(name) : undefined;
    if (retain > 0 && topic === undefined) return OVERLOAD;
    const message = new Message(this.memory, ++this.#order, name, protocol, body);
    for (let i = 0; i < lanes.length; i++) lanes[i]!.offer(message);
    if (topic !== undefined) {
      topic.retain(message, retain);
      this.topics.review(topic);
    }
    return undefined;
  }

  /** Takes a request on. Returns why not, if so. */
  request(options: RequestOptions): string | undefined {
    return this.requests.open(options, ++this.#order);
  }

  laneAdded(group: string): void {
    this.groups.add(group, "lanes", 1);
  }

  laneVacated(group: string): void {
    this.groups.add(group, "lanes", -1);
  }

  /** The end begins: nothing leaves a queue any more, and a request that no responder has got is given up. */
  pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.requests.close(false);
  }

  /** The end: what is still held is dropped. */
  end(): void {
    this.pause();
    this.requests.close(true);
    for (const topic of [...this.topics]) {
      topic.forget();
      for (const lane of [...topic.lanes, ...topic.responders]) lane.end();
      this.topics.review(topic);
    }
  }

  lost(cause: DropCause): void {
    this.#onLoss(cause);
  }

  changed(): void {
    if (this.#watchers.size === 0 || this.#looking) return;
    this.#looking = true;
    // Once for all that a turn of the event loop brings: while a broker ends, as many wait as it has sessions.
    setImmediate(() => {
      this.#looking = false;
      for (const look of this.#watchers) look();
    });
  }

  /** Resolves when the condition holds, which is looked at when something has changed, or when the phase is cut. */
  until(condition: () => boolean, phase: RunningPhase): Promise<void> {
    if (condition() || phase.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const look = (): void => {
        if (!condition() && !phase.aborted) return;
        this.#watchers.delete(look);
        unlink();
        resolve();
      };
      const unlink = phase.onCut(look);
      this.#watchers.add(look);
    });
  }
}

class Deadline implements WheelTarget {
  readonly #core: Core;
  readonly #target: WheelTarget;

  constructor(core: Core, target: WheelTarget) {
    this.#core = core;
    this.#target = target;
  }

  onDeadline(): void {
    this.#core.tick();
    this.#target.onDeadline();
  }
}

const none: readonly Lane[] = [];

/** Ten digits, as the Java client writes them: templates of frames leave room for as many. */
const firstSeq = 1_000_000_001;
const lastSeq = 9_999_999_999;
