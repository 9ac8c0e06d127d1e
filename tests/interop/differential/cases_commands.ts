import { type Case, selectors, type Stage } from "./stage.ts";

/** Every command of the protocol, with a body that fits. */
const commands: Readonly<Record<string, (stage: Stage) => string | undefined>> = {
  HEARTBEAT_REQUEST: () => undefined,
  HEARTBEAT_RESPONSE: () => undefined,
  HELLO_RESPONSE: () => undefined,
  CLIENT_GOODBYE_REQUEST: () => undefined,
  CLIENT_GOODBYE_RESPONSE: () => undefined,
  SERVER_GOODBYE_REQUEST: () => undefined,
  SERVER_GOODBYE_RESPONSE: () => undefined,
  SUBSCRIBE_REQUEST: (stage) => stage.items({}),
  SUBSCRIBE_RESPONSE: () => undefined,
  UNSUBSCRIBE_REQUEST: (stage) => stage.items({}),
  UNSUBSCRIBE_RESPONSE: () => undefined,
  LISTEN_REQUEST: () => undefined,
  LISTEN_RESPONSE: () => undefined,
  REQUEST_TO_SERVER: (stage) => stage.message({ properties: { ttl: "1" } }),
  REQUEST_TO_CLIENT: (stage) => stage.message(),
  REQUEST_TO_CLIENT_ACK: (stage) => stage.message(),
  RESPONSE_TO_SERVER: (stage) => stage.message(),
  RESPONSE_TO_CLIENT: (stage) => stage.message(),
  RESPONSE_TO_CLIENT_ACK: (stage) => stage.message(),
  ASYNC_MESSAGE_TO_SERVER: (stage) => stage.message(),
  ASYNC_MESSAGE_TO_SERVER_ACK: () => undefined,
  ASYNC_MESSAGE_TO_CLIENT: (stage) => stage.message(),
  ASYNC_MESSAGE_TO_CLIENT_ACK: (stage) => stage.message(),
  BROADCAST_MESSAGE_TO_SERVER: (stage) => stage.message(),
  BROADCAST_MESSAGE_TO_SERVER_ACK: () => undefined,
  BROADCAST_MESSAGE_TO_CLIENT: (stage) => stage.message(),
  BROADCAST_MESSAGE_TO_CLIENT_ACK: (stage) => stage.message(),
  SYS_LOG_TO_LOGSERVER: () => undefined,
  TRACE_LOG_TO_LOGSERVER: () => undefined,
  REDIRECT_TO_CLIENT: () => '{"ip":"127.0.0.1","port":10000}',
  REGISTER_REQUEST: () => undefined,
  REGISTER_RESPONSE: () => undefined,
  UNREGISTER_REQUEST: () => undefined,
  UNREGISTER_RESPONSE: () => undefined,
  RECOMMEND_REQUEST: () => '{"version":"2.0","group":"g","purpose":"pub","username":"u","password":"p"}',
  RECOMMEND_RESPONSE: () => undefined,
};

/** Commands that carry messages between clients. */
const messages: ReadonlySet<string> = new Set([
  "REQUEST_TO_SERVER",
  "RESPONSE_TO_SERVER",
  "ASYNC_MESSAGE_TO_SERVER",
  "BROADCAST_MESSAGE_TO_SERVER",
]);

/** A command on a connection of each kind: one that has not said hello, a publisher, a subscriber. */
function casesOf(cmd: string): Case[] {
  return (["stranger", "pub", "sub"] as const).map((who) => ({
    name: `${who}-${cmd.toLowerCase().replaceAll("_", "-")}`,
    async play(stage) {
      const line = who === "stranger" ? await stage.connect() : await stage.open(who);
      await line.say(cmd, commands[cmd]!(stage), messages.has(cmd) ? selectors() : {});
    },
  }));
}

const names = Object.keys(commands);

export const commandCases: readonly Case[] = names.filter((name) => !messages.has(name)).flatMap(casesOf);
export const messageCommandCases: readonly Case[] = names.filter((name) => messages.has(name)).flatMap(
  casesOf,
);
