/**
 * The tests against real peers on Node, Bun and Deno, one file after the other.
 *
 * Arguments are filters and options of vitest; `--runtime=node`, `bun` or `deno` leaves the others out. VERBOSE=1 streams
 * the output.
 *
 * @module
 */
import process from "node:process";
import { main, scratch } from "./job.mjs";
import { conclude, report } from "./report.mjs";
import { interop } from "./runs.mjs";
import { bun, deno, node } from "./runtimes.mjs";

const chosen = process.argv.slice(2).filter((arg) => arg.startsWith("--runtime="));
const rest = process.argv.slice(2).filter((arg) => !arg.startsWith("--runtime="));
const runtimes = [node, bun, deno].filter(({ name }) =>
  chosen.length === 0 || chosen.includes(`--runtime=${name}`)
);

await main(async () => {
  const work = scratch();
  for (const runtime of runtimes) {
    await report(runtime, ", real peers", (found) => [interop(found, work, rest)]);
  }
  return conclude();
});
