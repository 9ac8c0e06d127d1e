import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { describe, expect, it } from "vitest";

/** A layer of the tree: where its files are, and what they may import besides each other. */
interface Layer {
  /** A file, or a folder with a slash at its end. The longest that matches a path wins. */
  path: string;
  /** Layers it may import. `*` is every layer but the command line and the examples. */
  may: readonly string[];
  /** Layers it may import with `import()` and `import type` only. */
  lazily?: readonly string[];
  /** Built-in modules that it may import. By default all of them, without the sockets. */
  builtins?: RegExp;
  /** Packages that it may import. */
  packages?: RegExp;
  /** From other layers, it may import entry points only. */
  publicOnly?: true;
}

const vocabulary = ["errors", "lifecycle", "flow"];
const sockets = /^node:(net|tls|dgram)$/;
const none = /^$/;

const layers: Readonly<Record<string, Layer>> = {
  errors: { path: "lib/errors.ts", may: [], builtins: none, packages: none },
  version: { path: "lib/version.ts", may: [], builtins: none, packages: none },
  lifecycle: { path: "lib/lifecycle/", may: ["errors"] },
  flow: { path: "lib/flow/", may: ["errors", "lifecycle"] },
  messaging: { path: "lib/messaging/", may: vocabulary },
  net: { path: "lib/net/", may: vocabulary, builtins: /^node:/ },
  server: { path: "lib/server/", may: [...vocabulary, "net"] },
  pool: { path: "lib/pool/", may: [...vocabulary, "net"] },
  wire: { path: "lib/eventmesh/wire/", may: ["errors"], builtins: /^node:buffer$/, packages: /^valibot$/ },
  eventmesh: { path: "lib/eventmesh/", may: [...vocabulary, "version", "net", "messaging", "wire"] },
  nats: {
    path: "lib/nats/",
    may: [...vocabulary, "version", "net", "messaging"],
    packages: /^(valibot|@std\/async\/[a-z-]+|@nats-io\/nats-core(\/internal)?)$/,
  },
  broker: { path: "lib/broker/", may: [...vocabulary, "version", "server", "wire"] },
  process: { path: "lib/process/", may: ["errors", "lifecycle"], builtins: /^node:/ },
  connect: {
    path: "lib/connect.ts",
    may: ["errors", "messaging", "lifecycle"],
    lazily: ["eventmesh", "nats"],
  },
  root: { path: "mod.ts", may: ["*"] },
  cli: { path: "lib/cli/", may: ["*"], publicOnly: true, builtins: /^node:/ },
  examples: { path: "tests/examples/", may: ["*"], publicOnly: true, builtins: /^node:/, packages: /./ },
};

const packages = /^(valibot|@std\/async\/[a-z-]+)$/;
const published: readonly string[] = [
  ...Object.values(
    JSON.parse(readFileSync(new URL("../deno.json", import.meta.url), "utf8")).exports as object,
  ),
  "./lib/version.ts", // One constant; both manifests publish it too.
];

/** The imports of a file by its text: parsing is what takes time here. */
const parsed = new Map<string, readonly Import[]>();

interface Import {
  specifier: string;
  /** Only needed at run time later, or never: `import()` and `import type`. */
  lazy: boolean;
}

describe("the import rule", () => {
  const sources = readSources();

  it("holds for every file", () => {
    expect(sources.size).toBeGreaterThan(5);
    expect(violations(sources)).toEqual([]);
  });

  it("knows a layer for every file of the library", () => {
    expect([...sources.keys()].filter((path) => layerOf(path) === undefined)).toEqual([]);
  });

  it("holds without cycles between files", () => {
    expect(cycles(sources)).toEqual([]);
  });
});

describe("the checker of the import rule", () => {
  it.each([
    ["lib/errors.ts", `import { VERSION } from "./version.ts";`, "errors may not import version"],
    ["lib/flow/table.ts", `import { listen } from "../net/mod.ts";`, "flow may not import net"],
    ["lib/flow/table.ts", `export type { Socket } from "../net/mod.ts";`, "flow may not import net"],
    ["lib/eventmesh/wire/header.ts", `import "../../lifecycle/mod.ts";`, "wire may not import lifecycle"],
    ["lib/eventmesh/wire/header.ts", `import "../session.ts";`, "wire may not import eventmesh"],
    ["lib/broker/mod.ts", `await import("../eventmesh/mod.ts");`, "broker may not import eventmesh"],
    [
      "lib/connect.ts",
      `import { connect } from "./eventmesh/mod.ts";`,
      "connect may only import eventmesh lazily",
    ],
    ["mod.ts", `import "./lib/cli/main.ts";`, "root may not import cli"],
    ["lib/cli/main.ts", `import "../broker/sessions.ts";`, "cli may only import entry points of broker"],
    ["tests/examples/a.ts", `import "../../lib/net/tcp.ts";`, "examples may only import entry points of net"],
    ["lib/server/mod.ts", `import { createServer } from "node:net";`, "server may not import node:net"],
    ["lib/lifecycle/mod.ts", `import fs from "fs";`, "lifecycle may not import fs"],
    ["lib/net/mod.ts", `import { WebSocket } from "ws";`, "net may not import ws"],
    ["lib/net/mod.ts", `import { delay } from "@std/async";`, "net may not import @std/async"],
    ["lib/net/mod.ts", `import "../../tests/support/until.ts";`, "net may not import tests/support/until.ts"],
  ])("refuses in %s: %s", (path, text, why) => {
    expect(violations(new Map([[path, text]]))).toEqual([`${path}: ${why}`]);
  });

  it.each([
    [
      "lib/connect.ts",
      `import type { Options } from "./eventmesh/mod.ts"; await import("./eventmesh/mod.ts");`,
    ],
    ["lib/net/tcp.ts", `import net from "node:net"; import { GracewireError } from "../errors.ts";`],
    [
      "lib/cli/main.ts",
      `import { connect } from "../../mod.ts"; import "./commands.ts"; import "../errors.ts";`,
    ],
    ["tests/examples/a.ts", `import { startBroker } from "gracewire/broker"; import { it } from "vitest";`],
    [
      "lib/flow/table.ts",
      `import { delay } from "@std/async/delay"; import "./backoff.ts"; // import "../net/mod.ts"`,
    ],
  ])("accepts in %s: %s", (path, text) => {
    expect(violations(new Map([[path, text]]))).toEqual([]);
  });

  it("finds a cycle of files that load each other, and lets types refer to each other", () => {
    const files = (last: string): Map<string, string> =>
      new Map([
        ["lib/flow/a.ts", `import { b } from "./b.ts";`],
        ["lib/flow/b.ts", `import { c } from "./c.ts";`],
        ["lib/flow/c.ts", last],
      ]);
    const cycle = "lib/flow/a.ts > lib/flow/b.ts > lib/flow/c.ts > lib/flow/a.ts";
    expect(cycles(files(`import { a } from "./a.ts";`))).toEqual([cycle]);
    expect(cycles(files(`import type { A } from "./a.ts";`))).toEqual([]);
  });
});

