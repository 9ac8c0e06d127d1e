import { describe, expect, it } from "vitest";
import { TestClock } from "../support/clock.ts";
import { leakGate } from "../support/leak.ts";
import { turns, until } from "../support/until.ts";
import { bytesOf, fixtures, rejection, rigTest } from "./kit.ts";
import { untilDraining } from "./pair.ts";

leakGate();

/**
 * What `node:net` does in a way of its own, or in another one on each runtime, and a server does not. Sockets that come
 * late, descriptors that run out, and starts that are cut have tests of their own among the invariants.
 */
describe.each(fixtures)("where runtimes differ, a server over $kind", (on) => {
  it(
    "ends although a connection is open, of which `close` would wait for the end",
    rigTest(on, async (rig) => {
      const server = await rig.serve(untilDraining);
      const peer = await rig.accepted(server);
      expect((await server.goodbye()).outcome).toBe("clean");
      await peer.gone();
      expect(peer.error).toBeUndefined();
    }),
  );

  it(
    "may be ended any number of times, where a second `close` is an error",
    rigTest(on, async (rig) => {
      const server = await rig.serve(untilDraining);
      await rig.accepted(server);
      const farewells = await Promise.all([server.goodbye(), server.goodbye(), server.closed]);
      expect(new Set([...farewells, await server.goodbye()]).size).toBe(1);
      await server[Symbol.asyncDispose]();
    }),
  );

  it(
    "is disposed of with a connection open, for all who ask at the same moment, where that hangs or is told too early",
    rigTest(on, async (rig) => {
      let finish = (): void => {};
      const server = await rig.serve(() => new Promise<void>((resolve) => finish = resolve));
      await rig.accepted(server);
      const states: string[] = [];
      const disposals = [1, 2, 3].map(async () => {
        await server[Symbol.asyncDispose]();
        states.push(server.state);
      });
      await turns(20);
      expect(states).toEqual([]);
      finish();
      await Promise.all(disposals);
      expect(states).toEqual(["closed", "closed", "closed"]);
    }),
  );

  it(
    "takes its connections along when its signal aborts, where only the listener would close",
    rigTest(on, async (rig) => {
      const controller = new AbortController();
      const server = await rig.serve(untilDraining, { signal: controller.signal });
      const peer = await rig.accepted(server);
      controller.abort("enough");
      expect(await server.closed).toMatchObject({ cause: "aborted", reason: "enough", outcome: "clean" });
      await peer.gone();
    }),
  );

  it(
    "survives a reset that nobody listens for, where a process may crash or not notice",
    rigTest(on, async (rig) => {
      const server = await rig.serve(() => new Promise(() => {}));
      const peer = await rig.accepted(server);
      peer.transport.reset();
      if (on.resets) {
        await until(() => server.connections === 0, { what: "the loss" });
        expect((await server.goodbye()).connections).toMatchObject({ opened: 1, lost: 1 });
      } else {
        await turns(20);
        expect((await server.goodbye({ grace: 0 })).connections.opened).toBe(1);
      }
    }),
  );

  it(
    "ends in its time although a peer takes nothing of 16 MB, where `end` neither finishes nor fails",
    rigTest(on, async (rig) => {
      let written: Promise<unknown> | undefined;
      const server = await rig.serve((connection) => {
        written = rejection(connection.write(new Uint8Array(16 * 1_048_576)));
        return untilDraining(connection);
      });
      const transport = await rig.network.dial(on.target(server.address), {});
      try {
        await until(() => written !== undefined);
        const clock = new TestClock({ virtual: true });
        clock.install();
        const goodbye = server.goodbye();
        // As much time passes as it takes, and no more.
        await until(async () => {
          await clock.until(new Promise<void>((resolve) => setTimeout(resolve, 100)));
          return server.state === "closed";
        }, { timeout: 20_000 }).finally(() => clock.uninstall());
        const farewell = await goodbye;
        expect(farewell).toMatchObject({ outcome: "forced", connections: { opened: 1, forced: 1 } });
        expect(farewell.duration).toBeGreaterThanOrEqual(2_900);
        expect(farewell.duration).toBeLessThanOrEqual(3_200);
        expect(await written).toMatchObject({ code: "ERR_CLOSED", outcome: "unknown" });
      } finally {
        transport.destroy();
        await transport.closed;
      }
    }),
  );

  it(
    "delivers its goodbye to a peer whose bytes nobody has read, where a stream that is destroyed loses it",
    rigTest(on, async (rig) => {
      const server = await rig.serve((connection) => {
        connection.onPhase("goodbye", () => connection.write(bytesOf("goodbye")));
        return untilDraining(connection);
      });
      const peer = await rig.accepted(server);
      peer.transport.write(new Uint8Array(512 * 1024));
      await until(() => server.inspect().connections[0]!.bytesIn > 0);
      expect((await server.goodbye()).outcome).toBe("clean");
      await peer.gone();
      expect([peer.text, peer.error]).toEqual(["goodbye", undefined]);
    }),
  );

  it(
    "leaves its address to the next one while an old connection lives on",
    rigTest(on, async (rig) => {
      let finish = (): void => {};
      const first = await rig.serve(() => new Promise<void>((resolve) => finish = resolve));
      const old = await rig.accepted(first);
      const goodbye = first.goodbye();
      await until(() => rig.network.open().listeners === 0, { what: "the address to be free" });
      const { address } = first;
      const second = await rig.serve(untilDraining, "port" in address ? { port: address.port } : {});
      await rig.accepted(second);
      expect([first.connections, second.connections, old.closed]).toEqual([1, 1, false]);
      finish();
      expect((await goodbye).outcome).toBe("clean");
      expect((await second.goodbye()).outcome).toBe("clean");
    }),
  );

  it(
    "tells a dial that is aborted its own reason, where the runtime would tell an error of its own",
    rigTest(on, async (rig) => {
      const server = await rig.serve(untilDraining);
      for (const reason of [null, "why", new Error("why")]) {
        const controller = new AbortController();
        const dial = rejection(rig.network.dial(on.target(server.address), { signal: controller.signal }));
        controller.abort(reason);
        expect(await dial).toBe(reason);
      }
    }),
  );
});
