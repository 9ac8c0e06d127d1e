import { describe, expect, it } from "vitest";
import { connect, type EventMeshConnection } from "../../lib/eventmesh/mod.ts";
import { encodeEvent, FrameWriter, type Header, SELECTORS } from "../../lib/eventmesh/wire/mod.ts";
import { formatFarewell } from "../../lib/lifecycle/mod.ts";
import { memoryNetwork } from "../../lib/net/mod.ts";
import { type FakeServer, startFakeServer } from "../support/fake_server.ts";
import { fixture, fixtures, rigTest, type ServeFixture } from "../server/kit.ts";
import { leakGate } from "../support/leak.ts";
import { turns, until } from "../support/until.ts";
import { clientOptions, listenTarget } from "./i08_streams.ts";

const gate = leakGate();

function withClient(
  on: ServeFixture,
  body: (server: FakeServer, connection: EventMeshConnection) => Promise<void>,
): Promise<void> {
  return rigTest(on, async (rig) => {
    const { network } = rig;
    const server = await startFakeServer({ network, target: listenTarget(rig) });
    const url = on.kind === "tls" ? server.url.replace("eventmesh:", "eventmesh+tls:") : server.url;
    const connection = await connect(url, { network, reconnect: false, ...clientOptions(on) });
    await body(server, connection);
    await connection.goodbye({ grace: 0 });
    await server.close();
  })();
}

/** Every stream has got one goodbye and then FIN, and was not reset. */
async function expectGoodbyes(server: FakeServer, count: number): Promise<void> {
  await until(() => server.open.length === 0, { what: "the end of all streams" });
  const seen = server.sessions.map((session) => ({
    goodbyes: session.of("CLIENT_GOODBYE_REQUEST").length,
    ended: session.peerEnded,
    error: session.end?.error,
  }));
  expect(seen).toEqual(Array.from({ length: count }, () => ({ goodbyes: 1, ended: true, error: undefined })));
}

function frameOf(header: Header, body?: string): Uint8Array {
  const writer = new FrameWriter();
  writer.frame(header, body);
  return writer.take();
}

function push(seq: number): Uint8Array {
  const header = {
    cmd: "ASYNC_MESSAGE_TO_CLIENT",
    seq: String(seq),
    properties: SELECTORS.eventmeshmessage,
  } as const;
  const event = { topic: "orders", data: "x".repeat(1_000), properties: {} };
  return frameOf(header, encodeEvent("eventmeshmessage", event));
}

describe.each(fixtures)(
  "I8 goodbye: a client over $kind says one goodbye and FIN, and never resets,",
  (on) => {
    it("to a server that has nothing to say", () =>
      withClient(on, async (server, connection) => {
        const farewell = await connection.goodbye();
        expect(farewell.outcome, formatFarewell(farewell)).toBe("clean");
        await expectGoodbyes(server, 1);
      }));

    it("to a server whose 512 KB nobody has read, and half a frame behind them", () =>
      withClient(on, async (server, connection) => {
        const subscription = await connection.subscribe("orders", { capacity: 1 });
        const session = server.last("sub");
        for (let i = 0; i < 512; i++) session.write(push(i));
        await turns(5);
        const leaving = connection.goodbye();
        await session.saw("CLIENT_GOODBYE_REQUEST");
        session.write(push(512).subarray(0, 500));
        const farewell = await leaving;
        expect(farewell.outcome, formatFarewell(farewell)).toBe("clean");
        const { messages } = await subscription.closed;
        expect(messages.received).toBe(messages.returned);
        await expectGoodbyes(server, 2);
      }));

    it("to a server with half a frame on its way", () =>
      withClient(on, async (server, connection) => {
        const half = frameOf({ cmd: "ASYNC_MESSAGE_TO_SERVER_ACK", seq: "1", code: 0 });
        const rest = half.subarray(20);
        server.last("pub").write(half.subarray(0, 20));
        await turns(2);
        // The rest of it is behind the goodbye, and the answer behind that.
        server.on("CLIENT_GOODBYE_REQUEST", (request) => {
          request.session.write(rest);
          request.reply();
        });
        const farewell = await connection.goodbye();
        expect(farewell.outcome, formatFarewell(farewell)).toBe("clean");
        await expectGoodbyes(server, 1);
      }));

    it("to a server that reads slowly", () =>
      withClient(on, async (server, connection) => {
        const session = server.last("pub");
        session.freeze();
        const published = Array.from({ length: 20 }, () => connection.publish("orders", "x".repeat(50_000)));
        const leaving = connection.goodbye();
        for (let i = 0; i < 5_000 && session.open; i++) {
          session.thaw();
          await turns(1);
          session.freeze();
          await turns(2);
          // A stream that is paused does not hear of its end.
          if (session.of("CLIENT_GOODBYE_REQUEST").length > 0) session.thaw();
        }
        const farewell = await leaving;
        await Promise.all(published);
        expect(farewell.outcome, formatFarewell(farewell)).toBe("clean");
        await expectGoodbyes(server, 1);
      }));
  },
);

