/**
 * Copies of the tree to break, and what the tests say to it.
 *
 * @module
 */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join, relative } from "node:path";
import { copy } from "../../run/artifacts.mjs";
import { job } from "../../run/job.mjs";
import { suite } from "../../run/runs.mjs";
import { bun, deno, node, readJson, root } from "../../run/runtimes.mjs";
import { mutated } from "./lists.mjs";
import { Warm } from "./warm.mjs";

/**
 * @typedef {import("./lists.mjs").Seeded} Seeded
 *
 * @typedef {object} Copy A copy of the tree.
 * @property {string} directory
 * @property {string} work Directory for what a run leaves behind.
 * @property {Warm} warm Runs tests in it on Node.
 *
 * @typedef {object} Verdict
 * @property {"caught" | "survived" | "broken" | "stale"} kind Red, green, no test was executed, or nothing to change.
 * @property {string} why For people: the first test that was red, or what is wrong.
 * @property {number} duration Milliseconds.
 */

const runtimes = { node, bun, deno };

/** Milliseconds for all tests that mutants name, with no bug in the tree. */
const baselineLimit = 1_200_000;
/** Milliseconds for the tests of one mutant: what hangs for longer has been noticed. */
const trialLimit = 60_000;
/** Milliseconds for one test that sets itself no limit of its own. */
const testLimit = 20_000;
/**
 * Milliseconds that the slowest test of a file takes without a bug, by runtime and path.
 *
 * @type {Map<string, number>}
 */
const usual = new Map();

/** What the tests do not need, or get by a link. */
const left = new Set(["node_modules", ".git", "dist"]);

/**
 * Copies the tree as it is now.
 *
 * @param {string} work Existing directory.
 * @param {string} name
 * @param {string} [from]
 * @returns {Copy}
 */
export function copyTree(work, name, from = root) {
  const target = join(work, name);
  const directory = join(target, "tree");
  mkdirSync(directory, { recursive: true });
  copy(readdirSync(from).filter((entry) => !left.has(entry)), directory, from);
  symlinkSync(join(root, "node_modules"), join(directory, "node_modules"), "dir");
  // What tests that are killed leave behind is gone with the copy.
  return { directory, work: target, warm: new Warm(directory, { TMPDIR: target, NO_COLOR: "1" }) };
}

/**
 * Runs the tests as they are.
 *
 * @param {"node" | "bun" | "deno"} runtime
 * @param {Copy} copy
 * @param {readonly string[]} tests
 * @returns {Promise<string | undefined>} What is wrong; undefined if all are green.
 */
export async function baseline(runtime, copy, tests) {
  const { kind, why, output, slowest } = await execute(runtime, copy, tests, testLimit, [], baselineLimit);
  for (const [path, duration] of slowest) usual.set(`${runtime} ${path}`, duration);
  return kind === "survived" ? undefined : `${output.trimEnd()}\n${why}`;
}

/**
 * Breaks a copy, lets the tests look at it, and puts it right again.
 *
 * @param {Seeded} mutant
 * @param {Copy} copy
 * @returns {Promise<Verdict>}
 */
export async function trial(mutant, copy) {
  const path = join(copy.directory, mutant.file);
  const bad = mutated(mutant, copy.directory);
  if (bad === undefined) {
    return {
      kind: "stale",
      why: `"${mutant.find}" does not stand exactly once in ${mutant.file}`,
      duration: 0,
    };
  }
  const good = readFileSync(path, "utf8");
  writeFileSync(path, bad);
  const start = performance.now();
  try {
    const { kind, why } = mutant.runtime === "node"
      ? await warmly(mutant, copy)
      : await execute(mutant.runtime, copy, mutant.tests, patience(mutant), ["--bail=1"], trialLimit);
    return { kind, why, duration: performance.now() - start };
  } finally {
    writeFileSync(path, good);
  }
}

/**
 * Runs the tests of a mutant once more when all is right again: a warm vitest that has kept a bug would see it everywhere.
 *
 * @param {Seeded} mutant
 * @param {Copy} copy
 * @returns {Promise<string | undefined>} What is wrong; undefined if all are green.
 */
export async function control(mutant, copy) {
  if (mutant.runtime !== "node") return undefined;
  const { kind, why } = await warmly(mutant, copy);
  return kind === "survived" ? undefined : `${mutant.tests.join(", ")} without a bug: ${why}`;
}

