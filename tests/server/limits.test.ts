import { describe, expect, it } from "vitest";
import { OverflowError, TimeoutError } from "../../lib/errors.ts";
import type { Transport } from "../../lib/net/mod.ts";
import type { Server, ServerConnection } from "../../lib/server/mod.ts";
import { leakGate } from "../support/leak.ts";
import { until } from "../support/until.ts";
import { bytesOf, fixture, fixtures, type Rig, rigTest } from "./kit.ts";
import { untilDraining } from "./pair.ts";
import { pass, timeless } from "./timeless.ts";

leakGate();

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
      (await rig.accepted(server)).transport.reset();
      await until(() => server.connections === 1);
      await rig.accepted(server);
      // One event for the whole episode.
      expect(faults).toEqual([expect.any(OverflowError)]);
      expect(faults[0]).toMatchObject({ capacity: 2 });
      const farewell = await server.goodbye();
      expect(farewell.connections).toMatchObject({ refused: 3, forced: 0 });
    }),
  );

  it(
    "refuse connections of one address beyond their number, where there are addresses",
    rigTest(on, async (rig) => {
      const server = await rig.serve(untilEnd, { limits: { perAddress: 1 } });
      const first = await rig.accepted(server);
      if (on.kind === "unix") {
        await rig.accepted(server);
        return expect(server.inspect()).toMatchObject({ accepted: 2, refused: 0 });
      }
      await refused(rig, server);
      expect(server.inspect()).toMatchObject({ accepted: 1, refused: 1 });
      first.transport.end();
      await until(() => server.connections === 0);
      await rig.accepted(server);
      expect(server.inspect()).toMatchObject({ accepted: 2, refused: 1 });
    }),
  );

  it(
    "end a connection that is silent, and no other",
    timeless(on, async (rig, clock) => {
      const connections: ServerConnection[] = [];
      const server = await rig.serve((connection) => {
        connections.push(connection);
        connection.onPhase("goodbye", () => connection.write(bytesOf("idle")));
        return untilDraining(connection);
      }, { limits: { idleTimeout: 200 } });
      const [silent, busy] = [await rig.accepted(server), await rig.accepted(server)];
      for (let beats = 1; beats <= 3; beats++) {
        expect(connections.map(({ state }) => state)).toEqual(["open", "open"]);
        await pass(clock, 60);
        busy.send(".");
        await until(() => server.inspect().connections[1]?.bytesIn === beats);
      }
      await pass(clock, 60);
      await silent.gone();
      expect(silent.text).toBe("idle");
      const farewell = await connections[0]!.closed;
      expect(farewell).toMatchObject({ cause: "idle-timeout", outcome: "clean" });
      expect(farewell.reason).toBeInstanceOf(TimeoutError);
      expect((farewell.reason as Error).message).toMatch(
        /^The connection 1 from \S+ was idle: no byte in 200 ms$/,
      );
      expect(connections[1]!.state).toBe("open");
      await pass(clock, 250);
      await busy.gone();
      expect(busy.text).toBe("idle");
    }),
  );

  it(
    "do not count time in which nobody reads",
    timeless(on, async (rig, clock) => {
      const server = await rig.serve(untilDraining, { limits: { idleTimeout: 40 } });
      const unread = await rig.accepted(server);
      unread.transport.write(new Uint8Array(4 * 1_048_576));
      await until(() => server.inspect().connections[0]!.bytesIn >= 65_536);
      await pass(clock, 10_000);
      expect(server.inspect().connections[0]).toMatchObject({ id: 1, state: "open" });
    }),
  );

  it(
    "do not count the time of a drain",
    timeless(on, async (rig, clock) => {
      let finish = (): void => {};
      const server = await rig.serve(() => new Promise<void>((resolve) => finish = resolve), {
        limits: { idleTimeout: 30 },
      });
      await rig.accepted(server);
      const goodbye = server.goodbye();
      await pass(clock, 5_000);
      expect(server.state).toBe("draining");
      finish();
      const farewell = await goodbye;
      expect(farewell).toMatchObject({ outcome: "clean" });
      expect(farewell.residue.timers).toBe(0);
    }),
  );

  it(
    "count everything that a server is asked about",
    rigTest(on, async (rig) => {
      const server = await rig.serve(async (connection) => {
        for await (const chunk of connection.readable) await connection.write(chunk);
        if (connection.id === 2) throw new Error("a bug");
      }, { name: "counted", limits: { connections: 2 } });
      expect(server.inspect()).toEqual({
        name: "counted",
        state: "open",
        url: server.url,
        connections: [],
        accepted: 0,
        refused: 0,
        faults: 0,
      });
      const [first, second] = [await rig.accepted(server), await rig.accepted(server)];
      await refused(rig, server);
      first.send("12345");
      await first.received("12345");
      const [one, two] = server.inspect().connections;
      expect(one).toMatchObject({ id: 1, state: "open", bytesIn: 5, bytesOut: 5 });
      expect(two).toMatchObject({ id: 2, state: "open", bytesIn: 0, bytesOut: 0 });
      expect(one!.age).toBeGreaterThanOrEqual(two!.age);
      if (on.kind !== "unix") expect(one!.remote).toBe(first.transport.local);
      second.transport.end();
      await until(() => server.connections === 1);
      expect(server.inspect()).toMatchObject({ accepted: 2, refused: 1, faults: 1 });
      await server.goodbye();
      expect(server.inspect()).toMatchObject({ state: "closed", connections: [], accepted: 2, refused: 1 });
    }),
  );
});

describe("limits", () => {
  it(
    "cut a TLS handshake that takes too long, and count it as refused",
    timeless(fixture.tls, async (rig, clock) => {
      const server = await rig.serve(untilDraining, { limits: { handshakeTimeout: 5_000 } });
      const faults: unknown[] = [];
      void (async () => {
        for await (const event of server.events()) if (event.type === "fault") faults.push(event.error);
      })();
      const transport = await mute(rig, server);
      await until(() => rig.network.open().timers === 1, { what: "the handshake to begin" });
      // Others are as quick as ever.
      await rig.accepted(server);
      await pass(clock, 4_900);
      expect(server.inspect()).toMatchObject({ accepted: 1, refused: 0 });
      await pass(clock, 200);
      await transport.closed;
      await until(() => server.inspect().refused === 1);
      expect(server.inspect()).toMatchObject({ accepted: 1, refused: 1 });
      expect(faults).toEqual([expect.any(TimeoutError)]);
      expect((await server.goodbye()).connections).toMatchObject({ opened: 1, refused: 1 });
    }),
  );

  it(
    "cut unfinished TLS handshakes when the end begins, count them as refused, and tell nobody of them",
    // No time passes: nobody waits for them.
    timeless(fixture.tls, async (rig) => {
      const server = await rig.serve(untilDraining);
      const faults: unknown[] = [];
      void (async () => {
        for await (const event of server.events()) if (event.type === "fault") faults.push(event.error);
      })();
      const transports = [await mute(rig, server), await mute(rig, server)];
      await until(() => rig.network.open().timers === 2, { what: "the handshakes to begin" });
      const { connections, outcome } = await server.goodbye();
      expect({ outcome, faults }).toEqual({ outcome: "clean", faults: [] });
      expect(connections).toEqual({ opened: 0, clean: 0, forced: 0, lost: 0, refused: 2 });
      for (const transport of transports) await transport.closed;
    }),
  );
});
