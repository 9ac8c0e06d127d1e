import { expect } from "vitest";
import { runChild } from "../support/child.ts";
import { runtime } from "../support/env.ts";
import type { Growth } from "./growth.ts";
import { kib, patience, tellFigures } from "./programs.ts";

/** Bytes that a heap may have grown by. */
const most = 1_048_576;

type Line = { readonly name: string; readonly listeners: number } & (Growth | { readonly median: number });

/** Runs a program that does things very often, and looks at what each has left behind. */
export async function expectFlat(program: string, ...names: string[]): Promise<void> {
  const url = new URL(`./programs/${program}.ts`, import.meta.url);
  const { code, lines, stderr } = await runChild(url, { timeout: patience });
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  const told = lines.map((line) => JSON.parse(line) as Line);
  const growths = told.filter((line) => "growth" in line);
  for (const { name, count, growth, later, rate } of growths) {
    const halves = { grown: kib(growth), "in the second half": kib(later), "in a second": rate };
    tellFigures(`${runtime}, ${count} ${name}`, halves);
  }
  for (const line of told) {
    if ("median" in line) tellFigures(`${runtime}, ${line.name}`, { "median ms": line.median });
  }
  expect(growths.map(({ count, name }) => `${count} ${name}`)).toEqual(names);
  for (const { growth, name, sockets } of growths) {
    expect(growth, `bytes kept after ${name}`).toBeLessThan(most);
    expect(sockets, `sockets kept after ${name}`).toBeLessThanOrEqual(0);
  }
  expect(told.map(({ listeners }) => listeners), "listeners on the signal").toEqual(told.map(() => 0));
}
