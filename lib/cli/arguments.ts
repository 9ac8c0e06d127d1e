import { VERSION } from "../version.ts";
import { type Act, type Command, type Given, UsageError } from "./command.ts";
import { commandHelp, overview } from "./help.ts";

/** What the arguments ask for. */
export type Invocation =
  | { readonly kind: "print"; readonly text: string }
  | { readonly kind: "run"; readonly command: Command; readonly act: Act };

/** Reads the arguments behind the name of the program. Throws {@linkcode UsageError}. */
export function readArguments(args: readonly string[], commands: readonly Command[]): Invocation {
  const [first, ...rest] = args;
  if (first === "--version" || first === "-v") return { kind: "print", text: VERSION };
  if (first === undefined || isHelp(first)) {
    const [name] = rest;
    const text = name === undefined || isHelp(name) ? overview(commands) : commandHelp(find(name, commands));
    return { kind: "print", text };
  }
  const command = find(first, commands);
  try {
    const given = read(rest, command);
    if (given.flags.has("help")) return { kind: "print", text: commandHelp(command) };
    return { kind: "run", command, act: command.parse(given) };
  } catch (error) {
    throw error instanceof UsageError ? usageOf(command, error.message) : error;
  }
}

/** Wrong usage of a command, in one line. */
export function usageOf({ name }: Command, what: string): UsageError {
  return new UsageError(`gracewire ${name}: ${what} (gracewire ${name} --help tells more)`);
}

function isHelp(word: string): boolean {
  return word === "help" || word === "--help" || word === "-h";
}

function find(name: string, commands: readonly Command[]): Command {
  const command = commands.find((one) => one.name === name);
  if (command !== undefined) return command;
  const names = commands.map((one) => one.name).join(", ");
  throw new UsageError(`gracewire: expected one of ${names}, got "${name}" (gracewire --help tells more)`);
}

/** By hand, so that every runtime says the same about the same mistake. */
function read(args: readonly string[], { flags: known }: Command): Given {
  const words: string[] = [];
  const flags = new Map<string, string | true>();
  for (let i = 0; i < args.length; i++) {
    const word = args[i]!;
    if (word === "--") {
      words.push(...args.slice(i + 1));
      break;
    }
    if (word === "-" || !word.startsWith("-")) {
      words.push(word);
      continue;
    }
    const [, name = "", , inline] = /^--([^=]+)(=([^]*))?$/.exec(word) ?? [];
    const flag = known.find((one) => one.name === name);
    if (word === "-h" || word === "--help") flags.set("help", true);
    else if (flag === undefined) throw new UsageError(unknown(word, known.map((one) => one.name)));
    else if (flag.value === undefined) {
      if (inline !== undefined) throw new UsageError(`--${name}: expected no value, got "${inline}"`);
      flags.set(name, true);
    } else {
      const value = inline ?? args[++i];
      if (value === undefined) {
        throw new UsageError(`--${name}: expected a value, ${flag.value}, got nothing`);
      }
      flags.set(name, value);
    }
  }
  return { words, flags };
}

function unknown(word: string, names: readonly string[]): string {
  const options = names.length === 0 ? "no option" : `one of ${names.map((name) => `--${name}`).join(", ")}`;
  return `expected ${options}, got "${word}"; -- goes before words that begin with -`;
}
