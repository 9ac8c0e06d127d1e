import type { Msg } from "@nats-io/nats-core/internal";
import { ProtocolError } from "../errors.ts";
import type { MessageData } from "../messaging/connection.ts";
import { DeliveredMessage } from "../messaging/message.ts";
import type { FrameMessage } from "./frame_message.ts";
import { messageId } from "./headers.ts";
import type { Protocol } from "./protocol.ts";

/** Sends the reply to a message, or waits until it can; throws when it cannot be sent. */
export type Responder = (
  message: Incoming,
  data: MessageData,
  signal: AbortSignal | undefined,
) => void | Promise<void>;

/** Whom the messages of one subscription come to. */
export interface Receiver {
  /** For what the official client's message does by itself. */
  readonly protocol: Protocol;
  readonly respond: Responder;
}

/** A message as the server delivered it. */
export type Incoming = IncomingMessage | FrameMessage;

/** A message that came through the official client. */
export class IncomingMessage extends DeliveredMessage {
  /** The message of the official client. */
  readonly raw: Msg;
  readonly redelivered = false;
  readonly #receiver: Receiver;
  #properties: Readonly<Record<string, string>> | undefined = undefined;

  constructor(message: Msg, receiver: Receiver) {
    super();
    this.raw = message;
    this.#receiver = receiver;
  }

  get topic(): string {
    return this.raw.subject;
  }

  get id(): string {
    return this.properties[messageId] ?? "";
  }

  get properties(): Readonly<Record<string, string>> {
    return this.#properties ??= propertiesOf(this.raw);
  }

  get wantsReply(): boolean {
    return this.#receiver.respond !== refuse && (this.raw.reply ?? "") !== "";
  }

  /** All that is held for it: subject, reply subject, headers and payload. */
  get size(): number {
    return (this.raw as Msg & Sized).size();
  }

  protected override payload(): Uint8Array {
    return this.raw.data;
  }

  /** Core NATS knows no acknowledgement: there is nothing to send. */
  override acknowledge(): boolean {
    return true;
  }

  protected override answer(data: MessageData, signal?: AbortSignal): void | Promise<void> {
    return this.#receiver.respond(this, data, signal);
  }
}

/** A member of the official client's messages that its types leave out. */
interface Sized {
  size(): number;
}

/**
 * Nobody is subscribed to what was asked.
 *
 * @throws {ProtocolError} its headers cannot be read.
 */
export function saysNoResponders(message: Msg): boolean {
  return message.data.byteLength === 0 && headersOf(message)?.code === 503;
}

/** The client reads headers when they are asked for, and throws what it has against them: that is up to the peer. */
function headersOf(message: Msg): Msg["headers"] {
  try {
    return message.headers;
  } catch (cause) {
    const text = `Cannot read the headers of a message of "${message.subject}": ${(cause as Error).message}`;
    throw new ProtocolError(text, { offset: 0, cause });
  }
}

/** Of a reply: it gets none. */
export function refuse(): void {
  throw new TypeError("Cannot respond to a reply");
}

export const none: Readonly<Record<string, string>> = Object.freeze({});

/** Headers with several values are lists of them, as in HTTP. */
export function propertiesOf(message: Msg): Readonly<Record<string, string>> {
  const headers = headersOf(message);
  if (headers === undefined) return none;
  return Object.fromEntries([...headers].map(([name, values]) => [name, values.join(", ")]));
}
