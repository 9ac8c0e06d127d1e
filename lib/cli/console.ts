import process from "node:process";
import { abortable } from "../lifecycle/mod.ts";

/** Where a command writes: results to standard output, everything else to standard error. */
export interface Console {
  /** Standard error is a terminal: progress may be shown live. */
  readonly live: boolean;
  /** Writes a line of result; resolves when there is room for more. */
  print(line: string, options?: { signal?: AbortSignal }): Promise<void>;
  /** Writes a line for people. */
  note(line: string): void;
}

/** The console of the process. A reader that closes its end early is told to `onClosed`, and nothing is an error. */
export function processConsole(onClosed: () => void): Console {
  let closed = false;
  const ignore = (error: Error & { code?: string }): void => {
    if (error.code !== "EPIPE" && error.code !== "ERR_STREAM_DESTROYED") return;
    if (!closed) onClosed();
    closed = true;
  };
  process.stdout.on("error", ignore);
  process.stderr.on("error", ignore);
  return {
    live: process.stderr.isTTY === true,
    async print(line, options) {
      if (closed) return;
      const written = new Promise<void>((resolve) => process.stdout.write(`${line}\n`, () => resolve()));
      await abortable(written, options?.signal);
    },
    note(line) {
      if (!closed) process.stderr.write(`${line}\n`);
    },
  };
}

/** The lines of standard input. */
export async function* inputLines(signal: AbortSignal): AsyncGenerator<string, void, void> {
  let rest = "";
  const decoder = new TextDecoder();
  const iterator = process.stdin[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  try {
    for (;;) {
      const { done, value } = await abortable(iterator.next(), signal);
      if (done === true) break;
      const lines = (rest + decoder.decode(value, { stream: true })).split("\n");
      rest = lines.pop()!;
      for (const line of lines) yield line.replace(/\r$/, "");
    }
    if (rest !== "") yield rest;
  } finally {
    process.stdin.destroy();
  }
}
