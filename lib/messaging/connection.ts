import type { AbortOptions, Endpoint } from "../lifecycle/endpoint.ts";
import type { Farewell } from "../lifecycle/farewell.ts";
import type { Message } from "./message.ts";

/** What a message carries: text, sent as UTF-8, or bytes. The caller may change the bytes once the call has returned. */
export type MessageData = string | Uint8Array;

/** Options of every operation that waits for the peer. */
export interface OperationOptions extends AbortOptions {
  /**
   * Milliseconds for the call, waiting for a place in the window and for a reconnect included. When they have passed it
   * rejects with a {@linkcode TimeoutError}; with 0 before anything is sent. @default {20_000, for a request 5_000}
   */
  readonly timeout?: number | undefined;
}

/** Options of {@linkcode MessageConnection.publish}. */
export interface PublishOptions extends OperationOptions {
  /** Identity of the message for whoever looks for duplicates. @default {up to the protocol} */
  readonly id?: string | undefined;
  /** Text properties that travel with the message; which names are allowed is up to the protocol. */
  readonly properties?: Readonly<Record<string, string>> | undefined;
  /** `unknown`: after a loss that leaves it open whether the peer has the message, send it again with the same id. @default {"never"} */
  readonly retry?: "never" | "unknown" | undefined;
  /** `fail`: reject at once while there is no connection. @default {"wait"} */
  readonly offline?: "wait" | "fail" | undefined;
}

/** Options of {@linkcode MessageConnection.request}. */
export type RequestOptions = Omit<PublishOptions, "retry">;

/** What a full buffer does: `pause` stops reading, the others lose messages or the subscription. */
export type OverflowPolicy = "pause" | "drop-oldest" | "drop-newest" | "fail";

/** Options of {@linkcode MessageConnection.subscribe}. */
export interface SubscribeOptions extends OperationOptions {
  /**
   * Bounds the call, and governs the life of the subscription: an abort after success ends it at once, with that reason.
   */
  readonly signal?: AbortSignal | undefined;
  /** @default {"pause"} */
  readonly overflow?: OverflowPolicy | undefined;
  /** Messages that may wait for the consumer. @default {1_000} */
  readonly capacity?: number | undefined;
  /** Bytes that may wait for the consumer. @default {16 MiB} */
  readonly capacityBytes?: number | undefined;
}

/**
 * A connection that publishes, asks and subscribes.
 *
 * @example
 * ```ts
 * import { connect } from "gracewire";
 *
 * await using connection = await connect("eventmesh://127.0.0.1:10000", { signal });
 * await connection.publish("greetings", "hello", { signal });
 * ```
 */
export interface MessageConnection extends Endpoint {
  /**
   * Sends a message; resolves when the peer has confirmed it. Order on the wire is the order of the calls.
   *
   * An abort, a timeout or a loss before the message is written withdraws it (`outcome: "not-sent"`); afterwards they only
   * stop the waiting (`outcome: "unknown"`).
   *
   * @throws {PeerError} the peer refused it.
   * @throws {TimeoutError | ConnectionLostError | ClosedError} with `outcome`.
   * @throws {OverflowError} more operations wait for their turn than `maxWaiting` allows.
   * @throws {MessageTooLargeError | TypeError | RangeError} before anything is sent.
   */
  publish(topic: string, data: MessageData, options?: PublishOptions): Promise<void>;
  /**
   * Sends a message and resolves with its reply. A reply that comes after an abort or a timeout is dropped.
   *
   * @throws as {@linkcode MessageConnection.publish} does.
   */
  request(topic: string, data: MessageData, options?: RequestOptions): Promise<Message>;
  /**
   * Receives the messages of one or more topics; resolves when the peer has confirmed. While the connection reconnects, it
   * waits until that is open again; when the connection is lost before the peer has confirmed, it is tried again.
   *
   * @throws {PeerError} the peer refused it.
   * @throws {ConnectError} the connection is open, and the one that the subscription needs for itself did not come about.
   * @throws {TimeoutError | ClosedError} the time has passed, or the connection has ended.
   */
  subscribe(topics: string | readonly string[], options?: SubscribeOptions): Promise<Subscription>;
  /**
   * Asks the peer for a sign of life, and resolves with the milliseconds until its answer to this very question. While
   * there is no connection it rejects at once. An abort only stops the waiting. The timeout is 5 s by default.
   *
   * @throws {TimeoutError | ConnectionLostError | ClosedError} the peer has not answered.
   */
  ping(options?: OperationOptions): Promise<number>;
}

/** What a handler of {@linkcode Subscription.consume} is given beside the message. */
export interface HandlerContext {
  /** Aborts when work must stop: nobody waits for the handler any longer. */
  readonly signal: AbortSignal;
  /** Aborts when the subscription's end begins: finish what you have started. */
  readonly draining: AbortSignal;
}

/** Handles a message. What it returns, when it is not undefined, is the reply to a message that wants one. */
export type MessageHandler = (
  message: Message,
  context: HandlerContext,
) => MessageData | void | undefined | Promise<MessageData | void | undefined>;

/** Options of {@linkcode Subscription.consume}. */
export interface ConsumeOptions extends AbortOptions {
  /** Handlers that may run at a time. They start in the order of delivery. @default {1} */
  readonly concurrency?: number | undefined;
}

/**
 * A stream of messages with one consumer: an iterator or {@linkcode Subscription.consume}. A second one is a TypeError.
 *
 * In a `for await` loop the next turn acknowledges the message before. `break` and a throw in the body do not (call
 * `message.ack()` first) and end the subscription. The loop ends after a goodbye, throws the reason after an abort and
 * a ConnectionLostError when the connection is lost for good, and waits while it reconnects.
 */
export interface Subscription extends Endpoint, AsyncIterable<Message> {
  /** The topics it receives. */
  readonly topics: readonly string[];
  /**
   * Calls a handler for each message and acknowledges the message when the handler has succeeded. A handler that throws
   * leaves its message unacknowledged; that is an event and an entry of the Farewell, and the subscription goes on.
   *
   * Resolves with the Farewell of the subscription. Once it has started it never rejects. An abort of `signal` ends the
   * subscription at once.
   */
  consume(handler: MessageHandler, options?: ConsumeOptions): Promise<Farewell>;
  [Symbol.asyncIterator](): AsyncIterableIterator<Message>;
}
