import { describe, expect, it } from "vitest";
import { ClosedError, ConnectError } from "../../lib/errors.ts";
import type { ServerConnection } from "../../lib/server/mod.ts";
import { leakGate } from "../support/leak.ts";
import { turns, until } from "../support/until.ts";
import { bytesOf, fixture, rigTest } from "./kit.ts";
import { pass, timeless } from "./timeless.ts";

leakGate();

/** Waits for the begin of the end. */
function untilDraining({ draining }: { draining: AbortSignal }): Promise<void> {
  return new Promise((resolve) => draining.addEventListener("abort", () => resolve(), { once: true }));
}

describe("the end of a server", () => {
  it(
    "accepts on while it announces its end, and then no longer",
    timeless(fixture.tcp, async (rig, clock) => {
      const server = await rig.serve(async (connection) => {
        for await (const chunk of connection.readable) await connection.write(chunk);
      }, { announce: 5_000 });
      const before = await rig.accepted(server);
      const goodbye = server.goodbye();
      expect(server.state).toBe("draining");
      expect(server.draining.aborted).toBe(true);
      const during = await rig.accepted(server);
      for (const peer of [before, during]) {
        peer.send("still here");
        await peer.received("still here");
      }
      await pass(clock, 4_900);
      const late = await rig.accepted(server);
      await pass(clock, 200);
      const farewell = await goodbye;
      await late.gone();
      expect(farewell.outcome).toBe("clean");
      expect(farewell.connections).toMatchObject({ opened: 3, clean: 3 });
      expect(farewell.phases[0]).toMatchObject({ phase: "announce", ended: "done" });
      await expect(rig.connect(server)).rejects.toBeInstanceOf(ConnectError);
    }),
  );

  it(
    "counts connections that ended before as guests, whose outcome is not the server's",
    rigTest(
      fixture.tcp,
      async (rig) => {
        const server = await rig.serve(untilDraining);
        const lost = await rig.accepted(server);
        lost.transport.reset();
        await until(() => server.connections === 0);
        await rig.accepted(server);
        const farewell = await server.goodbye();
        expect(farewell.outcome).toBe("clean");
        expect(farewell.connections).toEqual({ opened: 2, clean: 1, forced: 0, lost: 1, refused: 0 });
        expect(farewell.children.map(({ cause, outcome }) => `${cause} ${outcome}`)).toEqual(["lost failed"]);
      },
    ),
  );

  it(
    "gives its reason to every connection",
    rigTest(fixture.memory, async (rig) => {
      const connections: ServerConnection[] = [];
      const server = await rig.serve((connection) => {
        connections.push(connection);
        return untilDraining(connection);
      });
      await rig.accepted(server);
      await rig.accepted(server);
      const reason = { why: "tests" };
      const { reason: told } = await server.goodbye({ reason });
      expect(told).toBe(reason);
      for (const connection of connections) {
        expect(connection.draining.reason).toBe(reason);
        expect(await connection.closed).toMatchObject({ cause: "parent", reason });
      }
    }),
  );

  it(
    "runs a release hook that comes too late, and says so",
    rigTest(fixture.memory, async (rig) => {
      const server = await rig.serve(untilDraining);
      await server.goodbye();
      const ran: string[] = [];
      expect(() => server.onRelease("late", () => void ran.push("late"))).toThrow(ClosedError);
      await until(() => ran.length === 1);
    }),
  );

  it(
    "reports a hook that fails and runs the others",
    rigTest(fixture.memory, async (rig) => {
      const server = await rig.serve(untilDraining);
      const ran: string[] = [];
      server.onRelease("last", () => void ran.push("last"));
      server.onRelease("broken", () => {
        throw new Error("the disk is full");
      });
      server.onRelease("first", async () => {
        await turns(2);
        ran.push("first");
      });
      const farewell = await server.goodbye();
      expect(ran).toEqual(["first", "last"]);
      expect(farewell.outcome).toBe("failed");
      expect(farewell.errors).toEqual([new Error("the disk is full")]);
      expect(farewell.hooks.map(({ name, ended }) => `${name} ${ended}`)).toEqual([
        "first ok",
        "broken failed",
        "last ok",
      ]);
    }),
  );

  it(
    "lets goodbye frames of all kinds through at every split",
    rigTest(fixture.tcp, async (rig) => {
      const frame = bytesOf("GOODBYE 4711");
      const server = await rig.serve((connection) => {
        connection.onPhase("goodbye", async () => {
          await connection.write(frame.subarray(0, connection.id));
          await turns(1);
          await connection.write(frame.subarray(connection.id));
        });
        return untilDraining(connection);
      });
      const peers = [];
      for (let split = 0; split < frame.byteLength; split++) peers.push(await rig.accepted(server));
      for (const peer of peers) peer.send("half a fra");
      expect((await server.goodbye()).outcome).toBe("clean");
      for (const peer of peers) {
        await peer.gone();
        expect(peer.text).toBe("GOODBYE 4711");
        expect(peer.error).toBeUndefined();
      }
    }),
  );
});
