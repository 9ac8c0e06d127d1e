import process from "node:process";
import { describe, expect, it } from "vitest";
import { memoryNetwork, systemNetwork } from "../../lib/net/mod.ts";
import { TestClock } from "../support/clock.ts";
import { runtime } from "../support/env.ts";
import { watchUnhandled } from "../support/unhandled.ts";
import { until } from "../support/until.ts";
import { seeded } from "./dice.ts";
import { Traffic, type Weather } from "./traffic.ts";
import { pause } from "./traffic_client.ts";

/** Runs traffic, each time with another seed, and proves that nothing is left of it. */
async function runs(
  weather: Weather,
  settle: boolean,
  how: { readonly virtual: boolean; readonly seeds: number; readonly steps: number },
): Promise<void> {
  const { virtual, seeds, steps } = how;
  for (let seed = firstSeed; seed < firstSeed + seeds * factor; seed++) {
    await seeded(seed, async (dice) => {
      const clock = new TestClock({ virtual });
      const network = virtual ? memoryNetwork() : systemNetwork();
      const unhandled = watchUnhandled();
      clock.install();
      try {
        const traffic = new Traffic({ dice, network, weather, settle, steps });
        await clock.until(traffic.run(), 600_000, "the end of the traffic");
        await until(() => Object.values(network.open()).every((count) => count === 0), {
          what: () => `nothing to be open, but there is ${JSON.stringify(network.open())}`,
        });
        // Handlers that were given up in the midst of their work come to its end.
        await clock.until(pause(100));
        expect(clock.timers).toEqual([]);
        expect(unhandled.errors).toEqual([]);
      } finally {
        clock.uninstall();
        unhandled.end();
      }
    });
  }
}

/**
 * Each runtime has traffic of its own. For other traffic than that of every day GRACEWIRE_SEED is where to begin, and
 * GRACEWIRE_RUNS how many times as much.
 */
const firstSeed = Number(process.env["GRACEWIRE_SEED"] ?? { node: 1, bun: 101, deno: 201 }[runtime]);
const factor = Number(process.env["GRACEWIRE_RUNS"] ?? 1);
const limit = 120_000 * factor;

const cases: readonly (readonly [Weather, boolean, string])[] = [
  ["calm", true, "every count of the clients is that of the broker"],
  ["rough", true, "every confirmed message arrives, however often transports are cut"],
  ["rough", false, "every confirmed message arrives or is counted, when the end comes in the midst of it"],
  ["wild", true, "requests, broadcasts, lossy buffers and goodbyes at any moment leave no gap in any ledger"],
  ["wild", false, "and neither does the end of everybody in the midst of it"],
];

describe("I7 conservation: under random traffic in memory", () => {
  it.each(cases)("%s, settled %s: %s", async (weather, settle) => {
    await runs(weather, settle, { virtual: true, seeds: 8, steps: 80 });
  }, limit);
});

describe("I7 conservation: under random traffic over TCP", () => {
  it.each(cases)("%s, settled %s: %s", async (weather, settle) => {
    await runs(weather, settle, { virtual: false, seeds: 1, steps: 40 });
  }, limit);
});
