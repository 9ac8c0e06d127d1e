import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { defineConfig, type ViteUserConfig } from "vitest/config";
import { LongestFirst } from "./run/sequence.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const bun = "Bun" in globalThis;
const entries: Record<string, string> = JSON.parse(readFileSync(`${root}deno.json`, "utf8")).exports;

/** One configuration for Node, Bun and Deno. Bun's child processes lack a channel that vitest's forks need: threads there. */
const config: ViteUserConfig = defineConfig({
  root,
  resolve: {
    alias: [
      { find: /^@std\/async\/(.*)$/, replacement: `${root}node_modules/deno-std/async/$1.js` },
      // The public entry points by their published names, served from the sources.
      ...Object.entries(entries).map(([key, path]) => ({
        find: new RegExp(`^gracewire${key.slice(1)}$`),
        replacement: `${root}${path.slice(2)}`,
      })),
    ],
  },
  test: {
    include: ["tests/**/*.test.ts"],
    setupFiles: ["tests/run/facts.ts", "tests/run/trace.ts"],
    pool: bun ? "threads" : "forks",
    // Threads share one table of descriptors, and tests count what is in it: on Bun the runner starts several processes.
    fileParallelism: !bun,
    maxWorkers: "100%",
    // Files share a process, and the modules that they import. A hook that a module sets as it is imported would hold for
    // the first of its files only: such hooks are in functions, which files call.
    isolate: false,
    sequence: { sequencer: LongestFirst },
    cache: false,
    testTimeout: 30_000,
    dangerouslyIgnoreUnhandledErrors: false,
  },
});

export default config;
