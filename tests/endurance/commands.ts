import process from "node:process";
import { createInterface } from "node:readline";

/** What a program does at a command, with the words behind it. What it returns is the answer. */
export type Commands = Readonly<Record<string, (...words: string[]) => unknown>>;

/** Carries out the commands that come on standard input, one after the other, until one is `end`. */
export async function obey(commands: Commands): Promise<void> {
  const lines = createInterface({ input: process.stdin });
  for await (const line of lines) {
    const [name = "", ...words] = line.trim().split(" ");
    if (name === "end") break;
    const result = await commands[name]!(...words);
    console.log(`${name}: ${JSON.stringify(result ?? null)}`);
  }
  lines.close();
  process.stdin.destroy();
}
