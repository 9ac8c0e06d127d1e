import { createServer, type Server, type Socket } from "node:net";
import { once } from "node:events";
import { connect } from "node:net";
import { describe, expect, it } from "vitest";
import { ConnectError, TimeoutError } from "../../lib/errors.ts";
import { type Listener, systemNetwork, type TlsConnectOptions } from "../../lib/net/mod.ts";
import { transportContract } from "../contracts/transport.ts";
import { rejection } from "../contracts/bench.ts";
import { type Bench, benchTest, bytesOf, pattern, reasons, Recorder } from "../contracts/transport_kit.ts";
import type { TransportFixture } from "../contracts/transport_kit.ts";
import { ca, cert, key } from "../support/certificate.ts";
import { leakGate } from "../support/leak.ts";
import { turns, until } from "../support/until.ts";

leakGate();

const fixture: TransportFixture = {
  kind: "tls",
  resets: false,
  network: systemNetwork,
  listenTarget: () => ({ host: "127.0.0.1", port: 0, tls: { cert, key } }),
  dialTarget: (address) => "path" in address ? address : { ...address, tls: { ca } },
};
const test = (body: Parameters<typeof benchTest>[1]) => benchTest(fixture, body);

transportContract("tls", fixture);

describe("tls handshake at the listener", () => {
  it(
    "that is not done in time is cut and reported",
    test(async (bench) => {
      const listener = await bench.listen(undefined, {}, { handshakeTimeout: 40 });
      const peer = await rawPeer(listener);
      await until(() => bench.handshakeErrors.length > 0, { what: "the report" });
      expect(bench.handshakeErrors[0]).toBeInstanceOf(TimeoutError);
      expect(bench.handshakeErrors[0]).toMatchObject({ timeout: 40, code: "ERR_TIMEOUT" });
      await peer.closed;
      expect(bench.network.open()).toEqual({ sockets: 0, listeners: 1, timers: 0 });
      expect(bench.handshakeErrors.length).toBe(1);
      await bench.pair();
    }),
  );

  it(
    "is not limited once it is done",
    test(async (bench) => {
      await bench.listen(undefined, {}, { handshakeTimeout: 200 });
      const { client, atServer } = await bench.started();
      expect(bench.network.open()).toEqual({ sockets: 2, listeners: 1, timers: 0 });
      client.write(bytesOf("x"));
      await atServer.received(1);
    }),
  );

  it(
    "that gets other bytes fails and is reported",
    test(async (bench) => {
      const listener = await bench.listen();
      const peer = await rawPeer(listener);
      peer.socket.write("this is certainly not the beginning of a handshake\r\n\r\n");
      await until(() => bench.handshakeErrors.length > 0, { what: "the report" });
      expect(bench.handshakeErrors[0]).toBeInstanceOf(ConnectError);
      expect(bench.handshakeErrors[0]?.message).toMatch(
        /^Cannot complete the TLS handshake with 127\.0\.0\.1:\d+: \S/,
      );
      expect(bench.handshakeErrors[0]?.message).not.toContain("the peer has closed");
      expect(bench.handshakeErrors[0]?.cause).toBeInstanceOf(Error);
      await peer.closed;
      expect(bench.network.open()).toEqual({ sockets: 0, listeners: 1, timers: 0 });
      await bench.pair();
    }),
  );

  it.each(["end", "resetAndDestroy"] as const)(
    "that the peer leaves (%s) ends, at the latest with its limit",
    (how) =>
      test(async (bench) => {
        const listener = await bench.listen(undefined, {}, { handshakeTimeout: 300 });
        const peer = await rawPeer(listener);
        await until(() => bench.network.open().sockets === 1);
        peer.socket[how]();
        await until(() => bench.handshakeErrors.length > 0, { what: "the report" });
        await until(() => bench.network.open().sockets === 0);
        await peer.closed;
        expect(bench.network.open()).toEqual({ sockets: 0, listeners: 1, timers: 0 });
        expect(bench.handshakeErrors.length).toBe(1);
      })(),
  );

  it(
    "is cut by close, which does not wait for it",
    test(async (bench) => {
      const listener = await bench.listen();
      const peers = [await rawPeer(listener), await rawPeer(listener)];
      await until(() => bench.network.open().sockets === 2);
      await listener.close();
      expect(bench.network.open()).toEqual({ sockets: 0, listeners: 0, timers: 0 });
      await Promise.all(peers.map((peer) => peer.closed));
      expect(bench.handshakeErrors).toEqual([]);
      expect(bench.refused, "handshakes that were cut").toBe(2);
      const { port } = listener.address as { port: number };
      await (await bench.listen({ host: "127.0.0.1", port, tls: { cert, key } })).close();
    }),
  );

  it(
    "refuses a client without the certificate it asks for",
    test(async (bench) => {
      const listener = await bench.listen({ host: "127.0.0.1", port: 0, tls: { cert, key, ca } });
      // In TLS 1.3 the client is done before the server has judged it: it may learn of the refusal only afterwards.
      const outcome = await bench.dial(listener).catch((error: unknown) => error);
      if (outcome instanceof Error) {
        expect(outcome).toBeInstanceOf(ConnectError);
      } else {
        const atClient = new Recorder(bench.dialled[0]!).start();
        await until(() => atClient.closed, { what: "the refusal" });
        expect(atClient.error).toBeInstanceOf(Error);
      }
      await until(() => bench.handshakeErrors.length === 1, { what: "the report" });
      expect(bench.handshakeErrors[0]).toBeInstanceOf(ConnectError);
      expect(bench.accepted).toEqual([]);
      bench.dialled.push(await dialWith(bench, listener, { ca, cert, key }));
      await until(() => bench.accepted.length === 1, { what: "the client with a certificate" });
    }),
  );
});

