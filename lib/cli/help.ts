import { VERSION } from "../version.ts";
import type { Command } from "./command.ts";

/** What `gracewire --help` prints: fits a screen of 80 columns and 24 lines. */
export function overview(commands: readonly Command[]): string {
  return [
    `gracewire ${VERSION}: publish, subscribe and ask over TCP, with an end in good order`,
    "",
    "usage: gracewire COMMAND [OPTIONS]",
    "",
    ...commands.map(({ name, summary }) => `  ${name.padEnd(9)} ${summary}`),
    "",
    "  gracewire COMMAND --help    what a command takes, with an example",
    "  gracewire --version",
    "",
    "Two terminals: gracewire broker, and gracewire sub greetings. In a third one:",
    "gracewire pub greetings hello",
    "",
    "Results go to standard output, everything else to standard error. The first",
    "Ctrl-C ends in good order, the second at once, the third kills the process.",
    "Exit code: 0 done, 1 failed, 2 called in a wrong way, 130 SIGINT, 143 SIGTERM.",
  ].join("\n");
}

/** What `gracewire COMMAND --help` prints; as large as that. */
export function commandHelp({ example, flags, name, notes, summary, usage }: Command): string {
  const rows = [...flags, { name: "help", about: "this text" }].map((flag) => {
    const value = "value" in flag ? ` ${flag.value}` : "";
    return `  ${`--${flag.name}${value}`.padEnd(15)} ${flag.about}`;
  });
  return [
    `gracewire ${name}: ${summary}`,
    "",
    `usage: gracewire ${name} [OPTIONS] ${usage}`.trimEnd(),
    "",
    ...notes.length === 0 ? [] : [...notes, ""],
    ...rows,
    "",
    `example: ${example}`,
  ].join("\n");
}
