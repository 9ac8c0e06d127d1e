import { describe, expect, it } from "vitest";
import { readArguments } from "../../lib/cli/arguments.ts";
import { commands } from "../../lib/cli/commands/mod.ts";

const printed = (...args: string[]): string => {
  const invocation = readArguments(args, commands);
  return invocation.kind === "print" ? invocation.text : "";
};
const names = commands.map(({ name }) => name);

describe("help", () => {
  it.each([[["--help"]], ...names.map((name) => [[name, "--help"]])])(
    "%j fits a screen of 80 columns and 24 lines",
    (args) => {
      const lines = printed(...args).split("\n");
      expect(lines.length).toBeGreaterThan(3);
      // The prompt of the shell takes a line too.
      expect(lines.length).toBeLessThan(24);
      expect(lines.filter((line) => line.length > 80)).toEqual([]);
      expect(lines.filter((line) => line !== line.trimEnd())).toEqual([]);
    },
  );

  it("of the program is printed without a command too, and names every command and exit code", () => {
    const text = printed();
    for (const args of [["--help"], ["-h"], ["help"], ["help", "--help"]]) {
      expect(printed(...args)).toBe(text);
    }
    for (const { name, summary } of commands) {
      expect(text).toMatch(new RegExp(`^  ${name} +${summary}$`, "m"));
    }
    expect(text).toContain("Exit code: 0 done, 1 failed, 2 called in a wrong way, 130 SIGINT, 143 SIGTERM.");
  });

  it.each(names)("of %s names every option and shows an example that it accepts", (name) => {
    const { example, flags, usage } = commands.find((command) => command.name === name)!;
    const text = printed(name, "--help");
    for (const args of [[name, "-h"], ["help", name], ["--help", name], [name, "word", "--help"]]) {
      expect(printed(...args)).toBe(text);
    }
    expect(text).toContain(`usage: gracewire ${name} [OPTIONS] ${usage}`.trimEnd());
    for (const flag of flags) {
      expect(text).toMatch(
        new RegExp(`^  --${flag.name}${flag.value === undefined ? "" : ` ${flag.value}`} +\\S`, "m"),
      );
    }
    const words = example.replace(/^.*gracewire /, "").match(/'[^']*'|\S+/g)!.map((word) =>
      word.replaceAll("'", "")
    );
    expect(readArguments(words, commands)).toMatchObject({ kind: "run", command: { name } });
  });
});
