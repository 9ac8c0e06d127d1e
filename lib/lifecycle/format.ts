import type { Farewell } from "./farewell.ts";
import { plainValue } from "./plain.ts";

/**
 * Prints a Farewell as a timeline that people read.
 *
 * @example
 * ```ts
 * import { createScope, formatFarewell } from "gracewire/lifecycle";
 *
 * const scope = createScope();
 * console.log(formatFarewell(await scope.goodbye()));
 * ```
 */
export function formatFarewell(farewell: Farewell): string {
  return lines(farewell, "").join("\n");
}

function lines(farewell: Farewell, indent: string): string[] {
  const { name, outcome, cause, reason, duration } = farewell;
  const why = reason === undefined ? cause : `${cause}: ${oneLine(reason)}`;
  const out = [`${indent}${name}: ${outcome} in ${ms(duration)} (${why})`];
  for (const { phase, at, duration: took, budget, ended, reason: cutBy } of farewell.phases) {
    const mark = ended === "done"
      ? ""
      : ended === "deadline"
      ? "  deadline passed"
      : `  cut: ${oneLine(cutBy)}`;
    const limit = budget > 0 ? ` of ${ms(budget)}` : "";
    out.push(`${indent}  +${ms(at).padEnd(8)} ${phase.padEnd(9)} ${ms(took)}${limit}${mark}`);
  }
  for (const [title, counts] of ledger(farewell)) {
    const shown = Object.entries(counts).filter(([, count]) => count > 0);
    if (shown.length === 0) continue;
    out.push(`${indent}  ${title.padEnd(11)} ${shown.map(([key, count]) => `${count} ${key}`).join(", ")}`);
  }
  for (const hook of farewell.hooks) {
    out.push(`${indent}  hook        ${hook.name}: ${hook.ended} in ${ms(hook.duration)}`);
  }
  if (farewell.hooksDropped > 0) out.push(`${indent}  hook        ${farewell.hooksDropped} more`);
  for (const error of farewell.errors) out.push(`${indent}  error       ${oneLine(error)}`);
  if (farewell.errorsDropped > 0) out.push(`${indent}  error       ${farewell.errorsDropped} more`);
  if (farewell.childCount > 0) {
    const rest = farewell.childCount - farewell.children.length;
    out.push(`${indent}  children    ${farewell.childCount}, ${rest} of them clean`);
  }
  for (const child of farewell.children) out.push(...lines(child, `${indent}    `));
  return out;
}

function ledger(farewell: Farewell): [string, Record<string, number>][] {
  const { operations, messages, connections, residue } = farewell;
  return [
    ["operations", { ...operations }],
    ["messages", { ...messages }],
    ["connections", { ...connections }],
    ["still held", { ...residue }],
  ];
}

function ms(value: number): string {
  return value >= 10_000 ? `${(value / 1_000).toFixed(1)} s` : `${value.toFixed(value < 10 ? 1 : 0)} ms`;
}

function oneLine(value: unknown): string {
  const plain = plainValue(value);
  const text = isErrorShaped(plain)
    ? `${textOf(plain.name)}: ${textOf(plain.message)}${causeOf(plain.cause)}`
    : textOf(plain);
  return text.replaceAll(/\s*[\r\n]+\s*/g, " ");
}

function causeOf(cause: unknown): string {
  if (cause === undefined) return "";
  return ` (${isErrorShaped(cause) ? textOf(cause.message) : textOf(cause)})`;
}

function textOf(plain: unknown): string {
  return typeof plain === "string" ? plain : JSON.stringify(plain) ?? String(plain);
}

/** What a plain value makes of an error. */
function isErrorShaped(plain: unknown): plain is { name: unknown; message: unknown; cause?: unknown } {
  return typeof plain === "object" && plain !== null && "name" in plain && "message" in plain;
}
