/**
 * Seeded bugs: each must turn one of its tests red, in a copy of the tree. A test that no bug turns red proves nothing.
 *
 * Arguments are filters on `area: name` (`npm run test:mutants -- I7 flow`). `--sample` takes one bug of each invariant,
 * every day others; GRACEWIRE_SEED is the number of the day, to repeat it. MUTANT_WORKERS is how many run at a time, and
 * VERBOSE=1 streams the output of the tests.
 *
 * To add one, write an entry into the list of its area, `tests/mutants/<area>.mjs`:
 *
 * ```js
 * {
 *   name: "I2: dispose resolves before the end", // begins with the invariants it breaks, if any
 *   file: "lib/lifecycle/lifecycle.ts",
 *   find: "    return this.closed;\n  }\n\n  force", // stands there once: the least that is unique, whole lines at best
 *   put: "    return Promise.resolve();\n  }\n\n  force", // what somebody might really write
 *   tests: ["tests/invariants/i02_single_flight.test.ts"], // the fewest that notice, the fastest first choice
 * }
 * ```
 *
 * and run it by its name. It must be *caught*. One that has *survived* shows a test that is missing, or code that is not
 * needed: write the one or remove the other. One that is *broken* does not compile, or its tests are not executed. One
 * that *no longer applies* must follow the code it changes. It should fail an assertion at once rather than hang: a test
 * that waits for its limit is slow. `runtime: "bun"` or `"deno"` is for what cannot be seen on Node.
 *
 * @module
 */
import process from "node:process";
import { main, scratch } from "../run/job.mjs";
import { flawOf, invariants, invariantsOf, sampleOf, seeded } from "./run/lists.mjs";
import { baseline, control, copyTree, trial } from "./run/trial.mjs";

/**
 * @typedef {import("./run/lists.mjs").Seeded} Seeded
 * @typedef {import("./run/trial.mjs").Verdict} Verdict
 * @typedef {import("./run/trial.mjs").Copy} Copy
 */

const sample = process.argv.includes("--sample");
const day = Number(process.env.GRACEWIRE_SEED ?? Math.floor(Date.now() / 86_400_000));
const filters = process.argv.slice(2).filter((argument) => argument !== "--sample");
const workers = Math.max(1, Number(process.env.MUTANT_WORKERS ?? 2) || 1);
const words = { caught: "caught", survived: "SURVIVED", broken: "BROKEN", stale: "NO LONGER APPLIES" };

await main(async () => {
  const start = performance.now();
  const all = await seeded();
  if (sample) console.log(`one bug of each invariant: those of day ${day} (GRACEWIRE_SEED)`);
  const chosen = (sample ? sampleOf(all, day) : all).filter(({ title }) =>
    filters.length === 0 || filters.some((filter) => title.toLowerCase().includes(filter.toLowerCase()))
  );
  const flaws = chosen.flatMap((mutant) => {
    const flaw = flawOf(mutant, all);
    return flaw === undefined ? [] : `${mutant.title}: ${flaw}`;
  });
  if (flaws.length > 0 || chosen.length === 0) {
    console.log(flaws.join("\n") || `No mutant is called ${filters.join(" or ")}`);
    return false;
  }
  const work = scratch();
  const first = copyTree(work, "0");
  const others = Array.from(
    { length: Math.min(workers, chosen.length) - 1 },
    (_, i) => copyTree(work, String(i + 1), first.directory),
  );
  if (!await allGreen(chosen, first)) return false;
  const copies = [first, ...others];
  const verdicts = await tryAll(chosen, copies);
  const wrong = await controls(verdicts, copies);
  for (const { warm } of copies) warm.end();
  return summary(verdicts, performance.now() - start) && wrong.length === 0;
});

/**
 * The tests of all mutants, with no bug in the tree.
 *
 * @param {readonly Seeded[]} mutants
 * @param {Copy} copy
 */
