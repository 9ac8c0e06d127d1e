import process from "node:process";
import type { Flag, Given } from "./command.ts";
import type { Console } from "./console.ts";
import { checkTopics, numberFlag } from "./flags.ts";
import { inputLines } from "./lines.ts";

/** What a command sends, and where to. */
export interface Messages {
  readonly topic: string;
  /** The messages one after the other. Throws `signal.reason` when that aborts while it waits for input. */
  read(console: Console, signal: AbortSignal): AsyncIterable<string>;
}

/** Note for the help of commands that send messages. */
export const messagesNote = "Without a MESSAGE it reads standard input: each line is one.";

/** Flag of commands that send messages. */
export const countFlag: Flag = { name: "count", value: "N", about: "send each message N times (1)" };

/** Reads what is to be sent from the words of a command: a topic, and messages if they are not to come from standard input. */
export function messagesOf(given: Given): Messages {
  const [topic, ...words] = given.words;
  checkTopics(topic === undefined ? [] : [topic]);
  const count = numberFlag(given, "count", 1) ?? 1;
  return {
    topic: topic!,
    async *read(console, signal) {
      const fromInput = words.length === 0;
      if (fromInput && process.stdin.isTTY) console.note("one message per line; Ctrl-D ends");
      for await (const message of fromInput ? inputLines(signal) : words) {
        for (let i = 0; i < count; i++) {
          if (signal.aborted) throw signal.reason;
          yield message;
        }
      }
    },
  };
}
