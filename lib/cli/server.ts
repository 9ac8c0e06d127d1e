import { ConnectError } from "../errors.ts";
import { connect, type EventMeshConnection } from "../eventmesh/mod.ts";
import { type CommandContext, Failure, type Given, UsageError } from "./command.ts";
import { defaultUrl, nameFlag, textFlag } from "./flags.ts";

/** Opens the connection that a command works with, once it may. */
export type Opening = (context: CommandContext) => Promise<EventMeshConnection>;

/** Reads which server is meant from the flags. `timeout`: milliseconds for the connection to come about. */
export function serverOf(given: Given, timeout: number | undefined): Opening {
  const url = textFlag(given, "url");
  const group = nameFlag(given, "group");
  return async ({ own, scope }) => {
    try {
      return own("connection", await connect(url ?? defaultUrl, { group, timeout, signal: scope.draining }));
    } catch (error) {
      if (isMistake(error)) throw new UsageError(`--url: ${error.message}`);
      if (!(error instanceof ConnectError) || url !== undefined) throw error;
      throw new Failure(`${error.message} (gracewire broker starts a server there, --url names another one)`);
    }
  };
}

/** The library refuses what it was given, before any side effect. */
function isMistake(error: unknown): error is TypeError | RangeError {
  return error instanceof TypeError || error instanceof RangeError;
}
