import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { randomOf, seed } from "../eventmesh/wire/frames.ts";
import { bundle, runtimeArgs } from "../support/child.ts";
import { runtime } from "../support/env.ts";
import { type RunningChild, startChild } from "../support/running_child.ts";
import { until } from "../support/until.ts";
import { type Killed, verdictOf } from "./verdict.ts";

/** Children in all, and how many of them at a time. */
const children = 20;
const abreast = 3;
/** The first signal comes in the first so many steps: most of them are traffic, some the opening. */
const firstSteps = 40;
/** Lines that the child prints between a signal that has had its effect and the next one. */
const laterLines = 6;

const kinds = ["SIGINT", "SIGTERM"] as const;
let folder = "";
let program = "";

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "gracewire-signals-"));
  program = join(folder, "service.mjs");
  writeFileSync(program, await bundle(new URL("./programs/service.ts", import.meta.url)));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("a service that is sent signals at random", () => {
  it(`ends in order, whenever they come (SEED=${seed})`, { timeout: 120_000 }, async () => {
    const random = randomOf(seed);
    const plans = Array.from({ length: children }, (_, number): Plan => ({
      number,
      print: random(4) === 0,
      at: random(firstSteps + 1),
      signals: Array.from({ length: 1 + random(3) }, () => ({
        name: kinds[random(2)]!,
        later: random(laterLines + 1),
      })),
    }));
    const waiting = [...plans];
    const ends: Killed[] = [];
    const work = async (): Promise<void> => {
      for (let plan = waiting.shift(); plan !== undefined; plan = waiting.shift()) {
        ends.push(await kill(plan));
      }
    };
    await Promise.all(Array.from({ length: abreast }, work));
    const counts = new Map<string, number>();
    for (const end of ends) {
      const verdict = verdictOf(end);
      counts.set(verdict, (counts.get(verdict) ?? 0) + 1);
    }
    console.log(
      `signals on ${runtime}, seed ${seed}: ${ends.length} children, ` +
        [...counts].map(([verdict, count]) => `${count} ${verdict}`).sort().join(", "),
    );
    expect(ends.length).toBe(children);
  });
});

/** When a child gets what. */
interface Plan {
  readonly number: number;
  readonly print: boolean;
  /** The step before the first signal; 0 is as soon as main has begun. */
  readonly at: number;
  readonly signals: readonly { readonly name: "SIGINT" | "SIGTERM"; readonly later: number }[];
}

async function kill({ number, print, at, signals }: Plan): Promise<Killed> {
  const path = join(folder, `${number}.sock`);
  const args = [...runtimeArgs, program, path, print ? "print" : "report"];
  const child = startChild(process.execPath, args, { timeout: 60_000 });
  const sent: string[] = [];
  const lines = (): number => child.stdout.split("\n").length;
  // What a signal does is seen in the output; the next one of the same kind would be lost before that.
  const effects = [at === 0 ? "begun\n" : `step ${at}\n`, "draining ", "stop "];
  for (const [index, { name, later }] of signals.entries()) {
    await reaches(child, () => child.stdout.includes(effects[index]!));
    const seen = lines();
    if (index > 0) await reaches(child, () => lines() >= seen + later);
    if (!child.running) break;
    sent.push(name);
    send(child, name);
  }
  const end = await child.ended;
  return { ...end, print, sent, left: existsSync(path), number };
}

/** Waits until something is so, or the child has ended. */
async function reaches(child: RunningChild, condition: () => boolean): Promise<void> {
  await until(() => condition() || !child.running, {
    timeout: 45_000,
    what: () => `a line of the child, after:\n${child.stdout}\n${child.stderr}`,
  });
}

function send(child: RunningChild, name: "SIGINT" | "SIGTERM"): void {
  try {
    child.send(name);
  } catch (error) {
    // It has ended in this very moment.
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
