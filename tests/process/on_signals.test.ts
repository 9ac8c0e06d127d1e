import { describe, expect, it } from "vitest";
import { runChild } from "../support/child.ts";
import { soon } from "./program.ts";

describe("onProcessSignals", () => {
  const watch = `
    import { onProcessSignals } from "gracewire/process";
    const signals = onProcessSignals();
    const say = (text) => console.log(text);
    signals.graceful.addEventListener("abort", () => say("graceful " + signals.graceful.reason.signal));
    signals.forced.addEventListener("abort", () => say("forced " + signals.forced.reason.signal));
    const alive = setInterval(() => {}, 1000);
  `;

  it("keeps its handlers after the first signal, and gives the third its default effect", async () => {
    const { code, signal, lines } = await runChild(`${watch} say("ready");`, {
      signals: [
        { after: "ready", signal: "SIGTERM" },
        { after: "graceful", signal: "SIGINT" },
        { after: "forced", signal: "SIGTERM" },
      ],
    });
    expect(lines).toEqual(["ready", "graceful SIGTERM", "forced SIGINT"]);
    expect(signal === "SIGTERM" || code === 143).toBe(true);
  });

  it("leaves no handler behind, and does not keep the process alive", async () => {
    const removed = await runChild(`${watch} signals.remove(); signals[Symbol.dispose](); say("ready");`, {
      signals: [{ after: "ready", signal: "SIGTERM" }],
    });
    expect(removed.signal === "SIGTERM" || removed.code === 143).toBe(true);
    const idle = await runChild(`${watch} clearInterval(alive); say("idle");`);
    expect(idle).toMatchObject({ code: 0, lines: ["idle"] });
    expect(idle.lingered).toBeLessThan(soon);
  });
});
