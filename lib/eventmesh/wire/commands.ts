/** Every command of the protocol, by its name on the wire. Source: the enum `Command` of Apache EventMesh 1.12. */
export type Command =
  | "HEARTBEAT_REQUEST"
  | "HEARTBEAT_RESPONSE"
  | "HELLO_REQUEST"
  | "HELLO_RESPONSE"
  | "CLIENT_GOODBYE_REQUEST"
  | "CLIENT_GOODBYE_RESPONSE"
  | "SERVER_GOODBYE_REQUEST"
  | "SERVER_GOODBYE_RESPONSE"
  | "SUBSCRIBE_REQUEST"
  | "SUBSCRIBE_RESPONSE"
  | "UNSUBSCRIBE_REQUEST"
  | "UNSUBSCRIBE_RESPONSE"
  | "LISTEN_REQUEST"
  | "LISTEN_RESPONSE"
  | "REQUEST_TO_SERVER"
  | "REQUEST_TO_CLIENT"
  | "REQUEST_TO_CLIENT_ACK"
  | "RESPONSE_TO_SERVER"
  | "RESPONSE_TO_CLIENT"
  | "RESPONSE_TO_CLIENT_ACK"
  | "ASYNC_MESSAGE_TO_SERVER"
  | "ASYNC_MESSAGE_TO_SERVER_ACK"
  | "ASYNC_MESSAGE_TO_CLIENT"
  | "ASYNC_MESSAGE_TO_CLIENT_ACK"
  | "BROADCAST_MESSAGE_TO_SERVER"
  | "BROADCAST_MESSAGE_TO_SERVER_ACK"
  | "BROADCAST_MESSAGE_TO_CLIENT"
  | "BROADCAST_MESSAGE_TO_CLIENT_ACK"
  | "SYS_LOG_TO_LOGSERVER"
  | "TRACE_LOG_TO_LOGSERVER"
  | "REDIRECT_TO_CLIENT"
  | "REGISTER_REQUEST"
  | "REGISTER_RESPONSE"
  | "UNREGISTER_REQUEST"
  | "UNREGISTER_RESPONSE"
  | "RECOMMEND_REQUEST"
  | "RECOMMEND_RESPONSE";

/** Who sends a command. `unused`: it has a name and a number, and nobody sends it. */
export type Direction = "to-server" | "to-client" | "unused";

/** What the body of a command is. `text` is read by nobody: it may be empty, or an echo of a message. */
export type BodyKind = "none" | "user-agent" | "subscription" | "redirect" | "message" | "text" | "address";

/** Everything known about one command. */
export interface CommandInfo {
  readonly name: Command;
  /** Its number; a header may carry it in place of the name. */
  readonly number: number;
  readonly direction: Direction;
  readonly body: BodyKind;
  /** The command that brings the result. It has the same `seq`, except RESPONSE_TO_SERVER, which has one of its own. */
  readonly answer: Command | undefined;
  /** The command that confirms the receipt, with the same `seq`. */
  readonly ack: Command | undefined;
}

/** Status codes of a header. An operation succeeded when its code is 0; the runtime sends no failure code but 1. */
export const OPStatus: {
  readonly SUCCESS: 0;
  readonly FAIL: 1;
  readonly ACL_FAIL: 2;
  readonly TPS_OVERLOAD: 3;
} = Object.freeze({ SUCCESS: 0, FAIL: 1, ACL_FAIL: 2, TPS_OVERLOAD: 3 });

