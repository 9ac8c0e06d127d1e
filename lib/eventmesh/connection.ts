import { LivingEndpoint } from "../lifecycle/base.ts";
import type { FarewellParts } from "../lifecycle/farewell.ts";
import { Lifecycle, type Step } from "../lifecycle/lifecycle.ts";
import { limited } from "../lifecycle/limit.ts";
import { TimerWheel } from "../lifecycle/wheel.ts";
import type {
  MessageConnection,
  MessageData,
  OperationOptions,
  PublishOptions,
  RequestOptions,
  Subscription,
} from "../messaging/connection.ts";
import type { Message } from "../messaging/message.ts";
import { Subscribers } from "../messaging/subscribers.ts";
import { resolveBuffer } from "../messaging/subscription.ts";
import { checkTopics, type TopicRule } from "../messaging/topic.ts";
import { type EventMeshSubscribeOptions, type ResolvedOptions, resolveSubscribe } from "./options.ts";
import type { EventMeshMessageOptions } from "./outgoing.ts";
import { Publisher } from "./publisher.ts";
import { Route } from "./route.ts";
import type { SessionContext } from "./session.ts";
import { Subscriber } from "./subscriber.ts";
import type { Server } from "./url.ts";
import { MAX_SEQ } from "./wire/mod.ts";

/** Options of {@linkcode EventMeshConnection.publish}. */
export type EventMeshPublishOptions = PublishOptions & EventMeshMessageOptions;
/** Options of {@linkcode EventMeshConnection.request}. */
export type EventMeshRequestOptions = RequestOptions & EventMeshMessageOptions;

/** A {@linkcode MessageConnection} with what is special to EventMesh. */
export interface EventMeshConnection extends MessageConnection {
  /**
   * Sends a message with ASYNC_MESSAGE_TO_SERVER. `properties` have names of lower-case letters and digits, at most 20.
   *
   * An `id` travels as property `msgid`, or as the id of a CloudEvent. Without one a CloudEvent gets a random UUID, and an
   * `eventmeshmessage` none, unless `retry` is `unknown`.
   */
  publish(topic: string, data: MessageData, options?: EventMeshPublishOptions): Promise<void>;
  /**
   * As `publish`, with BROADCAST_MESSAGE_TO_SERVER. Who gets the message is decided by the mode of the subscribers
   * alone; the command is there for servers that count or filter by it.
   */
  broadcast(topic: string, data: MessageData, options?: EventMeshPublishOptions): Promise<void>;
  /**
   * Sends a request and resolves with the reply of a subscriber of type `sync`. The server is told how much of the
   * timeout is left, in property `ttl`; while nobody answers, the request pends. An abort before the request is written
   * withdraws it; afterwards it only stops the waiting, and a reply that still comes is dropped.
   */
  request(topic: string, data: MessageData, options?: EventMeshRequestOptions): Promise<Message>;
  /**
   * Subscribes on a connection of its own, with SUBSCRIBE_REQUEST and LISTEN_REQUEST, at the server that this connection
   * uses or at the next that answers; while this connection reconnects, that comes after it. An abort or a timeout
   * withdraws it all.
   */
  subscribe(topics: string | readonly string[], options?: EventMeshSubscribeOptions): Promise<Subscription>;
  /**
   * Asks the server for a sign of life with HEARTBEAT_REQUEST, and resolves with the milliseconds until its answer. Anything
   * else that the server sends does not count. While there is no connection it rejects at once. An abort only stops the
   * waiting.
   *
   * It goes the way that publishes and requests go; subscriptions have connections of their own, with heartbeats of their own.
   *
   * @throws {TimeoutError} after `timeout` milliseconds. @default {5_000}
   * @throws {ConnectionLostError | ClosedError | PeerError}
   */
  ping(options?: OperationOptions): Promise<number>;
  /**
   * Asks the server which server of its cluster to use; undefined when it recommends none. Servers without meta storage
   * refuse (PeerError). An abort only stops the waiting.
   */
  recommend(
    options?: OperationOptions,
  ): Promise<{ readonly host: string; readonly port: number } | undefined>;
}

/** Connects. Create-or-nothing: when it rejects, nothing of it is left. */
export async function openConnection(
  servers: readonly Server[],
  options: ResolvedOptions,
  signal: AbortSignal | undefined,
): Promise<EventMeshConnection> {
  const { timeout } = options;
  const action = `connect to ${servers.map((server) => server.text).join(", ")}`;
  const connection = new Connection(servers, options);
  await limited({ signal, timeout, action }, (bounded) => connection.start(bounded, timeout));
  // Up to here nobody has the connection: an abort still comes in time.
  if (signal?.aborted === true) {
    await connection.abandon(signal.reason);
    throw signal.reason;
  }
  return connection;
}

