/**
 * Builds the package and runs the demonstration of its command line.
 *
 * @module
 */
import { join } from "node:path";
import process from "node:process";
import { build } from "./build.mjs";
import { foreground } from "./job.mjs";
import { root } from "./runtimes.mjs";

await build();
await foreground(process.execPath, [join(root, "dist/lib/cli/main.js"), "demo", ...process.argv.slice(2)]);
