import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { VERSION } from "../lib/version.ts";

interface PackageJson {
  version: string;
  license: string;
  bin: Record<string, string>;
  exports: Record<string, string | Record<string, string>>;
  dependencies: Record<string, string>;
  peerDependencies: Record<string, string>;
  peerDependenciesMeta: Record<string, { optional: boolean }>;
  devDependencies: Record<string, string>;
}

interface DenoJson {
  version: string;
  license: string;
  exports: Record<string, string>;
  imports: Record<string, string>;
}

const root = new URL("../", import.meta.url);
const npm: PackageJson = JSON.parse(read("package.json"));
const jsr: DenoJson = JSON.parse(read("deno.json"));

/** The command line is a `bin` on npm and an entry point on JSR: the one difference between the two. */
const command = { key: "./cli", source: "./lib/cli/main.ts", bin: "./dist/lib/cli/main.js" };

const published: [string, PackageJson["exports"][string]][] = Object.entries(npm.exports)
  .filter(([key]) => key !== "./package.json");

describe("the manifests", () => {
  it("export the same entry points, the command line apart", () => {
    expect([...published.map(([key]) => key), command.key]).toEqual(Object.keys(jsr.exports));
    expect(npm.exports["./package.json"]).toBe("./package.json");
    expect(jsr.exports[command.key]).toBe(command.source);
    expect(npm.bin).toEqual({ gracewire: command.bin });
  });

  it("carry the version that the library tells its peers", () => {
    expect(npm.version).toBe(VERSION);
    expect(jsr.version).toBe(VERSION);
  });

  it("agree on the licence and on every dependency", () => {
    expect(npm.license).toBe(jsr.license);
    for (const [name, version] of Object.entries(npm.dependencies)) {
      expect(jsr.imports[name]).toBe(`npm:${name}@^${version.split(".")[0]}`);
    }
    for (const [name, range] of Object.entries(npm.peerDependencies)) {
      expect(jsr.imports[name]).toBe(`npm:${name}@${range}`);
    }
    const known = Object.keys({ ...npm.dependencies, ...npm.peerDependencies });
    for (const [name, target] of Object.entries(jsr.imports)) {
      if (target.startsWith("npm:")) expect(known).toContain(name);
    }
  });

  it("leave peers to whoever needs them, pinned to the minor that is tested", () => {
    for (const [name, range] of Object.entries(npm.peerDependencies)) {
      expect(npm.peerDependenciesMeta[name]).toEqual({ optional: true });
      expect(range).toMatch(/^~\d+\.\d+\.\d+$/);
      expect(`~${npm.devDependencies[name]}`).toBe(range);
    }
  });

  it("pin development dependencies to exact versions", () => {
    for (const version of Object.values(npm.devDependencies)) expect(version).toMatch(/^\d+\.\d+\.\d+$/);
  });
});

describe.each(Object.entries(jsr.exports))("entry point %s", (_key, source) => {
  it("explains itself in a module comment", () => {
    expect(existsSync(path(source)), `${source} is missing`).toBe(true);
    expect(read(source)).toMatch(/^(#![^\n]*\n)?\/\*\*\n(?: \*[^\n]*\n)* \* @module\n(?: \*[^\n]*\n)*? \*\//);
  });
});

describe.each(published)("entry point %s", (key, target) => {
  it("is built from the source that JSR gets, types first", () => {
    const built = jsr.exports[key]?.replace("./", "./dist/").replace(/\.ts$/, "");
    expect(Object.entries(target)).toEqual([["types", `${built}.d.ts`], ["default", `${built}.js`]]);
  });
});

function read(file: string): string {
  return readFileSync(path(file), "utf8");
}

function path(file: string): string {
  return fileURLToPath(new URL(file, root));
}