class Connection extends LivingEndpoint implements EventMeshConnection {
  readonly #context: SessionContext;
  readonly #route: Route;
  readonly #lifecycle: Lifecycle;
  readonly #publisher: Publisher;
  readonly #subscribers: Subscribers;
  #told = false;

  constructor(servers: readonly Server[], options: ResolvedOptions) {
    const lifecycle = new Lifecycle({
      name: "eventmesh connection",
      steps: {
        drain: (step) => this.#drain(step),
        goodbye: (step) => this.#goodbye(step),
        force: (step) => this.#force(step),
        release: (step) => this.#force(step),
      },
      report: () => this.#report(),
    });
    super(lifecycle);
    this.#lifecycle = lifecycle;
    this.#subscribers = new Subscribers(lifecycle, () => this.#publisher.connections.opened);
    this.#route = new Route(servers);
    let seq = firstSeq();
    this.#context = {
      options,
      wheel: new TimerWheel(),
      nextSeq: () => {
        seq = seq >= MAX_SEQ ? 1 : seq + 1;
        return seq;
      },
    };
    this.#publisher = new Publisher(this.#context, this.#route, lifecycle);
  }

  /** Makes the publishing session. */
  start(signal: AbortSignal, timeout: number): Promise<void> {
    return this.#publisher.start(signal, timeout);
  }

  /** Frees everything. Nobody has this connection, but whoever watches has seen it open, and is to see its end. */
  async abandon(reason: unknown): Promise<void> {
    await this.#lifecycle.end({ cause: "aborted", reason, forced: true });
  }

  publish(topic: string, data: MessageData, options: EventMeshPublishOptions = {}): Promise<void> {
    return this.#publisher.publish("ASYNC_MESSAGE_TO_SERVER", topic, data, options);
  }

  broadcast(topic: string, data: MessageData, options: EventMeshPublishOptions = {}): Promise<void> {
    return this.#publisher.publish("BROADCAST_MESSAGE_TO_SERVER", topic, data, options);
  }

  request(topic: string, data: MessageData, options: EventMeshRequestOptions = {}): Promise<Message> {
    return this.#publisher.request(topic, data, options);
  }

  async subscribe(
    topics: string | readonly string[],
    options: EventMeshSubscribeOptions = {},
  ): Promise<Subscription> {
    const list = checkTopics(topics, topicRule);
    const { group = this.#context.options.agent.group, timeout, ...how } = resolveSubscribe(options);
    const buffer = resolveBuffer(options);
    const { signal } = options;
    const make = (): Subscriber =>
      new Subscriber(this.#context, this.#route.fork(), {
        parent: this.#lifecycle,
        topics: list,
        ...how,
        group,
        buffer,
      });
    return await this.#subscribers.start(make, {
      signal,
      timeout,
      action: `subscribe to "${list.join(", ")}"`,
    });
  }

  async recommend(options: OperationOptions = {}): Promise<{ host: string; port: number } | undefined> {
    const info = await this.#publisher.recommend(options);
    return info === undefined ? undefined : { host: info.ip, port: info.port };
  }

  ping(options: OperationOptions = {}): Promise<number> {
    return this.#publisher.ping(options);
  }

  /** Subscriptions first, while publish, request and respond still work; then what is on its way. */
  async #drain(step: Step): Promise<void> {
    await this.#subscribers.drain(step);
    this.#publisher.stop();
    await this.#publisher.idle();
  }

  async #goodbye(step: Step): Promise<void> {
    this.#publisher.close();
    this.#told = await this.#publisher.goodbye(step);
    if (!this.#told && !step.signal.aborted) this.#lifecycle.lost();
  }

  async #force(step: Step): Promise<void> {
    await Promise.all([this.#subscribers.force(step), this.#publisher.force()]);
  }

  #report(): FarewellParts {
    const { connections, messages, operations, sockets } = this.#publisher;
    const { starting } = this.#subscribers;
    return {
      operations,
      messages,
      connections,
      residue: { sockets: sockets + starting, timers: this.#context.wheel.size },
    };
  }
}

/**
 * Anywhere in the first half billion of the ten-digit numbers, so that two clients rarely share one in a log. As much is
 * left below 2^31: above it an engine takes memory for each number.
 */
function firstSeq(): number {
  return 1_000_000_000 + Math.floor(Math.random() * 500_000_000);
}

const topicRule: TopicRule = {
  one: "a topic",
  many: "topics",
  wanted: "topics that are not blank",
  fits: (topic) => topic.trim() !== "",
};
