/**
 * The command line: `gracewire demo`, `broker`, `pub`, `sub`, `request`.
 *
 * @module
 */

import process from "node:process";
import { GracewireError } from "../errors.ts";
import { type Farewell, formatFarewell } from "../lifecycle/mod.ts";
import { run, type RunResult } from "../process/mod.ts";
import { readArguments, usageOf } from "./arguments.ts";
import { type Act, type Command, Failure, UsageError } from "./command.ts";
import { commands } from "./commands/mod.ts";
import { type Console, processConsole } from "./console.ts";
import { watcher } from "./phases.ts";

process.exitCode = await main(process.argv.slice(2), processConsole());

/** Runs the command line and resolves with its exit code. */
async function main(args: readonly string[], console: Console): Promise<number> {
  try {
    const invocation = readArguments(args, commands);
    if (invocation.kind === "run") return await execute(invocation.command, invocation.act, console);
    await console.print(invocation.text);
    return 0;
  } catch (error) {
    console.note(describe(error));
    return error instanceof UsageError ? 2 : 1;
  }
}

async function execute(command: Command, act: Act, console: Console): Promise<number> {
  let code = 0;
  const report = ({ exitCode, failure, farewell, signal }: RunResult): void => {
    const error = failure?.error;
    if (error instanceof UsageError) console.note(describe(usageOf(command, error.message)));
    else if (failure !== undefined) console.note(describe(error));
    else if (farewell.outcome !== "clean") console.note(summary(farewell, console.live));
    // However it went on from there: the command was cut short.
    const interrupted = signal === "SIGTERM" ? 143 : 130;
    code = error instanceof UsageError
      ? 2
      : failure === undefined && signal !== undefined
      ? interrupted
      : exitCode;
  };
  await run(async (scope) => {
    const watch = watcher(scope, console);
    console.left.addEventListener("abort", () => void scope.goodbye(), { once: true });
    await act({
      scope,
      console,
      watch,
      own(name, endpoint) {
        watch(name, endpoint);
        return scope.use(endpoint);
      },
    });
  }, { name: command.name, report });
  return code;
}

/** How it ended: a line, and for people at a terminal its phases too. */
function summary(farewell: Farewell, live: boolean): string {
  const text = formatFarewell(farewell);
  return live ? text : text.replace(/\n[^]*/, "");
}

/** One line for what can be foreseen; anything else is a mistake of ours, and shows where. */
function describe(error: unknown): string {
  if (error instanceof UsageError) return oneLine(error.message);
  const foreseen = error instanceof Failure || error instanceof GracewireError;
  if (foreseen) return `gracewire: ${oneLine(error.message)}`;
  return `gracewire: ${error instanceof Error ? error.stack ?? error.message : String(error)}`;
}

/** Words of a peer may be part of it: they must not move the cursor. */
function oneLine(text: string): string {
  return text.replaceAll(/\p{Cc}+/gu, " ");
}
