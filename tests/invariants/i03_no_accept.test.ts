import { describe, expect, it } from "vitest";
import { startBroker } from "../../lib/broker/mod.ts";
import type { Transport } from "../../lib/net/mod.ts";
import { memoryNetwork } from "../../lib/net/mod.ts";
import { type ConnectionHandler, serve } from "../../lib/server/mod.ts";
import { fixture, fixtures, rigTest } from "../server/kit.ts";
import { leakGate } from "../support/leak.ts";
import { turns, until } from "../support/until.ts";
import { heldNetwork, untilDraining } from "./kit.ts";

const gate = leakGate();

/** A stream that an accept loop brings when nobody expects it any longer. */
function lateStream(): { stream: Transport; resets: number; close(): void } {
  let close = (): void => {};
  const late = { resets: 0, close: () => close(), stream: undefined as unknown as Transport };
  const nothing = (): void => {};
  late.stream = {
    kind: "memory",
    remote: "a:1",
    local: "b:2",
    buffered: 0,
    destroyed: false,
    closed: new Promise((resolve) => close = () => resolve(undefined)),
    start: nothing,
    write: () => true,
    end: nothing,
    pause: nothing,
    resume: nothing,
    destroy: nothing,
    reset: () => void late.resets++,
  };
  return late;
}

describe.each(fixtures)("I3 no handler starts after the intake, over $kind", (on) => {
  it(
    "when the end begins inside the first of 50 connects",
    rigTest(on, async (rig) => {
      const handled: number[] = [];
      const server = await rig.serve(({ id }) => {
        handled.push(id);
        void server.goodbye();
        expect(server.state).toBe("draining");
      });
      const dials = Array.from({ length: 50 }, () => rig.connect(server).catch(() => undefined));
      const farewell = await server.closed;
      // Those that the system had accepted for us learn of the end as soon as they look.
      for (const peer of await Promise.all(dials)) await peer?.gone();
      expect(handled).toEqual([1]);
      expect(farewell.outcome).toBe("clean");
      expect(farewell.connections).toMatchObject({ opened: 1, clean: 1 });
    }),
  );

  it(
    "when a stream was in the hands of the listener: it is reset, and counted",
    rigTest(on, async (rig) => {
      const network = heldNetwork(rig.network);
      const handled: number[] = [];
      const server = await rig.serve((connection) => {
        handled.push(connection.id);
        return untilDraining(connection);
      }, { network });
      await rig.accepted(server);
      network.hold = true;
      const late = await rig.connect(server);
      await until(() => network.held.length === 1);
      const farewell = await server.goodbye();
      expect(handled).toEqual([1]);
      expect(farewell.connections).toEqual({ opened: 1, clean: 1, forced: 0, lost: 0, refused: 1 });
      expect(farewell.outcome).toBe("clean");
      await late.gone();
      if (on.resets) expect(late.error).toMatchObject({ code: "ECONNRESET" });
    }),
  );
});

describe("I3 no handler starts after the intake", () => {
  it.each(["drain", "goodbye", "release", "closed"])(
    "whenever the listener yields a stream: %s",
    async (when) => {
      const network = heldNetwork(gate.watch(memoryNetwork()));
      const late = lateStream();
      const yieldLate = (): void => {
        network.held.push(late.stream);
        network.yield();
      };
      const handled: number[] = [];
      const handler: ConnectionHandler = (connection) => {
        handled.push(connection.id);
        if (when === "drain" || when === "goodbye") connection.onPhase(when, yieldLate);
        return untilDraining(connection);
      };
      const server = await serve(handler, { network });
      if (when === "release") server.onRelease("yields", yieldLate);
      const peer = await network.dial(server.address, {});
      peer.start({ data() {}, end: () => peer.end(), drain() {} });
      await until(() => handled.length === 1);
      const goodbye = server.goodbye();
      if (when === "drain" || when === "goodbye") {
        await until(() => late.resets === 1);
        await turns(20);
        expect(server.state, "before the late stream is closed").toBe("closing");
      }
      late.close();
      const { connections, outcome } = await goodbye;
      if (when === "closed") yieldLate();
      expect({ handled, outcome, resets: late.resets }).toEqual({
        handled: [1],
        outcome: "clean",
        resets: 1,
      });
      expect(connections).toMatchObject({ opened: 1, clean: 1, refused: when === "closed" ? 0 : 1 });
      expect(server.inspect()).toMatchObject({ accepted: 1, refused: 1, connections: [] });
    },
  );

  it("when the end is forced: what comes meanwhile is refused", async () => {
    const network = heldNetwork(gate.watch(memoryNetwork()));
    let handled = 0;
    const server = await serve(() => void handled++, { network });
    const late = lateStream();
    network.held.push(late.stream);
    const goodbye = server.goodbye({ grace: 0 });
    await until(() => late.resets === 1);
    late.close();
    expect((await goodbye).connections).toEqual({ opened: 0, clean: 0, forced: 0, lost: 0, refused: 1 });
    expect(handled).toBe(0);
  });

  it("makes no session of a broker of one that comes too late", async () => {
    const network = heldNetwork(gate.watch(memoryNetwork()));
    const broker = await startBroker({ port: 0, network });
    const late = lateStream();
    network.held.push(late.stream);
    const goodbye = broker.goodbye();
    await until(() => late.resets === 1);
    expect(broker.inspect().sessions).toEqual([]);
    late.close();
    expect(await goodbye).toMatchObject({ outcome: "clean", connections: { opened: 0, refused: 1 } });
  });

  it(
    "when a TLS handshake is not finished: it is cut",
    rigTest(fixture.tls, async (rig) => {
      let handled = 0;
      const server = await rig.serve(() => void handled++);
      const { host, port } = server.address as { host: string; port: number };
      // Speaks no TLS, and waits.
      const mute = await rig.network.dial({ host, port }, {});
      mute.start({ data() {}, end: () => mute.end(), drain() {} });
      await until(() => rig.network.open().timers === 1, { what: "the handshake to begin" });
      const farewell = await server.goodbye();
      await mute.closed;
      expect(handled).toBe(0);
      expect(farewell).toMatchObject({ outcome: "clean", connections: { opened: 0, refused: 1 } });
    }),
  );
});
