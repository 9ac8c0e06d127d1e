import { connect } from "../../eventmesh/mod.ts";
import { type Command, commonFlags, connectOptions, defaultUrl, numberFlag, textFlag, UsageError } from "../command.ts";
import { inputLines } from "../console.ts";

/** Publishes messages: given as words, or one per line of standard input. */
export const pub: Command = {
  name: "pub",
  summary: "publish messages",
  usage: "TOPIC [MESSAGE ...]   without a MESSAGE: one per line of standard input",
  flags: [
    commonFlags.url,
    commonFlags.group,
    { name: "broadcast", about: "publish with the broadcast command" },
    { name: "count", value: "N", about: "publish each message N times" },
    commonFlags.timeout,
    commonFlags.json,
  ],
  parse(given) {
    const [topic, ...messages] = given.words;
    if (topic === undefined) throw new UsageError("pub: expected a TOPIC");
    const url = textFlag(given, "url") ?? defaultUrl;
    const options = connectOptions(given);
    const count = numberFlag(given, "count", 1) ?? 1;
    const timeout = numberFlag(given, "timeout", 1);
    return async ({ scope, console }) => {
      const signal = scope.draining;
      const connection = scope.use(await connect(url, { ...options, signal }));
      const send = given.flags["broadcast"] === true ? connection.broadcast : connection.publish;
      let published = 0;
      const pending: Set<Promise<void>> = new Set();
      let failed: { error: unknown } | undefined;
      for await (const message of messages.length > 0 ? messages : inputLines(signal)) {
        for (let i = 0; i < count && failed === undefined; i++) {
          const confirmed = send.call(connection, topic, message, { signal, ...(timeout === undefined ? {} : { timeout }) })
            .then(() => void published++, (error: unknown) => void (failed ??= { error }))
            .finally(() => pending.delete(confirmed));
          pending.add(confirmed);
          // A window of messages in flight keeps input of any length in bounded memory.
          while (pending.size >= maxPending) await Promise.race(pending);
        }
        if (failed !== undefined) break;
      }
      await Promise.all(pending);
      if (given.flags["json"] === true) await console.print(JSON.stringify({ topic, published }));
      else console.note(`${published} published to ${topic}`);
      if (failed !== undefined) throw failed.error;
    };
  },
};

/** Messages that may wait for their confirmation. */
const maxPending = 1_000;
