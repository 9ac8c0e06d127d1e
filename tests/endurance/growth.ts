import { performance } from "node:perf_hooks";
import { openSockets } from "../support/descriptors.ts";
import { type CountedAbort, countedAbort } from "../support/signals.ts";
import { held } from "./memory.ts";

/** What doing something very often has left behind. */
export interface Growth {
  readonly name: string;
  readonly count: number;
  /** Bytes that the heap has grown by. */
  readonly growth: number;
  /** Bytes of that in the second half: what grows for ever grows there too. */
  readonly later: number;
  /** Socket descriptors more than before. */
  readonly sockets: number;
  /** How often in a second. */
  readonly rate: number;
}

const only: Omit<CountedAbort, "abort"> = countedAbort();

/** The one signal that everything in a program is given. It never aborts. */
export const signal: AbortSignal = only.signal;

/** Listeners that are on it. */
export const listeners: () => number = only.listeners;

/** Prints what was found, with the listeners that are on the signal. */
export function tell(what: object): void {
  console.log(JSON.stringify({ ...what, listeners: listeners() }));
}

/** Does something `count` times, a fifth of that before to get warm, and tells what it has left behind. */
export async function growthOf(
  name: string,
  count: number,
  run: (count: number) => Promise<void>,
): Promise<Growth> {
  await run(count / 5);
  const sockets = openSockets() ?? 0;
  const before = await held();
  const start = performance.now();
  await run(count / 2);
  const took = performance.now() - start;
  const between = await held();
  await run(count / 2);
  const after = await held();
  return {
    name,
    count,
    growth: after.heap - before.heap,
    later: after.heap - between.heap,
    sockets: (openSockets() ?? 0) - sockets,
    rate: Math.round(count / 2 / took * 1_000),
  };
}

/** Does it `count` times, `lanes` at a time. */
export async function repeat(count: number, lanes: number, run: () => Promise<unknown>): Promise<void> {
  let left = count;
  const lane = async (): Promise<void> => {
    while (left-- > 0) await run();
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}

/** Does something 200 times, one after the other, and prints the median of what it takes, in milliseconds. */
export async function tellMedian(
  name: string,
  prepare: () => Promise<() => Promise<unknown>>,
): Promise<void> {
  const times: number[] = [];
  for (let i = 0; i < 200; i++) {
    const run = await prepare();
    const start = performance.now();
    await run();
    times.push(performance.now() - start);
  }
  times.sort((a, b) => a - b);
  tell({ name, median: Math.round(times[100]! * 1_000) / 1_000 });
}
