import { randomUUID } from "node:crypto";
import { MessageTooLargeError } from "../errors.ts";
import type { MessageData, PublishOptions } from "../messaging/connection.ts";
import { type Frame, sizeOf } from "./frames.ts";
import { encodeHeaders } from "./headers.ts";
import { show } from "./show.ts";
import { checkSubject } from "./subject.ts";

/** What is published, until nobody needs it any more. */
export class Outgoing implements Frame {
  readonly topic: string;
  readonly headers: Uint8Array | undefined;
  readonly length: number;
  data: string | Uint8Array;
  /** Subject that replies go to, where one request gets one. */
  reply: string | undefined = undefined;
  /** It was put into a wire at least once. */
  written = false;

  /**
   * @throws {TypeError} it cannot be sent.
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
    this.topic = topic;
    this.data = data;
    this.length = sizeOf(data);
    this.headers = encodeHeaders({ id, properties: options.properties }, headers);
    this.check(action, maxPayload);
  }

  /** Bytes that count against what the server takes. */
  get size(): number {
    return this.length + (this.headers?.byteLength ?? 0);
  }

  /** @throws {MessageTooLargeError} */
  check(action: string, limit: number): void {
    const { size } = this;
    if (size <= limit) return;
    const message =
      `Cannot ${action} "${this.topic}": ${size} bytes exceed the server's limit of ${limit} bytes`;
    throw new MessageTooLargeError(message, { size, limit });
  }

  /** The caller may change the bytes from now on: what will still be written is a copy. */
  keep(again: boolean): void {
    if (this.data instanceof Uint8Array && (again || !this.written)) {
      this.data = Uint8Array.prototype.slice.call(this.data);
    }
  }
}
