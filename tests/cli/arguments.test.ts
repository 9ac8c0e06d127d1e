import { describe, expect, it } from "vitest";
import { readArguments } from "../../lib/cli/arguments.ts";
import { type Command, type Given, UsageError } from "../../lib/cli/command.ts";
import { commands } from "../../lib/cli/commands/mod.ts";
import { VERSION } from "../../lib/version.ts";

describe("readArguments", () => {
  it.each([
    ["words", ["a", "b c"], { words: ["a", "b c"], flags: {} }],
    ["a value behind its option", ["--text", "x", "a"], { words: ["a"], flags: { text: "x" } }],
    ["a value behind an equals sign", ["--text=x=y"], { words: [], flags: { text: "x=y" } }],
    ["an empty value", ["--text="], { words: [], flags: { text: "" } }],
    ["a value that looks like an option", ["--text", "--switch"], { words: [], flags: { text: "--switch" } }],
    ["a switch", ["a", "--switch", "b"], { words: ["a", "b"], flags: { switch: true } }],
    ["the last of two", ["--text", "x", "--text", "y"], { words: [], flags: { text: "y" } }],
    ["words behind --", ["--", "--switch", "--", "-x"], { words: ["--switch", "--", "-x"], flags: {} }],
    ["a dash as a word", ["-"], { words: ["-"], flags: {} }],
  ])("reads %s", (_, args, wanted) => {
    const { words, flags } = given(args);
    expect({ words, flags: Object.fromEntries(flags) }).toEqual(wanted);
  });

  it.each([
    [["nope"], 'gracewire: expected one of demo, broker, pub, sub, request, got "nope"'],
    [["help", "nope"], 'gracewire: expected one of demo, broker, pub, sub, request, got "nope"'],
    [["--url"], 'gracewire: expected one of demo, broker, pub, sub, request, got "--url"'],
    [["pub"], "gracewire pub: expected a TOPIC, got nothing"],
    [["pub", " ", "m"], 'gracewire pub: expected a TOPIC that is not blank, got " "'],
    [["sub"], "gracewire sub: expected a TOPIC, got nothing"],
    [["sub", "a", ""], 'gracewire sub: expected a TOPIC that is not blank, got ""'],
    [["request"], "gracewire request: expected a TOPIC, got nothing"],
    [["broker", "x"], 'gracewire broker: expected options only, got "x"'],
    [["demo", "x"], 'gracewire demo: expected options only, got "x"'],
    [["demo", "--url", "x"], 'gracewire demo: expected no option, got "--url"'],
    [
      ["broker", "--prot", "1"],
      'gracewire broker: expected one of --host, --port, --retain, --json, got "--prot"',
    ],
    [["broker", "--constructor"], 'got "--constructor"'],
    [["pub", "t", "-m"], 'got "-m"; -- goes before words that begin with -'],
    [["pub", "t", "--count"], "gracewire pub: --count: expected a value, N, got nothing"],
    [["pub", "t", "--json=yes"], 'gracewire pub: --json: expected no value, got "yes"'],
    [["pub", "t", "--group", " "], 'gracewire pub: --group: expected a text that is not blank, got " "'],
    ...["0", "-1", "1.5", "1e3", "0x10", " 1", "", "many", "99999999999999999"].map((
      count,
    ): [string[], string] => [
      ["pub", "t", "--count", count],
      `gracewire pub: --count: expected a whole number from 1, got "${count}"`,
    ]),
    [["sub", "t", "--count", "0"], 'gracewire sub: --count: expected a whole number from 1, got "0"'],
    [
      ["request", "t", "--timeout", "2147483648"],
      'gracewire request: --timeout: expected a whole number from 1 to 2147483647, got "2147483648"',
    ],
    [
      ["broker", "--port", "65536"],
      'gracewire broker: --port: expected a whole number from 0 to 65535, got "65536"',
    ],
  ])("refuses %j and says what is wanted", (args, message) => {
    expect(() => readArguments(args, commands)).toThrow(UsageError);
    expect(() => readArguments(args, commands)).toThrow(message);
    expect(() => readArguments(args, commands)).toThrow(
      /^gracewire[^\n]* \(gracewire( [a-z]+)? --help tells more\)$/,
    );
  });

  it.each([[["--version"]], [["-v"]]])("prints the version for %j", (args) => {
    expect(readArguments(args, commands)).toEqual({ kind: "print", text: VERSION });
  });

  it("runs a command with what was given", () => {
    expect(readArguments(["pub", "t", "--count", "3"], commands)).toMatchObject({
      kind: "run",
      command: { name: "pub" },
    });
  });

  it("lets a mistake of the program pass as it is", () => {
    const bug = new Error("a bug");
    const command = probe(() => {
      throw bug;
    });
    expect(() => readArguments(["probe"], [command])).toThrow(bug);
  });
});

function given(args: readonly string[]): Given {
  let found: Given | undefined;
  readArguments(["probe", ...args], [probe((one) => found = one)]);
  return found!;
}

function probe(parse: (given: Given) => unknown): Command {
  return {
    name: "probe",
    summary: "",
    usage: "",
    notes: [],
    example: "",
    flags: [{ name: "text", value: "TEXT", about: "" }, { name: "switch", about: "" }],
    parse(one) {
      parse(one);
      return () => Promise.resolve();
    },
  };
}
