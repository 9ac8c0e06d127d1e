import type { EventMeshHeader } from "../../eventmesh/mod.ts";
import { GracewireError } from "../../errors.ts";
import type { Message } from "../../messaging/mod.ts";
import { type Command, Failure } from "../command.ts";
import { checkTopics, commonFlags, durationFlag, numberFlag, textFlag } from "../flags.ts";
import { serverOf } from "../server.ts";

/** Prints what arrives, and answers requests. */
export const sub: Command = {
  name: "sub",
  summary: "print messages as they arrive, and answer requests",
  usage: "TOPIC ...",
  notes: [],
  flags: [
    commonFlags.url,
    commonFlags.group,
    { name: "count", value: "N", about: "end after N messages" },
    { name: "timeout", value: "MS", about: "end after MS milliseconds; then fewer than N are a failure" },
    { name: "broadcasting", about: "get every message, not a share of those for the group" },
    { name: "reply", value: "TEXT", about: "answer requests with TEXT; {} in it is the request" },
    commonFlags.json,
  ],
  example: "gracewire sub clock --reply 'you said: {}'",
  parse(given) {
    const topics = given.words;
    checkTopics(topics);
    const reply = textFlag(given, "reply");
    const count = numberFlag(given, "count", 1);
    const timeout = durationFlag(given, "timeout");
    const open = serverOf(given, timeout);
    const mode = given.flags.has("broadcasting") ? "broadcasting" : "clustering";
    const json = given.flags.has("json");
    return async (context) => {
      const { console, watch } = context;
      const connection = await open(context);
      const type = reply === undefined ? "async" : "sync";
      const subscription = await connection.subscribe(topics, { mode, type, timeout });
      watch("subscription", subscription);
      console.note(`subscribed to ${subscription.topics.join(", ")}`);
      let over = false;
      const timer = timeout === undefined ? undefined : setTimeout(() => {
        over = true;
        void subscription.goodbye();
      }, timeout);
      let received = 0;
      try {
        for await (const message of subscription) {
          const line = json ? JSON.stringify(record(message)) : message.text();
          // Nobody has read it: somebody else of the group gets it.
          if (!await console.print(line, { signal: subscription.signal })) break;
          if (reply !== undefined && message.wantsReply) await answer(message, reply, console.note);
          if (++received !== count) continue;
          message.ack();
          break;
        }
      } finally {
        clearTimeout(timer);
      }
      await subscription.closed;
      if (over && count !== undefined && received < count) {
        throw new Failure(`Expected ${count} messages within ${timeout} ms, got ${received}`);
      }
    };
  },
};

/** A request that cannot be answered any more is no reason to leave the next ones unanswered. */
async function answer(message: Message, reply: string, note: (line: string) => void): Promise<void> {
  const text = message.text();
  try {
    await message.respond(reply.replaceAll("{}", () => text));
  } catch (error) {
    if (!(error instanceof GracewireError)) throw error;
    note(error.message);
  }
}

function record(message: Message): Record<string, unknown> {
  const { topic, id, properties, wantsReply, redelivered } = message;
  const { protocol } = message.raw as EventMeshHeader;
  return { topic, id, data: message.text(), properties, wantsReply, redelivered, protocol };
}
