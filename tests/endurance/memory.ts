import process from "node:process";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** What a process holds at a moment, in bytes. */
export interface Held {
  /** Objects, and the memory of buffers that belongs to them. */
  readonly heap: number;
  /** All that the system has given to the process. */
  readonly rss: number;
}

/** What is held when everything that nobody refers to is gone. Time may be virtual: this takes real time. */
export async function held(): Promise<Held> {
  // What a collection finds may be freed in a turn of its own only, and what that frees by the next one.
  for (let round = 0; round < 4; round++) {
    collect();
    await new Promise<void>((resolve) => void realSetTimeout(resolve, 10));
  }
  const { external, heapUsed, rss } = process.memoryUsage();
  return { heap: heapUsed + external, rss };
}

const realSetTimeout: typeof setTimeout = globalThis.setTimeout;

let gc: (() => void) | undefined;

function collect(): void {
  const { Bun } = globalThis as { Bun?: { gc(synchronously: boolean): void } };
  if (Bun !== undefined) return Bun.gc(true);
  gc ??= exposed();
  gc();
}

/** The collector of V8, which shows itself only to contexts that are made after it was asked to. */
function exposed(): () => void {
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc") as () => void;
}
