import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import { plainEnv } from "./plain_env.ts";
import { until } from "./until.ts";

/** How a child ended. */
export interface ChildEnd {
  /** Its exit code; null when a signal ended it. */
  readonly code: number | null;
  /** The signal that ended it; null when it exited. */
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** What {@linkcode startChild} takes. */
export interface StartOptions {
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** All of standard input; without it the input stays open, and `type` writes to it. */
  readonly input?: string | undefined;
  /** Milliseconds after which the child and all it has started are killed, and `ended` rejects. @default {15_000} */
  readonly timeout?: number | undefined;
}

/** Starts a command that the test talks to while it runs. Bounded in time; it leads a process group of its own. */
export function startChild(
  command: string,
  args: readonly string[],
  options: StartOptions = {},
): RunningChild {
  return new RunningChild(command, args, options);
}

/** A child process while it runs. */
export class RunningChild {
  stdout = "";
  stderr = "";
  /** Resolves with the end of the child and of its output; rejects when it has to be killed. */
  readonly ended: Promise<ChildEnd>;
  readonly #child: ChildProcess;
  #running = true;

  constructor(command: string, args: readonly string[], { env, input, timeout = 15_000 }: StartOptions) {
    this.#child = spawn(command, args, { env: { ...plainEnv(), ...env }, detached: true, stdio: "pipe" });
    const { stdin, stdout, stderr } = this.#child;
    stdout!.setEncoding("utf8").on("data", (text: string) => this.stdout += text);
    stderr!.setEncoding("utf8").on("data", (text: string) => this.stderr += text);
    // It may end before it has read everything.
    stdin!.on("error", () => {});
    if (input !== undefined) stdin!.end(input);
    this.ended = this.#end(timeout);
    this.ended.catch(() => {});
  }

  get running(): boolean {
    return this.#running;
  }

  /** Waits until its output, both streams one after the other, matches. */
  async says(pattern: RegExp): Promise<RegExpExecArray> {
    const find = (): RegExpExecArray | null => pattern.exec(this.stdout) ?? pattern.exec(this.stderr);
    await until(() => find() !== null || !this.#running, {
      timeout: 10_000,
      what: () => `${pattern} in:\n${this.#said}`,
    });
    const found = find();
    if (found === null) throw new Error(`It has ended without ${pattern}:\n${this.#said}`);
    return found;
  }

  /** Writes to its standard input. */
  type(text: string): void {
    this.#child.stdin!.write(text);
  }

  /** Sends a signal to the child alone. */
  send(signal: NodeJS.Signals): void {
    // Not `kill` of the child: on Deno a process that was sent a signal that way counts as ended by it.
    process.kill(this.#child.pid!, signal);
  }

  /** Kills it and all it has started. */
  kill(): void {
    try {
      process.kill(-this.#child.pid!, "SIGKILL");
    } catch {
      // Nothing of it is left.
    }
  }

  get #said(): string {
    return `${this.stdout}\n${this.stderr}`;
  }

  #end(timeout: number): Promise<ChildEnd> {
    return new Promise((resolve, reject) => {
      let late = false;
      const timer = setTimeout(() => {
        late = true;
        this.kill();
      }, timeout);
      const settle = (act: () => void): void => {
        clearTimeout(timer);
        this.#running = false;
        act();
      };
      this.#child.once("error", (error) => settle(() => reject(error)));
      this.#child.once("close", (code, signal) => {
        settle(() => {
          if (late) reject(new Error(`It has not ended within ${timeout} ms:\n${this.#said}`));
          else resolve({ code, signal, stdout: this.stdout, stderr: this.stderr });
        });
      });
    });
  }
}
