import type { Msg } from "@nats-io/nats-core/internal";
import type { MessageData } from "../messaging/connection.ts";
import type { MessageSource } from "../messaging/message.ts";
import { messageId } from "./headers.ts";

/** Sends the reply to a message; throws when it cannot be sent. */
export type Responder = (message: Msg, data: MessageData) => void;

/** A message as the server delivered it. */
export class IncomingMessage implements MessageSource {
  /** The message of the official client. */
  readonly raw: Msg;
  readonly redelivered = false;
  readonly #respond: Responder;
  #properties: Readonly<Record<string, string>> | undefined = undefined;

  constructor(message: Msg, respond: Responder = refuse) {
    this.raw = message;
    this.#respond = respond;
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
    return this.#respond !== refuse && (this.raw.reply ?? "") !== "";
  }

  get size(): number {
    return this.raw.data.byteLength;
  }

  data(): Uint8Array {
    return this.raw.data;
  }

  /** Core NATS knows no acknowledgement: there is nothing to send. */
  acknowledge(): boolean {
    return true;
  }

  respond(data: MessageData): void {
    this.#respond(this.raw, data);
  }
}

/** Nobody is subscribed to what was asked. */
export function saysNoResponders(message: Msg): boolean {
  return message.data.byteLength === 0 && message.headers?.code === 503;
}

function refuse(): void {
  throw new TypeError("Cannot respond to a reply");
}

const none: Readonly<Record<string, string>> = Object.freeze({});

/** Headers with several values are lists of them, as in HTTP. */
function propertiesOf({ headers }: Msg): Readonly<Record<string, string>> {
  if (headers === undefined) return none;
  return Object.fromEntries([...headers].map(([name, values]) => [name, values.join(", ")]));
}
