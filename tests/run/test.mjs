/**
 * The whole suite on Node, Bun and Deno, each followed by the tests against real peers; then a smoke test of the raw
 * sources in the runtimes that read TypeScript, and of the packed package, installed outside the tree, in all of them.
 *
 * Arguments are filters of vitest (`npm test -- tests/net`) and leave the smoke tests out. VERBOSE=1 streams the output.
 *
 * @module
 */
import process from "node:process";
import { main, scratch } from "./job.mjs";
import { conclude, report } from "./report.mjs";
import { installed, interop, raw, suites, user } from "./runs.mjs";
import { bun, deno, node, node24 } from "./runtimes.mjs";

const filters = process.argv.slice(2);
const withPeers = filters.filter((filter) => filter.includes("interop"));
const others = filters.filter((filter) => !filter.includes("interop"));
const all = filters.length === 0;

await main(async () => {
  const work = scratch();
  for (const runtime of [node, bun, deno]) {
    if (all || others.length > 0) await report(runtime, "", (found) => suites(found, work, others));
    if (all || withPeers.length > 0) {
      await report(runtime, ", real peers", (found) => [interop(found, work, withPeers)]);
    }
  }
  if (all) {
    for (const runtime of [bun, deno]) {
      await report(runtime, ", raw sources", (found) => [raw(found, work)]);
    }
    const directory = user(work);
    directory.catch(() => {}); // Each of the runs below reports it.
    for (const runtime of [node, node24, bun, deno]) {
      await report(runtime, ", package", async (found) => [installed(found, work, await directory)]);
    }
  }
  return conclude();
});
