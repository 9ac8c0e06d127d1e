import { describe, expect } from "vitest";
import { startBroker } from "../../lib/broker/mod.ts";
import { memoryNetwork } from "../../lib/net/mod.ts";
import { serve, type Server } from "../../lib/server/mod.ts";
import { leakGate } from "../support/leak.ts";
import { type Scenario, type Stage, sweep, type SweepOptions } from "../support/sweep.ts";
import { endAt } from "./fakes.ts";
import { afterServer, lines, serverUnderLoad } from "./server_load.ts";

leakGate();

const starting: SweepOptions = { network: memoryNetwork, virtual: true };
const memory: SweepOptions = { ...starting, peerTimers: true, resolves: true };

describe("a server that starts", () => {
  sweep("serve", started(({ network }, signal) => serve(() => {}, { network, signal })), starting);
  sweep("startBroker", started(({ network }, signal) => startBroker({ port: 0, network, signal })), starting);
});

describe("a server under load", () => {
  sweep("whose goodbye begins at every step", {
    ...serverUnderLoad(),
    act: (world, signal, harder) => endAt(world.server, signal, harder, () => lines(world)),
  }, { ...memory, offsets: [0, 1, 2], again: 17 });

  sweep("whose goodbye's own signal aborts at every step", {
    ...serverUnderLoad(),
    async act(world, signal) {
      const outcomes = Promise.allSettled(lines(world));
      await world.stage.clock.idle();
      const farewell = await world.server.goodbye({ signal });
      return { farewell, outcomes: await outcomes };
    },
    async succeeded({ farewell, outcomes }, world, interrupt) {
      const allowed = interrupt.aborted ? ["clean", "forced"] as const : ["clean"] as const;
      await afterServer({ farewell: undefined, outcomes }, world, interrupt, allowed);
      expect(await world.server.closed).toBe(farewell);
      if (farewell!.outcome !== "forced") return;
      expect(Object.is(world.server.signal.reason, interrupt.reason), "the reason of the force").toBe(true);
    },
  }, { ...memory, offsets: [0, 1, 2] });

  sweep("that is ended by force at every step", {
    ...serverUnderLoad(),
    act: (world, signal, harder) => endAt(world.server, signal, harder, () => lines(world), { grace: 0 }),
    succeeded: (ended, world, interrupt) => afterServer(ended, world, interrupt, ["forced"]),
  }, { ...memory, offsets: [0, 1, 2] });

  sweep("one of whose connections is reset at every step", {
    ...serverUnderLoad(),
    async act(world, signal) {
      const reset = (): void => world.peers[0]!.transport.reset();
      signal.addEventListener("abort", reset, { once: true });
      const outcomes = await Promise.allSettled(lines(world));
      signal.removeEventListener("abort", reset);
      return { farewell: undefined, outcomes };
    },
    // Nobody else is harmed, and the end of the server is clean.
    succeeded: (ended, world, interrupt) =>
      afterServer(ended, world, interrupt, ["clean"], interrupt.aborted ? [world.peers[1]!] : world.peers),
  }, { ...memory, offsets: [0, 1] });
});

/** `serve` and its like: an abort leaves nothing, and after the success begins the goodbye. */
function started(
  start: (stage: Stage, signal: AbortSignal) => Promise<Server | Awaited<ReturnType<typeof startBroker>>>,
): Scenario<Stage, Awaited<ReturnType<typeof start>>> {
  return {
    arrange: (stage) => Promise.resolve(stage),
    act: start,
    succeeded: async (server, _stage, interrupt) => {
      const farewell = interrupt.aborted ? await server.closed : await server.goodbye();
      expect(farewell).toMatchObject({ outcome: "clean", cause: interrupt.aborted ? "aborted" : "goodbye" });
      expect(Object.is(farewell.reason, interrupt.reason)).toBe(true);
    },
    end: () => {},
  };
}