async function allGreen(mutants, copy) {
  for (const name of /** @type {const} */ (["node", "bun", "deno"])) {
    const tests = new Set(mutants.filter(({ runtime }) => runtime === name).flatMap(({ tests }) => tests));
    if (tests.size === 0) continue;
    const start = performance.now();
    const wrong = await baseline(name, copy, [...tests]);
    console.log(
      `${wrong ?? ""}${tests.size} test files without a bug on ${name}: ${
        wrong === undefined ? "green" : "RED, which proves nothing about the bugs"
      } in ${seconds(performance.now() - start)}`,
    );
    if (wrong !== undefined) return false;
  }
  return true;
}

/**
 * @param {readonly Seeded[]} mutants
 * @param {readonly Copy[]} copies One for each worker.
 * @returns {Promise<Map<Seeded, Verdict>>}
 */
async function tryAll(mutants, copies) {
  const waiting = [...mutants];
  /** @type {Map<Seeded, Verdict>} */
  const verdicts = new Map();
  await Promise.all(copies.map(async (copy) => {
    for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
      const verdict = await trial(mutant, copy);
      verdicts.set(mutant, verdict);
      console.log(line(mutant, verdict));
    }
  }));
  return verdicts;
}

/**
 * The tests of the last mutants that were caught, in each of the copies that bugs were in.
 *
 * @param {Map<Seeded, Verdict>} verdicts
 * @param {readonly Copy[]} copies
 */
async function controls(verdicts, copies) {
  const last = [...verdicts].filter(([, { kind }]) => kind === "caught").slice(-copies.length);
  const wrong = await Promise.all(
    last.map(([mutant], i) => control(mutant, /** @type {Copy} */ (copies[i]))),
  );
  const found = wrong.filter((text) => text !== undefined);
  for (const text of found) console.log(text);
  return found;
}

/**
 * @param {Seeded} mutant
 * @param {Verdict} verdict
 */
function line({ title, runtime }, { kind, why, duration }) {
  const where = runtime === "node" ? "" : ` (${runtime})`;
  return `${words[kind].padEnd(8)} ${seconds(duration).padStart(6)}  ${title}${where}${why && `  <- ${why}`}`;
}

/**
 * @param {Map<Seeded, Verdict>} verdicts
 * @param {number} duration
 * @returns {boolean} Whether all is well.
 */
function summary(verdicts, duration) {
  const entries = [...verdicts];
  const count = (/** @type {Verdict["kind"]} */ kind) =>
    entries.filter(([, verdict]) => verdict.kind === kind).length;
  const missed = entries.filter(([, { kind }]) => kind !== "caught");
  if (missed.length > 0) {
    console.log(["", ...missed.map(([mutant, verdict]) => line(mutant, verdict))].join("\n"));
  }
  const proofs = invariants.map((id) => /** @type {const} */ ([
    id,
    entries.filter(([mutant, { kind }]) => kind === "caught" && invariantsOf(mutant).includes(id)).length,
  ]));
  const bare = filters.length > 0 ? [] : proofs.filter(([, bugs]) => bugs === 0).map(([id]) => id);
  console.log(`caught per invariant: ${proofs.map(([id, bugs]) => `${id} ${bugs}`).join(", ")}`);
  if (bare.length > 0) console.log(`no bug proves the tests of ${bare.join(", ")}`);
  const late = entries.filter(([, { why }]) => why.startsWith("killed after")).length;
  console.log(
    `${verdicts.size} mutants: ${count("caught")} caught${late > 0 ? ` (${late} by a time limit)` : ""}, ${
      count("survived")
    } survived, ${count("broken")} broken, ${count("stale")} no longer apply, in ${seconds(duration)}`,
  );
  return missed.length === 0 && bare.length === 0;
}

/** @param {number} milliseconds */
function seconds(milliseconds) {
  return `${(milliseconds / 1_000).toFixed(1)} s`;
}
