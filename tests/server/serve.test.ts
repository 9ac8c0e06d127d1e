import { describe, expect, it } from "vitest";
import { type ConnectionHandler, serve, type ServerConnection } from "../../lib/server/mod.ts";
import { leakGate } from "../support/leak.ts";
import { turns, until } from "../support/until.ts";
import { bytesOf, fixture, fixtures, rejection, rigTest, textOf } from "./kit.ts";

leakGate();

const echo: ConnectionHandler = async (connection) => {
  for await (const chunk of connection.readable) await connection.write(chunk);
};

describe.each(fixtures)("serve over $kind", (on) => {
  it(
    "hands every byte to the handler and back",
    rigTest(on, async (rig) => {
      const server = await rig.serve(echo);
      const peers = await Promise.all([rig.connect(server), rig.connect(server), rig.connect(server)]);
      for (const peer of peers) peer.send("hello");
      for (const peer of peers) await peer.received("hello");
      expect(server.connections).toBe(3);
      const farewell = await server.goodbye();
      expect(farewell).toMatchObject({
        outcome: "clean",
        cause: "goodbye",
        childCount: 3,
        errors: [],
        hooks: [],
      });
      expect(farewell.connections).toEqual({ opened: 3, clean: 3, forced: 0, lost: 0, refused: 0 });
      expect(farewell.phases.map(({ phase }) => phase)).toEqual([
        "announce",
        "intake",
        "drain",
        "goodbye",
        "release",
      ]);
      for (const peer of peers) {
        await peer.gone();
        expect(peer.error).toBeUndefined();
      }
    }),
  );

  it(
    "answers a peer that has sent its FIN, and ends with it",
    rigTest(on, async (rig) => {
      const server = await rig.serve(async (connection) => {
        let text = "";
        for await (const chunk of connection.readable) text += textOf(chunk);
        await connection.write(bytesOf(text.toUpperCase()));
      });
      const peer = await rig.connect(server);
      peer.send("loud");
      peer.transport.end();
      await peer.received("LOUD");
      await peer.gone();
      expect(peer.error).toBeUndefined();
      await until(() => server.connections === 0);
      const { connections, outcome } = await server.goodbye();
      expect(outcome).toBe("clean");
      expect(connections).toMatchObject({ opened: 1, clean: 1 });
    }),
  );

  it(
    "delivers the goodbye and FIN to a peer whose bytes nobody has read",
    rigTest(on, async (rig) => {
      const server = await rig.serve(async (connection) => {
        connection.onPhase("goodbye", () => connection.write(bytesOf("goodbye")));
        await new Promise((resolve) => connection.draining.addEventListener("abort", resolve));
      });
      const peer = await rig.accepted(server);
      peer.transport.write(new Uint8Array(512 * 1024));
      await until(() => server.inspect().connections[0]!.bytesIn > 0);
      const farewell = await server.goodbye();
      expect(farewell.outcome).toBe("clean");
      await peer.gone();
      expect(peer.text).toBe("goodbye");
      expect(peer.error).toBeUndefined();
    }),
  );

  it(
    "makes a peer wait for a slow reader, and hands over all of it in the end",
    rigTest(on, async (rig) => {
      let begin = (): void => {};
      let read = 0;
      const server = await rig.serve(async (connection) => {
        await new Promise<void>((resolve) => begin = resolve);
        for await (const chunk of connection.readable) read += chunk.byteLength;
      });
      const peer = await rig.accepted(server);
      const size = 16 * 1_048_576;
      for (let sent = 0; sent < size; sent += 65_536) peer.transport.write(new Uint8Array(65_536));
      await until(() => server.inspect().connections[0]!.bytesIn >= 65_536);
      await turns(20);
      // What nobody reads is not taken from the peer, but for one round of the buffer.
      expect(server.inspect().connections[0]!.bytesIn).toBeLessThan(1_048_576);
      expect(peer.transport.buffered).toBeGreaterThan(0);
      begin();
      await until(() => read === size, { what: "all bytes" });
    }),
  );

  it(
    "makes a writer wait for a slow peer",
    rigTest(on, async (rig) => {
      let wrote = 0;
      const server = await rig.serve(async (connection) => {
        for (; wrote < 20; wrote++) await connection.write(new Uint8Array(256 * 1024));
        for await (const _ of connection.readable) await connection.write(bytesOf("."));
      });
      const peer = await rig.accepted(server);
      peer.transport.pause();
      await until(() => server.inspect().connections[0]!.bytesOut > 0);
      let last = -1;
      // It makes no progress any longer, and it is not done.
      for (let quiet = 0; quiet < 20;) {
        await new Promise((resolve) => setTimeout(resolve, 2));
        quiet = wrote === last ? quiet + 1 : 0;
        last = wrote;
      }
      expect(wrote).toBeLessThan(20);
      peer.transport.resume();
      await until(() => wrote === 20);
      await until(() => peer.bytes === 20 * 256 * 1024, { what: "all bytes" });
      expect(server.inspect().connections[0]!.bytesOut).toBe(20 * 256 * 1024);
      expect((await server.goodbye()).outcome).toBe("clean");
    }, { highWaterMark: 65_536 }),
  );

  it(
    "takes a peer's reset as a value, before, during and after the goodbye",
    rigTest(on, async (rig) => {
      const connections: ServerConnection[] = [];
      const server = await rig.serve(async (connection) => {
        connections.push(connection);
        connection.onPhase("goodbye", () => connection.write(bytesOf("goodbye")));
        for await (const chunk of connection.readable) await connection.write(chunk);
      });
      const [before, during, after, bystander] = [
        await rig.accepted(server),
        await rig.accepted(server),
        await rig.accepted(server),
        await rig.accepted(server),
      ] as const;
      before.transport.reset();
      await until(() => server.connections === 3);
      connections[1]!.onPhase("drain", () => {
        during.transport.reset();
        return until(() => connections[1]!.signal.aborted || !on.resets);
      });
      after.polite = false;
      const goodbye = server.goodbye();
      await until(() => after.ended, { what: "FIN" });
      after.transport.reset();
      const farewell = await goodbye;
      expect(bystander.text).toBe("goodbye");
      expect(after.text).toBe("goodbye");
      expect(bystander.error).toBeUndefined();
      expect(farewell.errors).toEqual([]);
      const { opened, clean, forced, lost } = farewell.connections;
      expect({ opened, forced, total: clean + lost }).toEqual({ opened: 4, forced: 0, total: 4 });
      if (!on.resets) return;
      const ends = await Promise.all(connections.map(({ closed }) => closed));
      expect(ends.map(({ cause, outcome }) => `${cause} ${outcome}`)).toEqual([
        "lost failed",
        "parent failed", // Reset before it was told.
        "parent clean", // It had been told, and has answered in its own way.
        "parent clean",
      ]);
      expect(farewell).toMatchObject({ outcome: "failed", connections: { clean: 1, lost: 3 } });
    }),
  );
});

