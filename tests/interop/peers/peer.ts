import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "../../support/until.ts";
import { freePorts } from "./ports.ts";
import { type Command, type PeerEnd, type PeerProcess, startProcess } from "./process.ts";

/** How a peer is started. */
export interface PeerPlan {
  /** What it is called in messages. */
  readonly name: string;
  /** How many ports it needs. @default {0} */
  readonly ports?: number | undefined;
  /** Makes its command, and writes what it needs into its folder. Called for the first life only. */
  command(ports: readonly number[], folder: string): Command | Promise<Command>;
  /** What it says when it is ready. */
  readonly ready: RegExp;
  /** How many of its ports, from the first, take connections then: some say that they are ready a little earlier. */
  readonly listening?: number | undefined;
  /** Whether it reads its standard input. @default {false} */
  readonly input?: boolean | undefined;
}

/**
 * Starts a peer on free ports in a temporary folder, and waits until it is ready. Rejects with all it has said when it
 * does not come up; then nothing of it is left.
 */
export async function startPeer(plan: PeerPlan): Promise<RunningPeer> {
  for (let attempt = 1;; attempt++) {
    const folder = await mkdtemp(join(tmpdir(), "gracewire-peer-"));
    try {
      const ports = await freePorts(plan.ports ?? 0);
      const command = await plan.command(ports, folder);
      return new RunningPeer(plan, ports, folder, command, await startLife(plan, ports, folder, command));
    } catch (error) {
      await remove(folder);
      // Somebody has taken a port since it was free.
      if (!(error instanceof Error && portTaken.test(error.message)) || attempt === 5) throw error;
    }
  }
}

/** A peer through all of its lives. */
export class RunningPeer {
  readonly ports: readonly number[];
  /** Its working folder, which its lives share. */
  readonly folder: string;
  /** Its present life, or the last one. */
  process: PeerProcess;
  readonly #plan: PeerPlan;
  readonly #command: Command;
  #stopped = false;

  constructor(
    plan: PeerPlan,
    ports: readonly number[],
    folder: string,
    command: Command,
    process: PeerProcess,
  ) {
    this.ports = ports;
    this.folder = folder;
    this.process = process;
    this.#plan = plan;
    this.#command = command;
  }

  /**
   * Ends its present life, and waits for that.
   *
   * @param signal Signal to send. @default {"SIGKILL"}
   */
  kill(signal?: NodeJS.Signals): Promise<PeerEnd> {
    return this.process.kill(signal);
  }

  /** Stops it in the midst of what it does. */
  freeze(): Promise<void> {
    return this.process.freeze();
  }

  /** Lets it go on. */
  thaw(): void {
    this.process.thaw();
  }

  /** Starts it again, on the same ports and with the same folder; kills it first if it runs. Resolves when it is ready. */
  async restart(): Promise<void> {
    await this.kill();
    for (let attempt = 1;; attempt++) {
      try {
        this.process = await startLife(this.#plan, this.ports, this.folder, this.#command);
        return;
      } catch (error) {
        if (!(error instanceof Error && portTaken.test(error.message)) || attempt === 5) throw error;
      }
    }
  }

  /** Kills it and removes its folder. */
  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    await this.kill();
    await remove(this.folder);
  }
}

/** What servers say whose port is taken. */
const portTaken = /address already in use|BindException|EADDRINUSE/i;

async function startLife(
  plan: PeerPlan,
  ports: readonly number[],
  folder: string,
  command: Command,
): Promise<PeerProcess> {
  const process = startProcess({ ...command, name: plan.name, folder, input: plan.input });
  try {
    await process.says(plan.ready);
    // Some say that they are ready in any case.
    if (portTaken.test(process.stdout + process.stderr)) throw new Error(`A port is taken\n${process.said}`);
    for (const port of ports.slice(0, plan.listening ?? 0)) {
      const what = (): string => `${plan.name} to listen on port ${port}\n${process.said}`;
      await until(async () => await isOpen(port) || !process.running, { timeout: 30_000, what });
    }
    return process;
  } catch (error) {
    await process.kill().catch(() => {});
    throw error;
  }
}

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    let open = false;
    const socket = connect(port, "127.0.0.1", () => {
      open = true;
      socket.destroy();
    });
    socket.once("error", () => {});
    socket.once("close", () => resolve(open));
  });
}

async function remove(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
}
