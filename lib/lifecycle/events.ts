import diagnostics from "node:diagnostics_channel";
import type { EndpointState } from "./endpoint.ts";
import type { Farewell } from "./farewell.ts";
import type { Phase } from "./reducer.ts";
import { type AbortLink, onAbort } from "./abort.ts";
import { type Deferred, deferred } from "./deferred.ts";

/** What an endpoint tells about itself. A clean run emits nothing above level `info`. */
export type EndpointEvent = { readonly at: number; readonly level: EventLevel } & EndpointNews;

/** How loud an event is. */
export type EventLevel = "debug" | "info" | "warn" | "error";

/** The kinds of event. `at` of the event is milliseconds since the epoch. */
export type EndpointNews =
  | { readonly type: "state"; readonly state: EndpointState; readonly previous: EndpointState }
  /** The end has come to this phase. */
  | { readonly type: "phase"; readonly phase: Phase }
  /** Something failed and was contained: a handler threw, a peer sent bad bytes, a hook rejected. */
  | { readonly type: "fault"; readonly error: unknown }
  /** The transport was lost; the endpoint reconnects, or ends if that is not possible. */
  | { readonly type: "lost"; readonly error: unknown }
  /** The next attempt to connect starts after `delay` milliseconds. */
  | { readonly type: "retry"; readonly attempt: number; readonly delay: number; readonly error: unknown }
  /** Connected again: life number `epoch` of the transport. */
  | { readonly type: "connected"; readonly epoch: number; readonly remote: string }
  /** The peer asked to move to another server. */
  | { readonly type: "redirect"; readonly target: string }
  /**
   * The peer has announced that it is about to go, and the endpoint stays with it: what is new is better begun elsewhere.
   * The property `leaving` of the endpoint is true from then on, and a pool replaces it.
   */
  | { readonly type: "leaving"; readonly remote: string }
  /** Something happened to one of the endpoints that a pool keeps. */
  | ({ readonly type: "member" } & MemberNews)
  /** Messages were dropped by an overflow policy. */
  | { readonly type: "overflow"; readonly dropped: number; readonly policy: string }
  /** The end. The last event of every endpoint. */
  | { readonly type: "farewell"; readonly farewell: Farewell };

/** One moment in the life of a member of a pool. */
export interface MemberNews {
  /** Its number: unique within the pool, from the first attempt to open it until it is closed. */
  readonly member: number;
  /**
   * - `opening`: an attempt to open it begins
   * - `failed`: that attempt failed with `error`; the next one follows after `delay` milliseconds, if there is one
   * - `refused`: that attempt failed for good; no other is made until the pool is told to
   * - `opened`: it can be handed out
   * - `down`, `up`: it has lost its transport, and got another one
   * - `retired`: it is handed out no more, for the cause `why`, and ends when its leases are back
   * - `closed`: it is gone; `by` says who ended it, `error` is the reason of that
   */
  readonly change: "opening" | "failed" | "refused" | "opened" | "down" | "up" | "retired" | "closed";
  /**
   * `leaving`: its peer is about to go; `probe`: it did not answer; `discarded`: a lease said that it is of no use;
   * `refused`: its peer does not let it in again; `surplus`, `age`: it is not needed, or old.
   */
  readonly why?: "leaving" | "probe" | "discarded" | "refused" | "surplus" | "age" | undefined;
  readonly by?: "pool" | "peer" | "user" | undefined;
  readonly error?: unknown;
  readonly delay?: number | undefined;
}

/** An endpoint, in the messages of `diagnostics_channel`. */
export interface EventSource {
  readonly name: string;
  /** The endpoint that it ends with: the server of a connection, the connection of a subscription. */
  readonly parent: EventSource | undefined;
}

/**
 * Hands events to any number of readers and to `diagnostics_channel`; nobody listening costs nothing. A message of channel
 * `gracewire:TYPE` is the event with the name of the endpoint as `endpoint`, and as `source` one {@linkcode EventSource} for
 * all events of that endpoint: a key for a `WeakMap`.
 */
export class EventHub {
  readonly #name: string;
  readonly #parent: EventHub | undefined;
  #source: EventSource | undefined = undefined;
  readonly #readers: Set<EventReader> = new Set();
  #ended = false;

  constructor(name: string, parent?: EventHub) {
    this.#name = name;
    this.#parent = parent;
  }

  /** Made when somebody wants to know. */
  get source(): EventSource {
    this.#source ??= Object.freeze({ name: this.#name, parent: this.#parent?.source });
    return this.#source;
  }

