import type { Command } from "../command.ts";
import { commonFlags, durationFlag } from "../flags.ts";
import { countFlag, messagesNote, messagesOf } from "../messages.ts";
import { serverOf } from "../server.ts";

/** Sends requests, one after the other, and prints their replies. */
export const request: Command = {
  name: "request",
  summary: "send requests, one after the other, and print the replies",
  usage: "TOPIC [MESSAGE ...]",
  notes: [messagesNote],
  flags: [
    commonFlags.url,
    commonFlags.group,
    countFlag,
    { name: "timeout", value: "MS", about: "milliseconds to wait for each reply (5000)" },
    commonFlags.json,
  ],
  example: "gracewire request clock 'what time is it?'",
  parse(given) {
    const { topic, read } = messagesOf(given);
    const timeout = durationFlag(given, "timeout");
    const open = serverOf(given, timeout);
    const json = given.flags.has("json");
    return async (context) => {
      const { scope, console } = context;
      const connection = await open(context);
      const signal = scope.draining;
      for await (const message of read(console, signal)) {
        const start = performance.now();
        const reply = await connection.request(topic, message, { timeout, signal });
        const ms = Math.round((performance.now() - start) * 100) / 100;
        const { id, properties } = reply;
        const line = json ? JSON.stringify({ topic, id, data: reply.text(), properties, ms }) : reply.text();
        if (!await console.print(line, { signal })) return;
      }
    };
  },
};
