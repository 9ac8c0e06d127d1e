import { getEventListeners } from "node:events";
import { describe, expect, it } from "vitest";
import { ConnectError } from "../../lib/errors.ts";
import type { Listener, ListenHandler, Network } from "../../lib/net/mod.ts";
import type { ServerConnection } from "../../lib/server/mod.ts";
import { leakGate } from "../support/leak.ts";
import { until } from "../support/until.ts";
import { fixture, rejection, rigTest } from "./kit.ts";

leakGate();

function untilDraining({ draining }: ServerConnection): Promise<void> {
  return new Promise((resolve) => draining.addEventListener("abort", () => resolve(), { once: true }));
}

/** A network whose listener fails when the test says so. */
function failing(
  inner: Network,
): Network & { handler: ListenHandler; die(error: Error | undefined): Promise<void> } {
  const network = {
    handler: undefined as unknown as ListenHandler,
    die: async (_error: Error | undefined): Promise<void> => {},
    dial: inner.dial,
    listen: async (...[target, handler, options]: Parameters<Network["listen"]>): Promise<Listener> => {
      const listener = await inner.listen(target, handler, options);
      network.handler = handler;
      let settle!: (error: Error | undefined) => void;
      const closed = new Promise<Error | undefined>((resolve) => settle = resolve);
      void listener.closed.then(settle);
      network.die = async (error) => {
        settle(error);
        await listener.close();
      };
      return { address: listener.address, closed, close: () => listener.close() };
    },
  };
  return network;
}

describe("a listener", () => {
  it(
    "that dies by itself ends the server in order, with its error as the reason",
    rigTest(
      fixture.memory,
      async (rig) => {
        const network = failing(rig.network);
        const server = await rig.serve(untilDraining, { network });
        const peer = await rig.accepted(server);
        const error = new Error("the interface went away");
        await network.die(error);
        const farewell = await server.closed;
        expect(farewell).toMatchObject({ cause: "listener-error", outcome: "clean", errors: [error] });
        expect(farewell.reason).toBe(error);
        await peer.gone();
        expect(peer.error).toBeUndefined();
      },
    ),
  );

  it(
    "that ends without an error of its own is a listener-error too",
    rigTest(fixture.memory, async (rig) => {
      const network = failing(rig.network);
      const server = await rig.serve(untilDraining, { network });
      await network.die(undefined);
      const farewell = await server.closed;
      expect(farewell.cause).toBe("listener-error");
      expect(farewell.reason).toBeInstanceOf(ConnectError);
    }),
  );

  it(
    "that cannot accept for now is a fault, and the server goes on",
    rigTest(fixture.memory, async (rig) => {
      const network = failing(rig.network);
      const server = await rig.serve(untilDraining, { network });
      const faults: unknown[] = [];
      void (async () => {
        for await (const event of server.events()) if (event.type === "fault") faults.push(event.error);
      })();
      const error = Object.assign(new Error("accept EMFILE"), { code: "EMFILE" });
      network.handler.acceptError(error);
      await until(() => faults.length === 1);
      expect(faults).toEqual([error]);
      await rig.accepted(server);
      expect(server.inspect()).toMatchObject({ state: "open", faults: 1, accepted: 1 });
      expect((await server.goodbye()).outcome).toBe("clean");
    }),
  );

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
