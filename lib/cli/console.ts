import process from "node:process";
import { abortable, type AbortOptions } from "../lifecycle/mod.ts";
import { Failure } from "./command.ts";

/** Where a command writes: results to standard output, everything else to standard error. */
export interface Console {
  /** Standard error is a terminal: what happens may be shown live. */
  readonly live: boolean;
  /** Aborts when whoever was reading has gone. That is a reason to end, and no error. */
  readonly left: AbortSignal;
  /** Writes a line of result. Resolves when there is room for more, with whether somebody still reads. */
  print(line: string, options?: AbortOptions): Promise<boolean>;
  /** Writes a line for people. */
  note(line: string): void;
}

/** The console of the process. */
export function processConsole(): Console {
  const left = new AbortController();
  const leave = (error: NodeJS.ErrnoException | null | undefined): boolean => {
    const gone = error?.code === "EPIPE" || error?.code === "ERR_STREAM_DESTROYED";
    if (gone) left.abort();
    return gone;
  };
  // A listener, because a stream without one throws; what it is told, the callback of the write is told too.
  process.stdout.on("error", leave);
  process.stderr.on("error", leave);
  const write = (line: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const done = (error: Error | null | undefined): void => {
        if (!error || leave(error)) resolve();
        else reject(new Failure(`Cannot write to standard output: ${error.message}`));
      };
      try {
        process.stdout.write(`${line}\n`, done);
      } catch (error) {
        // Deno throws what it fails with when it writes to a file.
        done(error as Error);
      }
    });
  return {
    live: process.stderr.isTTY === true,
    left: left.signal,
    async print(line, { signal } = {}) {
      if (!left.signal.aborted) await abortable(write(line), signal);
      return !left.signal.aborted;
    },
    note(line) {
      if (!left.signal.aborted) process.stderr.write(`${line}\n`);
    },
  };
}
