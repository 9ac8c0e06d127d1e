import { parseArgs } from "node:util";
import { type Command, type CommandContext, UsageError } from "./command.ts";
import { commandHelp, overview } from "./help.ts";
import { VERSION } from "../version.ts";

/** What the arguments ask for. */
export type Invocation =
  | { readonly kind: "print"; readonly text: string }
  | { readonly kind: "run"; readonly command: Command; readonly act: (context: CommandContext) => Promise<void> };

/** Reads the arguments behind the name of the program. Throws {@linkcode UsageError}. */
export function readArguments(args: readonly string[], commands: readonly Command[]): Invocation {
  const [first, ...rest] = args;
  if (first === undefined || first === "help" || first === "--help" || first === "-h") {
    return { kind: "print", text: overview(commands) };
  }
  if (first === "--version" || first === "-v") return { kind: "print", text: VERSION };
  const command = commands.find(({ name }) => name === first);
  if (command === undefined) {
    const names = commands.map(({ name }) => name).join(", ");
    throw new UsageError(`expected a command out of ${names}, got "${first}"`);
  }
  const { values, positionals } = parse(command, rest);
  if (values["help"] === true) return { kind: "print", text: commandHelp(command) };
  return { kind: "run", command, act: command.parse({ words: positionals, flags: values }) };
}

function parse(command: Command, args: string[]): { values: Record<string, string | boolean | undefined>; positionals: string[] } {
  const options: Record<string, { type: "string" | "boolean"; short?: string }> = { help: { type: "boolean", short: "h" } };
  for (const { name, value } of command.flags) options[name] = { type: value === undefined ? "boolean" : "string" };
  try {
    return parseArgs({ args, options, allowPositionals: true, strict: true });
  } catch (error) {
    throw new UsageError(`${command.name}: ${(error as Error).message}`);
  }
}
