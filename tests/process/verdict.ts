import { constants } from "node:os";
import { expect } from "vitest";
import type { ChildEnd } from "../support/running_child.ts";

/** A child that was sent signals, and how it ended. */
export interface Killed extends ChildEnd {
  readonly number: number;
  /** The report was left to `run`. */
  readonly print: boolean;
  /** The signals that were sent, in their order; the last ones may have come too late. */
  readonly sent: readonly string[];
  /** The path of its socket is still there. */
  readonly left: boolean;
}

/** What a child says of its end. */
interface Result {
  readonly farewell: {
    readonly outcome: string;
    readonly cause: string;
    readonly reason: { readonly name: string; readonly message: string };
    readonly residue: Readonly<Record<string, number>>;
    readonly childCount: number;
    readonly connections: Readonly<Record<string, number>>;
    readonly hooks: readonly { readonly ended: string }[];
  };
  readonly error?: string;
  readonly signal: string;
  readonly exitCode: number;
}

/** Checks the end of a child, and says in a word what it was. */
export function verdictOf(killed: Killed): string {
  try {
    return judge(killed);
  } catch (error) {
    const { number, sent, code, signal, stdout, stderr } = killed;
    const how = `child ${number}, sent ${sent.join(" ")}, ended with code ${code}, signal ${signal}`;
    throw new Error(`${how}:\n${stdout}\n--- stderr:\n${stderr}`, { cause: error });
  }
}

function judge(killed: Killed): string {
  const lines = killed.stdout.split("\n").filter((line) => line !== "");
  const owned = named(lines, "owned ");
  const freed = named(lines, "freed ");
  const order = [...owned].reverse();
  expect(named(lines, "draining "), "the first signal").toEqual([killed.sent[0]]);
  expect(lines.filter((line) => line.startsWith("stop ")).length).toBeLessThanOrEqual(1);
  if (lines.at(-1) !== "over, listeners: 0") return third(killed, freed, order);
  // Its handlers are gone by then.
  const late = killed.signal !== null;
  // Of two that were on their way when the end took them away, either.
  if (late) expect(killed.sent.slice(1), "the signal that came late").toContain(killed.signal);
  // A hook that came too late was run at once, and not owned.
  expect(freed.filter((name) => owned.includes(name)), "what was freed").toEqual(order);
  expect(killed.left, "the path of the socket is left").toBe(false);
  const outcome = killed.print ? printed(killed, late) : reported(killed, late, lines);
  return late ? `${outcome} and hit once more after that` : outcome;
}

/** The third signal has its default effect, wherever the end stands; any other that comes when all is done has it too. */
function third(
  { sent, code, signal, stderr }: Killed,
  freed: readonly string[],
  order: readonly string[],
): string {
  expect(sent.length === 3 || freed.length === order.length, "signals").toBe(true);
  const later = sent.slice(1).some((name) => signal === name || code === codeOf(name));
  expect(later, `${code} ${signal}`).toBe(true);
  expect(freed, "what was freed").toEqual(order.slice(0, freed.length));
  expect(stderr).toBe("");
  return "killed";
}

function reported({ code, sent, stderr }: Killed, late: boolean, lines: readonly string[]): string {
  expect(stderr).toBe("");
  const results = named(lines, "result ");
  expect(results.length, "reports").toBe(1);
  const { farewell, error, signal, exitCode } = JSON.parse(results[0]!) as Result;
  expect({ error, signal }).toEqual({ error: undefined, signal: sent[0] });
  if (!late) expect(code).toBe(exitCode);
  expect(farewell).toMatchObject({
    cause: "aborted",
    reason: { name: "ProcessSignalError", message: `The process received ${sent[0]}` },
    residue: { sockets: 0, timers: 0, listeners: 0 },
  });
  const { outcome } = farewell;
  // Who was told once, and had opened everything, has lost nothing.
  if (sent.length === 1 && lines.includes("owned fifth")) expect(outcome, results[0]).toBe("clean");
  expect(farewell.childCount, "children").toBe(lines.filter((line) => line === "child").length);
  expect(exitCode).toBe(outcome === "failed" ? 1 : codeOf(sent[0]!));
  if (outcome === "failed") {
    // A hook may not stop when it is cut, and a stream that is cut or not made may be lost to its other end.
    const forced = lines.includes(`stop ${sent[1]}`);
    const cut = farewell.hooks.some(({ ended }) => ended === "timeout");
    expect((forced && cut) || farewell.connections["lost"]! > 0, results[0]).toBe(true);
  }
  if (outcome === "forced") expect(sent.length, "signals of a forced end").toBeGreaterThan(1);
  return outcome;
}

/** Nothing on stderr but the Farewell of an end that was not clean. */
function printed({ code, sent, stderr }: Killed, late: boolean): string {
  if (stderr === "") {
    if (!late) expect(code).toBe(codeOf(sent[0]!));
    return "clean";
  }
  const outcome = /^main: (forced|failed) in /.exec(stderr)?.[1];
  expect(outcome, stderr).not.toBe(undefined);
  expect(stderr, "unhandled errors").not.toMatch(/^\s+at |Uncaught|Unhandled|warning/im);
  if (!late) expect(code).toBe(outcome === "failed" ? 1 : codeOf(sent[0]!));
  return outcome!;
}

function named(lines: readonly string[], prefix: string): string[] {
  return lines.filter((line) => line.startsWith(prefix)).map((line) => line.slice(prefix.length));
}

function codeOf(name: string): number {
  return 128 + constants.signals[name as NodeJS.Signals];
}
