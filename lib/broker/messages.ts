import { type EventProtocol, type Packet, peekTopic, withProperties } from "../eventmesh/wire/mod.ts";
import { propertyOf, readEnvelope } from "./envelope.ts";
import { enclosed, hasExtras } from "./extras.ts";
import { CLOSING, missing, refused, tooLarge } from "./refusals.ts";
import type { Session } from "./session.ts";
import { MAX_TOPIC } from "./subscriber.ts";

/** Property that a reply brings back from its request. */
const correlation = "correlation99id";
/** The longest that a request may wait, in milliseconds: what a timer can. */
const maxTtl = 2 ** 31 - 1;

/** ASYNC_MESSAGE_TO_SERVER and BROADCAST_MESSAGE_TO_SERVER. Who gets a message is for its subscribers to say. */
export function publish(session: Session, packet: Packet): void {
  const { core } = session;
  core.ledger.published++;
  const refusal = session.closing ? CLOSING : tryPublish(session, packet);
  if (refusal === undefined) {
    core.ledger.confirmed++;
    session.succeed(packet);
  } else {
    core.ledger.rejected++;
    session.refuse(packet, refusal);
  }
}

/** REQUEST_TO_SERVER. The answer comes later, as RESPONSE_TO_CLIENT. */
export function request(session: Session, packet: Packet): void {
  const { core } = session;
  core.ledger.published++;
  const refusal = session.closing ? CLOSING : tryRequest(session, packet);
  if (refusal === undefined) return;
  core.ledger.rejected++;
  session.refuse(packet, refusal);
}

/** RESPONSE_TO_SERVER. It is never answered: a reply that cannot be used is counted, and that is all. */
export function respond({ core, settings }: Session, packet: Packet): void {
  const protocol = checkSelectors(packet);
  const envelope = protocol.name === undefined ? protocol.refusal : readEnvelope(protocol.name, packet.body);
  const known = typeof envelope === "string" ? undefined : propertyOf(envelope, correlation);
  const id = known ?? packet.property(correlation);
  if (id === undefined) {
    core.ledger.strayReplies++;
    return;
  }
  // Whoever waits for it need not wait any longer.
  if (protocol.name === undefined) {
    core.requests.reject(id, refused(`reply is not usable: ${protocol.refusal}`));
  } else if (typeof envelope === "string") {
    core.requests.reject(id, refused(`reply is not usable: ${envelope}`));
  } else if (packet.bodyLength > settings.maxMessageSize) {
    core.requests.reject(id, tooLarge(settings.maxMessageSize));
  } else core.requests.answer(id, { protocol: protocol.name, body: packet.body });
}

function tryPublish({ core, settings }: Session, packet: Packet): string | undefined {
  const { name: protocol, refusal } = checkSelectors(packet);
  if (protocol === undefined) return refusal;
  let { body } = packet;
  if (body.length > settings.maxMessageSize) return tooLarge(settings.maxMessageSize);
  const extras = hasExtras(packet);
  let topic: string | undefined;
  if (settings.validate || extras) {
    const envelope = readEnvelope(protocol, body);
    if (typeof envelope === "string") return envelope;
    topic = envelope.topic;
    if (extras) {
      const full = enclosed(packet, protocol, envelope, settings.maxMessageSize);
      if (typeof full === "string") return full;
      body = full;
    }
  } else {
    topic = peekTopic(protocol, body);
  }
  return checkTopic(topic) ?? core.publish(topic!, protocol, body);
}

function tryRequest(session: Session, packet: Packet): string | undefined {
  const { core, settings } = session;
  const { name: protocol, refusal } = checkSelectors(packet);
  if (protocol === undefined) return refusal;
  if (packet.bodyLength > settings.maxMessageSize) return tooLarge(settings.maxMessageSize);
  const envelope = readEnvelope(protocol, packet.body);
  if (typeof envelope === "string") return envelope;
  const body = hasExtras(packet)
    ? enclosed(packet, protocol, envelope, settings.maxMessageSize)
    : packet.body;
  if (typeof body === "string") return body;
  const { topic } = envelope;
  const given = propertyOf(envelope, "ttl");
  const ttl = given === undefined
    ? settings.requestTtl
    : /^\s*[0-9]{1,15}\s*$/.test(given)
    ? Number(given)
    : 0;
  if (ttl <= 0) {
    return `java.lang.NumberFormatException: ttl is "${given!.slice(0, 32)}", must be milliseconds`;
  }
  const cluster = propertyOf(envelope, "cluster") ?? "gracewire";
  return checkTopic(topic) ?? core.request({
    asker: session,
    seq: packet.seq!,
    topic,
    protocol,
    ttl: Math.min(ttl, maxTtl),
    encode: (id) =>
      withProperties(protocol, body, {
        [correlation]: id,
        reply99to99client: `session-${session.id}`,
        ttl: String(ttl),
        cluster,
      }),
  });
}

/** What the properties in the header say about the body, or why that is not enough. */
interface Selection {
  readonly name: EventProtocol | undefined;
  readonly refusal: string;
}

/** Checks the properties without which nobody knows how to read a body. */
function checkSelectors(packet: Packet): Selection {
  if (packet.seq === undefined) return { name: undefined, refusal: missing("seq") };
  const { protocoltype: name, protocolversion: version, protocoldesc: desc } = packet.properties;
  if (name === "eventmeshmessage" && version === "1.0" && desc === "tcp") return eventMeshMessage;
  if (name === "cloudevents" && version === "1.0" && desc === "tcp") return cloudEvents;
  return selectionOf(name, version, desc);
}

/** Everything but the usual: what the runtime accepts too, and what it says to the rest. */
function selectionOf(name: unknown, version: unknown, desc: unknown): Selection {
  const refuse = (refusal: string): Selection => ({ name: undefined, refusal });
  if (name === undefined || name === null) return refuse(missing("property protocoltype"));
  if (name === "openmessage") return refuse(refused("event is null"));
  if (name !== "eventmeshmessage" && name !== "cloudevents") {
    return refuse(`java.lang.IllegalArgumentException: Cannot find the Protocol adaptor: ${shorten(name)}`);
  }
  if (version === undefined || version === null) return refuse(missing("property protocolversion"));
  if (version !== "1.0" && version !== "0.3") {
    const exception = "org.apache.eventmesh.protocol.api.exception.ProtocolHandleException";
    return refuse(`${exception}: Unsupported protocolVersion: ${shorten(version)}`);
  }
  if (desc === undefined || desc === null) return refuse(missing("property protocoldesc"));
  if (desc !== "tcp") return refuse(refused(`property protocoldesc is ${shorten(desc)}, must be tcp`));
  return name === "cloudevents" ? cloudEvents : eventMeshMessage;
}

function shorten(value: unknown): string {
  return String(typeof value === "object" ? JSON.stringify(value) : value).slice(0, 64);
}

const eventMeshMessage: Selection = { name: "eventmeshmessage", refusal: "" };
const cloudEvents: Selection = { name: "cloudevents", refusal: "" };

function checkTopic(topic: string | undefined): string | undefined {
  if (topic === undefined || topic.trim() === "") return missing("topic");
  return topic.length > MAX_TOPIC ? refused(`topic is longer than ${MAX_TOPIC} characters`) : undefined;
}
