// Processes of any runtime that do what they are told over standard input, one line of JSON each way.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));
export const bin = fileURLToPath(new URL("../../node_modules/.bin/", import.meta.url));
const runtimes = {
  node: ["node"],
  node24: ["npm", "exec", "--yes", "--package=node@24", "--", "node"],
  bun: [`${bin}bun`],
  deno: [`${bin}deno`, "run", "-A", "--quiet"],
};

const children = new Set();
process.on("exit", () => {
  for (const child of children) child.kill("SIGKILL");
});
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(130));

/**
 * The runtimes that the command line asks for, as commands. Ends the process when there is no such runtime, or no build.
 */
export function wantedRuntimes(byDefault = Object.keys(runtimes)) {
  const wanted = process.argv.slice(2).filter((word) => !word.startsWith("-"));
  for (const name of wanted) {
    if (runtimes[name] === undefined) {
      fail(`expected a runtime out of ${Object.keys(runtimes).join(", ")}, got "${name}"`);
    }
  }
  if (!existsSync(new URL("../../dist/mod.js", import.meta.url))) {
    fail("expected a build in dist/: npm run build");
  }
  return (wanted.length > 0 ? wanted : byDefault).map((name) => runtimes[name]);
}

/** A child that does not outlive this process. */
export function spawnChild(program, args, stdio) {
  const child = spawn(program, args, { stdio });
  children.add(child);
  child.on("exit", () => children.delete(child));
  return child;
}

/** Starts a script of this folder, and resolves when it is ready. */
export async function startActor([program, ...leading], script, words) {
  const child = startSpeaker(program, [...leading, `${here}${script}`, ...words], words.join(" "));
  return { ...child, ...await child.next() };
}

/** Starts a program that answers each line of JSON with another. `next` resolves with what it says by itself. */
export function startSpeaker(program, args, name) {
  const child = spawnChild(program, args, ["pipe", "pipe", "inherit"]);
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => {
    const timer = setTimeout(() => fail(`no answer of ${name} within 60 s`), 60_000);
    const { done, value } = await answers.next();
    clearTimeout(timer);
    if (done) fail(`${name} ended`);
    return JSON.parse(value);
  };
  return {
    child,
    next,
    ask(order) {
      child.stdin.write(`${JSON.stringify(order)}\n`);
      return next();
    },
  };
}

export function fail(message) {
  console.error(`bench: ${message}`);
  process.exit(1);
}
