import { connect } from "../../eventmesh/mod.ts";
import { type Command, commonFlags, connectOptions, defaultUrl, numberFlag, textFlag, UsageError } from "../command.ts";

/** Sends a request and prints its reply. */
export const request: Command = {
  name: "request",
  summary: "send a request and print its reply",
  usage: "TOPIC MESSAGE",
  flags: [commonFlags.url, commonFlags.group, { ...commonFlags.timeout, about: "milliseconds to wait (5000)" }, commonFlags.json],
  parse(given) {
    const [topic, message, ...more] = given.words;
    if (topic === undefined || message === undefined || more.length > 0) {
      throw new UsageError("request: expected a TOPIC and a MESSAGE");
    }
    const url = textFlag(given, "url") ?? defaultUrl;
    const options = connectOptions(given);
    const timeout = numberFlag(given, "timeout", 1) ?? 5_000;
    return async ({ scope, console }) => {
      const signal = scope.draining;
      const connection = scope.use(await connect(url, { ...options, signal }));
      const start = performance.now();
      const reply = await connection.request(topic, message, { signal, timeout });
      const took = Math.round((performance.now() - start) * 100) / 100;
      if (given.flags["json"] !== true) return await console.print(reply.text());
      const { id, properties } = reply;
      await console.print(JSON.stringify({ topic: reply.topic, id, data: reply.text(), properties, ms: took }));
    };
  },
};
