import { EventEmitter } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import process from "node:process";
import { describe, expect, it } from "vitest";
import { SocketListener } from "../../lib/net/listener.ts";
import { systemNetwork, type Transport } from "../../lib/net/mod.ts";
import { Registry } from "../../lib/net/registry.ts";
import { rejection } from "../contracts/bench.ts";
import { leakGate } from "../support/leak.ts";

leakGate();

describe("a listener for TLS that has been closed", () => {
  it("gives up a handshake that is complete before its stream is gone, and counts it once", async () => {
    const { listener, server, accepted, errors, refused } = await bareListener();
    const [raw, secure] = [stub(), stub()];
    server.emit("connection", raw);
    const closed = listener.close();
    expect(raw.destroyed).toBe(true);
    server.emit("secureConnection", secure);
    raw.emit("close");
    await closed;
    expect([secure.destroyed, accepted, errors, refused()]).toEqual([true, [], [], 1]);
  });

  it("resets a stream that has not begun its handshake yet, and is not kept by it", async () => {
    const { listener, server, accepted, errors, refused, registry } = await bareListener();
    await listener.close();
    const late = stub();
    server.emit("connection", late);
    expect(late.destroyed).toBe(true);
    late.emit("close");
    expect([accepted, errors, refused()]).toEqual([[], [], 1]);
    expect(registry.open()).toEqual({ sockets: 0, listeners: 0, timers: 0 });
  });
});

describe("the stream under a handshake", () => {
  it("may fail at any time: that ends its handshake, and no more", async () => {
    const { listener, server, accepted, errors } = await bareListener();
    const raw = stub();
    server.emit("connection", raw);
    raw.emit("error", new Error("read ECONNRESET"));
    raw.emit("close");
    raw.emit("error", new Error("write EPIPE"));
    expect([accepted.length, errors.length]).toEqual([0, 1]);
    await listener.close();
  });
});

describe("a signal that has aborted already", () => {
  it.each(["dial", "listen"] as const)("keeps %s from asking for the name of a host", async (name) => {
    const network = systemNetwork();
    const signal = AbortSignal.abort("before");
    const lookups = (): number =>
      process.getActiveResourcesInfo().filter((resource) => /getaddrinfo/i.test(resource)).length;
    const before = lookups();
    const call = name === "dial" ? network.dial({ host: "localhost", port: 1 }, { signal }) : network.listen(
      { host: "localhost", port: 0 },
      { connection() {}, handshakeError() {}, acceptError() {} },
      { signal },
    );
    // Only Node and Deno tell what is under way.
    expect(lookups()).toBe(before);
    expect(await rejection(call)).toBe("before");
  });
});

/** A listener for TLS whose server, a plain one, says what the test wants it to. */
async function bareListener(): Promise<{
  listener: SocketListener;
  server: Server;
  registry: Registry;
  accepted: Transport[];
  errors: Error[];
  /** How many streams it has refused because of its end. */
  refused(): number;
}> {
  const server = createServer();
  const registry = new Registry();
  const accepted: Transport[] = [];
  const errors: Error[] = [];
  let refused = 0;
  const listener = new SocketListener(server, {
    kind: "tls",
    handler: {
      connection: (transport) => void accepted.push(transport),
      handshakeError: (error) => void errors.push(error),
      acceptError: (error) => void errors.push(error),
      refused: () => void refused++,
    },
    registry,
    highWaterMark: 1_048_576,
    handshakeTimeout: 1_000,
  });
  expect(await listener.bind({ host: "127.0.0.1", port: 0 })).toBeUndefined();
  return { listener, server, registry, accepted, errors, refused: () => refused };
}

/** As much of a socket as a handshake needs; both sides of one have the same peer. It closes when the test says so. */
function stub(): Socket {
  const socket = Object.assign(new EventEmitter(), {
    remoteAddress: "127.0.0.1",
    remotePort: 50_000,
    destroyed: false,
    destroy: () => void (socket.destroyed = true),
    resetAndDestroy: () => void (socket.destroyed = true),
  });
  return socket as unknown as Socket;
}
