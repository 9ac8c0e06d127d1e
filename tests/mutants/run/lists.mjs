/**
 * The lists of seeded bugs, and whether each of them can be used.
 *
 * @module
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { root } from "../../run/runtimes.mjs";

/**
 * One seeded bug: a small, plausible change to one file of `lib/`, and the tests that must notice it.
 *
 * @typedef {object} Mutant
 * @property {string} name What is wrong then. Begins with the ids of the invariants it breaks, if any: `I2, I5: ...`.
 * @property {string} file Path inside the tree.
 * @property {string} find Text that stands in the file exactly once.
 * @property {string} put What stands there instead.
 * @property {readonly string[]} tests Paths of the test files, or folders, that notice it: the fewest and fastest.
 * @property {"node" | "bun" | "deno"} [runtime] Where it is noticed, for a bug that shows in one runtime only. Default `node`.
 *
 * @typedef {Mutant & { area: string, title: string, runtime: "node" | "bun" | "deno" }} Seeded
 */

/** @type {readonly string[]} */
export const invariants = Array.from({ length: 18 }, (_, i) => `I${i + 1}`);

const folder = join(root, "tests/mutants");

/**
 * All lists, in the order of their names: every module beside the runner is one.
 *
 * @returns {Promise<Seeded[]>}
 */
export async function seeded() {
  const names = readdirSync(folder).filter((name) => name.endsWith(".mjs") && name !== "run.mjs").sort();
  const lists = await Promise.all(names.map(async (name) => {
    const { default: list } = await import(pathToFileURL(join(folder, name)).href);
    if (!Array.isArray(list)) throw new TypeError(`tests/mutants/${name}: expected a list as default export`);
    const area = name.replace(/\.mjs$/, "");
    return list.map((/** @type {Mutant} */ mutant) => ({
      ...mutant,
      area,
      title: `${area}: ${mutant.name}`,
      runtime: mutant.runtime ?? "node",
    }));
  }));
  return lists.flat();
}

/**
 * The invariants that a mutant breaks, by its name.
 *
 * @param {Mutant} mutant
 * @returns {string[]}
 */
export function invariantsOf({ name }) {
  const ids = /^I\d+(?:[^:\w]+I\d+)*(?=:)/.exec(name)?.[0] ?? "";
  return ids.match(/I\d+/g) ?? [];
}

/**
 * What is wrong with an entry itself.
 *
 * @param {Seeded} mutant
 * @param {readonly Seeded[]} all
 * @returns {string | undefined} Undefined if nothing is.
 */
export function flawOf(mutant, all) {
  const { name, file, find, put, tests, runtime } = mutant;
  for (const [key, text] of Object.entries({ name, file, find, put })) {
    if (typeof text !== "string" || (key !== "put" && text.trim() === "")) return `its ${key} is no text`;
  }
  if (all.some((other) => other !== mutant && other.title === mutant.title)) return "its name is taken";
  const stranger = invariantsOf(mutant).find((id) => !invariants.includes(id));
  if (stranger !== undefined) return `there is no invariant ${stranger}`;
  if (!["node", "bun", "deno"].includes(runtime)) return `there is no runtime ${runtime}`;
  if (!file.startsWith("lib/")) return "its file is not in lib/";
  if (find === put) return "it changes nothing";
  if (!Array.isArray(tests) || tests.length === 0) return "it names no tests";
  const missing = tests.find((path) => !existsSync(join(root, path)));
  if (missing !== undefined) return `there is no ${missing}`;
  return undefined;
}

/**
 * What is wrong with the lists as they are now, without trying any bug: those that cannot be used, those that no longer
 * apply, and invariants that two bugs do not prove.
 *
 * @param {readonly Seeded[]} all
 * @returns {string[]}
 */
export function defects(all) {
  const flaws = all.flatMap((mutant) => {
    const flaw = flawOf(mutant, all) ??
      (mutated(mutant, root) === undefined ? "it no longer applies" : undefined);
    return flaw === undefined ? [] : [`${mutant.title}: ${flaw}`];
  });
  const proofs = all.flatMap(invariantsOf);
  const bare = invariants.filter((id) => proofs.filter((proof) => proof === id).length < 2);
  return [...flaws, ...bare.map((id) => `${id}: fewer than two bugs break it`)];
}

/**
 * One bug of each invariant. Which one goes by the number: with the next number it is the next one.
 *
 * @param {readonly Seeded[]} all
 * @param {number} number
 * @returns {Seeded[]}
 */
export function sampleOf(all, number) {
  const chosen = invariants.flatMap((id) => {
    const bugs = all.filter((mutant) => mutant.runtime === "node" && invariantsOf(mutant).includes(id));
    const bug = bugs[number % bugs.length];
    return bug === undefined ? [] : [bug];
  });
  return [...new Set(chosen)];
}

/**
 * The file of a mutant with the bug in it.
 *
 * @param {Mutant} mutant
 * @param {string} directory The tree.
 * @returns {string | undefined} Undefined if it no longer applies.
 */
export function mutated({ file, find, put }, directory) {
  const path = join(directory, file);
  const parts = existsSync(path) ? readFileSync(path, "utf8").split(find) : [];
  return parts.length === 2 ? parts.join(put) : undefined;
}
