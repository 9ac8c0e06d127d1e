/**
 * Carries out runs, tells what has become of each, and adds up.
 *
 * @module
 */
import { join } from "node:path";
import { wrongRuntime } from "./counts.mjs";
import { job, scratch, verbose } from "./job.mjs";

/**
 * @typedef {import("./runtimes.mjs").Runtime} Runtime
 * @typedef {import("./runs.mjs").Run} Run
 *
 * @typedef {object} Result What has become of a run.
 * @property {import("./counts.mjs").Counts | undefined} counts
 * @property {string | undefined} wrong What is wrong with the run itself; counts as one failure.
 * @property {string} output What is to be shown if something is wrong.
 */

/** What all runs so far have done. */
export const totals = { passed: 0, failed: 0, leftOut: 0 };

/**
 * Prints the last line of a runner.
 *
 * @returns {boolean} Whether all went well.
 */
export function conclude() {
  console.log(`${totals.passed} passed, ${totals.failed} failed`);
  return totals.failed === 0 && totals.passed + totals.leftOut > 0;
}

/**
 * Carries out runs at the same time and prints one summary line for all of them; all of their output too, when something
 * is wrong with one.
 *
 * @param {() => Runtime | Promise<Runtime>} find
 * @param {string} what
 * @param {(runtime: Runtime) => Run[] | Promise<Run[]>} plan
 */
export async function report(find, what, plan) {
  let title = `${find.name}${what}`;
  try {
    const runtime = await find();
    title = `${runtime.name}${what}`;
    settle(title, await Promise.all((await plan(runtime)).map((run) => carryOut(runtime, run))));
  } catch (error) {
    const wrong = error instanceof Error ? error.message : String(error);
    settle(title, [{ counts: undefined, wrong, output: "" }]);
  }
}

/**
 * @param {Runtime} runtime
 * @param {Run} run
 * @returns {Promise<Result>}
 */
async function carryOut(runtime, { args, cwd, env, count, timeout }) {
  const facts = join(scratch(), "facts.txt");
  const { ok, end, output } = await job(runtime.command, args, {
    cwd,
    env: { ...env, GRACEWIRE_FACTS: facts },
    ...(timeout === undefined ? {} : { timeout }),
  });
  const counts = count(output);
  const wrong = counts === undefined
    ? "it reported no results"
    : counts.passed + counts.failed + (counts.leftOut?.length ?? 0) === 0
    ? "it executed no test"
    : wrongRuntime(facts, runtime.name, counts.files) ??
      (ok || counts.failed > 0 ? undefined : `all tests passed, but it failed: ${end}`);
  return { counts, wrong, output: verbose ? "" : output };
}

/**
 * @param {string} title
 * @param {readonly Result[]} results
 */
function settle(title, results) {
  const sum = (/** @type {(result: Result) => number | undefined} */ of) =>
    results.reduce((total, result) => total + (of(result) ?? 0), 0);
  const passed = sum(({ counts }) => counts?.passed);
  const failed = sum(({ counts, wrong }) => (counts?.failed ?? 0) + (wrong === undefined ? 0 : 1));
  const skipped = sum(({ counts }) => counts?.skipped);
  totals.passed += passed;
  totals.failed += failed;
  for (const { counts, wrong, output } of results) {
    if ((counts?.failed || wrong !== undefined) && output !== "") console.log(output.trimEnd());
    if (wrong !== undefined) console.log(`${title}: ${wrong}`);
  }
  const leftOut = results.flatMap(({ counts }) => counts?.leftOut ?? []);
  totals.leftOut += leftOut.length;
  for (const what of leftOut) console.log(`${title}: ${what}`);
  console.log(`${title}: ${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
}
