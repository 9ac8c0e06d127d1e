import { readFileSync } from "node:fs";
import process from "node:process";
import { collect } from "../support/collect.ts";

/** What a process holds at a moment, in bytes. */
export interface Held {
  /** Objects, and the memory of buffers that belongs to them. */
  readonly heap: number;
  /** All that the system has given to the process alone: on Linux its private pages, elsewhere what is resident. */
  readonly system: number;
}

/**
 * The environment for a process whose memory is compared with that of another one. The C library gives large blocks back to
 * the system when they are freed: it would keep those that were read into, a few KiB for each connection that is made, or
 * not, as it happens.
 */
export const honestMemory: Readonly<Record<string, string>> = {
  MALLOC_MMAP_THRESHOLD_: "32768",
  MALLOC_TRIM_THRESHOLD_: "65536",
};

/** What is held when everything that nobody refers to is gone. Time may be virtual: this takes real time. */
export async function held(): Promise<Held> {
  // What a collection finds may be freed in a turn of its own only, and what that frees by the next one.
  for (let round = 0; round < 4; round++) {
    collect();
    await new Promise<void>((resolve) => void realSetTimeout(resolve, 10));
  }
  const { external, heapUsed, rss } = process.memoryUsage();
  return { heap: heapUsed + external, system: privatePages() ?? rss };
}

/** Bytes in the pages that nobody shares; undefined where the system does not tell. */
function privatePages(): number | undefined {
  try {
    const [, kibibytes] =
      /^Private_Dirty:\s+(\d+) kB$/m.exec(readFileSync("/proc/self/smaps_rollup", "utf8")) ?? [];
    return kibibytes === undefined ? undefined : Number(kibibytes) * 1_024;
  } catch {
    return undefined;
  }
}

const realSetTimeout: typeof setTimeout = globalThis.setTimeout;