/**
 * Most are tried where vitest is warm: to start it takes longer than to run a fast test.
 *
 * @param {Seeded} mutant
 * @param {Copy} copy
 * @returns {Promise<Pick<Verdict, "kind" | "why">>}
 */
async function warmly(mutant, { warm }) {
  const order = { changed: mutant.file, tests: mutant.tests, limit: patience(mutant) };
  const outcome = await warm.run(order, trialLimit);
  if (typeof outcome === "string") {
    return outcome.startsWith("killed after")
      ? { kind: "caught", why: outcome }
      : { kind: "broken", why: `the process that runs the tests ended: ${outcome}` };
  }
  const { red, green, unloaded, stray } = outcome;
  if (red !== undefined) return { kind: "caught", why: red };
  if (unloaded !== undefined) return { kind: "broken", why: unloaded };
  if (stray !== undefined) return { kind: "caught", why: `an error outside of the tests: ${stray}` };
  return green === 0 ? { kind: "broken", why: "no test was executed" } : { kind: "survived", why: "" };
}

/**
 * Milliseconds for each test of a mutant: many times what the slowest of them has taken without the bug.
 *
 * @param {Seeded} mutant
 */
function patience({ runtime, tests }) {
  const known = tests.map((test) => usual.get(`${runtime} ${test}`) ?? testLimit);
  return Math.ceil(Math.min(testLimit, Math.max(4_000, 8 * Math.max(...known))));
}

/**
 * @param {"node" | "bun" | "deno"} name
 * @param {Copy} copy
 * @param {readonly string[]} tests
 * @param {number} limit Milliseconds for one test.
 * @param {readonly string[]} extra Options of vitest.
 * @param {number} timeout
 * @returns {Promise<{
 *   kind: "caught" | "survived" | "broken",
 *   why: string,
 *   output: string,
 *   slowest: [string, number][],
 * }>} With what the slowest test of each file has taken.
 */
async function execute(name, { directory, work }, tests, limit, extra, timeout) {
  const runtime = runtimes[name]();
  const options = [`--testTimeout=${limit}`, ...extra];
  const { args, cwd, env, results } = suite(runtime, work, tests, { directory, options });
  rmSync(results, { force: true });
  const { ok, end, output } = await job(runtime.command, args, {
    cwd,
    env: { ...env, TMPDIR: work },
    timeout,
  });
  const { red, green, unloaded, slowest } = read(results, directory);
  const told = (/** @type {"caught" | "survived" | "broken"} */ kind, /** @type {string} */ why) => ({
    kind,
    why,
    output,
    slowest,
  });
  if (red !== undefined) return told("caught", red);
  if (!ok && end.startsWith("killed after")) return told("caught", end);
  if (unloaded !== undefined) return told("broken", unloaded);
  if (green === 0) return told("broken", `no test was executed: ${end}`);
  return ok ? told("survived", "") : told("caught", "an error outside of the tests");
}

/**
 * @param {string} path Report of vitest's `json` reporter.
 * @param {string} directory The tree.
 * @returns {{
 *   red: string | undefined,
 *   green: number,
 *   unloaded: string | undefined,
 *   slowest: [string, number][],
 * }} The first test that failed, how many did not, why a file could not be loaded, and how slow the files are.
 */
function read(path, directory) {
  if (!existsSync(path)) return { red: undefined, green: 0, unloaded: undefined, slowest: [] };
  /**
   * @type {{
   *   name: string,
   *   status: string,
   *   message: string,
   *   assertionResults: { status: string, fullName: string, duration?: number | null }[],
   * }[]}
   */
  const files = readJson(path).testResults;
  const tests = files.flatMap(({ assertionResults }) => assertionResults);
  const failed = files.find(({ status, assertionResults }) =>
    status === "failed" && assertionResults.every((test) => test.status !== "failed")
  );
  // A hook of a file that failed is a failure of its tests; with no tests at all the file itself is what failed.
  const hook = failed !== undefined && failed.assertionResults.length > 0 ? failed.message : undefined;
  return {
    red: tests.find(({ status }) => status === "failed")?.fullName ?? hook,
    green: tests.filter(({ status }) => status === "passed").length,
    unloaded: failed?.message.split("\n")[0],
    slowest: files.map(({ name, assertionResults }) => [
      relative(directory, name).replaceAll("\\", "/"),
      Math.max(0, ...assertionResults.map(({ duration }) => duration ?? 0)),
    ]),
  };
}
