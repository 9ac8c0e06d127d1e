import { describe, expect, it } from "vitest";
import { ConnectionLostError, ProtocolError } from "../../lib/errors.ts";
import type { EndpointEvent } from "../../lib/lifecycle/mod.ts";
import type { ConnectionHandler, Server, ServerConnection } from "../../lib/server/mod.ts";
import { bytesOf, fixture, fixtures, rigTest } from "../server/kit.ts";
import { leakGate } from "../support/leak.ts";
import { turns, until } from "../support/until.ts";

leakGate();

/** Keeps the events of a server that are louder than info. */
function loud(server: Server): EndpointEvent[] {
  const events: EndpointEvent[] = [];
  void (async () => {
    for await (const event of server.events()) {
      if (event.level === "warn" || event.level === "error") events.push(event);
    }
  })();
  return events;
}

const ways: Record<string, (error: unknown) => ConnectionHandler> = {
  "throws at once": (error) => () => {
    throw error;
  },
  "rejects": (error) => () => Promise.reject(error),
  "rejects after an await": (error) => async () => {
    await turns(2);
    throw error;
  },
  "throws while it reads": (error) => async (connection) => {
    for await (const _ of connection.readable) throw error;
  },
  "throws in its data function": (error) => (connection) => {
    connection.transport.start({
      data() {
        throw error;
      },
      end() {},
      drain() {},
    });
    return connection.closed;
  },
};

describe.each(fixtures)("I13 containment: a handler over $kind", (on) => {
  it.each(Object.keys(ways))("that %s ends its own connection only", async (way) => {
    await rigTest(on, async (rig) => {
      const error = new Error("a bug");
      const connections: ServerConnection[] = [];
      const server = await rig.serve((connection) => {
        connections.push(connection);
        connection.onPhase(
          "goodbye",
          (step) => connection.write(bytesOf(step.reason === error ? "sorry" : "goodbye")),
        );
        if (connection.id === 2) return ways[way]!(error)(connection);
        return (async () => {
          for await (const chunk of connection.readable) await connection.write(chunk);
        })();
      });
      const events = loud(server);
      const bystander = await rig.accepted(server);
      const peer = await rig.accepted(server);
      peer.send("x");
      await peer.gone();
      expect(peer.text).toBe("sorry");
      expect(peer.error).toBeUndefined();
      const farewell = await connections[1]!.closed;
      expect(farewell).toMatchObject({ cause: "handler-error", errors: [error] });
      expect(farewell.reason).toBe(error);
      bystander.send("hello");
      await bystander.received("hello");
      expect(server.inspect()).toMatchObject({ state: "open", faults: 1, accepted: 2 });
      expect(events).toMatchObject([{ type: "fault", error }]);
      const end = await server.goodbye();
      expect(end).toMatchObject({ outcome: "clean", errors: [error] });
      expect(end.connections).toEqual({ opened: 2, clean: 2, forced: 0, lost: 0, refused: 0 });
    })();
  });
});

describe("I13 containment: a handler", () => {
  it(
    "that meets bytes of another protocol ends with that cause",
    rigTest(fixture.tcp, async (rig) => {
      const error = new ProtocolError("Cannot read the frame: expected magic EM, got GE", { offset: 0 });
      let connection: ServerConnection | undefined;
      const server = await rig.serve((accepted) => {
        connection = accepted;
        return Promise.reject(error);
      });
      await rig.accepted(server);
      const farewell = await connection!.closed;
      expect(farewell).toMatchObject({ cause: "protocol-error", outcome: "clean", errors: [error] });
      expect(server.inspect()).toMatchObject({ state: "open", faults: 1 });
    }),
  );

  it(
    "that fails with anything at all is contained",
    rigTest(fixture.memory, async (rig) => {
      const things = [undefined, null, 0, "", "text", { an: "object" }, Symbol("s")];
      const connections: ServerConnection[] = [];
      const server = await rig.serve((connection) => {
        connections.push(connection);
        return Promise.reject(things[connection.id - 1]);
      });
      for (let i = 0; i < things.length; i++) await rig.accepted(server);
      await until(() => server.connections === 0);
      for (const [i, connection] of connections.entries()) {
        const { cause, reason } = await connection.closed;
        expect(cause).toBe("handler-error");
        expect(reason).toBe(things[i]);
      }
      expect(server.inspect().faults).toBe(things.length);
    }),
  );

  it(
    "that only echoes the end of its connection is no fault",
    rigTest(fixture.tcp, async (rig) => {
      const rejected: unknown[] = [];
      const server = await rig.serve(async (connection) => {
        try {
          switch (connection.id) {
            case 1:
              for await (const _ of connection.readable);
              break;
            case 2:
              await new Promise((_, reject) =>
                connection.signal.addEventListener("abort", () => reject(connection.signal.reason))
              );
              break;
            case 3:
              await new Promise((_, reject) =>
                connection.draining.addEventListener("abort", () => reject(connection.draining.reason))
              );
              break;
            case 4:
              await new Promise((resolve) => connection.signal.addEventListener("abort", resolve));
              await connection.write(bytesOf("too late"));
          }
        } catch (error) {
          rejected.push(error);
          throw error;
        }
      });
      const peers = [];
      for (let i = 0; i < 4; i++) peers.push(await rig.accepted(server));
      for (const peer of peers) peer.transport.reset();
      await until(() => server.connections === 0);
      expect(rejected).toHaveLength(4);
      expect(server.inspect().faults).toBe(0);
      const farewell = await server.goodbye();
      expect(farewell.errors).toEqual([]);
      expect(farewell.outcome).toBe("clean");
    }),
  );

  it(
    "that never awaits its writes does not harm the process when the peer is lost",
    rigTest(
      fixture.tcp,
      async (rig) => {
        const errors: unknown[] = [];
        const server = await rig.serve(async (connection) => {
          const ignored = connection.write(new Uint8Array(8 * 1_048_576));
          connection.write(new Uint8Array(8 * 1_048_576)).catch((error: unknown) => errors.push(error));
          await new Promise((resolve) => connection.signal.addEventListener("abort", resolve));
          void connection.write(bytesOf("x"));
          void ignored;
        }, {});
        const peer = await rig.connect(server);
        peer.transport.pause();
        await until(() => server.connections === 1);
        peer.transport.reset();
        await until(() => server.connections === 0);
        expect(errors).toEqual([expect.any(ConnectionLostError)]);
        expect((errors[0] as ConnectionLostError).outcome).toBe("unknown");
        expect((errors[0] as ConnectionLostError).cause).toBeInstanceOf(Error);
      },
    ),
  );

  it(
    "fails inside the drain of the server and is reported",
    rigTest(fixture.memory, async (rig) => {
      const error = new Error("while draining");
      const server = await rig.serve(async (connection) => {
        await new Promise((resolve) => connection.draining.addEventListener("abort", resolve));
        await turns(2);
        throw error;
      });
      const peer = await rig.accepted(server);
      const farewell = await server.goodbye();
      expect(farewell).toMatchObject({ outcome: "clean", errors: [error] });
      expect(server.inspect().faults).toBe(1);
      await peer.gone();
      expect(peer.error).toBeUndefined();
    }),
  );
});
