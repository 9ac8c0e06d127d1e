import { startBroker } from "../../broker/mod.ts";
import { type Command, numberFlag, textFlag, UsageError } from "../command.ts";

/** Runs the embedded broker until it is interrupted. */
export const broker: Command = {
  name: "broker",
  summary: "run a broker until interrupted",
  usage: "",
  flags: [
    { name: "host", value: "HOST", about: "address to listen on (127.0.0.1)" },
    { name: "port", value: "PORT", about: "port to listen on, 0 for any (10000)" },
    { name: "retain", value: "N", about: "messages per topic for late subscribers (0)" },
    { name: "json", about: "print the address as JSON" },
  ],
  parse(given) {
    if (given.words.length > 0) throw new UsageError(`broker: expected no words, got "${given.words[0]}"`);
    const host = textFlag(given, "host") ?? "127.0.0.1";
    const port = numberFlag(given, "port", 0) ?? 10_000;
    const retain = numberFlag(given, "retain", 0) ?? 0;
    return async ({ scope, console }) => {
      const running = scope.use(await startBroker({ host, port, retain, signal: scope.draining }));
      if (given.flags["json"] === true) await console.print(JSON.stringify({ url: running.url }));
      else console.note(`listening on ${running.url}`);
      await running.closed;
    };
  },
};
