import { CLOSE, QUOTE } from "./ascii.ts";
import { BodyCache, type BodyShape } from "./body_cache.ts";
import { type EventProtocol, packetEvent, replyBody, type WireEvent } from "./event.ts";
import type { OutgoingBody, WrittenBody } from "./event_body.ts";
import { CORRELATION_ID, REPLY_TO } from "./extensions.ts";
import { parseJson, quote } from "./json.ts";
import type { Packet } from "./packet.ts";
import { plainEnd, writeString } from "./plain.ts";
import { decodeAscii, decodeText } from "./text.ts";

/** The event that a packet has brought. */
export interface ReceivedEvent extends WireEvent {
  readonly packet: Packet;
  readonly protocol: EventProtocol;
  /** Whether a property ties a reply to it. */
  readonly tied: boolean;
  /**
   * The body of a reply: what ties it to its request travels back with it. That is every property of the request that may
   * stand in an event, but for `own`.
   */
  reply(data: string | Uint8Array, own: string): OutgoingBody;
}

/** Reads the events of one connection, most of which are built like one before. */
export class EventReader {
  readonly #shapes: BodyCache = new BodyCache();

  /** @throws {ProtocolError} the body is none. */
  read(protocol: EventProtocol, packet: Packet): ReceivedEvent {
    if (protocol === "cloudevents") return new ParsedEvent(protocol, packet, packetEvent(protocol, packet));
    const shapes = this.#shapes;
    const shape = shapes.find(packet);
    if (shape !== undefined) {
      const { textStart } = shapes;
      if (shapes.plain) return new ShapedEvent(packet, shape, textStart, undefined);
      const text = parseJson(decodeText(packet.source, textStart - 1, packet.bodyEnd - 1));
      if (typeof text === "string") return new ShapedEvent(packet, shape, textStart, text);
    }
    const event = packetEvent(protocol, packet);
    if (shape === undefined) shapes.learn(packet, event.contentType);
    return new ParsedEvent(protocol, packet, event);
  }
}

class ParsedEvent implements ReceivedEvent {
  readonly protocol: EventProtocol;
  readonly packet: Packet;
  readonly #event: WireEvent;

  constructor(protocol: EventProtocol, packet: Packet, event: WireEvent) {
    this.protocol = protocol;
    this.packet = packet;
    this.#event = event;
  }

  get topic(): string {
    return this.#event.topic;
  }
  get id(): string | undefined {
    return this.#event.id;
  }
  get source(): string | undefined {
    return this.#event.source;
  }
  get type(): string | undefined {
    return this.#event.type;
  }
  get data(): string | Uint8Array {
    return this.#event.data;
  }
  get contentType(): string | undefined {
    return this.#event.contentType;
  }
  get properties(): Readonly<Record<string, string>> {
    return this.#event.properties;
  }

  get tied(): boolean {
    const { properties } = this;
    return Object.hasOwn(properties, CORRELATION_ID) || Object.hasOwn(properties, REPLY_TO);
  }

  reply(data: string | Uint8Array, own: string): OutgoingBody {
    return replyBody(this.protocol, this, data, own);
  }
}

/** The body of a message with another text: what stands in front of that, which is ASCII, is taken from where it came in. */
class RepeatedBody implements WrittenBody {
  readonly bound: number;
  readonly #packet: Packet;
  /** Where the text of the message begins. */
  readonly #end: number;
  readonly #text: string;

  constructor(packet: Packet, end: number, text: string) {
    // A UTF-16 unit is six bytes when it has to be escaped; quotes and a brace are around it.
    this.bound = end - packet.bodyStart + text.length * 6 + 3;
    this.#packet = packet;
    this.#end = end;
    this.#text = text;
  }

  write(bytes: Uint8Array, view: DataView, at: number): number {
    const { source, view: from, bodyStart } = this.#packet;
    const end = this.#end;
    let i = bodyStart;
    // A view of these bytes to be copied would cost more than all of this, and eight bytes of ASCII are a number like any other.
    for (; i < end - 7; i += 8, at += 8) view.setFloat64(at, from.getFloat64(i, true), true);
    while (i < end) bytes[at++] = source[i++]!;
    at = writeString(bytes, view, at, this.#text);
    bytes[at] = CLOSE;
    return at + 1;
  }

  toString(): string {
    const { source, bodyStart } = this.#packet;
    return `${decodeAscii(source, bodyStart, this.#end)}${quote(this.#text)}}`;
  }
}

/** An `eventmeshmessage` whose texts are where its shape tells: each of them is read when it is asked for. */
class ShapedEvent implements ReceivedEvent {
  readonly packet: Packet;
  readonly #shape: BodyShape;
  readonly #textStart: number;
  #text: string | undefined;
  #properties: Readonly<Record<string, string>> | undefined = undefined;

  constructor(packet: Packet, shape: BodyShape, textStart: number, text: string | undefined) {
    this.packet = packet;
    this.#shape = shape;
    this.#textStart = textStart;
    this.#text = text;
  }

  get topic(): string {
    const { source, view, bodyStart, bodyEnd } = this.packet;
    const start = bodyStart + this.#shape.segments[0]!.length;
    return decodeAscii(source, start, plainEnd(view, start, bodyEnd));
  }
  /** The body carries none of these. */
  get id(): undefined {
    return undefined;
  }
  get source(): undefined {
    return undefined;
  }
  get type(): undefined {
    return undefined;
  }
  get data(): string {
    return this.#text ??= decodeAscii(this.packet.source, this.#textStart, this.packet.bodyEnd - 2);
  }
  get contentType(): string | undefined {
    return this.#shape.contentType;
  }
  get properties(): Readonly<Record<string, string>> {
    return this.#properties ??= this.#readProperties();
  }

  get protocol(): EventProtocol {
    return "eventmeshmessage";
  }
  get tied(): boolean {
    return this.#shape.tied;
  }

  reply(data: string | Uint8Array, own: string): OutgoingBody {
    const { source, bodyStart } = this.packet;
    const { segments, names, repeatable } = this.#shape;
    // Where it is a space or a quote there may be no topic but spaces, which is none to send.
    const topicStart = source[bodyStart + segments[0]!.length]!;
    if (typeof data !== "string" || !repeatable || topicStart <= QUOTE || names.includes(own)) {
      return replyBody("eventmeshmessage", this, data, own);
    }
    return new RepeatedBody(this.packet, this.#textStart - 1, data);
  }

  #readProperties(): Record<string, string> {
    const { source, view, bodyStart, bodyEnd } = this.packet;
    const { segments, names } = this.#shape;
    const properties: Record<string, string> = {};
    let at = plainEnd(view, bodyStart + segments[0]!.length, bodyEnd);
    for (let i = 0; i < names.length; i++) {
      const start = at + segments[i + 1]!.length;
      at = plainEnd(view, start, bodyEnd);
      const name = names[i];
      if (name !== undefined) properties[name] = decodeAscii(source, start, at);
    }
    return properties;
  }
}
