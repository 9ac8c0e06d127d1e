/**
 * Builds the package and runs the demonstration of its command line.
 *
 * @module
 */
import { join } from "node:path";
import process from "node:process";
import { foreground } from "./job.mjs";
import { root } from "./runtimes.mjs";

console.log("Building gracewire: a few seconds, on a busy machine up to a minute ...");
const { build } = await import("./build.mjs"); // Loading the compilers takes a while, too.
await build();
await foreground(process.execPath, [join(root, "dist/lib/cli/main.js"), "demo", ...process.argv.slice(2)]);
