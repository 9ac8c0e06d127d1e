import type { Difference } from "./compare.ts";
import type { Forecast } from "./line.ts";
import type { Transcript } from "./transcript.ts";

/** A row of the list: scripts that show the same difference. */
export interface Row {
  readonly scripts: readonly string[];
  /** What the runtime does, by label; `…` stands for any text. */
  readonly runtime: ReadonlyMap<string, string>;
  /** What our broker does. */
  readonly ours: ReadonlyMap<string, string>;
  readonly reason: string;
}

/** The list of differences, as the documentation has it. */
export interface Listed {
  /** Differences everywhere, with their reasons. */
  readonly rules: ReadonlyMap<string, string>;
  readonly rows: readonly Row[];
}

/**
 * Reads the two tables of a document: rules have two columns, `rule` and text; rows have four: scripts, what the runtime
 * does, what our broker does, and why. Scripts and what is done are code, one below the other.
 */
export function readListed(document: string): Listed {
  const rules = new Map<string, string>();
  const rows: Row[] = [];
  for (const line of document.split("\n")) {
    if (!line.startsWith("|")) continue;
    const cells = line.split(/(?<!\\)\|/).slice(1, -1).map((cell) => cell.trim());
    const [first = "", second = "", third = "", reason = ""] = cells;
    if (!first.startsWith("`")) continue;
    if (cells.length === 2) rules.set(codes(first)[0]!, second);
    else rows.push({ scripts: codes(first), runtime: outcomes(second), ours: outcomes(third), reason });
  }
  return { rules, rows };
}

/** What is wrong with a list: what it does not say, and what it says in vain. */
export function disagreements(
  listed: Listed,
  found: readonly Difference[],
  rules: ReadonlyMap<string, number>,
): string[] {
  const wrong: string[] = [];
  const needless = new Set(listed.rows.flatMap((row) => entriesOf(row)));
  for (const difference of found) {
    const { label, ours, runtime, script } = difference;
    const fits = listed.rows.filter((row) =>
      row.scripts.includes(script) && matches(row.runtime.get(label), runtime) &&
      matches(row.ours.get(label), ours)
    );
    for (const row of fits) needless.delete(entry(row, script, label));
    if (fits.length === 0) {
      wrong.push(`Not listed: ${script}\n  runtime ${label}: ${runtime}\n  ours    ${label}: ${ours}`);
    }
  }
  for (const key of needless) wrong.push(`Listed, and not so: ${key}`);
  for (const name of listed.rules.keys()) if (!rules.has(name)) wrong.push(`Listed, and nowhere so: ${name}`);
  for (const name of rules.keys()) if (!listed.rules.has(name)) wrong.push(`Not listed: the rule ${name}`);
  return wrong;
}

/** What the runtime will do if it does what our broker has done, but for the differences on the list. */
export function forecast(
  listed: Listed,
  ours: ReadonlyMap<string, Transcript>,
): (script: string) => Forecast {
  return (script) => {
    const { answers, ends } = ours.get(script)!;
    const told = (label: string): string | undefined =>
      listed.rows.find((row) => row.scripts.includes(script) && row.runtime.has(label))?.runtime.get(label);
    return {
      answers(label) {
        const outcome = told(label);
        if (outcome === undefined) return answers.get(label)?.length ?? 0;
        return outcome === "nothing" ? 0 : outcome.split(" + ").length;
      },
      ends: (label) => (told(label) ?? ends.get(label)) !== "open",
    };
  };
}

function entriesOf(row: Row): string[] {
  const labels = new Set([...row.runtime.keys(), ...row.ours.keys()]);
  return row.scripts.flatMap((script) => [...labels].map((label) => entry(row, script, label)));
}

function entry(row: Row, script: string, label: string): string {
  return `${script}, ${label}: ${row.runtime.get(label)} / ${row.ours.get(label)}`;
}

function matches(pattern: string | undefined, outcome: string): boolean {
  if (pattern === undefined) return false;
  const parts = pattern.split("…").map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"));
  return new RegExp(`^${parts.join("[^]*")}$`).test(outcome);
}

function outcomes(cell: string): Map<string, string> {
  return new Map(
    codes(cell).map((code) => {
      const at = code.indexOf(": ");
      return [code.slice(0, at), code.slice(at + 2)];
    }),
  );
}

function codes(cell: string): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, code]) => code!.replaceAll("\\|", "|"));
}
