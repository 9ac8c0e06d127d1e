import { ProtocolError } from "../errors.ts";
import { type Command, decodeSubscription, type Head, type Packet } from "../eventmesh/wire/mod.ts";
import { hello } from "./hello.ts";
import { publish, request, respond } from "./messages.ts";
import {
  CLOSING,
  missing,
  NO_REGISTRY,
  NO_SESSION,
  NOT_A_SUBSCRIBER,
  refused,
  UNHANDLED,
} from "./refusals.ts";
import type { Session } from "./session.ts";

type Handler = (session: Session, packet: Packet) => void;

/** What the broker does for each command; all others are refused. */
const handlers: { readonly [command in Command]?: Handler } = {
  HELLO_REQUEST: hello,
  RECOMMEND_REQUEST: (session, packet) => session.refuse(packet, NO_REGISTRY),
  HEARTBEAT_REQUEST: (session, packet) => session.succeed(packet),
  SUBSCRIBE_REQUEST: subscribe,
  UNSUBSCRIBE_REQUEST: unsubscribe,
  LISTEN_REQUEST: listen,
  ASYNC_MESSAGE_TO_SERVER: publish,
  BROADCAST_MESSAGE_TO_SERVER: publish,
  REQUEST_TO_SERVER: request,
  RESPONSE_TO_SERVER: respond,
  ASYNC_MESSAGE_TO_CLIENT_ACK: acknowledge,
  BROADCAST_MESSAGE_TO_CLIENT_ACK: acknowledge,
  REQUEST_TO_CLIENT_ACK: acknowledge,
  RESPONSE_TO_CLIENT_ACK: acknowledge,
  CLIENT_GOODBYE_REQUEST: goodbye,
  SERVER_GOODBYE_RESPONSE: (session) => session.understood(),
};

/** Those of messages first, and by their names: a name that is computed is looked for in a table each time. */
function handlerOf(command: Command): Handler | undefined {
  if (command === "ASYNC_MESSAGE_TO_SERVER") return publish;
  if (command === "REQUEST_TO_SERVER") return request;
  if (command === "RESPONSE_TO_SERVER") return respond;
  return handlers[command];
}

/** Commands that need no session. */
const open: ReadonlySet<Command> = new Set<Command>(["HELLO_REQUEST", "RECOMMEND_REQUEST"]);

/** Longest sequence number of a peer, in characters: it is echoed. */
const maxSeq = 1_024;

/**
 * Carries out one packet.
 *
 * @throws {ProtocolError} when it is none that a client may send: its connection is ended.
 */
export function dispatch(session: Session, packet: Packet): void {
  const { command, seqLength } = packet;
  if (command === undefined) throw strange(packet);
  if (seqLength > maxSeq) {
    const message =
      `Cannot answer ${command}: its seq has ${seqLength} characters, must have at most ${maxSeq}`;
    throw new ProtocolError(message, { offset: 0 });
  }
  const handler = handlerOf(command);
  if (session.identity === undefined && !open.has(command)) {
    session.refuse(packet, NO_SESSION, handler === undefined ? command : undefined);
  } else if (handler === undefined) session.refuse(packet, UNHANDLED, command);
  else handler(session, packet);
}

/** The same for a frame without a body. False: it has to come as a packet. Acknowledgements, every other frame, need none. */
export function take(session: Session, { command }: Head, seqNumber: number): boolean {
  if (
    session.identity === undefined ||
    command !== "REQUEST_TO_CLIENT_ACK" && command !== "RESPONSE_TO_CLIENT_ACK" &&
      command !== "ASYNC_MESSAGE_TO_CLIENT_ACK" && command !== "BROADCAST_MESSAGE_TO_CLIENT_ACK"
  ) return false;
  acknowledged(session, command, seqNumber);
  return true;
}

function strange({ hasHeader, name }: Packet): ProtocolError {
  const message = !hasHeader
    ? refused("the incoming message does not have a header.")
    : name === ""
    ? refused("the incoming message does not have a command type.")
    : `Cannot carry out "${name.slice(0, 64)}": it is no command`;
  return new ProtocolError(message, { offset: 0 });
}

/** SUBSCRIBE_REQUEST: to all topics of the list, or to none. */
function subscribe(session: Session, packet: Packet): void {
  const { subscriber } = session;
  if (subscriber === undefined) return session.refuse(packet, NOT_A_SUBSCRIBER);
  const refusal = session.leaving || session.closing ? CLOSING : trySubscribe(session, packet);
  if (refusal === undefined) session.succeed(packet);
  else session.refuse(packet, refusal);
}

function trySubscribe({ subscriber }: Session, packet: Packet): string | undefined {
  try {
    const items = decodeSubscription(packet);
    return items === undefined ? missing("subscriptionInfo") : subscriber!.subscribe(items);
  } catch (error) {
    if (error instanceof ProtocolError) return refused(error.message);
    throw error;
  }
}

/** UNSUBSCRIBE_REQUEST: from all topics, whatever its body says. */
function unsubscribe(session: Session, packet: Packet): void {
  session.subscriber?.unsubscribe(false);
  session.succeed(packet);
}

/** LISTEN_REQUEST: answered every time, and messages are pushed from the first one on. */
function listen(session: Session, packet: Packet): void {
  const { subscriber } = session;
  if (subscriber === undefined) return session.refuse(packet, NOT_A_SUBSCRIBER);
  if (session.leaving || session.closing) return session.refuse(packet, CLOSING);
  // Before the messages that may follow at once.
  session.succeed(packet);
  subscriber.listen();
}

/** Any acknowledgement of any push: the sequence number tells which. */
function acknowledge(session: Session, { command, seqNumber }: Packet): void {
  acknowledged(session, command!, seqNumber);
}

function acknowledged({ core, subscriber }: Session, command: Command, seqNumber: number): void {
  const known = subscriber?.consumer.ack(seqNumber) ?? false;
  // Whoever has got the answer to a request says so, too, and nothing waits for that.
  if (!known && command !== "RESPONSE_TO_CLIENT_ACK") core.ledger.strayAcks++;
}

function goodbye(session: Session, packet: Packet): void {
  session.succeed(packet);
  session.leave();
}
