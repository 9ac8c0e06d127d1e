import process from "node:process";
import { abortable } from "../lifecycle/mod.ts";
import { Failure } from "./command.ts";

/** Characters of a line; a message cannot be larger than that anyway. */
const longest = 4 * 1_024 * 1_024;

/**
 * The lines of standard input. Reads on when they are used up, so that input of any length takes bounded memory. Throws
 * `signal.reason` on an abort.
 */
export async function* inputLines(signal: AbortSignal): AsyncGenerator<string, void, void> {
  const { stdin } = process;
  const splitter = new LineSplitter();
  const lines: string[] = [];
  let over = false;
  let failure: unknown;
  let wake = (): void => {};
  const take = (read: () => string[]): void => {
    stdin.pause();
    try {
      for (const line of read()) lines.push(line);
    } catch (error) {
      failure = error;
    }
    wake();
  };
  const onData = (chunk: Uint8Array): void => take(() => splitter.push(chunk));
  // A stream may end although it is paused.
  const onEnd = (): void => {
    over = true;
    take(() => splitter.end());
  };
  const onError = (error: Error): void => {
    failure = new Failure(`Cannot read standard input: ${error.message}`);
    wake();
  };
  try {
    stdin.on("error", onError);
    try {
      stdin.on("data", onData).on("end", onEnd);
    } catch (error) {
      // Bun throws what it fails with when it begins to read.
      onError(error as Error);
    }
    for (;;) {
      if (lines.length > 0) {
        yield* lines.splice(0);
      } else {
        if (failure !== undefined) throw failure;
        if (over) return;
        const news = new Promise<void>((resolve) => wake = resolve);
        stdin.resume();
        await abortable(news, signal);
      }
    }
  } finally {
    stdin.off("data", onData).off("end", onEnd);
    // On Deno a read under way would keep the process alive: paused it does not, destroyed it is not taken up again.
    stdin.pause();
    stdin.destroy();
  }
}

/** Makes lines of chunks, without their ends; of what is behind the last one too. */
export class LineSplitter {
  readonly #decoder = new TextDecoder();
  #rest = "";
  #count = 0;

  push(chunk: Uint8Array): string[] {
    return this.#split(this.#decoder.decode(chunk, { stream: true }));
  }

  end(): string[] {
    const lines = this.#split(this.#decoder.decode());
    const last = this.#rest;
    this.#rest = "";
    return last === "" ? lines : [...lines, last];
  }

  #split(text: string): string[] {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop()!;
    const long = [...lines, this.#rest].findIndex((line) => line.length > longest);
    if (long >= 0) {
      throw new Failure(
        `Cannot use line ${this.#count + long + 1} of standard input: expected at most ${longest} characters`,
      );
    }
    this.#count += lines.length;
    return lines.map((line) => line.endsWith("\r") ? line.slice(0, -1) : line);
  }
}
