import { existsSync, readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

const root = new URL("../", import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), "utf8");
const readme = read("README.md");

const pages = readdirSync(new URL("docs/", root)).map((name) => `docs/${name}`);

/** The code blocks of a text that say which file they are. */
function examplesOf(text: string): { path: string; language: string; code: string }[] {
  return [...text.matchAll(/<!-- (tests\/examples\/\S+) -->\n\n```(js|ts)\n([^]*?)```/g)]
    .map(([, path, language, code]) => ({ path: path!, language: language!, code: code! }));
}

/** Links to files that do not exist. */
function deadLinks(path: string): string[] {
  const links = [...read(path).matchAll(/\]\((?!https?:)([^)#]+)\)/g)].map(([, link]) => link!);
  return links.filter((link) => !existsSync(new URL(link, new URL(path, root))));
}

const examples = examplesOf(readme);

describe("README", () => {
  it("shows examples", () => {
    expect(examples.length).toBeGreaterThanOrEqual(5);
    expect([...readme.matchAll(/```(js|ts)\n/g)].length).toBe(examples.length);
  });

  it("shows programs, each with a test that runs it as it stands", () => {
    expect(examples.map(({ language }) => language)).toEqual(examples.map(() => "js"));
    const tests = ["readme_programs", "process/example", "interop/nats_examples"]
      .map((name) => read(`tests/${name}.test.ts`)).join("\n");
    const names = examples.map(({ path }) => path.replace(/^.*\/|\.ts$/g, ""));
    const runs = (name: string): boolean => new RegExp(`(start\\(|^  \\[)\\s*"${name}"`, "m").test(tests);
    expect(names.filter((name) => !runs(name))).toEqual([]);
  });

  it("needs no newer syntax than Node 20 has, but in the one program that is about it", () => {
    const newer = examples.filter(({ code }) => /^\s*(await )?using /m.test(code));
    expect(newer.map(({ path }) => path)).toEqual(["tests/examples/await_using.ts"]);
  });

  it.each(examples)("shows $path as it is", ({ path, code }) => {
    expect(code).toBe(read(path));
  });

  it("links to files that exist", () => {
    expect(deadLinks("README.md")).toEqual([]);
  });

  it("names every entry point and every error code", () => {
    const { exports } = JSON.parse(read("package.json")) as { exports: Record<string, unknown> };
    const entries = Object.keys(exports).filter((key) => key !== "./package.json").map((key) =>
      `gracewire${key.slice(1)}`
    );
    const codes = [...read("lib/errors.ts").matchAll(/"(ERR_[A-Z_]+)"/g)].map(([, code]) => code!);
    expect([...entries, ...codes].filter((name) => !readme.includes(`\`${name}\``))).toEqual([]);
  });
});

describe.each(pages)("%s", (page) => {
  it("shows examples as they are", () => {
    for (const { path, code } of examplesOf(read(page))) expect(code).toBe(read(path));
  });

  it("links to files that exist", () => {
    expect(deadLinks(page)).toEqual([]);
  });
});
