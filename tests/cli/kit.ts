import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { afterAll, afterEach, beforeAll } from "vitest";
import { bundle, runtimeArgs } from "../support/child.ts";
import { type ChildEnd, type RunningChild, startChild, type StartOptions } from "../support/running_child.ts";

/** The command line as children of the tests of a file. */
export interface CommandLine {
  /** Starts `gracewire` with these arguments. */
  start(args: readonly string[], options?: StartOptions): RunningChild;
  /** Runs it to its end, with nothing on standard input unless told otherwise. */
  run(args: readonly string[], options?: StartOptions): Promise<ChildEnd>;
  /** Starts a shell script in which `gracewire` is the command line. */
  shell(script: string, options?: StartOptions): RunningChild;
  /** Starts it on a terminal of its own. What it writes is on its stdout, what is typed goes to the terminal. */
  terminal(args: readonly string[]): RunningChild;
}

/** Whether there is a `script` that makes terminals (util-linux); a test without it says so in its name. */
export const hasTerminals: boolean =
  spawnSync("script", ["-qec", "true", "/dev/null"], { stdio: "ignore" }).status === 0;

/** The command line, bundled once for a test file. No child outlives its test, and none may end by `process.exit`. */
export function useCommandLine(): CommandLine {
  const folder = mkdtempSync(join(tmpdir(), "gracewire-cli-"));
  const file = join(folder, "main.mjs");
  const children: RunningChild[] = [];
  const add = (child: RunningChild): RunningChild => {
    children.push(child);
    return child;
  };
  const command = [process.execPath, ...runtimeArgs, file].map(quoted).join(" ");

  beforeAll(async () => {
    const code = await bundle(new URL("../../lib/cli/main.ts", import.meta.url));
    writeFileSync(file, `process.exit = () => { throw new Error("process.exit was called"); };\n${code}`);
  });
  afterEach(async () => {
    const left = children.splice(0).filter((child) => child.running);
    for (const child of left) child.kill();
    await Promise.allSettled(left.map((child) => child.ended));
    if (left.length > 0) throw new Error(`${left.length} children were left running`);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const start: CommandLine["start"] = (args, options) =>
    add(startChild(process.execPath, [...runtimeArgs, file, ...args], options));
  return {
    start,
    run: (args, options) => start(args, { input: "", ...options }).ended,
    shell: (script, options) =>
      add(startChild("sh", ["-c", `gracewire() { ${command} "$@"; }\n${script}`], { input: "", ...options })),
    terminal: (args) =>
      add(startChild("script", ["-qec", `${command} ${args.map(quoted).join(" ")}`, "/dev/null"])),
  };
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

/** A server that is none; gone at the end of the test. */
export interface BadServer extends AsyncDisposable {
  readonly url: string;
  close(): Promise<void>;
}

/** Starts a server that does this with every connection. */
export async function startBadServer(treat: (socket: Socket) => void): Promise<BadServer> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {}).on("close", () => sockets.delete(socket));
    socket.resume();
    treat(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  const close = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  };
  return { url: `eventmesh://127.0.0.1:${port}`, close, [Symbol.asyncDispose]: close };
}
