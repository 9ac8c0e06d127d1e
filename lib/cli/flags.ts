import { type Flag, type Given, UsageError } from "./command.ts";

/** The server that commands use when nothing else is said: the port of EventMesh on this machine. */
export const defaultUrl = "eventmesh://127.0.0.1:10000";

/** Flags that several commands have. */
export const commonFlags: Readonly<Record<"url" | "group" | "json", Flag>> = {
  url: { name: "url", value: "URL", about: `server to use (${defaultUrl})` },
  group: { name: "group", value: "NAME", about: "group of this client (gracewire)" },
  json: { name: "json", about: "one JSON object per line" },
};

/** A text given as a flag. */
export function textFlag(given: Given, name: string): string | undefined {
  const value = given.flags.get(name);
  return typeof value === "string" ? value : undefined;
}

/** A name given as a flag. */
export function nameFlag(given: Given, name: string): string | undefined {
  const value = textFlag(given, name);
  if (value?.trim() === "") {
    throw new UsageError(`--${name}: expected a text that is not blank, got "${value}"`);
  }
  return value;
}

/** A whole number given as a flag. */
export function numberFlag(
  given: Given,
  name: string,
  least: number,
  most: number = Number.MAX_SAFE_INTEGER,
): number | undefined {
  const value = textFlag(given, name);
  if (value === undefined) return undefined;
  const number = /^\d{1,16}$/.test(value) ? Number(value) : NaN;
  if (number >= least && number <= most) return number;
  const range = most === Number.MAX_SAFE_INTEGER ? `from ${least}` : `from ${least} to ${most}`;
  throw new UsageError(`--${name}: expected a whole number ${range}, got "${value}"`);
}

/** Milliseconds given as a flag, as long as a timer can be. */
export function durationFlag(given: Given, name: string): number | undefined {
  return numberFlag(given, name, 1, 2 ** 31 - 1);
}

/** Topics given as words. */
export function checkTopics(topics: readonly string[]): void {
  const blank = topics.find((topic) => topic.trim() === "");
  if (topics.length === 0) throw new UsageError("expected a TOPIC, got nothing");
  if (blank !== undefined) throw new UsageError(`expected a TOPIC that is not blank, got "${blank}"`);
}

/** A command that takes no words was given some. */
export function checkNoWords({ words }: Given): void {
  if (words.length > 0) throw new UsageError(`expected options only, got "${words[0]}"`);
}
