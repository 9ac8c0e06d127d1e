import { decodeCloudEvent, encodeCloudEvent } from "./cloud_event.ts";
import { bodyText, type EventBody } from "./event_body.ts";
import { decodeMessage, encodeMessage } from "./message_body.ts";
import type { HeaderProperties } from "./header.ts";
import { Members } from "./json.ts";
import type { Packet } from "./packet.ts";
import { isPropertyName } from "./properties.ts";
import { decodeText } from "./text.ts";

/** How the body of a message command is written. A subscriber gets what the publisher has chosen. */
export type EventProtocol = "cloudevents" | "eventmeshmessage";

/** One message, whichever protocol it travels in. */
export interface WireEvent {
  /** Not blank in an event to be sent; empty when a peer sent none. */
  readonly topic: string;
  /** Identity of the event. `cloudevents` requires it; in `eventmeshmessage` the `seq` of the publish is the identity. */
  readonly id?: string | undefined;
  /** Where it comes from; not carried by `eventmeshmessage`. @default {"/"} */
  readonly source?: string | undefined;
  /** Kind of event; not carried by `eventmeshmessage`. @default {"cloudevents"} */
  readonly type?: string | undefined;
  /**
   * What is transported. Both protocols carry text, so bytes that are valid UTF-8 arrive as a string; other bytes arrive as
   * bytes. Either way they are, as UTF-8, what was published; only JSON in a CloudEvent is written anew by a runtime, so
   * that its spaces and the spelling of its numbers may be others.
   */
  readonly data: string | Uint8Array;
  readonly contentType?: string | undefined;
  /** Names are lower-case letters and digits, at most 20. Received ones may be anything. */
  readonly properties: Readonly<Record<string, string>>;
}

/** Properties that the header of every message command to the server must have, by protocol. */
export const SELECTORS: Readonly<Record<EventProtocol, HeaderProperties>> = Object.freeze({
  cloudevents: Object.freeze({ protocolversion: "1.0", protocoldesc: "tcp", protocoltype: "cloudevents" }),
  eventmeshmessage: Object.freeze({
    protocolversion: "1.0",
    protocoldesc: "tcp",
    protocoltype: "eventmeshmessage",
  }),
});

/** Protocol of the body of a message command: `eventmeshmessage` where the header names none, undefined for an unknown one. */
export function eventProtocol(packet: Packet): EventProtocol | undefined {
  const { protocoltype = "eventmeshmessage" } = packet.properties;
  return protocoltype === "cloudevents" || protocoltype === "eventmeshmessage" ? protocoltype : undefined;
}

/**
 * Returns the body of a message command for an event. Throws TypeError naming a field or property that cannot be sent.
 *
 * @example
 * ```ts
 * encodeEvent("eventmeshmessage", { topic: "orders", data: "hello", properties: { ttl: "30000" } });
 * // {"topic":"orders","properties":{"ttl":"30000"},"headers":{},"body":"hello"}
 * ```
 */
export function encodeEvent(protocol: EventProtocol, event: WireEvent): string {
  return bodyText(eventBody(protocol, event));
}

/**
 * Like {@linkcode encodeEvent}, but leaves the text of the event to be quoted where it is written. `more` are properties
 * behind those of the event: of other names, and not checked.
 */
export function eventBody(
  protocol: EventProtocol,
  event: WireEvent,
  more: Readonly<Record<string, string>> = NONE,
): EventBody {
  const { topic, data, contentType } = event;
  if (typeof topic !== "string" || topic.trim() === "") throw wrong("topic", topic, "a non-blank string");
  if (typeof data !== "string" && !(data instanceof Uint8Array)) {
    throw wrong("data", data, "a string or bytes");
  }
  if (contentType !== undefined && typeof contentType !== "string") {
    throw wrong("contentType", contentType, "a string");
  }
  return protocol === "cloudevents" ? encodeCloudEvent(event, more) : encodeMessage(event, more);
}

const NONE: Readonly<Record<string, string>> = Object.freeze({});

/**
 * Like {@linkcode eventBody}, for the reply to a request: what ties it to the request travels back with it. That is every
 * property of the request that may stand in an event, but for `own`; their names may be longer than those of an event of
 * one's own.
 */
export function replyBody(
  protocol: EventProtocol,
  { topic, id, properties }: WireEvent,
  data: string | Uint8Array,
  own: string,
): EventBody {
  const tied: Record<string, string> = {};
  for (const name in properties) if (name !== own && isPropertyName(name)) tied[name] = properties[name]!;
  return eventBody(protocol, { topic, id: id || "reply", data, properties: NONE }, tied);
}

/**
 * Reads the body of a message command. Fields that a peer left out are absent, or empty where the event must have them.
 * Throws ProtocolError when the body is no JSON object, with `offset`, where the body lies in its frame.
 */
export function decodeEvent(protocol: EventProtocol, body: Uint8Array, offset = 0): WireEvent {
  return protocol === "cloudevents"
    ? decodeCloudEvent(body, offset)
    : decodeMessage(decodeText(body, 0, body.length), offset);
}

/** The same of a packet. */
export function packetEvent(protocol: EventProtocol, packet: Packet): WireEvent {
  return protocol === "cloudevents"
    ? decodeCloudEvent(packet.body, packet.bodyOffset)
    : decodeMessage(packet.text(), packet.bodyOffset);
}

/** Finds the topic of an encoded event without decoding it. Undefined when there is none; the rest may be malformed. */
export function peekTopic(protocol: EventProtocol, body: Uint8Array): string | undefined {
  const name = protocol === "cloudevents" ? "subject" : "topic";
  const members = new Members(body);
  while (members.next()) if (members.is(name)) return members.string;
  return undefined;
}

/** Finds the id in the body of an acknowledgement: the runtime dumps the event that it has stored. Undefined when there is none. */
export function peekEventId(body: Uint8Array): string | undefined {
  const members = new Members(body);
  while (members.next()) if (members.is("id")) return members.string;
  return undefined;
}

function wrong(field: string, value: unknown, wanted: string): TypeError {
  const is = typeof value === "string"
    ? JSON.stringify(value)
    : value === null
    ? "null"
    : `of type ${typeof value}`;
  return new TypeError(`Cannot encode an event: ${field} is ${is}, must be ${wanted}`);
}