/** Every breach of the rule, as `path: why`. */
function violations(sources: ReadonlyMap<string, string>): string[] {
  return [...sources].flatMap(([path, text]) => {
    const name = layerOf(path);
    const layer = name === undefined ? undefined : layers[name];
    if (name === undefined || layer === undefined) return [];
    return importsOf(path, text).flatMap((imported) => {
      const why = objection(name, layer, path, imported);
      return why === undefined ? [] : [`${path}: ${name} ${why}`];
    });
  });
}

/** Why a layer may not import what it imports, or undefined if it may. */
function objection(
  name: string,
  layer: Layer,
  path: string,
  { specifier, lazy }: Import,
): string | undefined {
  const target = resolve(path, specifier);
  if (target === undefined) {
    const allowed = specifier.startsWith("node:")
      ? layer.builtins?.test(specifier) ?? !sockets.test(specifier)
      : (layer.packages ?? packages).test(specifier);
    return allowed ? undefined : `may not import ${specifier}`;
  }
  const other = layerOf(target);
  if (other === undefined) return `may not import ${target}`;
  if (other === name) return undefined;
  if (layer.lazily?.includes(other)) return lazy ? undefined : `may only import ${other} lazily`;
  const all = layer.may.includes("*") && other !== "cli" && other !== "examples";
  if (!all && !layer.may.includes(other)) return `may not import ${other}`;
  if (layer.publicOnly && !published.includes(`./${target}`)) {
    return `may only import entry points of ${other}`;
  }
  return undefined;
}

function layerOf(path: string): string | undefined {
  return Object.entries(layers)
    .filter(([, layer]) => layer.path === path || (layer.path.endsWith("/") && path.startsWith(layer.path)))
    .sort(([, a], [, b]) => b.path.length - a.path.length)[0]?.[0];
}

/** Path in the tree that a specifier leads to; undefined for packages and built-in modules. */
function resolve(path: string, specifier: string): string | undefined {
  if (specifier.startsWith(".")) return new URL(specifier, `file:///${path}`).pathname.slice(1);
  if (!/^gracewire(\/|$)/.test(specifier)) return undefined;
  const key = specifier.replace("gracewire", "").slice(1);
  return key === "" ? "mod.ts" : key === "errors" ? "lib/errors.ts" : `lib/${key}/mod.ts`;
}

function importsOf(path: string, text: string): readonly Import[] {
  const known = parsed.get(text);
  if (known !== undefined) return known;
  const found: Import[] = [];
  const add = (node: ts.Node | undefined, lazy: boolean): void => {
    if (node !== undefined && ts.isStringLiteralLike(node)) found.push({ specifier: node.text, lazy });
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) {
      add(node.moduleSpecifier, node.importClause?.phaseModifier !== undefined);
    }
    if (ts.isExportDeclaration(node)) add(node.moduleSpecifier, node.isTypeOnly);
    if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) add(node.argument.literal, true);
    if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      add(node.arguments[0], true);
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(path, text, ts.ScriptTarget.Latest));
  parsed.set(text, found);
  return found;
}

/**
 * One cycle for every way back to a file that is being visited, as `a > b > a`. Types of one idea may refer to each other
 * across files: they are gone when the files are loaded.
 */
function cycles(sources: ReadonlyMap<string, string>): string[] {
  const found: string[] = [];
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]): void => {
    const start = trail.indexOf(path);
    if (start >= 0) found.push([...trail.slice(start), path].join(" > "));
    if (start >= 0 || done.has(path)) return;
    for (const { specifier, lazy } of importsOf(path, sources.get(path) ?? "")) {
      if (lazy) continue;
      const target = resolve(path, specifier);
      if (target !== undefined && sources.has(target)) visit(target, [...trail, path]);
    }
    done.add(path);
  };
  for (const path of sources.keys()) visit(path, []);
  return found;
}

/** The text of every source file that the rule is about, by its path in the tree. */
function readSources(): Map<string, string> {
  const root = fileURLToPath(new URL("..", import.meta.url));
  const inside = ["lib", "tests/examples"].flatMap((folder) =>
    readdirSync(root + folder, { recursive: true, encoding: "utf8" })
      .map((path) => `${folder}/${path.replaceAll("\\", "/")}`)
  );
  const paths = ["mod.ts", ...inside].filter((path) => path.endsWith(".ts") && existsSync(root + path));
  return new Map(paths.map((path) => [path, readFileSync(root + path, "utf8")]));
}
