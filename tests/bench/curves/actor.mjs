// What the programs of this folder have in common: one line of JSON says that they are ready, and each line of JSON on
// standard input is an order that is answered with one. They are bundled before they run: see programs.mjs.
import process from "node:process";
import { createInterface } from "node:readline";
import { held } from "../../endurance/memory.ts";

/** Carries out orders until standard input ends. An order names one of the jobs, and is given to it. */
export async function obey(ready, jobs) {
  const all = { cpu: () => ({ cpu: cpu() }), held, ...jobs };
  say({ ready, runtime: runtime() });
  for await (const line of createInterface({ input: process.stdin })) {
    const { job, ...order } = JSON.parse(line);
    say(await all[job](order) ?? {});
  }
  process.exit(0);
}

/** Milliseconds of processor time so far. */
export function cpu() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

export function sleep(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Waits until something holds; gives up after a minute. */
export async function until(condition) {
  for (const end = performance.now() + 60_000; !condition(); await sleep(1)) {
    if (performance.now() > end) throw new Error(`In a minute it did not come to ${condition}`);
  }
}

function say(value) {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

function runtime() {
  if (process.versions.bun) return `Bun ${process.versions.bun}`;
  return process.versions.deno ? `Deno ${process.versions.deno}` : `Node ${process.versions.node}`;
}
