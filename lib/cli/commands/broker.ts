import { type BrokerOptions, startBroker } from "../../broker/mod.ts";
import type { Command } from "../command.ts";
import { checkNoWords, nameFlag, numberFlag } from "../flags.ts";

/** Runs the embedded broker until it is interrupted. */
export const broker: Command = {
  name: "broker",
  summary: "run a broker, in memory, until interrupted",
  usage: "",
  notes: [],
  flags: [
    { name: "host", value: "HOST", about: "name or address to listen on (127.0.0.1)" },
    { name: "port", value: "PORT", about: "port to listen on, 0 for any that is free (10000)" },
    { name: "retain", value: "N", about: "messages per topic kept for late subscribers (0)" },
    { name: "json", about: 'print {"url": ...} when it listens' },
  ],
  example: "gracewire broker --port 0 --retain 10",
  parse(given) {
    checkNoWords(given);
    const options: BrokerOptions = {
      host: nameFlag(given, "host"),
      port: numberFlag(given, "port", 0, 65_535),
      retain: numberFlag(given, "retain", 0),
    };
    const json = given.flags.has("json");
    return async ({ scope, console, own }) => {
      const { closed, url } = own("broker", await startBroker({ ...options, signal: scope.draining }));
      await console.print(json ? JSON.stringify({ url }) : `listening on ${url}`);
      await closed;
    };
  },
};
