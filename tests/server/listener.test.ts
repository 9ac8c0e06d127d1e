import { getEventListeners } from "node:events";
import { describe, expect, it } from "vitest";
import { ConnectError } from "../../lib/errors.ts";
import type { Network } from "../../lib/net/mod.ts";
import { leakGate } from "../support/leak.ts";
import { until } from "../support/until.ts";
import { fixture, rejection, rigTest } from "./kit.ts";
import { untilDraining } from "./pair.ts";

leakGate();

describe("a listener", () => {
  it(
    "that cannot be had rejects the call with its error",
    rigTest(fixture.memory, async (rig) => {
      const error = new ConnectError("Cannot listen on nowhere", { address: "nowhere" });
      const network: Network = { dial: rig.network.dial, listen: () => Promise.reject(error) };
      const controller = new AbortController();
      expect(await rejection(rig.serve(untilDraining, { network, signal: controller.signal }))).toBe(error);
      expect(getEventListeners(controller.signal, "abort")).toEqual([]);
    }),
  );

  it(
    "that ignores the abort is closed again, and the call rejects with the reason",
    rigTest(
      fixture.memory,
      async (rig) => {
        const controller = new AbortController();
        const reason = { why: "too slow" };
        const network: Network = {
          dial: rig.network.dial,
          listen: async (target, handler) => {
            const listener = await rig.network.listen(target, handler, {});
            controller.abort(reason);
            return listener;
          },
        };
        expect(await rejection(rig.serve(untilDraining, { network, signal: controller.signal }))).toBe(
          reason,
        );
        expect(rig.network.open()).toEqual({ sockets: 0, listeners: 0, timers: 0 });
      },
    ),
  );

  it(
    "leaves no listener on the signal of a server that has ended",
    rigTest(fixture.memory, async (rig) => {
      const controller = new AbortController();
      for (let round = 0; round < 20; round++) {
        const server = await rig.serve(untilDraining, { signal: controller.signal });
        await rig.accepted(server);
        await server.goodbye({ signal: controller.signal });
      }
      await until(() => getEventListeners(controller.signal, "abort").length === 0);
    }),
  );
});
