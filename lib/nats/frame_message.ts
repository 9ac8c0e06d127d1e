import { type Msg, MsgImpl } from "@nats-io/nats-core/internal";
import type { MessageData } from "../messaging/connection.ts";
import { DeliveredMessage } from "../messaging/message.ts";
import { messageId } from "./headers.ts";
import { none, propertiesOf, type Receiver, refuse } from "./message.ts";
import type { Protocol } from "./protocol.ts";
import type { Frame } from "./scanner.ts";

/** A message as it is in the stream. Nothing is decoded before it is asked for, the official client's message neither. */
export class FrameMessage extends DeliveredMessage implements Frame {
  readonly redelivered = false;
  readonly bytes: Uint8Array;
  readonly sid: number;
  readonly subjectStart: number;
  readonly subjectEnd: number;
  readonly replyStart: number;
  readonly replyEnd: number;
  readonly headers: number;
  readonly bodyStart: number;
  readonly bodyEnd: number;
  readonly #receiver: Receiver;
  #raw: Msg | undefined = undefined;
  #properties: Readonly<Record<string, string>> | undefined = undefined;

  constructor(frame: Frame, receiver: Receiver) {
    super();
    this.bytes = frame.bytes;
    this.sid = frame.sid;
    this.subjectStart = frame.subjectStart;
    this.subjectEnd = frame.subjectEnd;
    this.replyStart = frame.replyStart;
    this.replyEnd = frame.replyEnd;
    this.headers = frame.headers;
    this.bodyStart = frame.bodyStart;
    this.bodyEnd = frame.bodyEnd;
    this.#receiver = receiver;
  }

  get raw(): Msg {
    return this.#raw ??= officialMessage(this, this.#receiver.protocol);
  }

  get topic(): string {
    return this.raw.subject;
  }

  get id(): string {
    return this.properties[messageId] ?? "";
  }

  get properties(): Readonly<Record<string, string>> {
    if (this.headers === -1) return none;
    return this.#properties ??= propertiesOf(this.raw);
  }

  get wantsReply(): boolean {
    return this.replyEnd > this.replyStart && this.#receiver.respond !== refuse;
  }

  /** As of a message of the official client. */
  get size(): number {
    return this.subjectEnd - this.subjectStart + this.replyEnd - this.replyStart + this.bodyEnd -
      this.bodyStart;
  }

  protected override payload(): Uint8Array {
    return this.bytes.subarray(this.bodyStart + Math.max(0, this.headers), this.bodyEnd);
  }

  override acknowledge(): boolean {
    return true;
  }

  protected override answer(data: MessageData, signal?: AbortSignal): void | Promise<void> {
    return this.#receiver.respond(this, data, signal);
  }
}

/** The message that the official client would have made of it. */
export function officialMessage(frame: Frame, protocol: Protocol): Msg {
  const { bytes, bodyEnd, bodyStart, replyEnd, replyStart, sid } = frame;
  const argument = {
    subject: bytes.subarray(frame.subjectStart, frame.subjectEnd),
    sid,
    hdr: frame.headers,
    size: bodyEnd - bodyStart,
    ...(replyEnd > replyStart ? { reply: bytes.subarray(replyStart, replyEnd) } : {}),
  };
  return new MsgImpl(argument, bytes.subarray(bodyStart, bodyEnd), protocol as never) as Msg;
}
