import { describe, expect, it } from "vitest";
import { ClosedError, ConnectError } from "../../lib/errors.ts";
import type { Listener, Network, Transport } from "../../lib/net/mod.ts";
import type { ServerConnection } from "../../lib/server/mod.ts";
import { leakGate } from "../support/leak.ts";
import { turns, until } from "../support/until.ts";
import { bytesOf, fixture, fixtures, rigTest } from "./kit.ts";

leakGate();

/** Waits for the begin of the end. */
function untilDraining({ draining }: { draining: AbortSignal }): Promise<void> {
  return new Promise((resolve) => draining.addEventListener("abort", () => resolve(), { once: true }));
}

/** A network that notes when its listener closes, and can hold streams back from its listener. */
function traced(inner: Network, trace: string[]): Network & { hold: boolean; held: Transport[] } {
  const network = {
    hold: false,
    held: [] as Transport[],
    dial: inner.dial,
    listen: async (...[target, handler, options]: Parameters<Network["listen"]>): Promise<Listener> => {
      const listener = await inner.listen(target, {
        ...handler,
        connection: (transport) =>
          void (network.hold ? network.held.push(transport) : handler.connection(transport)),
      }, options);
      return {
        address: listener.address,
        closed: listener.closed,
        close: async () => {
          await listener.close();
          trace.push("listener closed");
          // As an accept loop does that had a stream in its hands already.
          for (const transport of network.held.splice(0)) handler.connection(transport);
        },
      };
    },
  };
  return network;
}

describe.each(fixtures)("the end of a server over $kind", (on) => {
  it(
    "goes listener, drains, goodbyes, sockets, hooks, in this order",
    rigTest(on, async (rig) => {
      const trace: string[] = [];
      const slow = { release: () => {} };
      const server = await rig.serve(async (connection) => {
        const note = (what: string) => () => void trace.push(`${what} ${connection.id}`);
        for (const phase of ["goodbye", "release", "drain", "intake"] as const) {
          connection.onPhase(phase, note(phase));
        }
        void connection.closed.then(note("closed"));
        await untilDraining(connection);
        // The second connection finishes its work last, when the others have long had nothing to do.
        if (connection.id === 2) await new Promise<void>((resolve) => slow.release = resolve);
        trace.push(`drained ${connection.id}`);
      }, { network: traced(rig.network, trace) });
      server.onRelease("first", () => void trace.push("hook first"));
      server.onRelease("second", () => void trace.push("hook second"));
      const peers = [await rig.accepted(server), await rig.accepted(server), await rig.accepted(server)];
      for (const peer of peers) void peer.transport.closed.then(() => trace.push("peer"));
      const goodbye = server.goodbye();
      await until(() => trace.includes("drained 3"));
      await turns(50);
      expect(trace.filter((entry) => entry.startsWith("goodbye"))).toEqual([]);
      expect(server.state).toBe("draining");
      slow.release();
      const farewell = await goodbye;
      expect(farewell.outcome).toBe("clean");
      expect(farewell.hooks.map(({ name, ended }) => `${name} ${ended}`)).toEqual(["second ok", "first ok"]);
      const own = trace.filter((entry) => entry !== "peer");
      const rank = (entry: string) =>
        ["listener", "intake", "drain", "drained", "goodbye", "release", "closed", "hook"].indexOf(
          entry.split(" ")[0]!,
        );
      const groups = own.map((entry) =>
        ({ 0: 0, 1: 1, 2: 1, 3: 1, 4: 2, 5: 3, 6: 3, 7: 4 })[rank(entry)] ?? -1
      );
      expect(groups, own.join(", ")).toEqual([...groups].sort((a, b) => a - b));
      expect(own.at(-2)).toBe("hook second");
      expect(own.at(-1)).toBe("hook first");
      expect(own.filter((entry) => entry.startsWith("goodbye")).length).toBe(3);
      for (const id of [1, 2, 3]) {
        const steps = own.filter((entry) => entry.endsWith(` ${id}`) && !entry.startsWith("drained"));
        expect(steps).toEqual(
          ["intake", "drain", "goodbye", "release", "closed"].map((step) => `${step} ${id}`),
        );
      }
    }),
  );
});

describe("the end of a server", () => {
  it(
    "passes its states in order, once each",
    rigTest(fixture.memory, async (rig) => {
      const server = await rig.serve(untilDraining);
      await rig.accepted(server);
      const states: string[] = [];
      const reading = (async () => {
        for await (const event of server.events()) if (event.type === "state") states.push(event.state);
      })();
      await server.goodbye();
      await reading;
      expect(states).toEqual(["draining", "closing", "releasing", "closed"]);
    }),
  );

  it(
    "refuses and counts a stream that arrives after the intake",
    rigTest(fixture.memory, async (rig) => {
      const network = traced(rig.network, []);
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
      expect(late.error).toMatchObject({ code: "ECONNRESET" });
    }),
  );

  it(
    "is over when the sockets that it has refused are closed",
    rigTest(fixture.memory, async (rig) => {
      const network = traced(rig.network, []);
      const server = await rig.serve(untilDraining, { network });
      let close = (): void => {};
      const closed = new Promise<undefined>((resolve) => close = () => resolve(undefined));
      const nothing = (): void => {};
      const late: Transport = {
        kind: "memory",
        remote: "a:1",
        local: "b:2",
        buffered: 0,
        destroyed: false,
        closed,
        start: nothing,
        write: () => true,
        end: nothing,
        pause: nothing,
        resume: nothing,
        destroy: nothing,
        reset: nothing,
      };
      network.held.push(late);
      const goodbye = server.goodbye();
      await turns(20);
      expect(server.state).toBe("closing");
      close();
      expect(await goodbye).toMatchObject({ outcome: "clean", connections: { opened: 0, refused: 1 } });
    }),
  );

  it(
    "starts no handler after the end was begun inside the first of 50",
    rigTest(fixture.tcp, async (rig) => {
      const handled: number[] = [];
      const server = await rig.serve(({ id }) => {
        handled.push(id);
        void server.goodbye();
        expect(server.state).toBe("draining");
      });
      const dials = Array.from({ length: 50 }, () => rig.connect(server).catch(() => undefined));
      const farewell = await server.closed;
      await Promise.all(dials);
      await turns(20);
      expect(handled).toEqual([1]);
      expect(farewell.connections.opened).toBe(1);
      expect(farewell.outcome).toBe("clean");
    }),
  );

  it(
    "accepts on while it announces its end, and then no longer",
    rigTest(fixture.tcp, async (rig) => {
      const server = await rig.serve(async (connection) => {
        for await (const chunk of connection.readable) await connection.write(chunk);
      }, { announce: 150 });
      const before = await rig.accepted(server);
      const goodbye = server.goodbye();
      expect(server.state).toBe("draining");
      expect(server.draining.aborted).toBe(true);
      const during = await rig.accepted(server);
      for (const peer of [before, during]) {
        peer.send("still here");
        await peer.received("still here");
      }
      const farewell = await goodbye;
      expect(farewell.outcome).toBe("clean");
      expect(farewell.connections).toMatchObject({ opened: 2, clean: 2 });
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
