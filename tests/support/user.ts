import { mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { build, transform } from "esbuild";
import { bundling } from "./child.ts";
import { differs, runtime } from "./env.ts";
import { type RunningChild, startChild } from "./running_child.ts";

/** A folder as a user has it, outside the tree: the package, and what NATS needs, in `node_modules`, and programs beside it. */
export interface UserFolder extends AsyncDisposable {
  /**
   * Starts an example as whoever has copied it into `app.mjs` does: nothing about it is compiled, unless this runtime cannot
   * parse it. The rest of the arguments are its own.
   */
  start(example: string, ...args: readonly string[]): Promise<RunningChild>;
}

/** Makes a {@linkcode UserFolder}; disposing of it removes it. */
export async function userFolder(): Promise<UserFolder> {
  const folder = await mkdtemp(join(tmpdir(), "gracewire-user-"));
  const modules = join(folder, "node_modules");
  await install(join(modules, "gracewire"));
  await symlink(
    fileURLToPath(new URL("../../node_modules/@nats-io", import.meta.url)),
    join(modules, "@nats-io"),
    "dir",
  );
  await writeFile(join(folder, "package.json"), JSON.stringify({ private: true }));
  return {
    async start(example, ...args) {
      const code = await readFile(new URL(`../examples/${example}.ts`, import.meta.url), "utf8");
      const compiled = differs.lacksUsing && /^\s*(await )?using /m.test(code);
      await writeFile(
        join(folder, "app.mjs"),
        compiled ? (await transform(code, { target: "node20", format: "esm" })).code : code,
      );
      const deno = runtime === "deno" ? ["run", "-A"] : [];
      return startChild(process.execPath, [...deno, join(folder, "app.mjs"), ...args]);
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

/** Every entry point as its name leads to it, in JavaScript that shares its modules, as in the package. */
async function install(folder: string): Promise<void> {
  const manifest = await readFile(new URL("../../deno.json", import.meta.url), "utf8");
  const entries = Object.entries(JSON.parse(manifest).exports as Record<string, string>);
  await build({
    ...bundling,
    entryPoints: entries.map(([, path]) => fileURLToPath(new URL(`../../${path}`, import.meta.url))),
    outdir: folder,
    outbase: fileURLToPath(new URL("../..", import.meta.url)),
    splitting: true,
    external: ["@nats-io/*"],
  });
  const exports = Object.fromEntries(entries.map(([key, path]) => [key, path.replace(/\.ts$/, ".js")]));
  await writeFile(
    join(folder, "package.json"),
    JSON.stringify({ name: "gracewire", version: "0.0.0", type: "module", exports }),
  );
}
