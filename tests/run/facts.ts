/**
 * Tells the runner which runtime really executed a test file: one line per file, written from inside.
 *
 * @module
 */
import { appendFileSync } from "node:fs";
import process from "node:process";

const path: string | undefined = process.env["GRACEWIRE_FACTS"];
if (path !== undefined) {
  const { bun, deno, node } = process.versions;
  appendFileSync(path, bun ? `bun ${bun}\n` : deno ? `deno ${deno}\n` : `node ${node}\n`);
}
