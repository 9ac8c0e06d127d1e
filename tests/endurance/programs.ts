import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { afterAll, beforeAll } from "vitest";
import { bundle, runtimeArgs } from "../support/child.ts";
import { type RunningChild, startChild } from "../support/running_child.ts";
import { until } from "../support/until.ts";
import { honestMemory } from "./memory.ts";

/** Milliseconds for a program, on a machine that has a lot else to do. */
export const patience = 280_000;

/** A program of the folder `programs` that carries out commands. */
export class Servant {
  readonly #child: RunningChild;
  #read = 0;

  constructor(child: RunningChild) {
    this.#child = child;
  }

  /** The next line that it says. */
  async line(): Promise<string> {
    let end = -1;
    await until(() => {
      end = this.#child.stdout.indexOf("\n", this.#read);
      return end >= 0 || !this.#child.running;
    }, { timeout: patience, what: () => `a line after:\n${this.#child.stdout}\n${this.#child.stderr}` });
    if (end < 0) throw new Error(`It has ended:\n${this.#child.stdout}\n${this.#child.stderr}`);
    const line = this.#child.stdout.slice(this.#read, end);
    this.#read = end + 1;
    return line;
  }

  /** Gives it a command, and takes its answer. */
  async ask<T>(command: string): Promise<T> {
    this.#child.type(`${command}\n`);
    const line = await this.line();
    return JSON.parse(line.slice(line.indexOf(":") + 1)) as T;
  }

  /** Lets it end, and looks if it does so in order. */
  async dismiss(): Promise<void> {
    this.#child.type("end\n");
    const { code, stderr } = await this.#child.ended;
    if (code !== 0 || stderr !== "") throw new Error(`It has ended with ${code}:\n${stderr}`);
  }
}

/** The programs that a test file talks to, bundled once. None outlives the file. */
export function usePrograms(...names: string[]): (name: string, ...args: string[]) => Servant {
  const folder = mkdtempSync(join(tmpdir(), "gracewire-endurance-"));
  const children: RunningChild[] = [];
  beforeAll(async () => {
    for (const name of names) {
      const code = await bundle(new URL(`./programs/${name}.ts`, import.meta.url));
      writeFileSync(join(folder, `${name}.mjs`), code);
    }
  });
  afterAll(() => {
    for (const child of children) if (child.running) child.kill();
    rmSync(folder, { recursive: true, force: true });
  });
  return (name, ...args) => {
    const command = [...runtimeArgs, join(folder, `${name}.mjs`), ...args];
    const child = startChild(process.execPath, command, { env: honestMemory, timeout: patience });
    children.push(child);
    return new Servant(child);
  };
}

/** Prints one line of figures. */
export function tellFigures(what: string, figures: Readonly<Record<string, string | number>>): void {
  const list = Object.entries(figures).map(([name, value]) => `${name} ${value}`);
  console.log(`endurance: ${what}: ${list.join(", ")}`);
}

/** Bytes as kibibytes, for people. */
export function kib(bytes: number): string {
  return `${Math.round(bytes / 1_024)} KiB`;
}
