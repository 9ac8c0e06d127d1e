import { describe, expect, it } from "vitest";
import { Failure } from "../../lib/cli/command.ts";
import { LineSplitter } from "../../lib/cli/lines.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

function split(...chunks: readonly Uint8Array[]): string[] {
  const splitter = new LineSplitter();
  return [...chunks.flatMap((chunk) => splitter.push(chunk)), ...splitter.end()];
}

describe("LineSplitter", () => {
  it.each([
    ["", []],
    ["\n", [""]],
    ["one", ["one"]],
    ["one\n", ["one"]],
    ["one\ntwo\n", ["one", "two"]],
    ["one\r\ntwo\r\n", ["one", "two"]],
    ["\n\nthree\n", ["", "", "three"]],
    ["a\rb\n", ["a\rb"]],
    ["ä€😀\n😀", ["ä€😀", "😀"]],
  ])("makes lines of %j, however it is cut", (text, wanted) => {
    const all = bytes(text);
    expect(split(all)).toEqual(wanted);
    expect(split(...Array.from(all, (_, i) => all.subarray(i, i + 1)))).toEqual(wanted);
    for (let at = 0; at <= all.length; at++) {
      expect(split(all.subarray(0, at), all.subarray(at))).toEqual(wanted);
    }
  });

  it("refuses a line that no message can hold, by its number, before it is read to its end", () => {
    const splitter = new LineSplitter();
    expect(splitter.push(bytes("one\ntwo\n"))).toEqual(["one", "two"]);
    const chunk = bytes("x".repeat(1_024 * 1_024));
    for (let i = 0; i < 4; i++) splitter.push(chunk);
    const refused = /line 3 of standard input: expected at most 4194304 characters/;
    expect(() => splitter.push(chunk)).toThrow(refused);
    expect(() => split(bytes(`one\ntwo\n${"x".repeat(5_000_000)}\nfour`))).toThrow(refused);
    expect(() => split(bytes("x".repeat(5_000_000)))).toThrow(Failure);
  });
});
