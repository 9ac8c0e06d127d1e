import type { AbortOptions } from "../lifecycle/endpoint.ts";
import type {
  MessageConnection,
  MessageData,
  OperationOptions,
  PublishOptions,
  RequestOptions,
  SubscribeOptions,
  Subscription,
} from "../messaging/connection.ts";
import type { Message } from "../messaging/message.ts";

/** Options of {@linkcode NatsConnection.publishUnconfirmed}. */
export type NatsUnconfirmedOptions = Pick<PublishOptions, "id" | "properties">;

/** Options of {@linkcode NatsConnection.requestMany}. Without a limit of its own it ends with `timeout`. */
export interface NatsRequestManyOptions extends AbortOptions {
  /** Replies after which it ends. @default {Infinity} */
  readonly count?: number | undefined;
  /** Milliseconds after which it ends with what has come; that is no error. @default {5_000} */
  readonly timeout?: number | undefined;
  /** Milliseconds after a reply within which the next one must come, or it ends. @default {Infinity} */
  readonly stall?: number | undefined;
  /** Identity of the request, as header `Nats-Msg-Id`. */
  readonly id?: string | undefined;
  /** Headers of the request. */
  readonly properties?: Readonly<Record<string, string>> | undefined;
}

/** Options of `subscribe` that only NATS has. */
export interface NatsSubscribeOptions extends SubscribeOptions {
  /** Name of a queue group: one member of it gets a message. @default {none: every subscription gets a copy} */
  readonly queue?: string | undefined;
}

/** Options of {@linkcode NatsConnection.publishToStream}. */
export interface NatsStreamPublishOptions extends Omit<PublishOptions, "retry"> {
  /**
   * `unknown`: when the acknowledgement does not come, and when no stream listens there (503, as while a cluster chooses a
   * leader) or it takes nothing for now, publish again under the same id, within `timeout`; the stream drops what it has
   * had within its duplicate window (2 minutes, unless it is set up otherwise). Whoever else is subscribed there drops
   * nothing: where no stream answers but somebody listens, they get the message again every 5 s. Without an `id` a random
   * one is made. `never`: all that is final. @default {"unknown"}
   */
  readonly retry?: "never" | "unknown" | undefined;
  /** Name of the stream that must be the one that stores it. */
  readonly stream?: string | undefined;
}

/** What a stream says of a message that it has stored. */
export interface NatsStreamReceipt {
  readonly stream: string;
  /** Its number in the stream. */
  readonly seq: number;
  /** The stream had it already, under the same id. */
  readonly duplicate: boolean;
}

/**
 * A {@linkcode MessageConnection} with what is special to NATS.
 *
 * Topics are subjects: tokens with dots between them. A subscription may have the wildcards `*` (one token) and `>` (the
 * rest). Core NATS keeps no messages: who is not subscribed when a message is published does not get it, and nothing is
 * delivered again. `ack()` settles a message here and sends nothing.
 */
export interface NatsConnection<Raw = unknown> extends MessageConnection {
  /**
   * The official client's own connection, for JetStream, key-value and object stores, and services. It is one object over
   * all reconnects, and works until the goodbye of this connection has ended. What is published through it is not waited for: its `publish`
   * loses messages silently while there is no connection.
   */
  readonly raw: Raw;
  /** Number of the life of the transport, from 1; a reconnect begins the next. */
  readonly epoch: number;
  /** The server has announced that it is about to go (lame duck): it still works, for a while. */
  readonly leaving: boolean;
  /** The server in use, as host and port; the last one while there is none. */
  readonly server: string;
  /**
   * Sends a message; resolves when the server has taken it from the wire and processed it: a PING that is sent behind it
   * was answered. `id` travels as header `Nats-Msg-Id`, `properties` are headers. Nobody needs to be subscribed.
   *
   * @throws {PeerError} the user may not publish there.
   * @throws {UnsupportedError} the server takes no headers: it was not sent.
   */
  publish(topic: string, data: MessageData, options?: PublishOptions): Promise<void>;
  /**
   * Sends a message and does not know whether it arrives: what is on the wire when the connection breaks is lost, and
   * nobody is told. Use it for what may be lost; `flush` waits for all of it. Where the user may not publish it is a `fault`
   * event of the connection, and counted as rejected.
   *
   * @throws {ConnectionLostError} there is no connection: it was not sent.
   * @throws {OverflowError} the window is full: it was not sent. Wait for `flush`.
   * @throws {ClosedError | MessageTooLargeError | TypeError} it was not sent.
   */
  publishUnconfirmed(topic: string, data: MessageData, options?: NatsUnconfirmedOptions): void;
  /**
   * Resolves when the server has processed all that was sent before. Rejects when the connection is lost before that, and
   * once when messages that were sent without confirmation were lost with an earlier connection.
   *
   * @throws {ConnectionLostError | TimeoutError | ClosedError} what was sent without confirmation may be lost.
   */
  flush(options?: OperationOptions): Promise<void>;
  /** Asks the server for a sign of life; resolves with milliseconds. While there is no connection it rejects at once. */
  ping(options?: OperationOptions): Promise<number>;
  /**
   * Sends a request and resolves with the first reply.
   *
   * @throws {PeerError} with status 503 at once, when nobody is subscribed; unless the connection was made with
   * `noResponders: "wait"`.
   */
  request(topic: string, data: MessageData, options?: RequestOptions): Promise<Message>;
  /**
   * Sends a request to many and yields their replies, until so many have come, `timeout` or `stall` is over, or the loop
   * is left.
   *
   * @throws {ConnectionLostError} in the loop: the connection was lost.
   * @throws {PeerError} in the loop: nobody is subscribed (unless the connection was made with `noResponders: "wait"`), or
   * the user may not publish there.
   * @throws {ClosedError} in the loop: the connection was ending with the call.
   */
  requestMany(
    topic: string,
    data: MessageData,
    options?: NatsRequestManyOptions,
  ): AsyncIterableIterator<Message>;
  /**
   * Subscribes; resolves when the server has confirmed. While this connection reconnects, that comes after it. An abort or
   * a timeout withdraws it.
   *
   * With `overflow: "pause"`, the default, the subscription gets a connection of its own: a NATS server sends everything
   * on one stream, so that waiting for a slow consumer would also hold up the confirmations that its handlers wait for.
   * A server gives up on a client that reads nothing for long (10 s by default), and the messages in between are lost.
   * With another policy the subscription shares the connection.
   *
   * @throws {PeerError} the user may not subscribe there.
   */
  subscribe(topics: string | readonly string[], options?: NatsSubscribeOptions): Promise<Subscription>;
  /**
   * Publishes to a JetStream stream; resolves when the stream has stored the message. The one way to publish in NATS that
   * survives the loss of a server. While no stream listens there it is sent again, see `retry`: a subject that no stream has
   * is known when `timeout` is over, or at once with `retry: "never"`. An abort only stops the waiting once it was sent.
   * In the counts of the farewell it is one message, however often it was sent, and each attempt an operation.
   *
   * @throws {PeerError} no stream listens there (503), or the stream refused it, each time it was sent: it is not stored.
   * @throws {TimeoutError | ConnectionLostError | ClosedError} with `outcome`. Where an attempt has no answer and a later
   * one is refused it is `unknown`, and the refusal is the `cause`.
   */
  publishToStream(
    topic: string,
    data: MessageData,
    options?: NatsStreamPublishOptions,
  ): Promise<NatsStreamReceipt>;
}
