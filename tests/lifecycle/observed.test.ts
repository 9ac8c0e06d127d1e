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
    const turn = () => new Promise((resolve) => setImmediate(resolve));
    let forgotten = false;
    const registry = new FinalizationRegistry(() => forgotten = true);
    const former = (() => {
      const channel = diagnostics.channel("gracewire:farewell");
      registry.register(channel, "farewell");
      return new WeakRef(channel);
    })();
    for (let i = 0, collected = false; i < 1_000 && !collected; i++) {
      await turn();
      collect();
      collected = former.deref() === undefined;
    }
    const { createScope } = await import("gracewire/lifecycle");
    // The other one is forgotten only now.
    if (forgotten) console.log("forgotten too early");
    for (let i = 0; i < 1_000 && !forgotten; i++) await turn();
    for (let i = 0; i < 5; i++) await turn();
    if (!forgotten) console.log("never forgotten");
    diagnostics.subscribe("gracewire:farewell", ({ endpoint }) => console.log(endpoint));
    await createScope({ name: "seen" }).goodbye();
  `);
  expect({ lines, stderr }).toEqual({ lines: ["seen"], stderr: "" });
});
