// What the command line says beside the runtimes.
import process from "node:process";
import { fail } from "./actors.mjs";

/** In the order in which they are shown. */
const usual = ["gracewire", "tuned", "naive", "raw"];

/**
 * - `--only=TEXT`: what has this in its title.
 * - `--systems=NAME,...`: these only, and `CLIENT@SERVER` too; ratios are to the first. Without Java.
 * - `--rounds=N`, `--slice=MS`: how often, and for how long.
 * - `--write`: writes the tables into the documentation, if they are all there.
 */
export function readOptions() {
  const given = new Map();
  for (const word of process.argv.slice(2).filter((word) => word.startsWith("-"))) {
    const [, name, value = ""] = /^--(only|systems|rounds|slice|write)(?:=(.+))?$/.exec(word) ??
      fail(`expected --only=, --systems=, --rounds=, --slice= or --write, got "${word}"`);
    given.set(name, value);
  }
  const options = {
    only: given.get("only") ?? "",
    systems: given.get("systems")?.split(",") ?? usual,
    named: given.has("systems"),
    rounds: count("rounds", given.get("rounds") ?? 6),
    slice: count("slice", given.get("slice") ?? 200),
    warmUp: 5,
    write: given.has("write"),
  };
  if (options.write && (options.named || options.only !== "")) {
    fail("expected --write with all systems and titles");
  }
  return options;
}

function count(name, value) {
  const number = Number(value);
  return Number.isInteger(number) && number > 0
    ? number
    : fail(`expected a number for --${name}, got "${value}"`);
}
