import type { Endpoint, Scope } from "../lifecycle/mod.ts";
import type { Console } from "./console.ts";

/** One verb of the command line. */
export interface Command {
  readonly name: string;
  /** One line: what it does. */
  readonly summary: string;
  /** What is given behind its name. */
  readonly usage: string;
  /** Lines about what the usage does not say. */
  readonly notes: readonly string[];
  readonly flags: readonly Flag[];
  /** A call of it, as it is typed. */
  readonly example: string;
  /** Checks what was given before anything is done. Throws {@linkcode UsageError}. */
  parse(given: Given): Act;
}

/** What a command does when it was called in a right way. */
export type Act = (context: CommandContext) => Promise<void>;

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
  /** Flags by their names: the text given, or true for a switch. */
  readonly flags: ReadonlyMap<string, string | true>;
}

/** What a command works with. */
export interface CommandContext {
  /** Owns what the command opens; its `draining` aborts at the first interrupt, its `signal` at the second. */
  readonly scope: Scope;
  readonly console: Console;
  /** Shows people how an endpoint fares, under this name. */
  watch(name: string, endpoint: Endpoint): void;
  /** The same, and lets the scope own it. */
  own<T extends Endpoint>(name: string, endpoint: T): T;
}

/** The command line was called in a wrong way. The message is one line for people. */
export class UsageError extends Error {}

/** A command could not do what it was asked for. The message is one line for people. */
export class Failure extends Error {}
