import { ConnectionLostError, UnsupportedError } from "../errors.ts";
import type { MessageData } from "../messaging/connection.ts";
import { DeliveredMessage } from "../messaging/message.ts";
import type { Answerer } from "./answerer.ts";
import { messageIdProperty } from "./outgoing.ts";
import type { Session } from "./session.ts";
import {
  type Command,
  DELIVERY_COUNT,
  type EventProtocol,
  eventProtocol,
  type EventReader,
  type Packet,
  type ReceivedEvent,
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

/**
 * A message as it came in a frame, or a reply. Looked at at once: a body that is none is found before anybody waits for it.
 * One class for both, and one object for all: it costs every message.
 */
export class IncomingMessage extends DeliveredMessage {
  readonly #event: ReceivedEvent;
  readonly #session: Session | undefined;
  readonly #answerer: Answerer | undefined;
  #acknowledged = false;

  /**
   * `session`: the one that delivered it, on which it is acknowledged, and nowhere else. A reply has none.
   *
   * @throws {ProtocolError} the body is no message.
   * @throws {UnsupportedError} it is written in a protocol that is not known here.
   */
  constructor(packet: Packet, reader: EventReader, session?: Session, answerer?: Answerer) {
    super();
    this.#event = reader.read(protocolOf(packet), packet);
    this.#session = session;
    this.#answerer = answerer;
    session?.deliveries.begun();
  }

  get size(): number {
    return this.#event.packet.bodyLength;
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
    return this.#event.tied && this.#event.packet.command === "REQUEST_TO_CLIENT";
  }
  get redelivered(): boolean {
    return Number(this.#event.packet.property(DELIVERY_COUNT) ?? 1) > 1;
  }
  get raw(): EventMeshHeader {
    const { packet, protocol, source, type, contentType } = this.#event;
    const { code, description, seq, properties } = packet;
    // What is made into a message is of a command that brings one.
    const command = packet.command!;
    return { command, code, description, seq, properties, protocol, source, type, contentType };
  }

  protected override payload(): Uint8Array {
    const { data } = this.#event;
    return typeof data === "string" ? encoder.encode(data) : data;
  }

  protected override payloadText(): string | undefined {
    const { data } = this.#event;
    return typeof data === "string" && isPlain(data) ? data : undefined;
  }

  override acknowledge(): boolean {
    const session = this.#session;
    if (session === undefined) return true;
    if (!session.alive) return false;
    if (!this.#acknowledged) this.#answerer!.acknowledge(this.#event.packet, session);
    this.#acknowledged = true;
    return true;
  }

  protected override answer(data: MessageData): void {
    const event = this.#event;
    const answerer = this.#answerer;
    if (answerer === undefined) throw new TypeError("Cannot respond to a reply");
    // The identity of the request is not that of its reply.
    const body = answerer.prepare(event, event.reply(data, messageIdProperty));
    if (!this.acknowledge()) {
      const message =
        `Cannot respond to a message of "${this.topic}": the connection that delivered it is gone`;
      throw new ConnectionLostError(message, { outcome: "not-sent" });
    }
    answerer.reply(event, body, this.#session!);
  }

  protected override fated(): void {
    this.#session?.deliveries.done();
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
