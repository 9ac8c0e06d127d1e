import { ConnectionLostError, UnsupportedError } from "../errors.ts";
import type { MessageData } from "../messaging/connection.ts";
import type { MessageSource } from "../messaging/message.ts";
import type { Answerer } from "./answerer.ts";
import { messageIdProperty } from "./outgoing.ts";
import type { Session } from "./session.ts";
import {
  type Command,
  CORRELATION_ID,
  DELIVERY_COUNT,
  type EventBody,
  type EventProtocol,
  eventProtocol,
  type EventReader,
  type Packet,
  type ReceivedEvent,
  REPLY_TO,
} from "./wire/mod.ts";

/** `raw` of a message that came from EventMesh: the header of its frame. */
export interface EventMeshHeader {
  readonly command: Command;
  readonly code: number;
  readonly description: string | undefined;
  readonly seq: string | undefined;
  readonly properties: Readonly<Record<string, unknown>>;
  /** How the body was written. */
  readonly protocol: EventProtocol;
  /** Attributes of a CloudEvent; undefined in an `eventmeshmessage`. */
  readonly source: string | undefined;
  readonly type: string | undefined;
  readonly contentType: string | undefined;
}

const encoder = new TextEncoder();

/** A message as it came in a frame. Looked at at once: a body that is none is found before anybody waits for it. */
export class IncomingMessage implements MessageSource {
  readonly size: number;
  protected readonly packet: Packet;
  readonly #command: Command;
  protected readonly protocol: EventProtocol;
  readonly #event: ReceivedEvent;

  /**
   * @throws {ProtocolError} the body is no message.
   * @throws {UnsupportedError} it is written in a protocol that is not known here.
   */
  constructor(packet: Packet, command: Command, reader: EventReader) {
    this.packet = packet;
    this.#command = command;
    this.protocol = protocolOf(packet);
    this.#event = reader.read(this.protocol, packet);
    this.size = packet.bodyLength;
  }

  get topic(): string {
    return this.#event.topic;
  }
  get id(): string {
    return this.#event.id ?? this.#event.properties[messageIdProperty] ?? "";
  }
  get properties(): Readonly<Record<string, string>> {
    return this.#event.properties;
  }
  /** Without a property that ties a reply to its request, nobody waits for one. */
  get wantsReply(): boolean {
    return this.#command === "REQUEST_TO_CLIENT" &&
      (this.#event.has(CORRELATION_ID) || this.#event.has(REPLY_TO));
  }
  get redelivered(): boolean {
    return Number(this.packet.property(DELIVERY_COUNT) ?? 1) > 1;
  }
  get raw(): EventMeshHeader {
    const { code, description, seq, properties } = this.packet;
    const { source, type, contentType } = this.#event;
    return {
      command: this.#command,
      code,
      description,
      seq,
      properties,
      protocol: this.protocol,
      source,
      type,
      contentType,
    };
  }

  data(): Uint8Array {
    const { data } = this.#event;
    return typeof data === "string" ? encoder.encode(data) : data;
  }

  text(): string | undefined {
    const { data } = this.#event;
    return typeof data === "string" && isPlain(data) ? data : undefined;
  }

  acknowledge(): boolean {
    return true;
  }

  respond(_data: MessageData): void {
    throw new TypeError("Cannot respond to a reply");
  }

  /** The body of a reply. */
  protected reply(data: MessageData, answerer: Answerer): EventBody {
    // The identity of the request is not that of its reply.
    return answerer.prepare(this.protocol, this.#event, this.#event.reply(data, messageIdProperty));
  }
}

/** A message that a session delivered: acknowledged there, and nowhere else. */
export class PushedMessage extends IncomingMessage {
  readonly #ack: Command;
  readonly #session: Session;
  readonly #answerer: Answerer;
  #acknowledged = false;

  constructor(
    packet: Packet,
    command: Command,
    reader: EventReader,
    ack: Command,
    session: Session,
    answerer: Answerer,
  ) {
    super(packet, command, reader);
    this.#ack = ack;
    this.#session = session;
    this.#answerer = answerer;
    session.deliveries.begun();
  }

  override acknowledge(): boolean {
    if (!this.#session.alive) return false;
    if (!this.#acknowledged) this.#answerer.acknowledge(this.packet, this.#ack, this.#session);
    this.#acknowledged = true;
    return true;
  }

  override respond(data: MessageData): void {
    const body = this.reply(data, this.#answerer);
    if (!this.acknowledge()) {
      const message =
        `Cannot respond to a message of "${this.topic}": the connection that delivered it is gone`;
      throw new ConnectionLostError(message, { outcome: "not-sent" });
    }
    this.#answerer.reply(this.protocol, body, this.#session);
  }

  settled(): void {
    this.#session.deliveries.done();
  }
}

/** Whether a text is what its bytes say: they lose a lone surrogate, and the byte order mark at their beginning. */
function isPlain(text: string): boolean {
  return text.isWellFormed() && text.charCodeAt(0) !== 0xfeff;
}

function protocolOf(packet: Packet): EventProtocol {
  const protocol = eventProtocol(packet);
  if (protocol !== undefined) return protocol;
  const given = JSON.stringify(packet.properties["protocoltype"]);
  throw new UnsupportedError(
    `Cannot read a message of protocol ${given}: expected "eventmeshmessage" or "cloudevents"`,
  );
}
