import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runtime } from "../support/env.ts";
import { plainEnv } from "../support/plain_env.ts";

/** That the library can be loaded at all shows that it asks for the package only when it needs it. */
const program = `
import { connect } from "./mod.mjs";
const error = await connect("nats://127.0.0.1:1").catch((reason) => reason);
console.log(error.name, error.code);
console.log(error.message);
`;

const client = "node_modules/@nats-io/nats-core";
const root = fileURLToPath(new URL("../..", import.meta.url));

describe("the official client", () => {
  /** What each program is a copy of, and where they all are. */
  let template: string;
  let top: string;

  beforeAll(async () => {
    top = await mkdtemp(join(tmpdir(), "gracewire-missing-"));
    template = join(top, "template");
    await build({
      entryPoints: [join(root, "mod.ts")],
      tsconfig: join(root, "tsconfig.json"),
      bundle: true,
      platform: "node",
      format: "esm",
      external: ["@nats-io/*"],
      // As it is published: in files of its own is what is loaded later.
      splitting: true,
      outdir: template,
      outExtension: { ".js": ".mjs" },
      logLevel: "silent",
    });
    // A folder of its own, so that nothing is looked for anywhere else.
    await mkdir(join(template, "node_modules"));
    // Deno takes what is in there only for what is named here.
    await writeFile(
      join(template, "package.json"),
      JSON.stringify({ dependencies: { "@nats-io/nats-core": "*" } }),
    );
    await writeFile(join(template, "main.mjs"), program);
  });
  afterAll(() => rm(top, { recursive: true, force: true }));

  /** A program that has nothing of what another one has installed. */
  async function fresh(): Promise<string> {
    const folder = await mkdtemp(join(top, "program-"));
    await cp(template, folder, { recursive: true });
    return folder;
  }

  /** What a program gets that connects. */
  async function connected(folder: string): Promise<readonly string[]> {
    const args = [...(runtime === "deno" ? ["run", "-A"] : []), join(folder, "main.mjs")];
    const options = { cwd: folder, env: plainEnv(), timeout: 30_000 };
    const { stdout, stderr } = await promisify(execFile)(process.execPath, args, options);
    const lines = stdout.split("\n");
    expect(lines.length, stderr).toBeGreaterThan(2);
    return lines;
  }

  /** A program with it where the library finds it, under another version. */
  async function install(version: string | undefined): Promise<string> {
    const folder = await fresh();
    for (const name of ["@nats-io/nats-core", "@nats-io/nkeys", "@nats-io/nuid", "tweetnacl"]) {
      const target = join(folder, "node_modules", name);
      await cp(join(root, "node_modules", name), target, { recursive: true, dereference: true });
    }
    const file = join(folder, client, "package.json");
    const manifest = JSON.parse(await readFile(file, "utf8")) as object;
    await writeFile(file, JSON.stringify({ ...manifest, version }));
    return folder;
  }

  it("that is missing is named, with how to install it", async () => {
    const [kind, message] = await connected(await fresh());
    expect(kind).toBe("UnsupportedError ERR_UNSUPPORTED");
    expect(message).toBe(
      "Cannot connect to NATS: its client is missing, npm install @nats-io/nats-core@3.4",
    );
  });

  it.each(["3.3.1", "3.40.0", "4.0.0"])("of version %s is refused", async (version) => {
    const [kind, message] = await connected(await install(version));
    expect(kind).toBe("UnsupportedError ERR_UNSUPPORTED");
    expect(message).toBe(
      `Cannot connect to NATS: expected package @nats-io/nats-core 3.4, found version ${version}; npm install @nats-io/nats-core@3.4`,
    );
  });

  it("of a later patch is used", async () => {
    expect((await connected(await install("3.4.99")))[0]).toBe("ConnectError ERR_CONNECT");
  });

  it("that does not tell its version is judged by what is in it", async () => {
    const folder = await install(undefined);
    expect((await connected(folder))[0]).toBe("ConnectError ERR_CONNECT");
    const file = join(folder, client, "lib/nats.js");
    const code = await readFile(file, "utf8");
    // As it was before 3.4.
    await writeFile(file, code.replaceAll("[Symbol.asyncDispose]", "asyncDispose"));
    const [kind, message] = await connected(folder);
    expect(kind).toBe("UnsupportedError ERR_UNSUPPORTED");
    expect(message).toContain("expected package @nats-io/nats-core 3.4, found another version");
  });
});
