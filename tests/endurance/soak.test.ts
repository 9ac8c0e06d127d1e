import { describe, expect, it } from "vitest";
import { runChild } from "../support/child.ts";
import { runtime } from "../support/env.ts";
import { kib, patience, tellFigures } from "./programs.ts";

interface Day {
  readonly hours: number;
  /** Real milliseconds. */
  readonly took: number;
  /** Bytes, every four hours. */
  readonly heaps: readonly number[];
  readonly told: Readonly<Record<"timers" | "steps" | "published" | "answered" | "heard" | "lost", number>>;
  readonly events: Readonly<Record<string, number>>;
  readonly standing: Readonly<Record<string, number>>;
  readonly states: readonly string[];
  readonly outcomes: readonly string[];
  readonly left: Readonly<Record<string, number>>;
}

describe("I18 two days of a broker and its clients, in virtual time", () => {
  it("leaves memory flat: heartbeats, traffic, and a connection lost every ten minutes", async () => {
    const program = new URL("./programs/soak.ts", import.meta.url);
    const { code, lines, stderr } = await runChild(program, { timeout: patience });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const day = JSON.parse(lines.at(-1)!) as Day;
    const { events, heaps, told } = day;
    // The first day fills what is bounded, and the caches and compilers of the runtime.
    const growth = heaps[11]! - heaps[5]!;
    tellFigures(`${runtime}, soak of ${Math.round(day.hours)} hours`, {
      "real s": Math.round(day.took / 1_000),
      "grown in the second day": kib(growth),
      ...told,
      events: Object.values(events).reduce((sum, count) => sum + count, 0),
    });
    expect(day.hours).toBeGreaterThanOrEqual(48);
    expect(growth).toBeLessThan(1_048_576);
    expect(told).toMatchObject({ published: 48 * 360, answered: 48 * 60, lost: 48 * 6 });
    expect(told.heard).toBeGreaterThanOrEqual(told.published);
    expect(events).toMatchObject({ lost: told.lost, connected: told.lost, farewell: 4 });
    expect(day.standing).toEqual({ linked: 0, dialled: 3, accepted: 3 });
    expect(day.states).toEqual(["open", "open", "open"]);
    expect(day.outcomes).toEqual(["clean", "clean"]);
    expect(day.left).toEqual({ set: 0, linked: 0, sockets: 0, listeners: 0, timers: 0 });
  }, patience);
});