  /** Tells all readers. */
  emit(news: EndpointNews, level: EventLevel): void {
    const channel = channelOf(news.type);
    if (this.#readers.size === 0 && !channel.hasSubscribers) return;
    const event: EndpointEvent = { at: Date.now(), level, ...news };
    for (const reader of this.#readers) reader.push(event);
    if (!channel.hasSubscribers) return;
    channel.publish({ endpoint: this.#name, source: this.source, ...event });
  }

  /** No more events: readers end after what they hold. */
  end(): void {
    this.#ended = true;
    for (const reader of this.#readers) reader.end();
    this.#readers.clear();
  }

  /** A new reader, from now on. */
  read(signal: AbortSignal | undefined): AsyncIterableIterator<EndpointEvent> {
    const reader = new EventReader(signal, (leaving) => this.#readers.delete(leaving));
    if (this.#ended) reader.end();
    else if (signal?.aborted !== true) this.#readers.add(reader);
    return reader;
  }
}

/** Somebody listens to the events of this type of all endpoints. */
export function isObserved({ type }: EndpointNews): boolean {
  return channelOf(type).hasSubscribers;
}

type Channel = ReturnType<typeof diagnostics.channel>;

/** Held here for good: Bun lets go of a channel that nobody holds, and of those who have subscribed to it. */
const channels: Record<EndpointNews["type"], Channel> = {
  state: diagnostics.channel("gracewire:state"),
  phase: diagnostics.channel("gracewire:phase"),
  fault: diagnostics.channel("gracewire:fault"),
  lost: diagnostics.channel("gracewire:lost"),
  retry: diagnostics.channel("gracewire:retry"),
  connected: diagnostics.channel("gracewire:connected"),
  redirect: diagnostics.channel("gracewire:redirect"),
  leaving: diagnostics.channel("gracewire:leaving"),
  member: diagnostics.channel("gracewire:member"),
  overflow: diagnostics.channel("gracewire:overflow"),
  farewell: diagnostics.channel("gracewire:farewell"),
};

/**
 * Asked for again each time: Node and Bun forget a channel that is held when one of the same name, which nobody held, was
 * collected just before. Whoever subscribes then gets another one.
 */
function channelOf(type: EndpointNews["type"]): Channel {
  return channels[type] = diagnostics.channel(channels[type].name as string);
}

/** Events a reader may fall behind before the oldest are dropped. */
const readerCapacity = 1_000;

class EventReader implements AsyncIterableIterator<EndpointEvent> {
  readonly #queue: EndpointEvent[] = [];
  readonly #onLeave: (reader: EventReader) => void;
  #waiting: Deferred<IteratorResult<EndpointEvent>> | undefined = undefined;
  #ended = false;
  #aborted: { reason: unknown } | undefined = undefined;
  #link: AbortLink | undefined = undefined;

  constructor(signal: AbortSignal | undefined, onLeave: (reader: EventReader) => void) {
    this.#onLeave = onLeave;
    if (signal !== undefined) this.#link = onAbort(signal, (reason) => this.#abort(reason));
  }

  push(event: EndpointEvent): void {
    if (this.#waiting !== undefined) {
      this.#waiting.resolve({ done: false, value: event });
      this.#waiting = undefined;
      return;
    }
    this.#queue.push(event);
    if (this.#queue.length > readerCapacity) this.#queue.shift();
  }

  end(): void {
    this.#ended = true;
    this.#link?.unlink();
    this.#waiting?.resolve({ done: true, value: undefined });
    this.#waiting = undefined;
  }

  #abort(reason: unknown): void {
    this.#queue.length = 0;
    this.#onLeave(this);
    if (this.#waiting === undefined) {
      this.#aborted = { reason };
      return;
    }
    this.#ended = true;
    this.#waiting.reject(reason);
    this.#waiting = undefined;
  }

  next(): Promise<IteratorResult<EndpointEvent>> {
    if (this.#aborted !== undefined) {
      const { reason } = this.#aborted;
      this.#aborted = undefined;
      this.#ended = true;
      return Promise.reject(reason);
    }
    const event = this.#queue.shift();
    if (event !== undefined) return Promise.resolve({ done: false, value: event });
    if (this.#ended) return Promise.resolve({ done: true, value: undefined });
    if (this.#waiting !== undefined) {
      return Promise.reject(new TypeError("Cannot call next() of events(): another call of it is pending"));
    }
    this.#waiting = deferred();
    return this.#waiting.promise;
  }

  return(): Promise<IteratorResult<EndpointEvent>> {
    this.#onLeave(this);
    this.#queue.length = 0;
    this.#aborted = undefined;
    this.end();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<EndpointEvent> {
    return this;
  }
}