describe("I8 goodbye: a client that leaves a server for another", () => {
  it("has said one goodbye to it, and FIN, when its handlers are done, and did not reset", async () => {
    const network = gate.watch(memoryNetwork());
    const [one, other] = [await startFakeServer({ network }), await startFakeServer({ network })];
    const connection = await connect([one.url, other.url], { network, reconnect: { min: 1, max: 5 } });
    const work: (() => void)[] = [];
    const subscription = await connection.subscribe("orders");
    const over = subscription.consume(() => new Promise<void>((resolve) => work.push(resolve)));
    const session = one.last("sub");
    for (let i = 0; i < 512; i++) session.write(push(i));
    await until(() => work.length === 1);
    session.redirect(other);
    await until(() => other.of("LISTEN_REQUEST").length === 1);
    // What it has brought is handled, and nothing more is read from it: the answer to the goodbye is.
    for (let i = 0; i < 5_000 && session.open; i++) {
      work.shift()?.();
      await turns(1);
    }
    const { end, peerEnded } = session;
    expect({ goodbyes: session.of("CLIENT_GOODBYE_REQUEST").length, peerEnded, error: end?.error }).toEqual({
      goodbyes: 1,
      peerEnded: true,
      error: undefined,
    });
    const farewell = await connection.goodbye();
    await over;
    expect(farewell.outcome, formatFarewell(farewell)).toBe("clean");
    expect(farewell.connections).toMatchObject({ opened: 3, clean: 3 });
    await Promise.all([one.close(), other.close()]);
  });
});

/** A frame in two pieces for every place between its bytes, and byte by byte. */
function pieces(frame: Uint8Array): Uint8Array[][] {
  const splits = Array.from(frame, (_, at) => [frame.subarray(0, at), frame.subarray(at)]);
  return [...splits, Array.from(frame, (byte) => Uint8Array.of(byte))];
}

describe("I8 goodbye: split at every byte,", () => {
  it("that of the server is one goodbye to the client", async () => {
    const header = { cmd: "SERVER_GOODBYE_REQUEST", code: 0, desc: "graceful normal quit" } as const;
    for (const parts of pieces(frameOf(header))) {
      await withClient(fixture.memory, async (server, connection) => {
        for (const part of parts) {
          server.last("pub").write(part);
          await turns(1);
        }
        const farewell = await connection.closed;
        expect({ outcome: farewell.outcome, cause: farewell.cause }).toEqual({
          outcome: "clean",
          cause: "peer-goodbye",
        });
        await expectGoodbyes(server, 1);
      });
    }
  });

  it("the answer of the server to that of the client is one answer", async () => {
    const network = gate.watch(memoryNetwork());
    const server = await startFakeServer({ network });
    const all = pieces(frameOf({ cmd: "CLIENT_GOODBYE_RESPONSE", code: 0, desc: "success", seq: "0" }));
    for (const [i] of all.entries()) {
      server.on("CLIENT_GOODBYE_REQUEST", async ({ seq, session }) => {
        const frame = frameOf({ cmd: "CLIENT_GOODBYE_RESPONSE", code: 0, desc: "success", seq });
        for (const part of pieces(frame)[i]!) {
          session.write(part);
          await turns(1);
        }
      });
      const connection = await connect(server.url, { network, reconnect: false });
      const farewell = await connection.goodbye();
      expect(farewell.outcome, formatFarewell(farewell)).toBe("clean");
    }
    await expectGoodbyes(server, all.length);
    await server.close();
  });
});
