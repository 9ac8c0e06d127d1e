import { describe, expect, it } from "vitest";
import { ClosedError } from "../../lib/errors.ts";
import { leakGate } from "../support/leak.ts";
import { turns, until } from "../support/until.ts";
import { bytesOf, fixture, fixtures, rejection, rigTest } from "./kit.ts";
import { pair, untilDraining } from "./pair.ts";

leakGate();

describe.each(fixtures)("the end of a connection over $kind", (on) => {
  it(
    "tells its handler to finish first, and to stop when its time is over, with the reasons",
    rigTest(on, async (rig) => {
      const told: string[] = [];
      const { connection, peer } = await pair(rig, async ({ draining, signal }) => {
        draining.addEventListener("abort", () => told.push(`soft ${draining.reason}`));
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
        told.push(`hard ${signal.reason}`);
      });
      const end = connection.goodbye({ reason: "the end" });
      await turns(10);
      expect(told).toEqual(["soft the end"]);
      expect([connection.state, connection.signal.aborted]).toEqual(["draining", false]);
      void connection.goodbye({ signal: AbortSignal.abort("now") });
      expect(await end).toMatchObject({ outcome: "forced", reason: "the end" });
      expect(told).toEqual(["soft the end", "hard now"]);
      await peer.gone();
    }),
  );
});

describe("the end of a connection", () => {
  it(
    "says its goodbye when its handler is done",
    rigTest(fixture.tcp, async (rig) => {
      const { connection, peer } = await pair(rig, async (connection) => {
        await connection.write(bytesOf("2026-11-21"));
      });
      await peer.gone();
      expect(peer.text).toBe("2026-11-21");
      expect(peer.error).toBeUndefined();
      expect(await connection.closed).toMatchObject({ outcome: "clean", cause: "handler-done" });
    }),
  );

  it(
    "may be destroyed by its handler: that is a cut of ours",
    rigTest(fixture.tcp, async (rig) => {
      const { connection, peer } = await pair(rig);
      connection.transport.destroy();
      expect(await connection.closed).toMatchObject({
        cause: "handler-done",
        outcome: "forced",
        connections: { opened: 1, forced: 1 },
      });
      await peer.gone();
    }),
  );

  it(
    "ends in order when both sides have sent their FIN",
    rigTest(fixture.tcp, async (rig) => {
      const { connection, peer } = await pair(rig);
      let said = false;
      connection.onPhase("goodbye", () => void (said = true));
      connection.transport.end();
      await peer.gone();
      expect(await connection.closed).toMatchObject({ cause: "peer-goodbye", outcome: "clean" });
      // Nobody would hear it.
      expect(said).toBe(false);
      expect(await rejection(connection.write(bytesOf("x")))).toBeInstanceOf(ClosedError);
    }),
  );

  it(
    "ends when a peer that has got everything, and has not ended its half, resets",
    rigTest(fixture.tcp, async (rig) => {
      const { connection, peer } = await pair(rig, (connection) => {
        connection.transport.start({ data: () => {}, end: () => {}, drain: () => {} });
        connection.transport.end();
        return untilDraining(connection);
      });
      peer.polite = false;
      await until(() => peer.ended, { what: "the FIN of the server" });
      expect(connection.state).toBe("open");
      peer.transport.reset();
      expect(await connection.closed).toMatchObject({ cause: "peer-goodbye" });
    }),
  );

  it(
    "runs its steps in the order they were registered, those added meanwhile too",
    rigTest(
      fixture.memory,
      async (rig) => {
        const ran: string[] = [];
        const { connection } = await pair(rig);
        for (const phase of ["release", "goodbye", "drain", "intake"] as const) {
          connection.onPhase(phase, async (step) => {
            expect(step.phase).toBe(phase);
            expect(step.reason).toBe("why");
            await turns(1);
            ran.push(`${phase} 1`);
            connection.onPhase(phase, () => void ran.push(`${phase} 3`));
          });
          connection.onPhase(phase, () => void ran.push(`${phase} 2`));
        }
        await connection.goodbye({ reason: "why" });
        expect(ran).toEqual(
          ["intake", "drain", "goodbye", "release"].flatMap((phase) => [1, 2, 3].map((n) => `${phase} ${n}`)),
        );
      },
    ),
  );

  it(
    "reports a step that throws, and runs the others",
    rigTest(fixture.memory, async (rig) => {
      const ran: string[] = [];
      const { connection, peer } = await pair(rig);
      for (const phase of ["intake", "drain", "goodbye", "release"] as const) {
        connection.onPhase(phase, () => {
          throw new Error(phase);
        });
        connection.onPhase(phase, () => void ran.push(phase));
      }
      const farewell = await connection.goodbye();
      expect(ran).toEqual(["intake", "drain", "goodbye", "release"]);
      expect(farewell.outcome).toBe("failed");
      expect(farewell.errors.map((error) => (error as Error).message)).toEqual(ran);
      await peer.gone();
      expect(peer.error).toBeUndefined();
    }),
  );

  it(
    "refuses steps of a phase that is over, and frees what comes too late",
    rigTest(fixture.memory, async (rig) => {
      const { connection } = await pair(rig);
      const ran: string[] = [];
      connection.onPhase("goodbye", () => {
        expect(() => connection.onPhase("drain", () => void ran.push("drain"))).toThrow(ClosedError);
      });
      await connection.goodbye();
      for (const phase of ["intake", "drain", "goodbye", "release"] as const) {
        expect(() => connection.onPhase(phase, () => void ran.push(phase))).toThrow(ClosedError);
      }
      await turns(2);
      expect(ran).toEqual(["release"]);
      expect(() => connection.onPhase("nonsense" as "drain", () => {})).toThrow(TypeError);
      expect(() => connection.onPhase("drain", undefined as unknown as () => void)).toThrow(TypeError);
    }),
  );

  it(
    "leaves the goodbye out when it is lost, and releases nevertheless",
    rigTest(fixture.tcp, async (rig) => {
      const ran: string[] = [];
      const { connection, peer } = await pair(rig);
      for (const phase of ["goodbye", "release"] as const) {
        connection.onPhase(phase, () => void ran.push(phase));
      }
      peer.transport.reset();
      await connection.closed;
      expect(ran).toEqual(["release"]);
    }),
  );

  it(
    "notices the loss of a peer from which nobody reads",
    rigTest(fixture.tcp, async (rig) => {
      const { connection, peer } = await pair(
        rig,
        ({ signal }) => new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve())),
      );
      peer.send("unread");
      await turns(5);
      peer.transport.reset();
      expect(await connection.closed).toMatchObject({ cause: "lost" });
    }),
  );

  it(
    "gives its handler a moment to stop before what it uses is freed",
    rigTest(fixture.tcp, async (rig) => {
      const order: string[] = [];
      const { connection, peer } = await pair(rig, async (connection) => {
        connection.onPhase("release", () => void order.push("freed"));
        await new Promise((resolve) => connection.signal.addEventListener("abort", resolve));
        await turns(5);
        order.push("stopped");
      });
      peer.transport.reset();
      await connection.closed;
      expect(order).toEqual(["stopped", "freed"]);
    }),
  );
});
