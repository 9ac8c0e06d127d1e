import { performance } from "node:perf_hooks";
import { describe, expect, it } from "vitest";
import { TimeoutError } from "../../lib/errors.ts";
import type { ConnectionHandler, Server } from "../../lib/server/mod.ts";
import { leakGate } from "../support/leak.ts";
import { turns } from "../support/until.ts";
import { bytesOf, fixture, fixtures, type Peer, rigTest } from "./kit.ts";

leakGate();

const forEver: ConnectionHandler = () => new Promise(() => {});
const untilSoft: ConnectionHandler = ({ draining }) =>
  new Promise<void>((resolve) => draining.addEventListener("abort", () => resolve(), { once: true }));

async function timed<T>(work: Promise<T>): Promise<[T, number]> {
  const start = performance.now();
  return [await work, performance.now() - start];
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
      const [farewell, duration] = await timed(server.goodbye({ grace: 700 }));
      expect(duration).toBeLessThan(700 + 250);
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
  it(
    "when a peer sends without end: long before the deadline it is cut",
    rigTest(fixture.memory, async (rig) => {
      const server = await rig.serve(untilSoft);
      peers["floods"]!(await rig.accepted(server));
      const [farewell, duration] = await timed(server.goodbye());
      expect(duration).toBeLessThan(2_500);
      expect(farewell).toMatchObject({ outcome: "forced", connections: { forced: 1 } });
    }),
  );

  it(
    "when a handler ignores both signals",
    rigTest(fixture.tcp, async (rig) => {
      const server = await rig.serve((connection) => {
        connection.onPhase("goodbye", () => connection.write(bytesOf("goodbye")));
        return connection.id === 1 ? new Promise(() => {}) : untilSoft(connection);
      });
      const [stuck, fine] = [await rig.accepted(server), await rig.accepted(server)];
      const [farewell, duration] = await timed(server.goodbye({ grace: 260 }));
      expect(duration).toBeLessThan(260 + 250);
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
    rigTest(fixture.memory, async (rig) => {
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
      const [farewell, duration] = await timed(server.goodbye({ grace: 200, tail: 300 }));
      expect(duration).toBeLessThan(200 + 300 + 250);
      expect(ran).toEqual(["intake", "drain", "goodbye", "release", "freed"]);
      expect(farewell.outcome).toBe("failed");
      expect(farewell.residue.sockets).toBe(0);
    }),
  );

  it(
    "when release hooks hang: each is told to stop, and the next one runs",
    rigTest(fixture.memory, async (rig) => {
      const server = await rig.serve(untilSoft);
      const ran: string[] = [];
      server.onRelease("last", () => void ran.push("last"));
      server.onRelease("stuck", ({ signal }) => {
        signal.addEventListener("abort", () => ran.push("told"));
        return new Promise(() => {});
      });
      const [farewell, duration] = await timed(server.goodbye({ tail: 240 }));
      expect(duration).toBeLessThan(240 + 250);
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
    rigTest(fixture.tcp, async (rig) => {
      const server = await rig.serve(forEver);
      for (let i = 0; i < 5; i++) await rig.accepted(server);
      const reason = new Error("now");
      const [farewell, duration] = await timed(
        server.goodbye({ signal: AbortSignal.abort(reason), tail: 600 }),
      );
      // The handlers get a moment to stop: they never do.
      expect(duration).toBeLessThan(600);
      expect(farewell).toMatchObject({ outcome: "forced", connections: { opened: 5, forced: 5, clean: 0 } });
      expect(server.signal.reason).toBe(reason);
      expect(server.draining.aborted).toBe(true);
    }),
  );

  it(
    "when a later caller is in more of a hurry",
    rigTest(fixture.tcp, async (rig) => {
      const server = await rig.serve((connection) => {
        connection.onPhase("goodbye", () => connection.write(bytesOf("goodbye")));
        return forEver(connection);
      });
      const peer = await rig.accepted(server);
      const first = server.goodbye();
      // The drain has begun, with all the time that it had then.
      await turns(10);
      const [farewell, duration] = await timed(server.goodbye({ grace: 300, reason: "later" }));
      expect(duration).toBeLessThan(300 + 250);
      expect(await first).toBe(farewell);
      expect(farewell.reason).toBeUndefined();
      expect(peer.text).toBe("goodbye");
    }),
  );
});

describe("an abort of the goodbye", () => {
  /** Everything that can be seen of one run, up to the abort after `steps` of it. */
  async function run(
    server: Server,
    counted: { steps: number },
    abortAt: number,
  ): Promise<number> {
    const controller = new AbortController();
    const reason = { abortAt };
    let abortedAt = Infinity;
    const goodbye = server.goodbye({ signal: controller.signal, tail: 1_200 });
    for (let turn = 0; turn < 10_000 && server.state !== "closed"; turn++) {
      if (counted.steps >= abortAt && !controller.signal.aborted) {
        abortedAt = performance.now();
        controller.abort(reason);
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
    const farewell = await goodbye;
    expect(performance.now() - abortedAt).toBeLessThan(1_200);
    expect(farewell.residue).toEqual({ sockets: 0, timers: 0, listeners: 0 });
    expect(farewell.hooks.map(({ name }) => name)).toEqual(["storage"]);
    const { opened, clean, forced, lost } = farewell.connections;
    expect(clean + forced + lost).toBe(opened);
    expect(clean).toBeGreaterThanOrEqual(farewell.outcome === "clean" ? 2 : 0);
    if (farewell.outcome !== "clean") expect(server.signal.reason).toBe(reason);
    return counted.steps;
  }

  it.each([fixture.memory, fixture.tcp])(
    "over $kind releases everything, at whatever step it comes",
    async (on) => {
      let last = Infinity;
      for (let step = 0; step <= last; step++) {
        await rigTest(on, async (rig) => {
          const counted = { steps: 0 };
          const seen = () => void counted.steps++;
          const server = await rig.serve(async (connection) => {
            for (const phase of ["intake", "drain", "goodbye", "release"] as const) {
              connection.onPhase(phase, seen);
            }
            connection.signal.addEventListener("abort", seen);
            void connection.closed.then(seen);
            await untilSoft(connection);
            seen();
          });
          server.onRelease("storage", seen);
          void server.closed.then(seen);
          const listening = (async () => {
            for await (const event of server.events()) if (event.type === "state") seen();
          })();
          await rig.accepted(server);
          await rig.accepted(server);
          const total = await run(server, counted, step);
          await listening;
          if (last === Infinity) last = Math.max(20, total);
        })();
      }
    },
  );
});
