import { QUOTE } from "./ascii.ts";
import { BodyCache, type BodyShape, plainEnd } from "./body_cache.ts";
import { type EventProtocol, packetEvent, replyBody, type WireEvent } from "./event.ts";
import type { EventBody } from "./event_body.ts";
import { parseJson } from "./json.ts";
import type { Packet } from "./packet.ts";
import { decodeAscii, decodeText } from "./text.ts";

/** The event that a packet has brought. */
export interface ReceivedEvent extends WireEvent {
  /** Whether there is such a property. */
  has(name: string): boolean;
  /**
   * The body of a reply: what ties it to its request travels back with it. That is every property of the request that may
   * stand in an event, but for `own`.
   */
  reply(data: string | Uint8Array, own: string): EventBody;
}

/** Reads the events of one connection, most of which are built like one before. */
export class EventReader {
  readonly #shapes: BodyCache = new BodyCache();

  /** @throws {ProtocolError} the body is none. */
  read(protocol: EventProtocol, packet: Packet): ReceivedEvent {
    if (protocol === "cloudevents") return new ParsedEvent(protocol, packetEvent(protocol, packet));
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
    return new ParsedEvent(protocol, event);
  }
}

class ParsedEvent implements ReceivedEvent {
  readonly #protocol: EventProtocol;
  readonly #event: WireEvent;

  constructor(protocol: EventProtocol, event: WireEvent) {
    this.#protocol = protocol;
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

  has(name: string): boolean {
    return Object.hasOwn(this.properties, name);
  }

  reply(data: string | Uint8Array, own: string): EventBody {
    return replyBody(this.#protocol, this, data, own);
  }
}

/** An `eventmeshmessage` whose texts are where its shape tells: each of them is read when it is asked for. */
class ShapedEvent implements ReceivedEvent {
  readonly #packet: Packet;
  readonly #shape: BodyShape;
  readonly #textStart: number;
  #text: string | undefined;
  #properties: Readonly<Record<string, string>> | undefined = undefined;

  constructor(packet: Packet, shape: BodyShape, textStart: number, text: string | undefined) {
    this.#packet = packet;
    this.#shape = shape;
    this.#textStart = textStart;
    this.#text = text;
  }

  get topic(): string {
    const { source, bodyStart, bodyEnd } = this.#packet;
    const start = bodyStart + this.#shape.segments[0]!.length;
    return decodeAscii(source, start, plainEnd(source, start, bodyEnd));
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
    return this.#text ??= decodeAscii(this.#packet.source, this.#textStart, this.#packet.bodyEnd - 2);
  }
  get contentType(): string | undefined {
    return this.#shape.contentType;
  }
  get properties(): Readonly<Record<string, string>> {
    return this.#properties ??= this.#readProperties();
  }

  has(name: string): boolean {
    return this.#shape.names.includes(name);
  }

  reply(data: string | Uint8Array, own: string): EventBody {
    const { source, bodyStart } = this.#packet;
    const { segments, names, repeatable } = this.#shape;
    // Where it is a space or a quote there may be no topic but spaces, which is none to send.
    const topicStart = source[bodyStart + segments[0]!.length]!;
    if (typeof data !== "string" || !repeatable || topicStart <= QUOTE || names.includes(own)) {
      return replyBody("eventmeshmessage", this, data, own);
    }
    return { head: decodeAscii(source, bodyStart, this.#textStart - 1), text: data, tail: "}" };
  }

  #readProperties(): Record<string, string> {
    const { source, bodyStart, bodyEnd } = this.#packet;
    const { segments, names } = this.#shape;
    const properties: Record<string, string> = {};
    let at = plainEnd(source, bodyStart + segments[0]!.length, bodyEnd);
    for (let i = 0; i < names.length; i++) {
      const start = at + segments[i + 1]!.length;
      at = plainEnd(source, start, bodyEnd);
      const name = names[i];
      if (name !== undefined) properties[name] = decodeAscii(source, start, at);
    }
    return properties;
  }
}
