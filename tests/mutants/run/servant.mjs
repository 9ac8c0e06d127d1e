/**
 * A process that keeps vitest warm: it runs test files again and again in a tree of which one file changes between two
 * runs. What vitest has compiled stays; each run gets a new process of vitest's, so that nothing stays of the one before.
 *
 * Its argument is the tree. It is told what to do, and answers, by messages; without its parent it ends.
 *
 * @module
 */
import { join } from "node:path";
import process from "node:process";
import { BaseSequencer, createVitest } from "vitest/node";

/**
 * @typedef {object} Order
 * @property {string} changed Path of the file that has changed since the last run.
 * @property {readonly string[]} tests Filters, the fastest first.
 * @property {number} limit Milliseconds for one test.
 *
 * @typedef {object} Outcome
 * @property {string | undefined} red The first test that failed.
 * @property {number} green How many tests passed.
 * @property {string | undefined} unloaded Why a file could not be loaded.
 * @property {string | undefined} stray An error outside of the tests.
 */

const directory = process.argv[2] ?? "";
let last = "";

/** The files of one filter after those of the one before. */
class AsNamed extends BaseSequencer {
  /**
   * @override
   * @param {import("vitest/node").TestSpecification[]} files
   */
  sort(files) {
    return Promise.resolve(files);
  }
}

const vitest = await createVitest("test", {
  root: directory,
  config: join(directory, "tests/vitest.config.ts"),
  configLoader: "runner",
  run: true,
  watch: false,
  bail: 1,
  maxWorkers: 1,
  fileParallelism: false,
  allowOnly: false,
  reporters: [{}],
  sequence: { sequencer: AsNamed },
});

process.on("disconnect", () => process.kill(process.pid, "SIGKILL"));
process.on("message", async (/** @type {Order} */ order) => process.send?.(await run(order)));
process.send?.("ready");

/**
 * @param {Order} order
 * @returns {Promise<Outcome>}
 */
async function run({ changed, tests, limit }) {
  // What the run before has changed is as it was.
  for (const path of [last, changed]) vitest.invalidateFile(join(directory, path));
  last = changed;
  for (const { config } of vitest.projects) config.testTimeout = limit;
  const files = [];
  for (const test of tests) files.push(...await vitest.globTestSpecifications([test]));
  const chosen = [...new Map(files.map((file) => [file.moduleId, file])).values()];
  /** @type {Outcome} */
  const outcome = { red: undefined, green: 0, unloaded: undefined, stray: undefined };
  if (chosen.length === 0) return outcome;
  const { testModules, unhandledErrors } = await vitest.runTestSpecifications(chosen);
  const ids = chosen.map(({ moduleId }) => moduleId);
  for (const module of testModules.filter(({ moduleId }) => ids.includes(moduleId))) {
    let count = 0;
    for (const test of module.children.allTests()) {
      const { state } = test.result();
      count++;
      if (state === "passed") outcome.green++;
      if (state === "failed") outcome.red ??= test.fullName;
    }
    // A hook that failed is a failure of its tests; with no tests at all the file itself is what failed.
    const suites = [...module.children.allSuites()];
    const [first] = [module, ...suites].flatMap((suite) => suite.errors());
    if (first !== undefined && count > 0) outcome.red ??= first.message;
    if (first !== undefined && count === 0) outcome.unloaded ??= first.message.split("\n")[0];
  }
  outcome.stray = unhandledErrors.length > 0
    ? String(/** @type {any} */ (unhandledErrors[0]).message)
    : undefined;
  return outcome;
}
