import type { Command } from "../command.ts";
import { commonFlags, durationFlag } from "../flags.ts";
import { InFlight } from "../in_flight.ts";
import { countFlag, messagesNote, messagesOf } from "../messages.ts";
import { serverOf } from "../server.ts";

/** Publishes messages: given as words, or one per line of standard input. */
export const pub: Command = {
  name: "pub",
  summary: "publish messages; done when the server has confirmed all",
  usage: "TOPIC [MESSAGE ...]",
  notes: [messagesNote, "Those that a busy server refuses are sent again, and arrive later."],
  flags: [
    commonFlags.url,
    commonFlags.group,
    countFlag,
    { name: "timeout", value: "MS", about: "milliseconds for the server to answer (20000)" },
    { name: "broadcast", about: "publish with the broadcast command" },
    { ...commonFlags.json, about: 'print {"topic": ..., "published": N} at the end' },
  ],
  example: "seq 1000 | gracewire pub numbers",
  parse(given) {
    const { topic, read } = messagesOf(given);
    const timeout = durationFlag(given, "timeout");
    const open = serverOf(given, timeout);
    const broadcast = given.flags.has("broadcast");
    const json = given.flags.has("json");
    return async (context) => {
      const { scope, console } = context;
      const connection = await open(context);
      // An interrupt ends the input; what is under way may still be confirmed, until the next one.
      const options = { timeout, signal: scope.signal };
      const inFlight = new InFlight({ count: 1_000, size: 16 * 1_024 * 1_024 });
      let published = 0;
      try {
        for await (const message of read(console, scope.draining)) {
          const confirmed = broadcast
            ? connection.broadcast(topic, message, options)
            : connection.publish(topic, message, options);
          await inFlight.add(confirmed.then(() => published++), message.length);
          if (inFlight.failed) break;
        }
      } finally {
        await inFlight.settled();
        if (json) await console.print(JSON.stringify({ topic, published }));
        else console.note(`${published} published to ${topic}`);
      }
      inFlight.check();
    };
  },
};
