/**
 * What leaves the tree, made in temporary directories: the package as npm gets it, the one as JSR gets it, and a project
 * that uses it.
 *
 * @module
 */
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { build } from "./build.mjs";
import { npm, readJson, root } from "./runtimes.mjs";

/**
 * Builds and packs the npm package.
 *
 * @param {string} work Existing directory.
 * @returns {Promise<{ stage: string, tarball: string }>} The package, unpacked and packed.
 */
export async function pack(work) {
  const stage = join(work, "stage");
  const { files, name, version } = readJson(join(root, "package.json"));
  copy(["package.json", ...files.filter((/** @type {string} */ file) => file !== "dist")], stage);
  await build(join(stage, "dist"));
  const { ok, end, output } = await npm(["pack", "--ignore-scripts", "--pack-destination", work], {
    cwd: stage,
  });
  if (!ok) throw new Error(`npm pack: ${end}\n${output}`);
  return { stage, tarball: join(work, `${name}-${version}.tgz`) };
}

/**
 * Installs a tarball the way a user does, in a directory that knows nothing of the tree.
 *
 * @param {string} tarball
 * @param {string} target
 * @returns {Promise<void>}
 */
export async function install(tarball, target) {
  mkdirSync(target, { recursive: true });
  writeJson(join(target, "package.json"), { name: "user", private: true, type: "module" });
  const { ok, end, output } = await npm(["install", "--prefer-offline", "--prefix", target, tarball], {
    cwd: target,
  });
  if (!ok) throw new Error(`npm install: ${end}\n${output}`);
}

/**
 * Lays out what `deno publish` publishes. Its imports from JSR come from the mirror on npm: the dry run then checks all
 * but those, without a network.
 *
 * @param {string} target
 * @returns {string} The same.
 */
export function registry(target) {
  const manifest = readJson(join(root, "deno.json"));
  copy(["mod.ts", "lib", "README.md", "CHANGELOG.md", "LICENSE", "package.json"], target);
  symlinkSync(join(root, "node_modules"), join(target, "node_modules"), "dir");
  const { imports } = readJson(join(root, "tests/deno.local.json"));
  const local = Object.entries(imports).map(([name, path]) => [name, path.replace(/^\.\.\//, "./")]);
  writeJson(join(target, "deno.json"), {
    ...manifest,
    imports: { ...manifest.imports, ...Object.fromEntries(local) },
  });
  return target;
}

/** Entry points that need an optional package, and it. */
const optional = { "./nats": "@nats-io/nats-core" };

/**
 * A project that imports the entry points of the package and lets nothing pass: no `skipLibCheck`, no newer library than
 * the floor has.
 *
 * @param {string} work Existing directory.
 * @param {string} stage The unpacked package.
 * @param {string} resolution Value of `moduleResolution`.
 * @param {boolean} [all] Whether the optional packages are installed, and the entry points that need them imported.
 * @returns {string} The project.
 */
export function consumer(work, stage, resolution, all = true) {
  const target = join(work, all ? resolution : `${resolution}-bare`);
  const { dependencies, exports, name } = readJson(join(stage, "package.json"));
  const modules = join(target, "node_modules");
  mkdirSync(modules, { recursive: true });
  cpSync(stage, join(modules, name), { recursive: true });
  const extra = all ? Object.values(optional) : [];
  for (const dependency of [...Object.keys(dependencies), ...extra, "@types/node", "undici-types"]) {
    mkdirSync(dirname(join(modules, dependency)), { recursive: true });
    symlinkSync(join(root, "node_modules", dependency), join(modules, dependency), "dir");
  }
  const left = ["./package.json", ...all ? [] : Object.keys(optional)];
  const keys = Object.keys(exports).filter((key) => !left.includes(key));
  const lines = keys.map((key, index) => `import * as entry${index} from "${name}${key.slice(1)}";`);
  writeFileSync(
    join(target, "main.ts"),
    `${lines.join("\n")}\nexport default [${keys.map((_, i) => `entry${i}`)}];\n`,
  );
  writeJson(join(target, "package.json"), { name: "user", private: true, type: "module" });
  writeJson(join(target, "tsconfig.json"), {
    compilerOptions: {
      target: "es2022",
      lib: ["es2022"],
      types: ["node"],
      module: resolution === "bundler" ? "esnext" : resolution,
      moduleResolution: resolution,
      strict: true,
      // The official NATS client does not pass it.
      exactOptionalPropertyTypes: !all,
      noUncheckedIndexedAccess: true,
      skipLibCheck: false,
      noEmit: true,
    },
    include: ["main.ts"],
  });
  return target;
}

/**
 * Copies files and folders of the tree.
 *
 * @param {readonly string[]} files Paths inside the tree; what is not there is left out.
 * @param {string} target
 * @param {string} [from] The tree.
 */
export function copy(files, target, from = root) {
  for (const file of files.filter((file) => existsSync(join(from, file)))) {
    if (statSync(join(from, file)).isDirectory()) {
      // Folder by folder: a copy of a folder that is read-only would be read-only too, and could not be removed.
      copy(readdirSync(join(from, file)).map((name) => join(file, name)), target, from);
    } else {
      mkdirSync(dirname(join(target, file)), { recursive: true });
      copyFileSync(join(from, file), join(target, file));
    }
  }
}

/**
 * @param {string} path
 * @param {unknown} value
 */
function writeJson(path, value) {
  writeFileSync(path, `${JSON.stringify(value, null, 2)}\n`);
}
