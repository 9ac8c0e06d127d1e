import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

const root = new URL("../", import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), "utf8");
const readme = read("README.md");

/** The code blocks of the README that say which file they are. */
const examples = [...readme.matchAll(/<!-- (tests\/examples\/\S+) -->\n\n```ts\n([^]*?)```/g)]
  .map(([, path, code]) => ({ path: path!, code: code! }));

describe("README", () => {
  it("shows examples", () => {
    expect(examples.length).toBeGreaterThanOrEqual(5);
    expect([...readme.matchAll(/```ts\n/g)].length).toBe(examples.length);
  });

  it.each(examples)("shows $path as it is", ({ path, code }) => {
    expect(code).toBe(read(path));
  });

  it("links to files that exist", () => {
    const links = [...readme.matchAll(/\]\((?!https?:)([^)#]+)\)/g)].map(([, path]) => path!);
    expect(links.filter((path) => !existsSync(new URL(path, root)))).toEqual([]);
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
