/**
 * What a run has done, out of what it reports.
 *
 * @module
 */
import { existsSync, readFileSync } from "node:fs";
import { readJson } from "./runtimes.mjs";

/**
 * @typedef {object} Counts
 * @property {number} passed
 * @property {number} failed Tests that failed, and files that could not be loaded.
 * @property {number} skipped
 * @property {number} files How many test files there were.
 * @property {readonly string[]} [leftOut] What the run says it has left out, and for want of what.
 */

/**
 * @param {string} path Report of vitest's `json` reporter.
 * @returns {Counts | undefined} Undefined if there is none.
 */
export function vitestCounts(path) {
  if (!existsSync(path)) return undefined;
  const report = readJson(path);
  const broken = report.testResults.filter((/** @type {any} */ file) =>
    file.status === "failed" &&
    file.assertionResults.every((/** @type {any} */ test) => test.status !== "failed")
  );
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + broken.length,
    skipped: report.numTotalTests - report.numPassedTests - report.numFailedTests,
    files: report.testResults.length,
    leftOut: report.testResults.flatMap((/** @type {any} */ file) => file.assertionResults)
      .map((/** @type {any} */ test) => test.title)
      .filter((/** @type {string} */ title) => / left out without /.test(title)),
  };
}

/**
 * The summary that the own test runner of Node (as TAP), Bun or Deno prints for one file.
 *
 * @param {string} output
 * @returns {Counts | undefined} Undefined if there is none.
 */
export function nativeCounts(output) {
  const passed = number(output, /^# pass (\d+)$|^ *(\d+) pass$|\| (\d+) passed \|/m);
  const failed = number(output, /^# fail (\d+)$|^ *(\d+) fail$|\| (\d+) failed\b/m);
  const skipped = number(output, /^# skipped (\d+)$|^ *(\d+) skip$|\| (\d+) ignored\b/m) ?? 0;
  return passed === undefined || failed === undefined ? undefined : { passed, failed, skipped, files: 1 };
}

/**
 * Why the runtime that executed a run is not the expected one, according to what the test files wrote down.
 *
 * @param {string} path
 * @param {string} expected
 * @param {number} files
 * @returns {string | undefined} Undefined if it is.
 */
export function wrongRuntime(path, expected, files) {
  const lines = existsSync(path) ? readFileSync(path, "utf8").split("\n").filter((line) => line !== "") : [];
  const stranger = lines.find((line) => line !== expected);
  if (stranger !== undefined) return `executed by ${stranger} instead of ${expected}`;
  if (lines.length < files) {
    return `only ${lines.length} of ${files} test files told which runtime executed them`;
  }
  return undefined;
}

/**
 * @param {string} text
 * @param {RegExp} pattern
 */
function number(text, pattern) {
  const found = pattern.exec(text)?.slice(1).find((group) => group !== undefined);
  return found === undefined ? undefined : Number(found);
}
