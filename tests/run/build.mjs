/**
 * Builds the npm package: JavaScript by tsup, declarations by tsc. The entry points are the keys of `exports`, so that a
 * new one needs a line in the manifests and nothing here. Settings of tsup live in package.json.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { chmod, copyFile, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { build as tsup } from "tsup";
import { job } from "./job.mjs";
import { readJson, root, tool } from "./runtimes.mjs";

/**
 * Builds into a directory, which is emptied first.
 *
 * @param {string} [outDir] Absolute path.
 * @returns {Promise<void>}
 */
export async function build(outDir = join(root, "dist")) {
  const manifest = readJson(join(root, "package.json"));
  const built = [...targets(manifest.exports), ...Object.values(manifest.bin)].filter((path) =>
    path.endsWith(".js")
  );
  const sources = built.map((path) => path.replace("./dist/", "").replace(/\.js$/, ".ts"));
  const missing = sources.filter((path) => !existsSync(join(root, path)));
  if (missing.length > 0) {
    throw new Error(`Cannot build: ${missing.join(", ")} missing, but in the exports or bin`);
  }

  await rm(outDir, { recursive: true, force: true });
  process.chdir(root);
  await tsup({ entry: Object.fromEntries(sources.map((path) => [path.replace(/\.ts$/, ""), path])), outDir });
  await bundledOnly(join(outDir, "metafile-esm.json"), "deno-std");
  await copyFile(new URL("./third_party.txt", import.meta.url), join(outDir, "THIRD_PARTY.txt"));
  for (const path of Object.values(manifest.bin)) await executable(join(outDir, relative("dist", path)));

  const project = fileURLToPath(new URL("./tsconfig.build.json", import.meta.url));
  const types = await job(process.execPath, [tool("typescript", "tsc"), "-p", project, "--outDir", outDir]);
  if (!types.ok) throw new Error(`Cannot emit declarations:\n${types.output}`);
  for (const path of await readdir(outDir, { recursive: true })) {
    if (path.endsWith(".d.ts")) await declaration(join(outDir, path));
  }
}

/**
 * The files that an `exports` map points to.
 *
 * @param {Record<string, string | { types: string, default: string }>} exports
 * @returns {string[]}
 */
export function targets(exports) {
  return Object.values(exports).flatMap((target) =>
    typeof target === "string" ? target : Object.values(target)
  );
}

/**
 * What is bundled is shipped, and its licence with it: only the named package may be.
 *
 * @param {string} metafile
 * @param {string} allowed
 */
async function bundledOnly(metafile, allowed) {
  const strangers = Object.keys(readJson(metafile).inputs)
    .filter((path) => path.includes("node_modules/") && !path.includes(`node_modules/${allowed}/`));
  if (strangers.length > 0) {
    throw new Error(`Cannot build: bundled, but no dependency: ${strangers.join(", ")}`);
  }
  await rm(metafile);
}

/** @param {string} path */
async function executable(path) {
  const code = await readFile(path, "utf8");
  if (!code.startsWith("#!")) await writeFile(path, `#!/usr/bin/env node\n${code}`);
  await chmod(path, 0o755);
}

/**
 * JSR forbids the library reference in sources, and tsc keeps `.ts` in specifiers: both are put right here.
 *
 * @param {string} path
 */
async function declaration(path) {
  const text = await readFile(path, "utf8");
  const specifiers = text.replace(/(\bfrom |\bimport |\bimport\()"(\.{1,2}\/[^"]+)\.ts"/g, '$1"$2.js"');
  const disposable = /\b(Async)?Disposable(Stack)?\b|Symbol\.(asyncDispose|dispose)\b|\bSuppressedError\b/
    .test(text);
  await writeFile(path, disposable ? `/// <reference lib="esnext.disposable" />\n${specifiers}` : specifiers);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await build();
