import {
  CORRELATION_ID,
  type EventProtocol,
  type Packet,
  peekTopic,
  REPLY_TO,
  withProperties,
} from "../eventmesh/wire/mod.ts";
import type { Blocks } from "./blocks.ts";
import { propertyOf, readEnvelope } from "./envelope.ts";
import { enclosed } from "./extras.ts";
import { CLOSING, missing, refused, tooLarge } from "./refusals.ts";
import type { RequestOptions } from "./requests.ts";
import type { Selection } from "./selection.ts";
import type { Session } from "./session.ts";
import { MAX_TOPIC } from "./subscriber.ts";

/** Property that names the cluster of a request that names none. */
const defaultCluster = "gracewire";
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
export function respond(session: Session, packet: Packet): void {
  const { core, reader, settings } = session;
  const protocol = selectionOf(session, packet);
  const { name } = protocol;
  const plain = name !== undefined && reader.read(name, packet.source, packet.bodyStart, packet.bodyEnd);
  if (plain && packet.bodyLength <= settings.maxMessageSize) {
    const number = reader.answered(core.requests.prefix);
    if (number > 0) {
      core.requests.answer(number, { protocol: name, body: reader.body });
      return;
    }
  }
  const envelope = plain
    ? undefined
    : name === undefined
    ? protocol.refusal
    : readEnvelope(name, packet.body);
  const known = envelope === undefined
    ? reader.property(CORRELATION_ID)
    : typeof envelope === "string"
    ? undefined
    : propertyOf(envelope, CORRELATION_ID);
  const id = known ?? packet.property(CORRELATION_ID);
  if (id === undefined) {
    core.ledger.strayReplies++;
    return;
  }
  // Whoever waits for it need not wait any longer.
  if (name === undefined) {
    core.requests.reject(id, refused(`reply is not usable: ${protocol.refusal}`));
  } else if (typeof envelope === "string") {
    core.requests.reject(id, refused(`reply is not usable: ${envelope}`));
  } else if (packet.bodyLength > settings.maxMessageSize) {
    core.requests.reject(id, tooLarge(settings.maxMessageSize));
  } else core.requests.answer(id, { protocol: name, body: packet.body });
}

function tryPublish(session: Session, packet: Packet): string | undefined {
  const { core, reader, settings } = session;
  const { name: protocol, refusal, extras } = selectionOf(session, packet);
  if (protocol === undefined) return refusal;
  if (packet.bodyLength > settings.maxMessageSize) return tooLarge(settings.maxMessageSize);
  if (extras) return publishWithExtras(session, packet, protocol);
  if (!settings.validate) {
    const topic = peekTopic(protocol, packet.body);
    return checkTopic(topic) ?? core.publish(topic!, protocol, packet);
  }
  if (reader.read(protocol, packet.source, packet.bodyStart, packet.bodyEnd)) {
    return checkTopic(reader.topic) ?? core.publish(reader.topic, protocol, reader);
  }
  const envelope = readEnvelope(protocol, packet.body);
  if (typeof envelope === "string") return envelope;
  return checkTopic(envelope.topic) ?? core.publish(envelope.topic, protocol, packet);
}

/** Properties of the header travel with the message: its body is written anew. */
function publishWithExtras(
  { core, settings }: Session,
  packet: Packet,
  protocol: EventProtocol,
): string | undefined {
  const envelope = readEnvelope(protocol, packet.body);
  if (typeof envelope === "string") return envelope;
  const body = enclosed(packet, protocol, envelope, settings.maxMessageSize);
  if (typeof body === "string") return body;
  return checkTopic(envelope.topic) ?? core.publish(envelope.topic, protocol, { body });
}

function tryRequest(session: Session, packet: Packet): string | undefined {
  const { reader, settings } = session;
  const { name: protocol, refusal, extras } = selectionOf(session, packet);
  if (protocol === undefined) return refusal;
  if (packet.bodyLength > settings.maxMessageSize) return tooLarge(settings.maxMessageSize);
  if (
    !extras && reader.read(protocol, packet.source, packet.bodyStart, packet.bodyEnd) && reader.extensible
  ) {
    const { topic, ttl } = reader;
    // One that is no plain number may be one in another way.
    if (ttl >= 0) return tryOpen(session, packet, topic, protocol, ttl || settings.requestTtl);
  }
  const envelope = readEnvelope(protocol, packet.body);
  if (typeof envelope === "string") return envelope;
  const body = extras ? enclosed(packet, protocol, envelope, settings.maxMessageSize) : packet.body;
  if (typeof body === "string") return body;
  const given = propertyOf(envelope, "ttl");
  const ttl = given === undefined ? settings.requestTtl : wholeOf(given);
  if (ttl <= 0) {
    return `java.lang.NumberFormatException: ttl is "${given!.slice(0, 32)}", must be milliseconds`;
  }
  const cluster = propertyOf(envelope, "cluster");
  return tryOpen(session, packet, envelope.topic, protocol, ttl, cluster, body);
}

/** Opens a request with a body, or with the one that was read. */
function tryOpen(
  session: Session,
  packet: Packet,
  topic: string,
  protocol: EventProtocol,
  ttl: number,
  cluster?: string,
  body?: Uint8Array,
): string | undefined {
  return checkTopic(topic) ??
    session.core.request(new Question(session, packet.plainSeq!, topic, protocol, ttl, cluster, body));
}

/** A request as it came in. */
class Question implements RequestOptions {
  readonly asker: Session;
  readonly seq: number | string;
  readonly topic: string;
  readonly protocol: EventProtocol;
  readonly ttl: number;
  readonly #given: number;
  readonly #cluster: string;
  readonly #body: Uint8Array | undefined;

  constructor(
    asker: Session,
    seq: number | string,
    topic: string,
    protocol: EventProtocol,
    ttl: number,
    cluster: string = defaultCluster,
    body: Uint8Array | undefined,
  ) {
    this.asker = asker;
    this.seq = seq;
    this.topic = topic;
    this.protocol = protocol;
    this.ttl = Math.min(ttl, maxTtl);
    this.#given = ttl;
    this.#cluster = cluster;
    this.#body = body;
  }

  get pooled(): boolean {
    return this.#body === undefined;
  }

  encode(prefix: string, number: number, blocks: Blocks): Uint8Array {
    const { address, reader } = this.asker;
    const ttl = this.#given;
    const cluster = this.#cluster;
    if (this.#body === undefined) return reader.withProperties(prefix, number, address, ttl, cluster, blocks);
    const id = `${prefix}${number}`;
    const properties = { [CORRELATION_ID]: id, [REPLY_TO]: address, ttl: String(ttl), cluster };
    return withProperties(this.protocol, this.#body, properties);
  }
}

/** The whole number that a text is, with space around it or not; 0 when it is none. */
function wholeOf(text: string): number {
  return /^\s*[0-9]{1,15}\s*$/.test(text) ? Number(text) : 0;
}

/** What the header says about the body, or why that is not enough. */
function selectionOf(session: Session, packet: Packet): Selection {
  return packet.hasSeq ? session.selectionOf(packet) : noSeq;
}

const noSeq: Selection = { name: undefined, refusal: missing("seq"), extras: false };

function checkTopic(topic: string | undefined): string | undefined {
  if (topic === undefined || isBlank(topic)) return missing("topic");
  return topic.length > MAX_TOPIC ? refused(`topic is longer than ${MAX_TOPIC} characters`) : undefined;
}

function isBlank(topic: string): boolean {
  const first = topic.charCodeAt(0);
  return !(first > 0x20 && first < 0x7f) && topic.trim() === "";
}