const rows: [Command, Direction, BodyKind, answer?: Command | "", ack?: Command][] = [
  ["HEARTBEAT_REQUEST", "to-server", "none", "HEARTBEAT_RESPONSE"],
  ["HEARTBEAT_RESPONSE", "to-client", "none"],
  ["HELLO_REQUEST", "to-server", "user-agent", "HELLO_RESPONSE"],
  ["HELLO_RESPONSE", "to-client", "none"],
  ["CLIENT_GOODBYE_REQUEST", "to-server", "none", "CLIENT_GOODBYE_RESPONSE"],
  ["CLIENT_GOODBYE_RESPONSE", "to-client", "none"],
  ["SERVER_GOODBYE_REQUEST", "to-client", "none", "SERVER_GOODBYE_RESPONSE"],
  ["SERVER_GOODBYE_RESPONSE", "to-server", "none"],
  ["SUBSCRIBE_REQUEST", "to-server", "subscription", "SUBSCRIBE_RESPONSE"],
  ["SUBSCRIBE_RESPONSE", "to-client", "none"],
  ["UNSUBSCRIBE_REQUEST", "to-server", "subscription", "UNSUBSCRIBE_RESPONSE"],
  ["UNSUBSCRIBE_RESPONSE", "to-client", "none"],
  ["LISTEN_REQUEST", "to-server", "none", "LISTEN_RESPONSE"],
  ["LISTEN_RESPONSE", "to-client", "none"],
  ["REQUEST_TO_SERVER", "to-server", "message", "RESPONSE_TO_CLIENT"],
  ["REQUEST_TO_CLIENT", "to-client", "message", "RESPONSE_TO_SERVER", "REQUEST_TO_CLIENT_ACK"],
  ["REQUEST_TO_CLIENT_ACK", "to-server", "text"],
  ["RESPONSE_TO_SERVER", "to-server", "message"],
  ["RESPONSE_TO_CLIENT", "to-client", "message", "", "RESPONSE_TO_CLIENT_ACK"],
  ["RESPONSE_TO_CLIENT_ACK", "to-server", "text"],
  ["ASYNC_MESSAGE_TO_SERVER", "to-server", "message", "", "ASYNC_MESSAGE_TO_SERVER_ACK"],
  ["ASYNC_MESSAGE_TO_SERVER_ACK", "to-client", "text"],
  ["ASYNC_MESSAGE_TO_CLIENT", "to-client", "message", "", "ASYNC_MESSAGE_TO_CLIENT_ACK"],
  ["ASYNC_MESSAGE_TO_CLIENT_ACK", "to-server", "text"],
  ["BROADCAST_MESSAGE_TO_SERVER", "to-server", "message", "", "BROADCAST_MESSAGE_TO_SERVER_ACK"],
  ["BROADCAST_MESSAGE_TO_SERVER_ACK", "to-client", "text"],
  ["BROADCAST_MESSAGE_TO_CLIENT", "to-client", "message", "", "BROADCAST_MESSAGE_TO_CLIENT_ACK"],
  ["BROADCAST_MESSAGE_TO_CLIENT_ACK", "to-server", "text"],
  ["SYS_LOG_TO_LOGSERVER", "to-server", "none"],
  ["TRACE_LOG_TO_LOGSERVER", "to-server", "none"],
  ["REDIRECT_TO_CLIENT", "to-client", "redirect"],
  ["REGISTER_REQUEST", "unused", "none"],
  ["REGISTER_RESPONSE", "unused", "none"],
  ["UNREGISTER_REQUEST", "unused", "none"],
  ["UNREGISTER_RESPONSE", "unused", "none"],
  ["RECOMMEND_REQUEST", "to-server", "user-agent", "RECOMMEND_RESPONSE"],
  ["RECOMMEND_RESPONSE", "to-client", "address"],
];

/** The commands by number. */
export const COMMANDS: readonly CommandInfo[] = Object.freeze(
  rows.map(([name, direction, body, answer, ack], number) =>
    Object.freeze({ name, number, direction, body, answer: answer || undefined, ack })
  ),
);

const byName: ReadonlyMap<string, CommandInfo> = new Map(COMMANDS.map((info) => [info.name, info]));

/** Everything known about a command. Throws TypeError for a name that is none. */
export function commandInfo(name: Command): CommandInfo {
  const info = byName.get(name);
  if (info === undefined) {
    throw new TypeError(`Cannot look up the command ${String(name)}: it must be an EventMesh command`);
  }
  return info;
}

/** The command of this name, letter case included: the same string for all who compare it. */
export function commandOf(name: string): Command | undefined {
  return byName.get(name)?.name;
}

/** Whether a name is the name of a command, letter case included. */
export function isCommand(name: unknown): name is Command {
  return byName.has(name as string);
}
