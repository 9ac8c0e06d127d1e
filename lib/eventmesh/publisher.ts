import { type PeerError, type SendOutcome, TimeoutError } from "../errors.ts";
import type { ExchangeCounts } from "../flow/counts.ts";
import { Exchange } from "../flow/exchange.ts";
import type { ConnectionCounts, MessageCounts, OperationCounts } from "../lifecycle/farewell.ts";
import type { Lifecycle, Step } from "../lifecycle/lifecycle.ts";
import { now } from "../lifecycle/timer.ts";
import type {
  MessageData,
  OperationOptions,
  PublishOptions,
  RequestOptions,
} from "../messaging/connection.ts";
import type { Message } from "../messaging/message.ts";
import { Answerer } from "./answerer.ts";
import { Confirmations } from "./confirmation.ts";
import { explain, type Refusal, refusalOf, unreadable } from "./failure.ts";
import { IncomingMessage } from "./incoming.ts";
import { Link, type LinkHandler } from "./link.ts";
import { resolvePublish } from "./options.ts";
import {
  Composer,
  type EventMeshMessageOptions,
  type Outgoing,
  type OutgoingRequest,
  type PublishCommand,
} from "./outgoing.ts";
import type { Route } from "./route.ts";
import type { Session, SessionContext } from "./session.ts";
import {
  decodeRecommendation,
  EventReader,
  type Packet,
  PUBLISH_WINDOW,
  type RedirectInfo,
} from "./wire/mod.ts";

/** Publishes that may be unconfirmed at a time where the server says nothing: the runtime's `upstreamBufferSize`. */
const defaultWindow = 20;
const recommendation = "ask for a recommendation";
const ping = "ping the server";

/** What all exchanges of a publisher have in common. */
type AnyExchange = Pick<
  Exchange<never, never>,
  "close" | "counts" | "hold" | "idle" | "lost" | "open" | "quiet" | "stop" | "writable"
>;

/** The publishing side of a connection: a link, and what is on its way over it. */
export class Publisher {
  readonly #context: SessionContext;
  readonly #lifecycle: Lifecycle;
  readonly #link: Link;
  readonly #composer: Composer;
  readonly #answerer: Answerer;
  readonly #reader: EventReader = new EventReader();
  readonly #publishes: Exchange<Outgoing, void>;
  /** Those of the server of the newest session. */
  #confirmations: Confirmations | undefined = undefined;
  /** A session that is being left is still judged by what is known of its own server. */
  readonly #judges: WeakMap<Session, Confirmations> = new WeakMap();
  readonly #requests: Exchange<OutgoingRequest, Message>;
  readonly #recommendations: Exchange<undefined, RedirectInfo | undefined>;
  readonly #pings: Exchange<undefined, undefined>;
  readonly #exchanges: readonly AnyExchange[];
  #session: Session | undefined = undefined;

