import {
  type Command,
  commandInfo,
  COMMANDS,
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

/** By the command that is answered. */
const successes: ReadonlyMap<Command, FrameTemplate> = new Map(
  COMMANDS.map(({ name }) => [name, answerTo(name)] as const)
    .filter(([, cmd]) => answers.includes(cmd))
    .map(([name, cmd]) => [name, createTemplate({ cmd, desc: "success" })]),
);

/** For the most frequent of them. */
const published = successes.get("ASYNC_MESSAGE_TO_SERVER")!;

/** The commands that carry a message to a client. */
type Carriers = Readonly<Record<PushCommand | "RESPONSE_TO_CLIENT", FrameTemplate>>;

const cloudEvents = carriersOf("cloudevents");
const eventMeshMessages = carriersOf("eventmeshmessage");

function carriersOf(protocoltype: EventProtocol): Carriers {
  const carrier = (cmd: Command): FrameTemplate => createTemplate({ cmd, properties: { protocoltype } });
  return {
    REQUEST_TO_CLIENT: carrier("REQUEST_TO_CLIENT"),
    ASYNC_MESSAGE_TO_CLIENT: carrier("ASYNC_MESSAGE_TO_CLIENT"),
    BROADCAST_MESSAGE_TO_CLIENT: carrier("BROADCAST_MESSAGE_TO_CLIENT"),
    RESPONSE_TO_CLIENT: carrier("RESPONSE_TO_CLIENT"),
  };
}

/** The frame that says a command was carried out. */
export function successFrame(command: Command): FrameTemplate {
  return command === "ASYNC_MESSAGE_TO_SERVER" ? published : successes.get(command)!;
}

/** The frame that carries a message to a client. */
export function messageFrame(
  command: PushCommand | "RESPONSE_TO_CLIENT",
  protocol: EventProtocol,
): FrameTemplate {
  const carriers = protocol === "cloudevents" ? cloudEvents : eventMeshMessages;
  // By their names: one that is computed is looked for in a table each time.
  if (command === "RESPONSE_TO_CLIENT") return carriers.RESPONSE_TO_CLIENT;
  if (command === "REQUEST_TO_CLIENT") return carriers.REQUEST_TO_CLIENT;
  if (command === "ASYNC_MESSAGE_TO_CLIENT") return carriers.ASYNC_MESSAGE_TO_CLIENT;
  return carriers.BROADCAST_MESSAGE_TO_CLIENT;
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
