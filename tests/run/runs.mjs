/**
 * The runs that `npm test` consists of.
 *
 * @module
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import ts from "typescript";
import { install, pack } from "./artifacts.mjs";
import { nativeCounts, vitestCounts } from "./counts.mjs";
import { root, tool } from "./runtimes.mjs";

/**
 * @typedef {import("./runtimes.mjs").Runtime} Runtime
 *
 * @typedef {object} Run
 * @property {readonly string[]} args
 * @property {string} cwd
 * @property {Record<string, string>} env
 * @property {(output: string) => import("./counts.mjs").Counts | undefined} count
 * @property {number} [timeout] Limit in milliseconds.
 */

const smoke = join(root, "tests/native/smoke.ts");

/**
 * The whole suite as runs that are to be executed at the same time. Vitest itself uses all processors, but on Bun, where
 * it knows threads only: there the files are dealt to several processes.
 *
 * @param {Runtime} runtime
 * @param {string} work
 * @param {readonly string[]} filters
 * @returns {Run[]}
 */
export function suites(runtime, work, filters) {
  const count = runtime.name.startsWith("bun ") && filters.length === 0
    ? Math.min(4, availableParallelism())
    : 1;
  const without = "--exclude=tests/interop/**";
  if (count === 1) return [suite(runtime, work, filters, { options: [without] })];
  return Array.from({ length: count }, (_, i) => {
    const part = join(work, `part-${i + 1}`);
    mkdirSync(part, { recursive: true });
    return suite(runtime, part, filters, { options: [without, `--shard=${i + 1}/${count}`] });
  });
}

/**
 * The tests against real peers.
 *
 * @param {Runtime} runtime
 * @param {string} work
 * @param {readonly string[]} args Filters and options of vitest.
 * @returns {Run}
 */
export function interop(runtime, work, args) {
  const own = join(work, "interop");
  mkdirSync(own, { recursive: true });
  return { ...suite(runtime, own, args, { config: "tests/interop/vitest.config.ts" }), timeout: 1_800_000 };
}

/**
 * The suite, executed by vitest inside the runtime.
 *
 * @param {Runtime} runtime
 * @param {string} work Directory for what the run leaves behind.
 * @param {readonly string[]} filters
 * @param {{ directory?: string, config?: string, options?: readonly string[] }} [how] The tree it runs in, the
 *   configuration of vitest in it, and more options.
 * @returns {Run & { results: string }} With the path of what vitest reports as JSON.
 */
export function suite(runtime, work, filters, how = {}) {
  const { directory = root, config = "tests/vitest.config.ts", options: more = [] } = how;
  const results = join(work, `${runtime.name.replace(" ", "-")}.json`);
  const options = [
    ...[
      "run",
      "--config",
      join(directory, config),
      "--configLoader=runner",
      "--allowOnly=false",
    ],
    ...["--reporter=default", "--reporter=json", `--outputFile.json=${results}`, ...more, ...filters],
  ];
  const script = tool("vitest");
  const args = choose(runtime, {
    node: [script, ...options],
    bun: ["--bun", script, ...options],
    deno: ["run", "-A", "npm:vitest", ...options],
  });
  return { args, cwd: directory, env: environment(work), count: () => vitestCounts(results), results };
}

/**
 * The smoke test on the sources as they are, with no transform of vitest in between. Node 20 reads no TypeScript.
 *
 * @param {Runtime} runtime
 * @param {string} work
 * @returns {Run}
 */
export function raw(runtime, work) {
  const map = join(root, "tests/deno.local.json");
  const args = choose(runtime, {
    node: [],
    bun: ["test", smoke],
    deno: ["test", "-A", "--no-check", "--import-map", map, smoke],
  });
  return { args, cwd: root, env: environment(work), count: nativeCounts };
}

/**
 * The smoke test on the installed package.
 *
 * @param {Runtime} runtime
 * @param {string} work
 * @param {string} directory What {@linkcode user} returned.
 * @returns {Run}
 */
export function installed(runtime, work, directory) {
  const script = join(directory, "tests/native/smoke.js");
  const args = choose(runtime, {
    node: ["--test-reporter=tap", script],
    bun: ["test", script],
    deno: ["test", "-A", "--no-check", script],
  });
  return {
    args,
    cwd: directory,
    env: { ...environment(work), GRACEWIRE_ENTRY: "gracewire" },
    count: nativeCounts,
  };
}

/**
 * Installs the package the way a user gets it, in a directory outside the tree.
 *
 * @param {string} work
 * @returns {Promise<string>} The directory.
 */
export async function user(work) {
  const target = join(work, "user");
  const { tarball } = await pack(work);
  await install(tarball, target);
  for (const file of ["tests/native/smoke.ts", "tests/run/facts.ts"]) transpile(file, target);
  return target;
}

/**
 * Node 20 reads no TypeScript.
 *
 * @param {string} file Path inside the tree.
 * @param {string} target Directory that gets the JavaScript, at the same path.
 */
function transpile(file, target) {
  const { outputText } = ts.transpileModule(readFileSync(join(root, file), "utf8"), {
    compilerOptions: {
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.ESNext,
      verbatimModuleSyntax: true,
      rewriteRelativeImportExtensions: true,
    },
  });
  const path = join(target, file.replace(/\.ts$/, ".js"));
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, outputText);
}

/**
 * Deno keeps what it has compiled in a directory of the run: the default one may belong to somebody else.
 *
 * @param {string} work
 */
function environment(work) {
  return { DENO_DIR: join(work, "deno"), DENO_NO_UPDATE_CHECK: "1", NO_COLOR: "1" };
}

/**
 * @param {Runtime} runtime
 * @param {{ node: string[], bun: string[], deno: string[] }} choices
 */
function choose(runtime, choices) {
  const [name] = runtime.name.split(" ");
  return name === "bun" ? choices.bun : name === "deno" ? choices.deno : choices.node;
}
