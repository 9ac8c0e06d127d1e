/**
 * Rules of the house that no linter knows. Comments are not code: the rules read the syntax tree.
 *
 * @module
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { root } from "./runtimes.mjs";

/**
 * @typedef {object} Rule
 * @property {RegExp} where Paths it holds for, as `lib/net/tcp.ts`.
 * @property {RegExp} [except] Paths among those it does not hold for.
 * @property {(node: ts.Node) => boolean} [syntax] Whether a node breaks it.
 * @property {RegExp} [text] What must not be in the text, comments included.
 * @property {string} why
 */

/** @type {readonly Rule[]} */
const rules = [
  {
    where: /^(lib\/|mod\.ts)/,
    syntax: (node) => isMember(node, ["AbortSignal"], ["any", "timeout"]),
    why: "AbortSignal.any and AbortSignal.timeout keep listeners and timers that nobody can release",
  },
  {
    where: /^(lib\/|mod\.ts)/,
    syntax: (node) => isMember(node, ["process"], ["exit", "abort", "reallyExit"]),
    why: "a process ends by itself, when nothing is left to do: exit would cut what is going on",
  },
  {
    where: /^(lib\/|mod\.ts)/,
    syntax: (node) => ts.isVariableDeclarationList(node) && (node.flags & ts.NodeFlags.Using) !== 0,
    why: "Node 20 cannot parse using declarations",
  },
  {
    where: /^(lib\/|mod\.ts)/,
    text: /\b(TODO|FIXME|XXX|HACK)\b/,
    why: "what is open belongs in an issue",
  },
  {
    where: /^(lib\/|mod\.ts)/,
    text: /^\/\/\/\s*<reference/m,
    why: "JSR forbids triple-slash references; the build adds the one that npm needs",
  },
  {
    where: /^tests\//,
    syntax: (node) => isMember(node, ["it", "test", "describe", "suite"], ["skip", "only", "todo"]),
    why: "a test runs or does not exist; what a runtime cannot do is told with skipIf and a reason",
  },
  {
    where: /^tests\//,
    except: /\.test\.ts$|^tests\/run\/trace\.ts$/,
    syntax: (node) => ts.isCallExpression(node) && isHook(node) && !isInside(node),
    why: "test files share modules: a hook that is set as a module is imported holds for the first file only",
  },
  {
    where: /^(lib\/|mod\.ts)/,
    text: /^(?:[^\n]*\n){400}[^]*\S/,
    why: "a file of more than 400 lines hides a noun that wants to get out",
  },
];

/**
 * Every breach of a rule in the tree.
 *
 * @returns {string[]} As `path:line: why`.
 */
export function breaches() {
  return sources().flatMap((path) => breachesIn(path, readFileSync(join(root, path), "utf8")));
}

/**
 * @param {string} path Path inside the tree, with slashes.
 * @param {string} text
 * @returns {string[]}
 */
export function breachesIn(path, text) {
  const applying = rules.filter(({ where, except }) => where.test(path) && !except?.test(path));
  /** @type {string[]} */
  const found = [];
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const tell = (/** @type {Rule} */ rule, /** @type {number} */ position) => {
    found.push(`${path}:${file.getLineAndCharacterOfPosition(position).line + 1}: ${rule.why}`);
  };
  const visit = (/** @type {ts.Node} */ node) => {
    for (const rule of applying) if (rule.syntax?.(node)) tell(rule, node.getStart());
    ts.forEachChild(node, visit);
  };
  visit(file);
  for (const rule of applying) {
    const match = rule.text?.exec(text);
    if (match) tell(rule, match.index);
  }
  return found;
}

/** @returns {string[]} */
function sources() {
  const inside = ["lib", "tests"].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
      .map((path) => `${folder}/${path.replaceAll("\\", "/")}`)
  );
  return ["mod.ts", ...inside].filter((path) => /\.(ts|mjs)$/.test(path) && existsSync(join(root, path)))
    .sort();
}

/**
 * Whether a node is a property of one of these objects, such as `process.exit` or `it.concurrent.skip`.
 *
 * @param {ts.Node} node
 * @param {readonly string[]} objects
 * @param {readonly string[]} members
 */
function isMember(node, objects, members) {
  if (!ts.isPropertyAccessExpression(node) || !members.includes(node.name.text)) return false;
  let object = node.expression;
  while (ts.isPropertyAccessExpression(object) && !objects.includes(object.name.text)) {
    object = object.expression;
  }
  const name = ts.isPropertyAccessExpression(object) ? object.name : object;
  return ts.isIdentifier(name) && objects.includes(name.text);
}

/**
 * Whether a call sets hooks of the test file that runs.
 *
 * @param {ts.CallExpression} node
 */
function isHook({ expression }) {
  return ts.isIdentifier(expression) &&
    /^(before|after)(All|Each)$|^(use[A-Z]\w*|\w+Gate)$/.test(expression.text);
}

/**
 * Whether a node is part of a function.
 *
 * @param {ts.Node} node
 */
function isInside(node) {
  for (let outer = node.parent; outer !== undefined; outer = outer.parent) {
    if (ts.isFunctionLike(outer)) return true;
  }
  return false;
}
