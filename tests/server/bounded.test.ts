import { describe, expect, it } from "vitest";
import { TimeoutError } from "../../lib/errors.ts";
import type { ConnectionHandler } from "../../lib/server/mod.ts";
import type { TestClock } from "../support/clock.ts";
import { leakGate } from "../support/leak.ts";
import { turns, until } from "../support/until.ts";
import { bytesOf, fixture, fixtures, type Peer, rigTest } from "./kit.ts";
import { timeless } from "./timeless.ts";

leakGate();

const forEver: ConnectionHandler = () => new Promise(() => {});
const untilSoft: ConnectionHandler = ({ draining }) =>
  new Promise<void>((resolve) => draining.addEventListener("abort", () => resolve(), { once: true }));

/** What becomes of some work, and the virtual milliseconds that it takes. */
async function timed<T>(clock: TestClock, work: Promise<T>): Promise<[T, number]> {
  const start = clock.time;
  return [await clock.until(work), clock.time - start];
}

/** What peers do to a server that wants to end. */
const peers: Record<string, (peer: Peer) => unknown> = {
  "never reads": (peer) => peer.transport.pause(),
  "never sends FIN": (peer) => peer.polite = false,
  "sends half a frame and falls silent": (peer) => {
    peer.polite = false;
    peer.send("\0\0\0\x10ab");
  },
  "floods": (peer) => {
    peer.polite = false;
    const pour = () => {
      if (peer.closed || peer.transport.destroyed) return;
      for (let i = 0; i < 16 && peer.transport.buffered < 1e6; i++) {
        peer.transport.write(new Uint8Array(65_536));
      }
      setTimeout(pour, 1);
    };
    pour();
  },
};

describe.each(fixtures)("a goodbye over $kind", (on) => {
  it(
    "is bounded, whatever peers do, and a peer that behaves gets all of it",
    rigTest(on, async (rig) => {
      const server = await rig.serve(async (connection) => {
        connection.onPhase("goodbye", () => connection.write(new Uint8Array(65_536)));
        await untilSoft(connection);
      });
      for (const misbehave of Object.values(peers)) misbehave(await rig.accepted(server));
      const bystander = await rig.accepted(server);
      const goodbye = server.goodbye();
      await until(() => server.inspect().connections.every(({ id }) => id < 5), {
        timeout: 20_000,
        what: "the end of the one that behaves",
      });
      expect(server.state).toBe("closing");
      // However long that took: the others would have 3 s, which is tested with the time of a clock.
      void server.goodbye({ grace: 0 });
      const farewell = await goodbye;
      expect(farewell.outcome).toBe("forced");
      expect(farewell.residue).toEqual({ sockets: 0, timers: 0, listeners: 0 });
      expect(farewell.connections).toEqual({ opened: 5, clean: 1, forced: 4, lost: 0, refused: 0 });
      expect(farewell.children).toHaveLength(4);
      for (const { phases } of farewell.children) expect(phases.at(-3)).toMatchObject({ phase: "goodbye" });
      await bystander.gone();
      expect(bystander.bytes).toBe(65_536);
      expect(bystander.error).toBeUndefined();
    }),
  );
});

