import type { NatsConnection as RawConnection } from "@nats-io/nats-core";
import { PeerError } from "../errors.ts";
import { LivingEndpoint } from "../lifecycle/base.ts";
import type { FarewellParts } from "../lifecycle/farewell.ts";
import { Lifecycle, type Step } from "../lifecycle/lifecycle.ts";
import { limited } from "../lifecycle/limit.ts";
import type { RunningPhase } from "../lifecycle/running.ts";
import { TimerWheel } from "../lifecycle/wheel.ts";
import type {
  MessageData,
  OperationOptions,
  PublishOptions,
  RequestOptions,
  Subscription,
} from "../messaging/connection.ts";
import type { Message } from "../messaging/message.ts";
import { Subscribers } from "../messaging/subscribers.ts";
import { resolveBuffer } from "../messaging/subscription.ts";
import type {
  NatsConnection,
  NatsRequestManyOptions,
  NatsStreamPublishOptions,
  NatsStreamReceipt,
  NatsSubscribeOptions,
  NatsUnconfirmedOptions,
} from "./api.ts";
import { checkCredentials } from "./credentials.ts";
import { Link } from "./link.ts";
import { type ResolvedOptions, resolveSubscribe } from "./options.ts";
import { Publisher } from "./publisher.ts";
import { requestMany } from "./request_many.ts";
import { publishToStream } from "./stream.ts";
import { checkInterest, checkSubjects } from "./subject.ts";
import { Subscriber } from "./subscriber.ts";

/** Connects. Create-or-nothing: when it rejects, nothing of it is left. */
export async function openConnection(
  servers: readonly string[],
  options: ResolvedOptions,
  signal: AbortSignal | undefined,
): Promise<NatsConnection<RawConnection>> {
  checkCredentials(options.auth);
  const { timeout } = options;
  const connection = new Connection(servers, options);
  const action = `connect to ${servers.join(", ")}`;
  try {
    await limited({ signal, timeout, action }, (bounded) => connection.start(bounded, timeout));
  } catch (error) {
    await connection.abandon(error);
    throw error;
  }
  // Up to here nobody has the connection: an abort still comes in time.
  if (signal?.aborted === true) {
    await connection.abandon(signal.reason);
    throw signal.reason;
  }
  return connection;
}

class Connection extends LivingEndpoint implements NatsConnection<RawConnection> {
  readonly #options: ResolvedOptions;
  readonly #wheel: TimerWheel = new TimerWheel();
  readonly #lifecycle: Lifecycle;
  readonly #link: Link;
  readonly #publisher: Publisher;
  readonly #subscribers: Subscribers;

  constructor(servers: readonly string[], options: ResolvedOptions) {
    const lifecycle = new Lifecycle({
      name: "nats connection",
      steps: {
        drain: (step) => this.#drain(step),
        goodbye: (step) => this.#goodbye(step),
        force: (step) => this.#force(step),
        release: (step) => this.#link.over ? undefined : this.#force(step),
      },
      report: () => this.#report(),
    });
    super(lifecycle);
    this.#options = options;
    this.#lifecycle = lifecycle;
    this.#subscribers = new Subscribers(lifecycle, () => this.#link.epoch);
    this.#publisher = new Publisher(options, this.#wheel, lifecycle, () => this.#link);
    this.#link = new Link({
      options,
      wheel: this.#wheel,
      servers: servers.map((listen) => ({ listen, tlsName: "" })),
      lifecycle,
      handler: {
        opened: (epoch) => this.#publisher.opened(epoch),
        full: () => this.#publisher.full(),
        drain: () => this.#publisher.drain(),
        lost: (cause, epoch) => this.#publisher.lost(cause, epoch),
        denied: (error) => this.#publisher.denied(error),
        terminal: (error) => {
          const refused = error instanceof PeerError;
          void lifecycle.end({ cause: refused ? "refused" : "lost", reason: error, lost: true });
        },
      },
    });
  }

  get raw(): RawConnection {
    return this.#link.protocol.connection as RawConnection;
  }
  get epoch(): number {
    return this.#link.epoch;
  }
  get leaving(): boolean {
    return this.#link.leaving;
  }
  get server(): string {
    return this.#link.server;
  }

  start(signal: AbortSignal, timeout: number): Promise<void> {
    return this.#link.start(signal, timeout);
  }

  /** Frees everything. Nobody has this connection, but whoever watches may have seen it open, and is to see its end. */
  async abandon(reason: unknown): Promise<void> {
    await this.#link.force();
    if (this.state !== "opening") await this.#lifecycle.end({ cause: "aborted", reason, forced: true });
  }

  publish(topic: string, data: MessageData, options: PublishOptions = {}): Promise<void> {
    return this.#publisher.publish(topic, data, options);
  }

  publishUnconfirmed(topic: string, data: MessageData, options: NatsUnconfirmedOptions = {}): void {
    this.#publisher.publishUnconfirmed(topic, data, options);
  }

  flush(options: OperationOptions = {}): Promise<void> {
    return this.#publisher.flush(options);
  }

  ping(options: OperationOptions = {}): Promise<number> {
    return this.#publisher.ping(options);
  }

  request(topic: string, data: MessageData, options: RequestOptions = {}): Promise<Message> {
    return this.#publisher.request(topic, data, options);
  }

  requestMany(
    topic: string,
    data: MessageData,
    options: NatsRequestManyOptions = {},
  ): AsyncIterableIterator<Message> {
    return requestMany({
      publisher: this.#publisher,
      wheel: this.#wheel,
      topic,
      data,
      options,
      maxPayload: this.#link.maxPayload,
    });
  }

  publishToStream(
    topic: string,
    data: MessageData,
    options: NatsStreamPublishOptions = {},
  ): Promise<NatsStreamReceipt> {
    return publishToStream(this.#publisher, topic, data, options, this.#link.maxPayload);
  }

  async subscribe(
    topics: string | readonly string[],
    options: NatsSubscribeOptions = {},
  ): Promise<Subscription> {
    const list = checkSubjects(topics);
    const { timeout, queue } = resolveSubscribe(options);
    for (const subject of list) checkInterest(subject, queue);
    const buffer = resolveBuffer(options);
    const { signal } = options;
    const make = (): Subscriber => {
      const own = { options: this.#options, wheel: this.#wheel, servers: this.#link.servers };
      const link = buffer.overflow === "pause" ? own : this.#link;
      return new Subscriber({ parent: this.#lifecycle, topics: list, queue, buffer, link });
    };
    return await this.#subscribers.start(make, {
      signal,
      timeout,
      action: `subscribe to "${list.join(", ")}"`,
    });
  }

  /** Subscriptions first, while publish, request and respond still work; then what is on its way. */
  async #drain(step: Step): Promise<void> {
    await this.#subscribers.drain(step);
    this.#publisher.stop();
    await this.#publisher.idle();
  }

  async #goodbye(step: RunningPhase): Promise<void> {
    this.#publisher.close();
    const told = await this.#link.goodbye(step);
    if (!told && !step.signal.aborted) this.#lifecycle.lost();
  }

  async #force(step: Step): Promise<void> {
    this.#publisher.close();
    await Promise.all([this.#subscribers.force(step), this.#link.force()]);
  }

  #report(): FarewellParts {
    const { messages, operations } = this.#publisher;
    const { starting } = this.#subscribers;
    return {
      operations,
      messages,
      connections: this.#link.counts,
      residue: { sockets: this.#link.sockets + starting, timers: this.#wheel.size },
    };
  }
}
