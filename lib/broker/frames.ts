import {
  type Command,
  commandInfo,
  createTemplate,
  encodeEvent,
  type EventProtocol,
  type FrameTemplate,
} from "../eventmesh/wire/mod.ts";
import type { PushCommand } from "./consumer.ts";

const answers: readonly Command[] = [
  "HEARTBEAT_RESPONSE",
  "HELLO_RESPONSE",
  "CLIENT_GOODBYE_RESPONSE",
  "SUBSCRIBE_RESPONSE",
  "UNSUBSCRIBE_RESPONSE",
  "LISTEN_RESPONSE",
  "ASYNC_MESSAGE_TO_SERVER_ACK",
  "BROADCAST_MESSAGE_TO_SERVER_ACK",
];

const successes: ReadonlyMap<Command, FrameTemplate> = new Map(
  answers.map((cmd) => [cmd, createTemplate({ cmd, desc: "success" })]),
);

const carriers: readonly (PushCommand | "RESPONSE_TO_CLIENT")[] = [
  "REQUEST_TO_CLIENT",
  "ASYNC_MESSAGE_TO_CLIENT",
  "BROADCAST_MESSAGE_TO_CLIENT",
  "RESPONSE_TO_CLIENT",
];

const messages: Readonly<Record<EventProtocol, ReadonlyMap<Command, FrameTemplate>>> = {
  cloudevents: carriersOf("cloudevents"),
  eventmeshmessage: carriersOf("eventmeshmessage"),
};

function carriersOf(protocoltype: EventProtocol): ReadonlyMap<Command, FrameTemplate> {
  return new Map(carriers.map((cmd) => [cmd, createTemplate({ cmd, properties: { protocoltype } })]));
}

/** The frame that says a command was carried out. */
export function successFrame(answer: Command): FrameTemplate {
  return successes.get(answer)!;
}

/** The frame that carries a message to a client. */
export function messageFrame(
  command: PushCommand | "RESPONSE_TO_CLIENT",
  protocol: EventProtocol,
): FrameTemplate {
  return messages[protocol].get(command)!;
}

/** The command that answers another, or confirms it; the same one when there is none. */
export function answerTo(command: Command): Command {
  const { ack, answer } = commandInfo(command);
  return ack ?? answer ?? command;
}

/** A valid body for an answer that has nothing to say: the Java client does not survive an answer without one. */
export function emptyMessage(protocol: EventProtocol, topic: string, id: string): string {
  return encodeEvent(protocol, {
    topic: topic.trim() === "" ? "unknown" : topic,
    id: id === "" ? "0" : id,
    data: "{}",
    properties: {},
  });
}
