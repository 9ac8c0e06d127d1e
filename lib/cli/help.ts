import { VERSION } from "../version.ts";
import type { Command } from "./command.ts";

/** What `gracewire --help` prints: fits a screen. */
export function overview(commands: readonly Command[]): string {
  const list = commands.map(({ name, summary }) => `  ${name.padEnd(9)} ${summary}`);
  return [
    `gracewire ${VERSION}: messaging with a correct lifecycle`,
    "",
    "usage: gracewire COMMAND [OPTIONS]",
    "",
    ...list,
    "",
    "  gracewire COMMAND --help   what a command takes",
    "  gracewire --version",
    "",
    "The first Ctrl-C ends in order, the second at once, the third kills.",
    "Exit code: 0 done, 1 failed, 2 wrong usage, 130 interrupted.",
  ].join("\n");
}

/** What `gracewire COMMAND --help` prints. */
export function commandHelp({ name, summary, usage, flags }: Command): string {
  const rows = flags.map(({ name, value, about }) => {
    return `  ${`--${name}${value === undefined ? "" : ` ${value}`}`.padEnd(18)} ${about}`;
  });
  const call = `usage: gracewire ${name} ${flags.length > 0 ? "[OPTIONS] " : ""}${usage}`.trimEnd();
  return [`${summary}`, "", call, ...(rows.length > 0 ? ["", ...rows] : [])].join("\n");
}
