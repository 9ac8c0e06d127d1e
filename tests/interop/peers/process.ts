import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import process from "node:process";
import { plainEnv } from "../../support/plain_env.ts";
import { until } from "../../support/until.ts";

/** A command, and where it runs. */
export interface Command {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>> | undefined;
}

/** How a process ended. */
export interface PeerEnd {
  /** Its exit code; null when a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** What {@linkcode startProcess} takes. */
export interface ProcessOptions extends Command {
  /** What it is called in messages. */
  readonly name: string;
  /** Its working folder, which is there already. It is removed when this process dies before its peer. */
  readonly folder: string;
  /** Whether the peer reads what {@linkcode PeerProcess.type} writes. @default {false} */
  readonly input?: boolean | undefined;
}

/**
 * Starts a process that cannot be left behind: when this process ends, however it does, a guard kills the peer and all
 * that the peer has started. Needs a POSIX shell.
 */
export function startProcess(options: ProcessOptions): PeerProcess {
  return new PeerProcess(options);
}

/** The peers that run, for whoever shows what they say. */
export const runningPeers: ReadonlySet<PeerProcess> = new Set();

/**
 * The guard is a fork of the shell that becomes the peer, in the same process group. It ends with the pipe that is its
 * standard input, which nobody but this process holds open; then it kills the group, itself included. It touches the
 * folder only if the peer was still there: after an end of the peer the folder may be wanted for its next life.
 */
const guard = `
folder=$1 input=$2; shift 2
exec 3<&0
{ cat <&3 >"$input"; kill -s KILL $$ && rm -rf "$folder"; kill -s KILL -- -$$; } >/dev/null 2>&1 &
exec "$@" <"$input" 3<&-
`;

/** One life of a peer. */
export class PeerProcess {
  readonly name: string;
  readonly pid: number;
  /** All it has said. */
  stdout = "";
  stderr = "";
  /** Resolves with the end of the process and of its output; rejects if it could not be started. */
  readonly ended: Promise<PeerEnd>;
  readonly #child: ChildProcess;
  readonly #heard: Set<() => void> = new Set();
  #running = true;

  constructor({ name, folder, command, args, env, input = false }: ProcessOptions) {
    this.name = name;
    // A pipe with a name, as standard input belongs to the guard.
    const pipe = input ? `${folder}/input` : "/dev/null";
    const prepare = input ? `[ -p "$2" ] || mkfifo "$2" || exit 1` : ":";
    this.#child = spawn("sh", ["-c", `${prepare}\n${guard}`, name, folder, pipe, command, ...args], {
      cwd: folder,
      env: { ...plainEnv(), ...env },
      detached: true,
      stdio: "pipe",
    });
    this.pid = this.#child.pid ?? 0;
    const { stdin, stdout, stderr } = this.#child;
    stdout!.setEncoding("utf8").on("data", (text: string) => this.#hear(() => this.stdout += text));
    stderr!.setEncoding("utf8").on("data", (text: string) => this.#hear(() => this.stderr += text));
    stdin!.on("error", () => {}); // The guard may be gone.
    running.add(this);
    this.ended = this.#end();
    this.ended.catch(() => {});
  }

  get running(): boolean {
    return this.#running;
  }

  /** The last lines that it has said, for people. */
  get said(): string {
    const tail = (title: string, text: string): string => {
      // Of a stack of Java, the frames that tell nothing about the peer.
      const lines = text.trimEnd().split("\n").filter((line) =>
        !/^\tat (java|io\.netty|.*remoting)/.test(line)
      );
      return text === "" ? "" : `--- ${this.name}, ${title} ---\n${lines.slice(-80).join("\n")}\n`;
    };
    return tail("standard output", this.stdout) + tail("standard error", this.stderr);
  }

  /**
   * Waits until it has said something, on either stream: whole lines are searched from the beginning. Rejects with its
   * output when it ends without, or after `timeout` ms.
   *
   * @param timeout Milliseconds. @default {60_000}
   */
  says(pattern: RegExp, timeout = 60_000): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const settle = (act: () => void): void => {
        clearTimeout(timer);
        this.#heard.delete(look);
        act();
      };
      const look = (): void => {
        const found = pattern.exec(this.stdout) ?? pattern.exec(this.stderr);
        if (found !== null) settle(() => resolve(found));
      };
      const fail = (what: string): void =>
        settle(() => reject(new Error(`${this.name} ${what} without saying ${pattern}\n${this.said}`)));
      const timer = setTimeout(() => fail(`has run for ${timeout} ms`), timeout);
      this.#heard.add(look);
      this.ended.then(() => fail("has ended"), () => fail("could not be started"));
      look();
    });
  }

  /** Writes to its standard input. */
  type(text: string): void {
    this.#child.stdin!.write(text);
  }

  /** Sends it a signal, and does not wait for what comes of it. */
  send(signal: NodeJS.Signals): void {
    // Not `kill` of the child: on Deno a process that was sent a signal that way counts as ended by it.
    if (this.#running) process.kill(this.pid, signal);
  }

  /**
   * Sends it a signal that ends it, and waits for its end. SIGKILL ends all it has started too.
   *
   * @param signal Signal to send. @default {"SIGKILL"}
   */
  async kill(signal: NodeJS.Signals = "SIGKILL"): Promise<PeerEnd> {
    if (signal === "SIGKILL") this.#killGroup();
    else this.send(signal);
    return await this.ended;
  }

  /** Stops it in the midst of what it does: it neither reads nor answers, and its sockets stay open. */
  async freeze(): Promise<void> {
    this.send("SIGSTOP");
    if (process.platform !== "linux") return;
    await until(() => /^\d+ \(.*\) [Tt]/s.test(readFileSync(`/proc/${this.pid}/stat`, "utf8")), {
      what: `${this.name} to be frozen`,
    });
  }

  /** Lets it go on after {@linkcode freeze}. */
  thaw(): void {
    this.send("SIGCONT");
  }

  #hear(take: () => void): void {
    take();
    for (const look of [...this.#heard]) look();
  }

  #end(): Promise<PeerEnd> {
    return new Promise((resolve, reject) => {
      const settle = (act: () => void): void => {
        this.#running = false;
        running.delete(this);
        act();
      };
      // What it has started may hold its output open; and the guard is to go.
      this.#child.once("exit", () => this.#killGroup());
      this.#child.once("error", (error) => settle(() => reject(error)));
      this.#child.once("close", (code, signal) => settle(() => resolve({ code, signal })));
    });
  }

  #killGroup(): void {
    if (this.pid === 0) return;
    try {
      process.kill(-this.pid, "SIGKILL");
    } catch {
      // Nothing of it is left.
    }
  }
}

const running: Set<PeerProcess> = runningPeers as Set<PeerProcess>;
