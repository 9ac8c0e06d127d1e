import { describe, expect, it } from "vitest";
import { type ChildResult, runChild } from "../support/child.ts";
import { runtime } from "../support/env.ts";
import { prelude, programs } from "./i11_programs.ts";

/**
 * Milliseconds that a process may take from the last Farewell to its end. The machine of a test may be busy with others:
 * one that took longer is tried again. What keeps a process alive does so every time.
 */
const soon = 200;
const tries = 3;

describe("I11 a process ends by itself", () => {
  it.each(Object.keys(programs))("after %s", async (name) => {
    const [body, ...lines] = programs[name]!;
    let took = Infinity;
    for (let i = 0; i < tries && took >= soon; i++) {
      took = Math.min(took, lasted(await runChild(prelude + body), lines));
    }
    console.log(`${runtime}: ${took} ms from the last Farewell to the end of the process, after ${name}`);
    expect(took).toBeLessThan(soon);
  });

  it("not while a connection is open, or comes back", async () => {
    const still = `setTimeout(() => say("still here"), 200).unref();`;
    const signals = [{ after: "still here", signal: "SIGKILL" as const }];
    const start = `
      ${prelude}
      const broker = await startBroker({ port: 0 });
      const { connection } = await traffic(broker.url);
    `;
    const open = await runChild(`${start} ${still}`, { signals });
    expect(open.signal).toBe("SIGKILL");
    const reconnecting = await runChild(`${start} await broker.goodbye({ grace: 0 }); ${still}`, { signals });
    expect(reconnecting.signal).toBe("SIGKILL");
  });
});

/** It has said what it should, and has left nothing. Returns the milliseconds from its last Farewell to its end. */
function lasted({ code, lines, lingered, stderr }: ChildResult, expected: readonly string[]): number {
  expect(lines.slice(0, -1)).toEqual(expected);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  const [, took] = /^exit after ([\d.]+)$/.exec(lines.at(-1) ?? "") ?? [];
  expect(took, "the milliseconds that it has told").toBeDefined();
  // What the runtime takes to leave, once nothing is left to do.
  expect(lingered).toBeLessThan(2_000);
  return Number(took);
}
