import { describe, expect, it } from "vitest";
import { onAbort } from "../../lib/lifecycle/abort.ts";
import { startTimer } from "../../lib/lifecycle/timer.ts";
import { type Listener, memoryNetwork, type TransportTarget } from "../../lib/net/mod.ts";
import { StuckError, TestClock } from "../support/clock.ts";
import { runtime } from "../support/env.ts";
import { runSweep, type Scenario, type Stage, type SweepOptions } from "../support/sweep.ts";

const memory: SweepOptions = { network: memoryNetwork, virtual: true, offsets: [0, 1, 2] };

interface World {
  readonly stage: Stage;
  readonly listener: Listener;
  readonly target: TransportTarget;
  residents: string[];
}

/** A dial, two timers, and a wait for an answer, written by hand: the way `act` does it is what the tests change. */
function scenario(act: Scenario<World, string>["act"]): Scenario<World, string> {
  return {
    async arrange(stage) {
      const residents: string[] = [];
      const listener = await stage.network.listen({ host: "localhost", port: 0 }, {
        connection: (transport) => {
          residents.push("a stream");
          void transport.closed.then(() => residents.pop());
          transport.start({
            data: (chunk) => void transport.write(chunk),
            end: () => transport.end(),
            drain() {},
          });
        },
        handshakeError() {},
        acceptError() {},
      }, {});
      return { stage, listener, target: listener.address, residents };
    },
    act,
    orphans: ({ residents }) => residents,
    end: ({ listener }) => listener.close(),
  };
}

/** The right way, with places to go wrong. */
async function ask({ stage, target }: World, signal: AbortSignal, wrong: Wrong = {}): Promise<string> {
  if (signal.aborted && wrong.late !== true) throw signal.reason;
  const transport = await stage.network.dial(target, wrong.late === true ? {} : { signal });
  try {
    const answer = await new Promise<string>((resolve, reject) => {
      const timer = startTimer(1_000, () => reject(new Error("no answer")));
      const link = onAbort(signal, (reason) => {
        if (wrong.timer !== true) timer.cancel();
        if (wrong.deaf === true) return;
        if (wrong.unhandled === true) void Promise.reject(reason);
        reject(wrong.wrapped === true ? new Error("aborted", { cause: reason }) : reason);
      });
      transport.start({
        data(chunk) {
          timer.cancel();
          if (wrong.listener !== true) link.unlink();
          resolve(new TextDecoder().decode(chunk));
        },
        end() {},
        drain() {},
      });
      transport.write(new TextEncoder().encode("hello"));
    });
    transport.destroy();
    return answer;
  } catch (error) {
    if (wrong.stream !== true) {
      transport.destroy();
      await transport.closed;
    }
    throw error;
  }
}

interface Wrong {
  readonly late?: boolean;
  readonly timer?: boolean;
  readonly listener?: boolean;
  readonly wrapped?: boolean;
  readonly deaf?: boolean;
  readonly stream?: boolean;
  readonly unhandled?: boolean;
}

describe("the abort sweep", () => {
  it("runs for each step with every other offset, and finds nothing wrong with an operation that is right", async () => {
    const result = await runSweep(scenario((world, signal) => ask(world, signal)), memory);
    expect(result.failures).toEqual([]);
    expect(result.steps).toContain("client dials");
    expect(result.steps).toContain("server reads 5 bytes");
    // Of three offsets two at one step, and the third at the next.
    const pairs = Math.floor(result.steps.length / 2) * 3;
    const odd = result.steps.length % 2 === 0 ? 0 : runtime === "bun" ? 1 : 2;
    expect(result.runs).toBe(2 + pairs + odd);
    expect(result.missed).toBe(0);
  });

  it.each<[string, Wrong, RegExp]>([
    ["does something although the signal has aborted before", { late: true }, /did something first/],
    ["rejects with another reason", { wrapped: true }, /another reason/],
    ["leaves a timer", { timer: true }, /timers/],
    ["leaves a listener", { listener: true }, /1 listeners are left/],
    ["leaves a stream", { stream: true }, /orphans|streams are left|open: /],
    ["never hears of the abort", { deaf: true }, /succeeded in spite of the abort/],
  ])("finds an operation that %s", async (_what, wrong, message) => {
    const { failures } = await runSweep(scenario((world, signal) => ask(world, signal, wrong)), memory);
    expect(failures.length).toBeGreaterThan(0);
    expect(failures.join("\n")).toMatch(message);
  });

  it("finds an operation that rejects although it never does", async () => {
    const options = { ...memory, resolves: true };
    const { failures } = await runSweep(scenario((world, signal) => ask(world, signal)), options);
    expect(failures.join("\n")).toMatch(/it rejected/);
  });
});

describe("the clock of tests", () => {
  it("lets 20 s pass at once, in the order of the timers", async () => {
    const clock = new TestClock({ virtual: true });
    clock.install();
    try {
      const fired: number[] = [];
      const start = performance.now();
      const last = new Promise<void>((resolve) => {
        for (const delay of [20_000, 10, 5_000]) {
          setTimeout(() => {
            fired.push(delay);
            if (fired.length === 3) resolve();
          }, delay);
        }
      });
      await clock.until(last);
      expect(fired).toEqual([10, 5_000, 20_000]);
      expect(performance.now() - start).toBe(20_000);
      expect(clock.timers).toEqual([]);
    } finally {
      clock.uninstall();
    }
    expect(performance.now()).not.toBe(20_000);
  });

  it("finds at once what will never happen", async () => {
    const clock = new TestClock({ virtual: true });
    clock.install();
    try {
      await expect(clock.until(new Promise(() => {}), 1_000, "nothing")).rejects.toBeInstanceOf(StuckError);
    } finally {
      clock.uninstall();
    }
  });

  it("counts what is set and takes it back", async () => {
    const clock = new TestClock({ virtual: false });
    clock.install();
    try {
      const timer = setTimeout(() => {}, 10_000);
      setTimeout(() => {}, 20_000);
      expect(clock.timers).toEqual(["10000 ms", "20000 ms"]);
      clearTimeout(timer);
      expect(clock.timers).toEqual(["20000 ms"]);
      await clock.until(new Promise<void>((resolve) => setTimeout(resolve, 1)));
    } finally {
      clock.uninstall();
    }
  });
});
