import { connect, type EventMeshHeader } from "../../eventmesh/mod.ts";
import type { Message } from "../../messaging/mod.ts";
import { type Command, commonFlags, defaultUrl, numberFlag, textFlag, UsageError } from "../command.ts";

/** Prints what arrives, and answers requests. */
export const sub: Command = {
  name: "sub",
  summary: "print messages, and answer requests",
  usage: "TOPIC ...",
  flags: [
    commonFlags.url,
    commonFlags.group,
    { name: "broadcasting", about: "get every message, not a share of the group's" },
    { name: "reply", value: "TEXT", about: "answer requests with TEXT; {} in it is the request" },
    { name: "count", value: "N", about: "end after N messages" },
    { name: "timeout", value: "MS", about: "end after MS milliseconds" },
    commonFlags.json,
  ],
  parse(given) {
    if (given.words.length === 0) throw new UsageError("sub: expected a TOPIC");
    const url = textFlag(given, "url") ?? defaultUrl;
    const group = textFlag(given, "group");
    const reply = textFlag(given, "reply");
    const count = numberFlag(given, "count", 1) ?? Infinity;
    const timeout = numberFlag(given, "timeout", 1);
    const json = given.flags["json"] === true;
    return async ({ scope, console }) => {
      const connection = scope.use(
        await connect(url, { ...(group === undefined ? {} : { group }), signal: scope.draining }),
      );
      const subscription = await connection.subscribe(given.words, {
        mode: given.flags["broadcasting"] === true ? "broadcasting" : "clustering",
        type: reply === undefined ? "async" : "sync",
      });
      console.note(`subscribed to ${given.words.join(", ")}`);
      const end = (): void => void subscription.goodbye({ reason: scope.draining.reason });
      scope.draining.addEventListener("abort", end, { once: true });
      const timer = timeout === undefined ? undefined : setTimeout(end, timeout);
      let received = 0;
      try {
        for await (const message of subscription) {
          await console.print(json ? JSON.stringify(record(message)) : message.text(), { signal: subscription.signal });
          if (reply !== undefined && message.wantsReply) await message.respond(reply.replaceAll("{}", message.text()));
          if (++received < count) continue;
          message.ack();
          break;
        }
      } finally {
        clearTimeout(timer);
        scope.draining.removeEventListener("abort", end);
      }
      await subscription.closed;
    };
  },
};

function record(message: Message): Record<string, unknown> {
  const { topic, id, properties, wantsReply, redelivered } = message;
  const { protocol } = message.raw as EventMeshHeader;
  return { topic, id, data: message.text(), properties, wantsReply, redelivered, protocol };
}
