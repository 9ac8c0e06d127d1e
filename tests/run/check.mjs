/**
 * Everything about the tree that can be told without running it: format, lint, types, both manifests, the package as its
 * users' compilers see it, and the rules of the house.
 *
 * @module
 */
import { join } from "node:path";
import process from "node:process";
import { consumer, pack, registry } from "./artifacts.mjs";
import { defects, seeded } from "../mutants/run/lists.mjs";
import { breaches } from "./house.mjs";
import { job, main, scratch } from "./job.mjs";
import { suite } from "./runs.mjs";
import { deno, node, root, tool } from "./runtimes.mjs";

/**
 * @typedef {() => Promise<string | undefined>} Step Resolves with what is wrong, if anything is.
 */

const work = scratch();

await main(async () => {
  const packing = pack(work);
  const packed = packing.catch(() => Promise.reject(new Error("There is no package")));
  packed.catch(() => {}); // Each of the steps that need it reports it.
  const tsc = tool("typescript", "tsc");
  const rules = suite(node(), work, ["tests/manifest.test.ts", "tests/imports.test.ts"]);
  const strict = ["--profile", "esm-only", "--no-definitely-typed", "--format", "ascii", "--no-emoji"];
  /** @type {Record<string, Step>} */
  const steps = {
    "format": () => native(deno().command, ["fmt", "--check"]),
    // Slow types are for the dry run: the lint rule would ask JSR for packages, and pass when it gets no answer.
    "lint": () => native(deno().command, ["lint"]),
    "types": () => script(tsc, ["-p", "."]),
    "types of the runners": () => script(tsc, ["-p", "tests/run"]),
    "house rules": () => Promise.resolve(breaches().join("\n") || undefined),
    "seeded bugs": async () => defects(await seeded()).join("\n") || undefined,
    "manifests and imports": () => native(process.execPath, rules.args),
    "JSR dry run": () =>
      native(deno().command, ["publish", "--dry-run", "--allow-dirty"], registry(join(work, "jsr"))),
    "package": async () => void await packing,
    "publint": async () => script(tool("publint"), ["run", "--strict", (await packed).tarball]),
    "attw": async () => script(tool("@arethetypeswrong/cli", "attw"), [(await packed).tarball, ...strict]),
    "consumer with nodenext": async () =>
      script(tsc, ["-p", consumer(work, (await packed).stage, "nodenext")]),
    "consumer with bundler": async () => script(tsc, ["-p", consumer(work, (await packed).stage, "bundler")]),
    "consumer without optional packages": async () =>
      script(tsc, ["-p", consumer(work, (await packed).stage, "nodenext", false)]),
  };
  return await all(steps);
});

/**
 * Two steps at a time; each prints its line when it is done.
 *
 * @param {Record<string, Step>} steps
 */
async function all(steps) {
  const waiting = Object.entries(steps);
  const count = waiting.length;
  let failed = 0;
  const worker = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [title, step] = next;
      const wrong = await Promise.resolve().then(step).catch((error) =>
        error instanceof Error ? error.message : String(error)
      );
      if (wrong !== undefined) failed += 1;
      console.log(wrong === undefined ? `${title}: ok` : `${title}: failed\n${wrong.trimEnd()}`);
    }
  };
  await Promise.all([worker(), worker()]);
  console.log(`${count - failed} checks passed, ${failed} failed`);
  return failed === 0;
}

/**
 * @param {string} path
 * @param {readonly string[]} args
 */
function script(path, args) {
  return native(process.execPath, [path, ...args]);
}

/**
 * @param {string} command
 * @param {readonly string[]} args
 * @param {string} [cwd]
 * @returns {Promise<string | undefined>}
 */
async function native(command, args, cwd = root) {
  const env = { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1", DENO_DIR: join(work, "deno") };
  const { ok, end, output } = await job(command, args, { cwd, env });
  return ok ? undefined : `${output}\n${end}`;
}
