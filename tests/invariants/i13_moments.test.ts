import { describe, expect, it } from "vitest";
import type { ConnectionHandler, ServerConnection } from "../../lib/server/mod.ts";
import { fixture, rigTest } from "../server/kit.ts";
import { leakGate } from "../support/leak.ts";
import { turns, until } from "../support/until.ts";

leakGate();

/** Moments in the life of a connection at which its handler, or one of its steps, may fail. */
const moments = [
  ...[
    "at once",
    "before the first read",
    "after a read",
    "after a write",
    "after the end of the peer",
  ] as const,
  ...["while it drains", "in intake", "in drain", "in goodbye", "in release"] as const,
] as const;
type Moment = (typeof moments)[number];

/** A handler with an await at every moment, which fails at one of them. */
function failingAt(moment: Moment, error: unknown): ConnectionHandler {
  const at = async (here: Moment): Promise<void> => {
    await turns(1);
    if (here === moment) throw error;
  };
  return async (connection) => {
    const { draining } = connection;
    for (const phase of ["intake", "drain", "goodbye", "release"] as const) {
      connection.onPhase(phase, () => at(`in ${phase}`));
    }
    if (moment === "at once") throw error;
    await at("before the first read");
    for await (const chunk of connection.readable) {
      await at("after a read");
      await connection.write(chunk);
      await at("after a write");
    }
    await at(draining.aborted ? "while it drains" : "after the end of the peer");
  };
}

describe("I13 containment: a handler that throws", () => {
  it.each(moments)(
    "%s is the only one who suffers",
    (moment) =>
      rigTest(fixture.tcp, async (rig) => {
        const error = new Error(moment);
        const connections: ServerConnection[] = [];
        const server = await rig.serve(async (connection) => {
          connections.push(connection);
          if (connection.id === 2) return await failingAt(moment, error)(connection);
          for await (const chunk of connection.readable) await connection.write(chunk);
        });
        const bystander = await rig.accepted(server);
        const peer = await rig.accepted(server);
        peer.send("x");
        await until(() => peer.text === "x" || peer.closed || server.connections === 1);
        if (moment === "while it drains") void connections[1]!.goodbye();
        else peer.transport.end();
        const { errors } = await connections[1]!.closed;
        expect(errors).toEqual([error]);
        const next = await rig.accepted(server);
        for (const other of [bystander, next]) {
          other.send("hello");
          await other.received("hello");
        }
        const farewell = await server.goodbye();
        expect(farewell.outcome).toBe("clean");
        expect(farewell.connections).toEqual({ opened: 3, clean: 3, forced: 0, lost: 0, refused: 0 });
        for (const other of [bystander, next]) {
          await other.gone();
          expect([other.ended, other.error]).toEqual([true, undefined]);
        }
      })(),
  );
});

describe("I13 containment: release hooks", () => {
  it.each(["throws", "rejects", "hangs"])(
    "one that %s keeps none of the others from running, and harms no connection",
    (way) =>
      rigTest(fixture.memory, async (rig) => {
        const order: string[] = [];
        const server = await rig.serve(async (connection) => {
          for await (const chunk of connection.readable) await connection.write(chunk);
        });
        const error = new Error("a hook");
        server.onRelease("first", () => void order.push("first"));
        server.onRelease("bad", () => {
          order.push("bad");
          if (way === "throws") throw error;
          return way === "rejects" ? Promise.reject(error) : new Promise(() => {});
        });
        server.onRelease("last", () => void order.push("last"));
        const peer = await rig.accepted(server);
        const farewell = await server.goodbye({ tail: 200 });
        expect(order).toEqual(["last", "bad", "first"]);
        expect(farewell.outcome).toBe("failed");
        expect(farewell.hooks.map(({ ended }) => ended)).toEqual([
          "ok",
          way === "hangs" ? "timeout" : "failed",
          "ok",
        ]);
        expect(farewell.connections).toMatchObject({ opened: 1, clean: 1 });
        await peer.gone();
        expect(peer.error).toBeUndefined();
      })(),
  );
});
