/**
 * The whole suite on Node, Bun and Deno; then a smoke test of the raw sources in the runtimes that read TypeScript, and
 * of the packed package, installed outside the tree, in all of them.
 *
 * Arguments are filters of vitest (`npm test -- tests/net`) and leave the smoke tests out. VERBOSE=1 streams the output.
 *
 * @module
 */
import { join } from "node:path";
import process from "node:process";
import { wrongRuntime } from "./counts.mjs";
import { job, main, scratch, verbose } from "./job.mjs";
import { installed, raw, suite, user } from "./runs.mjs";
import { bun, deno, node, node24 } from "./runtimes.mjs";

const filters = process.argv.slice(2);
const totals = { passed: 0, failed: 0 };

await main(async () => {
  const work = scratch();
  for (const runtime of [node, bun, deno]) {
    await report(runtime, "", (found) => suite(found, work, filters));
  }
  if (filters.length === 0) {
    for (const runtime of [bun, deno]) {
      await report(runtime, ", raw sources", (found) => raw(found, work));
    }
    const directory = user(work);
    directory.catch(() => {}); // Each of the runs below reports it.
    for (const runtime of [node, node24, bun, deno]) {
      await report(runtime, ", package", async (found) => installed(found, work, await directory));
    }
  }
  console.log(`${totals.passed} passed, ${totals.failed} failed`);
  return totals.failed === 0 && totals.passed > 0;
});

/**
 * Carries out one run and prints its summary line; all of its output too, when something is wrong with it.
 *
 * @param {() => import("./runtimes.mjs").Runtime | Promise<import("./runtimes.mjs").Runtime>} find
 * @param {string} what
 * @param {(runtime: import("./runtimes.mjs").Runtime) => import("./runs.mjs").Run | Promise<import("./runs.mjs").Run>} plan
 */
async function report(find, what, plan) {
  let title = `${find.name}${what}`;
  try {
    const runtime = await find();
    title = `${runtime.name}${what}`;
    const { args, cwd, env, count } = await plan(runtime);
    const facts = join(scratch(), "facts.txt");
    const { ok, end, output } = await job(runtime.command, args, {
      cwd,
      env: { ...env, GRACEWIRE_FACTS: facts },
    });
    const counts = count(output);
    const wrong = counts === undefined
      ? "it reported no results"
      : counts.passed + counts.failed === 0
      ? "it executed no test"
      : wrongRuntime(facts, runtime.name, counts.files) ??
        (ok || counts.failed > 0 ? undefined : `all tests passed, but it failed: ${end}`);
    settle(title, counts, wrong, verbose ? "" : output);
  } catch (error) {
    settle(title, undefined, error instanceof Error ? error.message : String(error), "");
  }
}

/**
 * @param {string} title
 * @param {import("./counts.mjs").Counts | undefined} counts
 * @param {string | undefined} wrong What is wrong with the run itself; counts as one failure.
 * @param {string} output
 */
function settle(title, counts, wrong, output) {
  const passed = counts?.passed ?? 0;
  const failed = (counts?.failed ?? 0) + (wrong === undefined ? 0 : 1);
  totals.passed += passed;
  totals.failed += failed;
  if (failed > 0 && output !== "") console.log(output.trimEnd());
  if (wrong !== undefined) console.log(`${title}: ${wrong}`);
  const skipped = counts?.skipped ? `, ${counts.skipped} skipped` : "";
  console.log(`${title}: ${passed} passed, ${failed} failed${skipped}`);
}
