import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";
import { expect, it } from "vitest";
import { runChild } from "../support/child.ts";

/** That the library can be loaded at all shows that it asks for the package only when it needs it. */
const program = `
const { connect } = await import(process.argv[2]!);
const error = await connect("nats://127.0.0.1:1").catch((reason: Error) => reason);
console.log(error.name, error.code);
console.log(error.message);
`;

it("says which package to install when the official client is missing", async () => {
  const folder = await mkdtemp(join(tmpdir(), "gracewire-missing-"));
  try {
    const root = fileURLToPath(new URL("../..", import.meta.url));
    await build({
      entryPoints: [join(root, "mod.ts")],
      tsconfig: join(root, "tsconfig.json"),
      bundle: true,
      platform: "node",
      format: "esm",
      external: ["@nats-io/*"],
      // As it is published: in files of its own is what is loaded later.
      splitting: true,
      outdir: folder,
      outExtension: { ".js": ".mjs" },
      logLevel: "silent",
    });
    // A folder of its own, so that nothing is looked for anywhere else.
    await mkdir(join(folder, "node_modules"));
    const file = join(folder, "mod.mjs");
    const { lines, stderr } = await runChild(program, { args: [pathToFileURL(file).href] });
    expect(lines[0], stderr).toBe("UnsupportedError ERR_UNSUPPORTED");
    expect(lines[1]).toContain("npm install @nats-io/nats-core@3.4");
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
