import { ClosedError } from "../errors.ts";
import { ignoreRejection } from "../lifecycle/deferred.ts";
import type { AbortOptions } from "../lifecycle/endpoint.ts";
import type { MessageData } from "./connection.ts";
import type { StandardSchemaV1 } from "./schema.ts";

/** A message that was delivered, or the reply to a request. */
export interface Message {
  readonly topic: string;
  /** Identity given by the publisher, or by the protocol where the publisher gave none; may be empty. */
  readonly id: string;
  /** The payload. The bytes belong to the receiver: they are never reused. */
  readonly data: Uint8Array;
  /** Text properties that travelled with the message, those of the protocol included. */
  readonly properties: Readonly<Record<string, string>>;
  /** Whoever sent it waits for a reply. */
  readonly wantsReply: boolean;
  /** It has been delivered before and was not acknowledged, as far as the peer tells. */
  readonly redelivered: boolean;
  /** What the protocol itself tells about the message; its shape is documented at the protocol's entry point. */
  readonly raw: unknown;
  /** The payload as UTF-8 text. */
  text(): string;
  /**
   * The payload parsed as JSON, checked by a schema (valibot, zod, arktype: any Standard Schema).
   *
   * @throws {SyntaxError} for text that is not JSON.
   * @throws {TypeError} when the schema does not accept the value, or is asynchronous.
   */
  json(): unknown;
  json<T>(schema: StandardSchemaV1<unknown, T>): T;
  /**
   * Tells the peer that the message is done with. Idempotent. After a reconnect the peer that delivered it is gone: the
   * acknowledgement is not sent.
   */
  ack(): void;
  /**
   * Replies to a message that wants it, and acknowledges it. Resolves when the reply is on its way; an abort before that
   * withdraws it. With NATS it waits while the transport is full; a server that takes nothing for
   * `heartbeat * (missedHeartbeats + 1)` milliseconds counts as lost, and with `heartbeat: Infinity` there is no bound.
   *
   * @throws {TypeError} the message wants no reply, or has got one.
   * @throws {ClosedError} its delivery has ended: it was given back or thrown away.
   * @throws {ConnectionLostError} the connection that delivered it is gone; with NATS, where any can carry a reply: there is
   * none.
   */
  respond(data: MessageData, options?: AbortOptions): Promise<void>;
}

/** What became of a delivered message; each message ends as one of them. */
export type MessageFate = "acked" | "returned" | "dropped";

const decoder = new TextDecoder();

/** Whoever handed a message out. */
export interface MessageOwner {
  /** Told once what became of the message. */
  fated(message: DeliveredMessage, fate: MessageFate): void;
  /** The error of what its end refuses; undefined while it does not end. */
  refusal(action: string): ClosedError | undefined;
}

/** A message on its way through a subscription, or a reply. Protocols tell what is in it, and how it is answered. */
export abstract class DeliveredMessage implements Message {
  abstract readonly topic: string;
  abstract readonly id: string;
  abstract readonly properties: Readonly<Record<string, string>>;
  abstract readonly wantsReply: boolean;
  abstract readonly redelivered: boolean;
  abstract readonly raw: unknown;
  /** Bytes it takes in a buffer. */
  abstract readonly size: number;
  /** Nobody waits for what becomes of a reply. */
  owner: MessageOwner | undefined = undefined;
  /** Its neighbours in a {@linkcode MessageList}. */
  previous: DeliveredMessage | undefined = undefined;
  next: DeliveredMessage | undefined = undefined;
  #data: Uint8Array | undefined = undefined;
  #fate: MessageFate | undefined = undefined;
  #responded = false;

  /** Decodes the payload; called once, when it is asked for. */
  protected abstract payload(): Uint8Array;

  /** The payload as text, where it came as text: what its bytes say, without the way over them. */
  protected payloadText(): string | undefined {
    return undefined;
  }

  /** Sends the acknowledgement; false when the connection that delivered the message is gone. */
  abstract acknowledge(): boolean;

  /** Acknowledges and sends the reply. A promise: it waits for room, and rejects as `respond` does. */
  protected abstract answer(data: MessageData, signal?: AbortSignal): void | Promise<void>;

  /** Told once what became of the message. */
  protected fated(_fate: MessageFate): void {}

  get data(): Uint8Array {
    return this.#data ??= this.payload();
  }

  text(): string {
    const text = this.#data === undefined ? this.payloadText() : undefined;
    return text ?? decoder.decode(this.data);
  }

  json(): unknown;
  json<T>(schema: StandardSchemaV1<unknown, T>): T;
  json(schema?: StandardSchemaV1): unknown {
    const value: unknown = JSON.parse(this.text());
    return schema === undefined ? value : checked(schema, value, this.topic);
  }

  ack(): void {
    if (this.#fate !== undefined) return;
    this.settle(this.acknowledge() ? "acked" : "returned");
  }

  async respond(data: MessageData, options: AbortOptions = {}): Promise<void> {
    if (options.signal?.aborted === true) throw options.signal.reason;
    await this.reply(data, options.signal);
  }

  /** The same, at once where there is room; a promise where it waits for some. */
  reply(data: MessageData, signal?: AbortSignal): Promise<void> | undefined {
    if (typeof data !== "string" && !(data instanceof Uint8Array)) {
      throw new TypeError(
        `Cannot respond to a message of "${this.topic}": expected text or bytes, got ${typeof data}`,
      );
    }
    if (!this.wantsReply) {
      throw new TypeError(`Cannot respond to a message of "${this.topic}": nobody waits for a reply`);
    }
    if (this.#responded) {
      throw new TypeError(`Cannot respond to a message of "${this.topic}": it has been done`);
    }
    if (this.#fate === "returned" || this.#fate === "dropped") {
      const action = `respond to a message of "${this.topic}"`;
      const message = `Cannot ${action}: its delivery has ended`;
      throw this.owner?.refusal(action) ?? new ClosedError(message, { state: "closed" });
    }
    this.#responded = true;
    try {
      const sent = this.answer(data, signal);
      if (sent !== undefined) return this.#sent(sent);
    } catch (error) {
      this.#responded = false;
      throw error;
    }
    if (this.#fate === undefined) this.settle("acked");
    return undefined;
  }

  async #sent(sent: Promise<void>): Promise<void> {
    try {
      await sent;
    } catch (error) {
      this.#responded = false;
      throw error;
    }
    if (this.#fate === undefined) this.settle("acked");
  }

  /** The message was not acknowledged and will not be: what became of it is up to the protocol. */
  settle(fate: MessageFate): void {
    if (this.#fate !== undefined) return;
    this.#fate = fate;
    this.fated(fate);
    this.owner?.fated(this, fate);
  }

  /** It has got its reply. */
  get responded(): boolean {
    return this.#responded;
  }

  /** It has its fate. */
  get settled(): boolean {
    return this.#fate !== undefined;
  }
}

function checked(schema: StandardSchemaV1, value: unknown, topic: string): unknown {
  const result = schema["~standard"].validate(value);
  if (result instanceof Promise) {
    ignoreRejection(result);
    throw new TypeError(`Cannot read a message of "${topic}" as JSON: expected a synchronous schema`);
  }
  if (result.issues === undefined) return result.value;
  const issues = result.issues.map((issue) => issue.message).join("; ");
  throw new TypeError(`Cannot read a message of "${topic}" as JSON: ${issues}`, { cause: result.issues });
}
