import { describe, expect } from "vitest";
import { memoryNetwork } from "../../lib/net/mod.ts";
import { leakGate } from "../support/leak.ts";
import { sweep, type SweepOptions } from "../support/sweep.ts";
import { afterLoad, brokerUnderLoad, load } from "./broker_load.ts";
import { endAt } from "./fakes.ts";

leakGate();

const memory: SweepOptions = { network: memoryNetwork, virtual: true, peerTimers: true, resolves: true };

describe("a broker under load", () => {
  sweep("whose goodbye begins at every step", {
    ...brokerUnderLoad(),
    act: (world, signal, harder) => endAt(world.broker, signal, harder, () => load(world)),
  }, { ...memory, offsets: [0], again: 197 });

  sweep("whose goodbye's own signal aborts at every step", {
    ...brokerUnderLoad(),
    async act(world, signal) {
      const outcomes = Promise.allSettled(load(world));
      await world.stage.clock.idle();
      const farewell = await world.broker.goodbye({ signal });
      return { farewell, outcomes: await outcomes };
    },
    async succeeded({ farewell, outcomes }, world, interrupt) {
      expect(await world.broker.closed).toBe(farewell);
      const allowed = interrupt.aborted ? ["clean", "forced"] as const : ["clean"] as const;
      await afterLoad({ farewell: undefined, outcomes }, world, interrupt, allowed);
      if (farewell?.outcome !== "forced") return;
      expect(Object.is(world.broker.signal.reason, interrupt.reason), "the reason of the force").toBe(true);
    },
  }, { ...memory, offsets: [0], every: 3 });

  sweep("that is ended by force at every step", {
    ...brokerUnderLoad(),
    act: (world, signal, harder) => endAt(world.broker, signal, harder, () => load(world), { grace: 0 }),
    succeeded: (ended, world, interrupt) => afterLoad(ended, world, interrupt, ["forced"]),
  }, { ...memory, offsets: [0] });

  sweep("whose clients are cut off at every step", {
    ...brokerUnderLoad(),
    async act(world, signal) {
      const cut = (): void => {
        const [first, , third] = world.stage.network.dialled;
        first?.reset();
        third?.reset();
      };
      signal.addEventListener("abort", cut, { once: true });
      // Orders that are cut off are never handled.
      const outcomes = await Promise.allSettled(load({ ...world, handled: Promise.resolve() }));
      signal.removeEventListener("abort", cut);
      return { farewell: undefined, outcomes };
    },
    succeeded: (ended, world, interrupt) => afterLoad(ended, world, interrupt, ["clean"], false),
  }, { ...memory, offsets: [0] });
});
