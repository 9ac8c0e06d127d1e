import type { Scope } from "../lifecycle/mod.ts";
import type { Console } from "./console.ts";

/** One verb of the command line. */
export interface Command {
  readonly name: string;
  /** One line: what it does. */
  readonly summary: string;
  /** How it is called, behind its name. */
  readonly usage: string;
  readonly flags: readonly Flag[];
  /** Checks what was given before anything is done. Throws {@linkcode UsageError}. */
  parse(given: Given): (context: CommandContext) => Promise<void>;
}

/** An option of a command. */
export interface Flag {
  readonly name: string;
  /** Name of its value in the help; without one it is a switch. */
  readonly value?: string;
  readonly about: string;
}

/** What was given to a command. */
export interface Given {
  readonly words: readonly string[];
  readonly flags: Readonly<Record<string, string | boolean | undefined>>;
}

/** What a command works with. */
export interface CommandContext {
  /** Owns what the command opens; its `draining` aborts at the first interrupt. */
  readonly scope: Scope;
  readonly console: Console;
}

/** The command line was called in a wrong way. */
export class UsageError extends Error {}

/** The server that commands use when nothing else is said: the port of EventMesh on this machine. */
export const defaultUrl = "eventmesh://127.0.0.1:10000";

/** Flags that several commands have. */
export const commonFlags: Record<"url" | "group" | "timeout" | "json", Flag> = {
  url: { name: "url", value: "URL", about: `server to use (${defaultUrl})` },
  group: { name: "group", value: "NAME", about: "group of this client (gracewire)" },
  timeout: { name: "timeout", value: "MS", about: "milliseconds to wait" },
  json: { name: "json", about: "one JSON object per line" },
};

/** A whole number given as a flag. */
export function numberFlag(given: Given, name: string, least: number): number | undefined {
  const value = given.flags[name];
  if (value === undefined) return undefined;
  const number = Number(value);
  if (value !== "" && Number.isInteger(number) && number >= least) return number;
  throw new UsageError(`--${name}: expected a whole number from ${least}, got "${value}"`);
}

/** A text given as a flag. */
export function textFlag(given: Given, name: string): string | undefined {
  const value = given.flags[name];
  return typeof value === "string" ? value : undefined;
}

/** Options of `connect` that come from flags. */
export function connectOptions(given: Given): { group?: string; timeout?: number } {
  const group = textFlag(given, "group");
  const timeout = numberFlag(given, "timeout", 1);
  return { ...(group === undefined ? {} : { group }), ...(timeout === undefined ? {} : { timeout }) };
}
