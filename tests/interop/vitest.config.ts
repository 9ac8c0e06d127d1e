import type { ViteUserConfig } from "vitest/config";
import common from "../vitest.config.ts";

/**
 * Tests against real peers. Those are servers that share the machine: one file after the other, each in a process of its
 * own, and with time for their starts.
 */
const config: ViteUserConfig = {
  ...common,
  test: {
    ...common.test,
    include: ["tests/interop/**/*.test.ts"],
    isolate: true,
    fileParallelism: false,
    testTimeout: 60_000,
    hookTimeout: 180_000,
  },
};

export default config;
