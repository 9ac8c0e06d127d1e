import { describe, expect, it } from "vitest";
import { OverflowError, TimeoutError } from "../../lib/errors.ts";
import type { Transport } from "../../lib/net/mod.ts";
import type { Server, ServerConnection } from "../../lib/server/mod.ts";
import { leakGate } from "../support/leak.ts";
import { turns, until } from "../support/until.ts";
import { bytesOf, fixture, fixtures, type Rig, rigTest } from "./kit.ts";

leakGate();

function untilDraining({ draining }: ServerConnection): Promise<void> {
  return new Promise((resolve) => draining.addEventListener("abort", () => resolve(), { once: true }));
}

async function untilEnd({ readable }: ServerConnection): Promise<void> {
  for await (const _ of readable);
}

/** A connection that is reset, perhaps before the dial has succeeded. */
async function refused(rig: Rig, server: Server): Promise<void> {
  const { refused } = server.inspect();
  await rig.connect(server).then((peer) => peer.gone(), () => {});
  await until(() => server.inspect().refused > refused);
}

/** A stream that never says a word of TLS. */
async function mute(rig: Rig, server: Server): Promise<Transport> {
  const transport = await rig.network.dial(server.address as { host: string; port: number }, {});
  transport.start({ data() {}, end: () => transport.end(), drain() {} });
  return transport;
}

describe.each(fixtures)("limits over $kind", (on) => {
  it(
    "refuse connections beyond their number, until there is room again",
    rigTest(on, async (rig) => {
      const server = await rig.serve(untilEnd, { limits: { connections: 2 } });
      const faults: unknown[] = [];
      void (async () => {
        for await (const event of server.events()) if (event.type === "fault") faults.push(event.error);
      })();
      const first = await rig.accepted(server);
      await rig.accepted(server);
      for (let i = 0; i < 3; i++) await refused(rig, server);
      expect(server.inspect()).toMatchObject({ accepted: 2, refused: 3, faults: 0 });
      first.transport.end();
      await until(() => server.connections === 1);
      await rig.accepted(server);
      // One event for the whole episode.
      expect(faults).toEqual([expect.any(OverflowError)]);
      expect(faults[0]).toMatchObject({ capacity: 2 });
      const farewell = await server.goodbye();
      expect(farewell.connections).toMatchObject({ refused: 3, forced: 0 });
    }),
  );
});

describe("limits", () => {
  it(
    "refuse connections of one address beyond their number",
    rigTest(fixture.tcp, async (rig) => {
      const server = await rig.serve(untilDraining, { limits: { perAddress: 1 } });
      const first = await rig.accepted(server);
      await refused(rig, server);
      expect(server.inspect()).toMatchObject({ accepted: 1, refused: 1 });
      first.transport.reset();
      await until(() => server.connections === 0);
      await rig.accepted(server);
      expect(server.inspect()).toMatchObject({ accepted: 2, refused: 1 });
    }),
  );

  it(
    "end a connection that is silent, and no other",
    rigTest(fixture.tcp, async (rig) => {
      const connections: ServerConnection[] = [];
      const server = await rig.serve((connection) => {
        connections.push(connection);
        connection.onPhase("goodbye", () => connection.write(bytesOf("idle")));
        return untilDraining(connection);
      }, { limits: { idleTimeout: 200 } });
      const [silent, busy] = [await rig.accepted(server), await rig.accepted(server)];
      const beat = setInterval(() => busy.send("."), 5);
      try {
        await silent.gone();
        expect(silent.text).toBe("idle");
        const farewell = await connections[0]!.closed;
        expect(farewell).toMatchObject({ cause: "idle-timeout", outcome: "clean" });
        expect(farewell.reason).toBeInstanceOf(TimeoutError);
        expect((farewell.reason as Error).message).toMatch(
          /^The connection 1 from \S+ was idle: no byte in 200 ms$/,
        );
        expect(busy.closed).toBe(false);
        expect(connections[1]!.state).toBe("open");
      } finally {
        clearInterval(beat);
      }
    }),
  );

  it(
    "do not count time in which nobody reads",
    rigTest(fixture.tcp, async (rig) => {
      const server = await rig.serve(untilDraining, { limits: { idleTimeout: 40 } });
      const unread = await rig.accepted(server);
      unread.transport.write(new Uint8Array(4 * 1_048_576));
      await until(() => server.inspect().connections[0]!.bytesIn >= 65_536);
      // Two others, one after the other, show that the time has passed.
      await (await rig.accepted(server)).gone();
      await (await rig.accepted(server)).gone();
      expect(server.inspect().connections[0]).toMatchObject({ id: 1, state: "open" });
    }),
  );

  it(
    "do not count the time of a drain",
    rigTest(fixture.memory, async (rig) => {
      let finish = (): void => {};
      const limits = { idleTimeout: 30 };
      const server = await rig.serve(() => new Promise<void>((resolve) => finish = resolve), { limits });
      const clock = await rig.serve(untilDraining, { limits });
      await rig.accepted(server);
      const goodbye = server.goodbye();
      // Two others, one after the other, show that the time has passed.
      await (await rig.accepted(clock)).gone();
      await (await rig.accepted(clock)).gone();
      expect(server.state).toBe("draining");
      finish();
      const farewell = await goodbye;
      expect(farewell).toMatchObject({ outcome: "clean" });
      expect(farewell.residue.timers).toBe(0);
    }),
  );

  it(
    "cut a TLS handshake that takes too long, and count it as refused",
    rigTest(fixture.tls, async (rig) => {
      const server = await rig.serve(untilDraining, { limits: { handshakeTimeout: 50 } });
      const faults: unknown[] = [];
      void (async () => {
        for await (const event of server.events()) if (event.type === "fault") faults.push(event.error);
      })();
      await (await mute(rig, server)).closed;
      await until(() => server.inspect().refused === 1);
      expect(server.inspect()).toMatchObject({ accepted: 0, refused: 1 });
      expect(faults).toEqual([expect.any(TimeoutError)]);
      expect((await server.goodbye()).connections).toMatchObject({ opened: 0, refused: 1 });
    }),
  );

  it(
    "cut unfinished TLS handshakes when the end begins",
    rigTest(fixture.tls, async (rig) => {
      const server = await rig.serve(untilDraining);
      const transport = await mute(rig, server);
      await turns(10);
      const start = performance.now();
      expect((await server.goodbye()).outcome).toBe("clean");
      expect(performance.now() - start).toBeLessThan(500);
      await transport.closed;
    }),
  );
});
