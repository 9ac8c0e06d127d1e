import { randomUUID } from "node:crypto";
import { ConnectionLostError, MessageTooLargeError, type PeerError, UnsupportedError } from "../errors.ts";
import type { MessageData, PublishOptions } from "../messaging/connection.ts";
import type { Message } from "../messaging/message.ts";
import { show } from "../messaging/show.ts";
import { type Frame, sizeOf } from "./frames.ts";
import { encodeHeaders } from "./headers.ts";
import { checkLine, checkSubject, safeSubject } from "./subject.ts";

/** What the server in use takes. */
export interface ServerLimits {
  /** Bytes of a payload with its headers. */
  readonly maxPayload: number;
  readonly headers: boolean;
  /** Host and port. */
  readonly server: string;
}

/** What is published, until nobody needs it any more. */
export class Outgoing implements Frame {
  /** What is done with it, as in `publish to`. */
  readonly action: string;
  readonly topic: string;
  readonly headers: Uint8Array | undefined;
  readonly length: number;
  data: string | Uint8Array;
  /** Subject that replies go to, where one request gets one. */
  reply: string | undefined = undefined;
  /** How often it was put into a wire. */
  writes = 0;
  /** The number that it was written under last. */
  seq = 0;
  /** Writes that were answered, with yes or no. */
  answers = 0;
  /** The number of the write that was refused last. */
  refused = 0;

  /**
   * @throws {TypeError | RangeError} it cannot be sent.
   * @throws {MessageTooLargeError} the server does not take so much.
   */
  constructor(
    action: string,
    topic: string,
    data: MessageData,
    options: Pick<PublishOptions, "id" | "properties" | "retry">,
    maxPayload: number,
    headers?: Readonly<Record<string, string>>,
  ) {
    checkSubject(action, topic);
    if (typeof data !== "string" && !(data instanceof Uint8Array)) {
      throw new TypeError(`Cannot ${action} "${topic}": expected text or bytes, got ${show(data)}`);
    }
    // What is sent again must be known again.
    const id = options.retry === "unknown" ? options.id ?? randomUUID() : options.id;
    this.action = action;
    this.topic = topic;
    this.data = data;
    this.length = sizeOf(data);
    this.headers = encodeHeaders({ id, properties: options.properties }, headers);
    if (topic.length > safeSubject) this.fit(0);
    this.#measure(maxPayload);
  }

  /**
   * Checks that the subject fits, with so many bytes of a reply subject behind it.
   *
   * @throws {RangeError}
   */
  fit(reply: number): void {
    const { headers, size } = this;
    const sizes = headers === undefined ? `${size}` : `${headers.byteLength} ${size}`;
    checkLine(this.action, this.topic, 1 + sizes.length + (reply === 0 ? 0 : reply + 1));
  }

  get written(): boolean {
    return this.writes > 0;
  }

  /** What it does, for messages. */
  get what(): string {
    return `${this.action} "${this.topic}"`;
  }

  /** Bytes that count against what the server takes. */
  get size(): number {
    return this.length + (this.headers?.byteLength ?? 0);
  }

  /**
   * A server ends the connection of whoever sends it what it does not take.
   *
   * @throws {MessageTooLargeError | UnsupportedError}
   */
  check(limits: ServerLimits): void {
    this.#measure(limits.maxPayload);
    if (this.headers === undefined || limits.headers) return;
    throw new UnsupportedError(
      `Cannot ${this.what}: the server ${limits.server} takes no headers, and an id and properties are headers`,
    );
  }

  #measure(limit: number): void {
    const { size } = this;
    if (size <= limit) return;
    const message = `Cannot ${this.what}: ${size} bytes exceed the server's limit of ${limit} bytes`;
    throw new MessageTooLargeError(message, { size, limit });
  }

  /** How it ends with a refusal: where a write has no answer, the server may have taken it nevertheless. */
  verdict(refusal: Error): Error {
    if (this.writes === this.answers) return refusal;
    const message =
      `Cannot ${this.what}: it was sent and got no answer, and then came a refusal: ${refusal.message}`;
    return new ConnectionLostError(message, { outcome: "unknown", cause: refusal });
  }

  /** What a reply says that is no success; undefined for one. Nobody was there to reply: undefined. */
  judge?(reply: Message | undefined): PeerError | undefined;

  /** The caller may change the bytes from now on: what will still be written is a copy. */
  keep(again: boolean): void {
    if (this.data instanceof Uint8Array && (again || !this.written)) {
      this.data = Uint8Array.prototype.slice.call(this.data);
    }
  }
}

/** The server that we are connected to now may take less than the one before. */
export function checkAgain(outgoing: Outgoing, limits: ServerLimits): void {
  try {
    outgoing.check(limits);
  } catch (error) {
    throw outgoing.verdict(error as Error);
  }
}