describe("serve", () => {
  it(
    "resolves when it listens, and says where",
    rigTest(fixture.tcp, async (rig) => {
      const server = await rig.serve(echo, { name: "echo" });
      expect(server.address).toEqual({ host: "127.0.0.1", port: expect.any(Number) });
      const { port } = server.address as { port: number };
      expect(server.url).toBe(`tcp://127.0.0.1:${port}`);
      expect(server.state).toBe("open");
      expect(server.inspect()).toEqual({
        name: "echo",
        state: "open",
        url: server.url,
        connections: [],
        accepted: 0,
        refused: 0,
        faults: 0,
      });
      const peer = await rig.accepted(server);
      peer.send("12345");
      await peer.received("12345");
      expect(server.inspect().connections).toEqual([
        {
          id: 1,
          remote: peer.transport.local,
          state: "open",
          age: expect.any(Number),
          bytesIn: 5,
          bytesOut: 5,
        },
      ]);
    }),
  );

  it(
    "says in its url what it speaks",
    rigTest(fixture.tls, async (rig) => {
      const server = await rig.serve(echo);
      expect(server.url).toMatch(/^tls:\/\/127\.0\.0\.1:\d+$/);
    }),
  );

  it(
    "ends with the reason of its signal, gracefully",
    rigTest(fixture.tcp, async (rig) => {
      const controller = new AbortController();
      const server = await rig.serve(echo, { signal: controller.signal });
      const peer = await rig.accepted(server);
      const reason = { why: "the deploy" };
      controller.abort(reason);
      expect(server.draining.reason).toBe(reason);
      const farewell = await server.closed;
      expect(farewell).toMatchObject({ outcome: "clean", cause: "aborted" });
      expect(farewell.reason).toBe(reason);
      await peer.gone();
      expect(peer.error).toBeUndefined();
    }),
  );

  it.each<[string, unknown, string]>([
    ["port", { port: "80" }, 'Cannot use option "port": expected a number, got string'],
    ["port", { port: 70_000 }, 'Cannot use option "port": expected 0 to 65535, got 70000'],
    ["path", { path: "/tmp/x", port: 1 }, 'Cannot use option "port" together with "path": use one of them'],
    ["options", null, "Cannot use the options: expected an object, got null"],
    ["prot", { prot: 5 }, 'Cannot use option "prot": there is no such option'],
    [
      "idleTimeout beside the limits",
      { idleTimeout: 5 },
      'Cannot use option "idleTimeout": there is no such option, it is "limits.idleTimeout"',
    ],
    [
      "limit",
      { limits: { conections: 1 } },
      'Cannot use option "limits.conections": there is no such option',
    ],
    ["network", { network: {} }, 'Cannot use option "network": expected a network, got object'],
    ["signal", { signal: {} }, 'Cannot use option "signal": expected an AbortSignal, got object'],
    ["name", { name: 1 }, 'Cannot use option "name": expected a text, got number'],
    ["grace", { grace: -1 }, 'Cannot use option "grace": expected 0 or more milliseconds, got -1'],
    [
      "announce",
      { announce: "1" },
      'Cannot use option "announce": expected a number of milliseconds, got string',
    ],
    ["limits", { limits: 5 }, 'Cannot use option "limits": expected an object, got number'],
    [
      "connections",
      { limits: { connections: 0 } },
      'Cannot use option "limits.connections": expected 1 or more, or Infinity, got 0',
    ],
    [
      "perAddress",
      { limits: { perAddress: 1.5 } },
      'Cannot use option "limits.perAddress": expected 1 or more, or Infinity, got 1.5',
    ],
    [
      "idleTimeout",
      { limits: { idleTimeout: 0 } },
      'Cannot use option "limits.idleTimeout": expected more than 0 milliseconds, got 0',
    ],
    [
      "handshakeTimeout",
      { limits: { handshakeTimeout: NaN } },
      'Cannot use option "limits.handshakeTimeout": expected 0 or more milliseconds, got NaN',
    ],
  ])("refuses a wrong %s", async (_name, options, message) => {
    const error = await rejection(serve(echo, options as object)) as Error;
    expect(error.constructor === TypeError || error.constructor === RangeError).toBe(true);
    expect(error.message).toBe(message);
  });

  it("refuses a handler that is none", async () => {
    expect(await rejection(serve(undefined as unknown as ConnectionHandler, {}))).toEqual(
      new TypeError("Cannot serve: expected a function as handler, got undefined"),
    );
  });
});
