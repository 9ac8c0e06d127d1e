/**
 * Where the runtimes are, and which versions a run must find itself in.
 *
 * @module
 */
import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { job } from "./job.mjs";

/**
 * @typedef {object} Runtime
 * @property {string} name What the runtime calls itself, with its version: the form that `facts.ts` writes.
 * @property {string} command Path of the executable.
 */

/** The directory of the repository, without a trailing slash. */
export const root = fileURLToPath(new URL("../..", import.meta.url)).replace(/[\\/]$/, "");

/**
 * The Node that runs this script.
 *
 * @returns {Runtime}
 */
export function node() {
  return { name: `node ${process.versions.node}`, command: process.execPath };
}

/**
 * The newest Node 24, borrowed from npm: it is no dependency of the project, as its executable would shadow the system's.
 *
 * @returns {Promise<Runtime>}
 */
export async function node24() {
  const facts = "console.log(JSON.stringify([process.versions.node, process.execPath]))";
  const args = ["exec", "--yes", "--prefer-offline", "--package=node@24", "--", "node", "-e", facts];
  const { ok, output, end } = await npm(args);
  const found = /^\["(24\.[\d.]+)","(.+)"\]$/m.exec(output);
  if (!ok || !found) throw new Error(`Cannot get Node 24 from npm: ${end}\n${output}`);
  return { name: `node ${found[1]}`, command: JSON.parse(`"${found[2]}"`) };
}

/** @returns {Runtime} */
export function bun() {
  return packaged("bun", "@oven", "bin/bun", "bin/bun.exe");
}

/** @returns {Runtime} */
export function deno() {
  return packaged("deno", "@deno", "deno", "deno");
}

/**
 * Runs npm, the one that runs this script if there is one.
 *
 * @param {readonly string[]} args
 * @param {import("./job.mjs").JobOptions} [options]
 */
export function npm(args, options) {
  const script = process.env.npm_execpath;
  return script?.endsWith("npm-cli.js")
    ? job(process.execPath, [script, ...args], options)
    : job("npm", args, options);
}

/**
 * The executable of a development dependency, to be run with Node.
 *
 * @param {string} dependency
 * @param {string} [bin] Name of the command, where it is not that of the package.
 * @returns {string}
 */
export function tool(dependency, bin = dependency) {
  const manifest = join(root, "node_modules", dependency, "package.json");
  const { bin: declared } = readJson(manifest);
  return join(dirname(manifest), typeof declared === "string" ? declared : declared[bin]);
}

/**
 * @param {string} path
 * @returns {any}
 */
export function readJson(path) {
  return JSON.parse(readFileSync(path, "utf8"));
}

/**
 * The executable of a runtime that npm has installed: inside the package for this platform, where it is without any
 * install script, or inside the main package, where the install script of Bun moves it.
 *
 * @param {string} name
 * @param {string} scope
 * @param {string} executable Path inside the package for the platform.
 * @param {string} moved Path inside the main package.
 * @returns {Runtime}
 */
function packaged(name, scope, executable, moved) {
  const modules = join(root, "node_modules");
  const { version, optionalDependencies } = readJson(join(modules, name, "package.json"));
  const suffix = process.platform === "win32" ? ".exe" : "";
  const command = Object.keys(optionalDependencies)
    .filter((dependency) => dependency.startsWith(`${scope}/`))
    .map((dependency) => join(modules, dependency, `${executable}${suffix}`))
    .concat(join(modules, name, moved))
    .find((path) => existsSync(path) && statSync(path).size > 1_000_000);
  if (command === undefined) {
    throw new Error(`Cannot find ${name} ${version}: run npm install, with optional packages`);
  }
  return { name: `${name} ${version}`, command };
}
