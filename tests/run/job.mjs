/**
 * Child processes of the runners: captured, bounded in time, and never left behind.
 *
 * Every job leads a process group of its own, so that ending the group also ends what the job has started.
 *
 * @module
 */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";

/**
 * @typedef {object} JobOptions
 * @property {string} [cwd] Working directory; the current one by default.
 * @property {Record<string, string | undefined>} [env] Variables on top of the inherited ones; undefined removes one.
 * @property {number} [timeout] Limit in milliseconds, default 900 000.
 *
 * @typedef {object} JobResult
 * @property {boolean} ok Whether the command ended by itself with code 0.
 * @property {string} output Everything it printed, both streams in order of arrival.
 * @property {string} end How it ended, for people.
 */

/** Signals that end a run. */
const interrupts = /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"]);

/** What npm tells its scripts about itself; a nested npm or runtime must not see it. */
const inherited = /^npm_(lifecycle_|package_|command$|config_local_prefix$)/;

/** @type {Set<import("node:child_process").ChildProcess>} */
const running = new Set();
/** @type {Set<string>} */
const directories = new Set();
let interrupted = false;

/** Whether the output of every command is shown as it comes. */
export const verbose = process.env.VERBOSE === "1";

/**
 * Runs a command to its end and never rejects: a command that cannot be started is a result too.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {JobOptions} [options]
 * @returns {Promise<JobResult>}
 */
export function job(command, args, { cwd = process.cwd(), env = {}, timeout = 900_000 } = {}) {
  return new Promise((resolve) => {
    if (interrupted) return; // For good: what waits for this job is about to end too.
    const child = spawn(command, args, {
      cwd,
      env: environment(env),
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
    });
    /** @type {string[]} */
    const chunks = [];
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      signalGroup(child, "SIGKILL");
    }, timeout);
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8");
      stream.on("data", (chunk) => {
        chunks.push(chunk);
        if (verbose) process.stderr.write(chunk);
      });
    }
    running.add(child);
    const finish = (/** @type {boolean} */ ok, /** @type {string} */ end) => {
      clearTimeout(timer);
      running.delete(child);
      if (!interrupted) resolve({ ok, output: chunks.join(""), end });
    };
    child.once("error", (error) => finish(false, `could not start: ${error.message}`));
    // A grandchild that outlives the command would keep the pipes open: the group ends with its leader.
    child.once("exit", () => signalGroup(child, "SIGKILL"));
    child.once("close", (code, signal) => {
      const end = late ? `killed after ${timeout} ms` : signal ? `ended by ${signal}` : `exit code ${code}`;
      finish(code === 0 && !late, end);
    });
  });
}

/**
 * @typedef {object} Servant A process that takes messages and answers them.
 * @property {import("node:child_process").ChildProcess} child
 * @property {Promise<string>} ended Resolves with how it ended, and what it printed.
 * @property {() => void} kill Ends it, and all that it has started.
 */

/**
 * Starts a process of Node that is sent messages. It ends with this one.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd: string, env: Record<string, string> }} options
 * @returns {Servant}
 */
export function servant(command, args, { cwd, env }) {
  const stdio = /** @type {const} */ (["ignore", "pipe", "pipe", "ipc"]);
  const child = spawn(command, args, { cwd, env: environment(env), detached: true, stdio: [...stdio] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (chunk) => {
      output = (output + chunk).slice(-10_000);
      if (verbose) process.stderr.write(chunk);
    });
  }
  running.add(child);
  child.once("exit", () => signalGroup(child, "SIGKILL"));
  const ended = /** @type {Promise<string>} */ (new Promise((resolve) => {
    child.once("error", (error) => resolve(`could not start: ${error.message}`));
    child.once("close", (code, signal) => resolve(`${signal ?? `exit code ${code}`}\n${output}`.trimEnd()));
  }));
  void ended.then(() => running.delete(child));
  return { child, ended, kill: () => signalGroup(child, "SIGKILL") };
}

/**
 * Runs a command in the foreground, with the terminal of this process, and takes over its exit code.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @returns {Promise<void>}
 */
export function foreground(command, args) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: "inherit", env: environment({}) });
    // The terminal sends SIGINT to both; whoever sends a signal to this process alone means the command.
    const forward = (/** @type {NodeJS.Signals} */ signal) => void child.kill(signal);
    for (const signal of interrupts) process.on(signal, forward);
    const unwatch = watchParent(() => forward("SIGTERM"));
    const finish = (/** @type {number} */ code) => {
      unwatch();
      for (const signal of interrupts) process.removeListener(signal, forward);
      process.exitCode = code;
      resolve();
    };
    child.once("error", (error) => {
      process.stderr.write(`${error.message}\n`);
      finish(1);
    });
    child.once("close", (code) => finish(code ?? 1));
  });
}

/**
 * A new temporary directory that is gone when the runner ends.
 *
 * @returns {string}
 */
export function scratch() {
  const path = mkdtempSync(join(tmpdir(), "gracewire-"));
  directories.add(path);
  return path;
}

/**
 * Runs a whole runner. Its jobs and its temporary directories end with it, also on SIGINT, SIGTERM and SIGHUP, or when
 * the npm that started it is gone.
 *
 * @param {() => Promise<boolean>} body Resolves with whether all is well.
 * @returns {Promise<void>}
 */
export async function main(body) {
  const stop = (/** @type {NodeJS.Signals} */ signal) => {
    if (interrupted) return;
    interrupted = true;
    for (const child of running) signalGroup(child, "SIGTERM");
    setTimeout(() => {
      end();
      for (const name of interrupts) process.removeListener(name, stop);
      process.kill(process.pid, signal);
    }, running.size > 0 ? 500 : 0);
  };
  for (const name of interrupts) process.on(name, stop);
  // Also when it fails in its own way, such as a closed pipe behind its output.
  process.on("exit", end);
  const unwatch = watchParent(() => stop("SIGTERM"));
  try {
    if (!await body()) process.exitCode = 1;
  } finally {
    unwatch();
    for (const name of interrupts) process.removeListener(name, stop);
  }
}

/**
 * npm hands a signal to the shell between it and its script, and the shell keeps it. What a script of npm can see is
 * that its parent has changed.
 *
 * @param {() => void} gone
 * @returns {() => void} Stops watching.
 */
function watchParent(gone) {
  if (process.env.npm_lifecycle_event === undefined) return () => {};
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    gone();
  }, 200);
  timer.unref();
  return () => clearInterval(timer);
}

function end() {
  for (const child of running) signalGroup(child, "SIGKILL");
  for (const path of directories) rmSync(path, { recursive: true, force: true, maxRetries: 3 });
  directories.clear();
}

/**
 * @param {import("node:child_process").ChildProcess} child
 * @param {NodeJS.Signals} signal
 */
function signalGroup(child, signal) {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // The group is empty: nothing was left behind.
  }
}

/**
 * @param {Record<string, string | undefined>} added
 * @returns {Record<string, string | undefined>}
 */
function environment(added) {
  const kept = Object.entries(process.env).filter(([name]) => !inherited.test(name));
  return { ...Object.fromEntries(kept), ...added };
}