describe("a goodbye is bounded", () => {
  it.each([[14_000, 3_000], [700, 700], [50, 50]])(
    "when peers do what they like and grace is %i ms",
    (grace, limit) =>
      timeless(fixture.memory, async (rig, clock) => {
        const server = await rig.serve(untilSoft);
        for (const misbehave of Object.values(peers)) misbehave(await rig.accepted(server));
        const [farewell, duration] = await timed(clock, server.goodbye({ grace }));
        expect(duration).toBeLessThanOrEqual(limit + 5);
        expect(farewell).toMatchObject({ outcome: "forced", connections: { opened: 4, forced: 4 } });
      })(),
  );

  it(
    "when a peer sends without end: long before the deadline it is cut",
    timeless(fixture.memory, async (rig, clock) => {
      const server = await rig.serve(untilSoft);
      peers["floods"]!(await rig.accepted(server));
      const [farewell, duration] = await timed(clock, server.goodbye());
      expect(duration).toBeLessThan(250);
      expect(farewell).toMatchObject({ outcome: "forced", connections: { forced: 1 } });
    }),
  );

  it(
    "when a handler ignores both signals",
    timeless(fixture.memory, async (rig, clock) => {
      const server = await rig.serve((connection) => {
        connection.onPhase("goodbye", () => connection.write(bytesOf("goodbye")));
        return connection.id === 1 ? new Promise(() => {}) : untilSoft(connection);
      });
      const [stuck, fine] = [await rig.accepted(server), await rig.accepted(server)];
      const [farewell, duration] = await timed(clock, server.goodbye({ grace: 260 }));
      expect(duration).toBeLessThanOrEqual(260);
      expect(farewell.outcome).toBe("forced");
      // The peer is told nevertheless.
      expect(stuck.text).toBe("goodbye");
      expect(fine.text).toBe("goodbye");
      expect(farewell.connections).toMatchObject({ clean: 2, forced: 0 });
      expect(farewell.children.map(({ phases }) => phases.find(({ ended }) => ended !== "done")?.phase))
        .toEqual(["drain"]);
      expect(farewell.children[0]!.cause).toBe("parent");
    }),
  );

  it(
    "when the steps of a connection hang, in every phase",
    timeless(fixture.memory, async (rig, clock) => {
      const ran: string[] = [];
      const server = await rig.serve((connection) => {
        for (const phase of ["intake", "drain", "goodbye", "release"] as const) {
          connection.onPhase(phase, () => {
            ran.push(phase);
            return new Promise(() => {});
          });
        }
        connection.onPhase("release", () => void ran.push("freed"));
        return untilSoft(connection);
      });
      await rig.accepted(server);
      const [farewell, duration] = await timed(clock, server.goodbye({ grace: 200, tail: 300 }));
      expect(duration).toBeLessThanOrEqual(200 + 300);
      expect(ran).toEqual(["intake", "drain", "goodbye", "release", "freed"]);
      expect(farewell.outcome).toBe("failed");
      expect(farewell.residue.sockets).toBe(0);
    }),
  );

  it(
    "when release hooks hang: each is told to stop, and the next one runs",
    timeless(fixture.memory, async (rig, clock) => {
      const server = await rig.serve(untilSoft);
      const ran: string[] = [];
      server.onRelease("last", () => void ran.push("last"));
      server.onRelease("stuck", ({ signal }) => {
        signal.addEventListener("abort", () => ran.push("told"));
        return new Promise(() => {});
      });
      const [farewell, duration] = await timed(clock, server.goodbye({ tail: 240 }));
      expect(duration).toBeLessThanOrEqual(240);
      expect(ran).toEqual(["told", "last"]);
      expect(farewell.hooks.map(({ name, ended }) => `${name} ${ended}`)).toEqual([
        "stuck timeout",
        "last ok",
      ]);
      expect(farewell.errors).toEqual([expect.any(TimeoutError)]);
    }),
  );

  it(
    "when it is forced from the start",
    timeless(fixture.memory, async (rig, clock) => {
      const server = await rig.serve(forEver);
      for (let i = 0; i < 5; i++) await rig.accepted(server);
      const reason = new Error("now");
      const [farewell, duration] = await timed(
        clock,
        server.goodbye({ signal: AbortSignal.abort(reason), tail: 600 }),
      );
      // The handlers get a moment to stop: they never do.
      expect(duration).toBeLessThanOrEqual(600);
      expect(farewell).toMatchObject({ outcome: "forced", connections: { opened: 5, forced: 5, clean: 0 } });
      expect(server.signal.reason).toBe(reason);
      expect(server.draining.aborted).toBe(true);
    }),
  );

  it(
    "when a later caller is in more of a hurry",
    timeless(fixture.memory, async (rig, clock) => {
      const server = await rig.serve((connection) => {
        connection.onPhase("goodbye", () => connection.write(bytesOf("goodbye")));
        return forEver(connection);
      });
      const peer = await rig.accepted(server);
      const first = server.goodbye();
      // The drain has begun, with all the time that it had then.
      await turns(10);
      const [farewell, duration] = await timed(clock, server.goodbye({ grace: 300, reason: "later" }));
      expect(duration).toBeLessThanOrEqual(300);
      expect(await first).toBe(farewell);
      expect(farewell.reason).toBeUndefined();
      expect(peer.text).toBe("goodbye");
    }),
  );
});
