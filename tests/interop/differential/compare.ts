import { type Pair, rules } from "./rules.ts";
import { show, type Transcript } from "./transcript.ts";

/** What two servers did to one script, where it is not the same. */
export interface Difference {
  readonly script: string;
  /** What of the script it is about. */
  readonly label: string;
  readonly runtime: string;
  readonly ours: string;
}

/** The result of a comparison. */
export interface Comparison {
  readonly differences: readonly Difference[];
  /** The rules that were needed, with the number of scripts. */
  readonly rules: ReadonlyMap<string, number>;
}

/** Compares what two servers answered to the same scripts, with differences everywhere taken out by their rules. */
export function compare(
  runtime: ReadonlyMap<string, Transcript>,
  ours: ReadonlyMap<string, Transcript>,
): Comparison {
  const needed = new Map<string, number>();
  const differences: Difference[] = [];
  for (const [script, transcript] of runtime) {
    let pair: Pair = { runtime: transcript, ours: ours.get(script)! };
    for (const [name, rule] of Object.entries(rules)) {
      const result = rule(pair);
      if (result === undefined) continue;
      pair = result;
      needed.set(name, (needed.get(name) ?? 0) + 1);
    }
    const [theirs, own] = [outcomes(pair.runtime), outcomes(pair.ours)];
    for (const label of new Set([...theirs.keys(), ...own.keys()])) {
      const [runtime, ours] = [theirs.get(label) ?? "nothing", own.get(label) ?? "nothing"];
      if (runtime !== ours) differences.push({ script, label, runtime, ours });
    }
  }
  return { differences, rules: needed };
}

function outcomes({ answers, ends }: Transcript): Map<string, string> {
  const all = new Map<string, string>();
  for (const [label, list] of answers) all.set(label, list.map(show).join(" + ") || "nothing");
  for (const [label, end] of ends) all.set(label, end);
  return all;
}
