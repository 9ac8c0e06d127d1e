/**
 * The command line: `gracewire demo`, `broker`, `pub`, `sub`, `request`.
 *
 * @module
 */

import process from "node:process";
import { GracewireError } from "../errors.ts";
import { formatFarewell } from "../lifecycle/mod.ts";
import { run } from "../process/mod.ts";
import { type Invocation, readArguments } from "./arguments.ts";
import { UsageError } from "./command.ts";
import { commands } from "./commands/mod.ts";
import { type Console, processConsole } from "./console.ts";
import { showPhases } from "./phases.ts";

/** Runs the command line and resolves with its exit code. */
async function main(args: readonly string[]): Promise<number> {
  const pipe = new AbortController();
  const console = processConsole(() => pipe.abort());
  let invocation: Invocation;
  try {
    invocation = readArguments(args, commands);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.note(`gracewire ${error.message}\nTry gracewire --help`);
    return 2;
  }
  if (invocation.kind === "print") {
    await console.print(invocation.text);
    return 0;
  }
  const { act, command } = invocation;
  const farewell = await run(async (scope) => {
    // Nobody reads any more: that is a reason to end, and not an error.
    const end = (): void => void scope.goodbye();
    pipe.signal.addEventListener("abort", end, { once: true });
    if (console.live) showPhases(scope, console);
    await act({ scope, console });
  }, {
    name: command.name,
    onError: (error) => pipe.signal.aborted ? undefined : console.note(describe(error)),
    onFarewell: (farewell) => {
      if (farewell.outcome !== "clean") console.note(formatFarewell(farewell));
    },
  });
  if (pipe.signal.aborted) return 0;
  return exitCode(farewell.outcome === "failed");
}

function exitCode(failed: boolean): number {
  const code = Number(process.exitCode ?? 0);
  // Interrupted by SIGTERM or SIGINT alike: the command was cut short.
  return code > 128 ? 130 : code !== 0 || failed ? 1 : 0;
}

/** One line for an error of ours; anything else is a bug and shows where. */
function describe(error: unknown): string {
  if (error instanceof GracewireError || error instanceof TypeError || error instanceof RangeError) {
    return `gracewire: ${error.message}`;
  }
  return error instanceof Error ? error.stack ?? error.message : `gracewire: ${String(error)}`;
}

export type { Console };
process.exitCode = await main(process.argv.slice(2));
