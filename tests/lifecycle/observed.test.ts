import { expect, it } from "vitest";
import { runChild } from "../support/child.ts";

it("tells those who subscribe to a channel of which another one was there, and collected, before", async () => {
  const { lines, stderr } = await runChild(`
    import diagnostics from "node:diagnostics_channel";
    import { setFlagsFromString } from "node:v8";
    import { runInNewContext } from "node:vm";
    const collect = globalThis.Bun === undefined
      ? (setFlagsFromString("--expose-gc"), runInNewContext("gc"))
      : () => globalThis.Bun.gc(true);
    (() => void diagnostics.channel("gracewire:farewell"))();
    await new Promise((resolve) => setTimeout(resolve, 1));
    collect();
    const { createScope } = await import("gracewire/lifecycle");
    // The other one is forgotten only now.
    await new Promise((resolve) => setTimeout(resolve, 10));
    diagnostics.subscribe("gracewire:farewell", ({ endpoint }) => console.log(endpoint));
    await createScope({ name: "seen" }).goodbye();
  `);
  expect({ lines, stderr }).toEqual({ lines: ["seen"], stderr: "" });
});