describe("tls dial", () => {
  it(
    "checks the certificate",
    test(async (bench) => {
      const listener = await bench.listen();
      for (const tls of [{}, { ca, servername: "example.org" }]) {
        const error = await rejection(dialWith(bench, listener, tls));
        expect(error).toBeInstanceOf(ConnectError);
        expect((error as ConnectError).cause).toMatchObject({
          code: expect.stringMatching(/^(UNABLE_TO_VERIFY_LEAF_SIGNATURE|ERR_TLS_CERT_ALTNAME_INVALID)$/),
        });
      }
      for (const tls of [{ ca }, { ca, servername: "localhost" }, { rejectUnauthorized: false }]) {
        bench.dialled.push(await dialWith(bench, listener, tls));
      }
    }),
  );

  it(
    "takes the host for the server name",
    test(async (bench) => {
      const { port } = (await bench.listen()).address as { port: number };
      bench.dialled.push(await bench.network.dial({ host: "localhost", port, tls: { ca } }, {}));
    }),
  );

  it(
    "refuses what is no PEM text before anything is opened",
    test(async (bench) => {
      for (const name of ["ca", "cert", "key"]) {
        const target = { host: "127.0.0.1", port: 1, tls: { [name]: "no PEM" } };
        expect(await rejection(bench.network.dial(target, {}))).toBeInstanceOf(TypeError);
      }
    }),
  );

  it(
    "gives up at once on a server that accepts and says nothing",
    test(async (bench) => {
      const { server, port, sockets } = await plainServer(() => {});
      for (const reason of reasons) {
        const controller = new AbortController();
        const target = { host: "127.0.0.1", port, tls: { ca } };
        const known = sockets.length;
        const dialled = rejection(bench.network.dial(target, { signal: controller.signal }));
        await until(() => sockets.length > known);
        await turns(3);
        controller.abort(reason);
        expect(await dialled).toBe(controller.signal.reason);
        expect(bench.network.open()).toEqual({ sockets: 0, listeners: 0, timers: 0 });
      }
      await stop(server, sockets);
    }),
  );

  it.each([
    ["ends", (socket: Socket) => void socket.end()],
    ["resets", (socket: Socket) => void socket.resetAndDestroy()],
    ["speaks another protocol", (socket: Socket) => void socket.end("220 mail.example.org ready\r\n")],
  ])("rejects when the server %s", (_what, act) =>
    test(async (bench) => {
      const { server, port, sockets } = await plainServer((socket) => {
        socket.once("data", () => act(socket));
      });
      const error = await rejection(bench.network.dial({ host: "127.0.0.1", port, tls: { ca } }, {}));
      expect(error).toBeInstanceOf(ConnectError);
      expect((error as ConnectError).cause).toBeInstanceOf(Error);
      expect(bench.network.open()).toEqual({ sockets: 0, listeners: 0, timers: 0 });
      await stop(server, sockets);
    })());
});

describe("tls stream", () => {
  it(
    "makes the writer wait when it is paused after data has flowed, and gives the end after a resume",
    test(async (bench) => {
      const { client, server, atClient, atServer } = await bench.started();
      client.write(pattern(100_000));
      await atServer.received(100_000);
      server.pause();
      let written = 0;
      while (client.buffered <= 1_048_576) {
        expect(written).toBeLessThan(64 * 1_048_576);
        const drains = atClient.drains;
        if (client.write(pattern(65_536))) void 0;
        else for (let i = 0; i < 50 && atClient.drains === drains; i++) await turns(1);
        written += 65_536;
      }
      client.end();
      await turns(20);
      const held = atServer.bytes;
      expect(held).toBe(100_000);
      server.resume();
      await atServer.ended();
      expect(atServer.bytes).toBe(100_000 + written);
    }),
  );
});

function dialWith(bench: Bench, listener: Listener, tls: TlsConnectOptions) {
  const { port } = listener.address as { port: number };
  return bench.network.dial({ host: "127.0.0.1", port, tls }, {});
}

/** A peer that connects and then does nothing by itself. */
async function rawPeer(listener: Listener): Promise<{ socket: Socket; closed: Promise<unknown> }> {
  const { port } = listener.address as { port: number };
  const socket = connect({ host: "127.0.0.1", port });
  socket.on("error", () => {});
  const closed = new Promise((resolve) => socket.once("close", resolve));
  await once(socket, "connect");
  socket.resume();
  return { socket, closed };
}

async function plainServer(
  act: (socket: Socket) => void,
): Promise<{ server: Server; port: number; sockets: Socket[] }> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket.on("error", () => {}));
    act(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { server, port: (server.address() as { port: number }).port, sockets };
}

async function stop(server: Server, sockets: Socket[]): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve));
  for (const socket of sockets) socket.destroy();
  await closed;
}
