import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { build, type BuildOptions } from "esbuild";
import { runtime } from "./env.ts";
import { plainEnv } from "./plain_env.ts";

/** What {@linkcode runChild} takes. */
export interface ChildOptions {
  /** Arguments of the program. */
  readonly args?: readonly string[] | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** Signals to send, one after the other: each when a text shows up on stdout, after the text of the one before. */
  readonly signals?: readonly { readonly after: string; readonly signal: NodeJS.Signals }[] | undefined;
  /** Called with the process and all of stdout so far, whenever there is more. */
  readonly onOutput?: ((stdout: string, child: ChildProcess) => void) | undefined;
  /** Milliseconds after which the process is killed and the promise rejects. @default {15_000} */
  readonly timeout?: number | undefined;
  /** Descriptors that the process may have, set with `ulimit` of a shell. @default {what the system grants} */
  readonly descriptors?: number | undefined;
}

/** How a process ended, by itself or by a signal that was asked for. */
export interface ChildResult {
  /** Its exit code; null when a signal ended it. */
  readonly code: number | null;
  /** The signal that ended it; null when it exited. */
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  /** The lines of stdout. */
  readonly lines: readonly string[];
  /** Milliseconds from its last output to its end: what it still waited for when it had nothing to say any longer. */
  readonly lingered: number;
}

/**
 * Runs a program in a process of its own, under the runtime that runs the tests. It is a TypeScript module, as text or as
 * a file, which may import `gracewire/...` and built-in modules; it is bundled, as not every runtime reads TypeScript.
 *
 * Bounded: a process that does not end in time is killed, and the promise rejects with all it has said.
 *
 * @example
 * ```ts
 * const { code, lines } = await runChild(`console.log("ready"); setTimeout(() => {}, 1e6);`, {
 *   signals: [{ after: "ready", signal: "SIGTERM" }],
 * });
 * ```
 */
export async function runChild(program: string | URL, options: ChildOptions = {}): Promise<ChildResult> {
  const folder = await mkdtemp(join(tmpdir(), "gracewire-child-"));
  try {
    const file = join(folder, "child.mjs");
    await writeFile(file, await bundle(program));
    return await execute(file, options);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A program, as {@linkcode runChild} takes it, as one module that every runtime reads. */
export async function bundle(program: string | URL): Promise<string> {
  const { outputFiles } = await build({
    ...(typeof program === "string"
      ? {
        stdin: { contents: program, resolveDir: join(root, "tests"), loader: "ts", sourcefile: "child.ts" },
      }
      : { entryPoints: [fileURLToPath(program)] }),
    ...bundling,
    write: false,
  });
  return outputFiles[0]!.text;
}

function execute(file: string, options: ChildOptions): Promise<ChildResult> {
  const { args = [], descriptors, env, onOutput, signals = [], timeout = 15_000 } = options;
  const command = [process.execPath, ...runtimeArgs, file, ...args];
  // The hard limit too: a runtime raises the soft one as far as it may.
  if (descriptors !== undefined) command.unshift("sh", "-c", `ulimit -n ${descriptors}; exec "$@"`, "sh");
  const child = spawn(command[0]!, command.slice(1), {
    env: { ...plainEnv(), ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  let lastOutput = performance.now();
  let seen = 0;
  const waiting = [...signals];
  return new Promise((resolve, reject) => {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      child.kill("SIGKILL");
    }, timeout);
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
      lastOutput = performance.now();
      for (let next = waiting[0]; next !== undefined; next = waiting[0]) {
        const at = stdout.indexOf(next.after, seen);
        if (at < 0) break;
        seen = at + next.after.length;
        waiting.shift();
        // Not `child.kill`: on Deno a process that was sent a signal this way counts as ended by it, whatever it does.
        process.kill(child.pid!, next.signal);
      }
      onOutput?.(stdout, child);
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
      lastOutput = performance.now();
    });
    let exited = 0;
    child.once("exit", () => exited = performance.now());
    child.once("error", (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.once("close", (code, signal) => {
      clearTimeout(timer);
      if (late) {
        reject(new Error(`The child process has not ended within ${timeout} ms\n${stdout}\n${stderr}`));
      } else if (waiting.length > 0) {
        reject(new Error(`The child process has never said "${waiting[0]!.after}"\n${stdout}\n${stderr}`));
      } else {
        const lines = stdout.split("\n").filter((line) => line !== "");
        resolve({ code, signal, stdout, stderr, lines, lingered: Math.max(0, exited - lastOutput) });
      }
    });
  });
}

/** What goes before the file that this runtime is to run. */
export const runtimeArgs: readonly string[] = runtime === "deno" ? ["run", "-A", "--no-config"] : [];

const root: string = fileURLToPath(new URL("../..", import.meta.url));

/** How sources become JavaScript that every runtime reads. */
export const bundling: BuildOptions = {
  tsconfig: join(root, "tsconfig.json"),
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node20",
  // What packages of CommonJS ask for is a built-in module.
  banner: {
    js:
      'import { createRequire as requireOf } from "node:module"; const require = requireOf(import.meta.url);',
  },
  logLevel: "silent",
};