  constructor(context: SessionContext, route: Route, lifecycle: Lifecycle) {
    this.#context = context;
    this.#lifecycle = lifecycle;
    const { agent: { group }, maxFrame, maxWaiting, window } = context.options;
    const nextSeq = (): number => context.nextSeq();
    const shared = { wheel: context.wheel, nextSeq, maxWaiting };
    this.#composer = new Composer(context.options);
    this.#answerer = new Answerer({ maxFrame, nextSeq });
    this.#publishes = new Exchange({
      ...shared,
      window: window ?? defaultWindow,
      describe: ({ topic }) => `publish to "${topic}"`,
      explain: (error, { topic }) => explain(error, `publish to "${topic}"`),
      refusalsProve: true,
      // A runtime that misnames an acknowledgement for one that is another client's also gives its place in the session to
      // that client: a session can run out of places for good.
      onOvertaken: () => this.#link.renew(),
      write: (seq, { template, body }) => this.#session!.sendTemplated(template, seq, body),
    });
    this.#requests = new Exchange({
      ...shared,
      describe: requestOf,
      explain: explainRequest,
      write: (seq, request) => {
        this.#session!.sendTemplated(request.template, seq, this.#composer.fresh(request));
      },
    });
    this.#recommendations = new Exchange({
      ...shared,
      describe: () => recommendation,
      write: (seq) => {
        const body = this.#session!.introduction("pub", group);
        this.#session!.send({ cmd: "RECOMMEND_REQUEST", seq: String(seq) }, body);
      },
    });
    this.#pings = new Exchange({
      ...shared,
      describe: () => ping,
      write: (seq) => this.#session!.send({ cmd: "HEARTBEAT_REQUEST", seq: String(seq) }),
    });
    this.#exchanges = [this.#publishes, this.#requests, this.#recommendations, this.#pings];
    this.#link = new Link({ context, route, purpose: "pub", group, lifecycle, handler: this.#handler() });
  }

  /** Connects. Create-or-nothing. `timeout`: the milliseconds after which the signal aborts by itself. */
  start(signal: AbortSignal, timeout: number): Promise<void> {
    return this.#link.start(signal, timeout);
  }

  get sockets(): number {
    return this.#link.sockets;
  }

  publish(
    cmd: PublishCommand,
    topic: string,
    data: MessageData,
    options: PublishOptions & EventMeshMessageOptions,
  ): Promise<void> {
    try {
      const submit = resolvePublish(options, 20_000);
      return this.#publishes.submit(this.#composer.publish(cmd, topic, data, options), submit);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  request(
    topic: string,
    data: MessageData,
    options: RequestOptions & EventMeshMessageOptions,
  ): Promise<Message> {
    try {
      const { signal, timeout, offline } = resolvePublish(options, 5_000);
      const request = this.#composer.request(topic, data, options, timeout);
      return this.#requests.submit(request, { signal, timeout, offline });
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async recommend(options: OperationOptions): Promise<RedirectInfo | undefined> {
    const submit = resolvePublish(options, 20_000);
    try {
      return await this.#recommendations.submit(undefined, submit);
    } catch (error) {
      throw explain(error, recommendation);
    }
  }

  async ping(options: OperationOptions): Promise<number> {
    const submit = resolvePublish(options, 5_000);
    const start = now();
    try {
      // While the connection moves to another server, that one will answer.
      const offline = this.#lifecycle.state === "open" ? "wait" : "fail";
      await this.#pings.submit(undefined, { ...submit, offline });
    } catch (error) {
      throw explain(error, ping);
    }
    return now() - start;
  }

  /** Refuses what is new. */
  stop(): void {
    for (const exchange of this.#exchanges) exchange.stop(this.#refusal);
  }

  /** Resolves when nothing is on its way. */
  async idle(): Promise<void> {
    await Promise.all(this.#exchanges.map((exchange) => exchange.idle()));
  }

  /** Gives up what is still on its way. */
  close(): void {
    for (const exchange of this.#exchanges) exchange.close(this.#refusal);
  }

  goodbye(step: Step): Promise<boolean> {
    return this.#link.goodbye(step);
  }

  async force(): Promise<void> {
    this.close();
    await this.#link.force();
  }

  get operations(): OperationCounts {
    return sum(this.#exchanges, ["settled", "aborted", "refused"]);
  }

  get messages(): Pick<MessageCounts, "published" | "confirmed" | "rejected" | "unconfirmed"> {
    return sum([this.#publishes, this.#requests], ["published", "confirmed", "rejected", "unconfirmed"]);
  }

  get connections(): Omit<ConnectionCounts, "refused"> {
    return this.#link.counts;
  }

  readonly #refusal = (action: string, outcome: SendOutcome): unknown =>
    this.#lifecycle.refusal(action, outcome);

  readonly #replyOf = (packet: Packet): Message => new IncomingMessage(packet, this.#reader);

  #handler(): LinkHandler {
    const each = (act: (exchange: AnyExchange) => void): void => this.#exchanges.forEach(act);
    return {
      setup: () => Promise.resolve(),
      packet: (packet, session) => this.#packet(packet, session),
      confirmed: (seqNumber) => {
        this.#publishes.settle(seqNumber, undefined);
        return true;
      },
      opened: (session) => {
        this.#session = session;
        this.#judges.set(session, this.#confirmationsAt(session.server.text));
        // Held, as a window that grows lets go of what waits, which would count for the session before.
        this.#publishes.hold();
        this.#publishes.window = this.#context.options.window ?? advertisedWindow(session);
        each((exchange) => exchange.open(session.epoch));
      },
      full: (session) => {
        if (session === this.#session) each((exchange) => exchange.writable = false);
      },
      drain: (session) => {
        if (session === this.#session) each((exchange) => exchange.writable = true);
      },
      leaving: () => each((exchange) => exchange.hold()),
      staying: (session) => each((exchange) => exchange.open(session.epoch)),
      quiet: ({ epoch }) => Promise.all(this.#exchanges.map((exchange) => exchange.quiet(epoch))),
      lost: (session, cause) => {
        if (session === this.#session) this.#session = undefined;
        each((exchange) => exchange.lost(cause, session.epoch));
      },
      terminal: (error) => void this.#lifecycle.end({ cause: "lost", reason: error, lost: true }),
    };
  }

  /** Another server may write other bodies. */
  #confirmationsAt(server: string): Confirmations {
    if (this.#confirmations?.server !== server) {
      this.#confirmations = new Confirmations(server, this.#publishes);
    }
    return this.#confirmations;
  }

  #packet(packet: Packet, session: Session): void {
    switch (packet.command) {
      case "ASYNC_MESSAGE_TO_SERVER_ACK":
      case "BROADCAST_MESSAGE_TO_SERVER_ACK":
        settle(this.#publishes, packet, () => undefined, this.#judges.get(session)?.seqOf(packet) ?? NaN);
        break;
      case "RESPONSE_TO_CLIENT":
        this.#answerer.acknowledge(packet, session);
        settle(this.#requests, packet, this.#replyOf);
        break;
      case "RECOMMEND_RESPONSE":
        settle(this.#recommendations, packet, decodeRecommendation);
        break;
      case "HEARTBEAT_RESPONSE":
        settle(this.#pings, packet, () => undefined);
        break;
    }
  }
}

/** Milliseconds that a server may be early, as it is told whole ones. */
const ttlRounding = 2;

function requestOf({ topic }: OutgoingRequest): string {
  return `request an answer of "${topic}"`;
}

/** The server knows how long its caller waits, and may be the first to notice that this time is over. */
function explainRequest(error: PeerError, request: OutgoingRequest): unknown {
  const { timeout, deadline } = request;
  const cause = explain(error, requestOf(request));
  if (now() < deadline - ttlRounding) return cause;
  const message = `Cannot ${requestOf(request)}: no reply within ${timeout} ms`;
  return new TimeoutError(message, { timeout, outcome: "unknown", cause });
}

function settle<P, T>(
  exchange: Exchange<P, T>,
  packet: Packet,
  read: (packet: Packet) => T,
  seq: number = packet.seqNumber,
): void {
  let value: T;
  try {
    if (packet.code !== 0) return exchange.refuse(seq, refusalOf(packet));
    value = read(packet);
  } catch (error) {
    const refusal: Refusal = unreadable(packet, error as Error);
    return exchange.refuse(seq, refusal);
  }
  exchange.settle(seq, value);
}

function advertisedWindow(session: Session): number {
  const window = Number(session.properties[PUBLISH_WINDOW]);
  return Number.isInteger(window) && window > 0 ? window : defaultWindow;
}

function sum<K extends keyof ExchangeCounts>(
  exchanges: readonly Pick<AnyExchange, "counts">[],
  keys: readonly K[],
): Record<K, number> {
  const entries = keys.map((key) => [key, exchanges.reduce((total, { counts }) => total + counts[key], 0)]);
  return Object.fromEntries(entries) as Record<K, number>;
}
