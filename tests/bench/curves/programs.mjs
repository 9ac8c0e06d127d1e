// Starts the programs of this folder in any runtime. They are bundled first: some look into the library, whose source not
// every runtime reads.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { startActor } from "../actors.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "gracewire-bench-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

/** Once, before any is started. */
export async function bundlePrograms(...names) {
  await build({
    entryPoints: names.map((name) => join(here, `${name}.mjs`)),
    tsconfig: join(here, "../../../tsconfig.json"),
    outdir: folder,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    logLevel: "error",
  });
}

/** Starts one, and resolves when it is ready. `do` gives it an order, and resolves with the answer. */
export async function startProgram(command, name, ...words) {
  const actor = await startActor(command, relative(join(here, ".."), join(folder, `${name}.mjs`)), words);
  return {
    ready: actor.ready,
    runtime: actor.runtime,
    do: (job, order = {}) => actor.ask({ job, ...order }),
    stop: () => actor.child.stdin.end(),
  };
}
