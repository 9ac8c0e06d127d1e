import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { ConnectError, ProtocolError } from "../../lib/errors.ts";
import { systemNetwork, type Transport } from "../../lib/net/mod.ts";
import { secureSocket } from "../../lib/net/secure.ts";
import { socketTransport } from "../../lib/net/socket.ts";
import { rejection } from "../contracts/bench.ts";
import { bytesOf, Recorder } from "../contracts/transport_kit.ts";
import { startTlsServer } from "../nats/tls_server.ts";
import { ca, cert, key } from "../support/certificate.ts";
import { leakGate } from "../support/leak.ts";
import { turns, until } from "../support/until.ts";

const gate = leakGate();
const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

const target = { host: "127.0.0.1", tls: { ca } };

describe("a stream that is turned into TLS", () => {
  it("refuses at once when it has closed before", async () => {
    const { plain, network } = await started({ cert, key });
    plain.destroy();
    await plain.closed;
    const error = await rejection(plain.secure!(target, {})) as ConnectError;
    expect(error).toBeInstanceOf(ConnectError);
    expect(error.message).toMatch(
      /^Cannot secure the connection to 127\.0\.0\.1:\d+: the connection is closed$/,
    );
    const reason = { an: "object" };
    expect(await rejection(plain.secure!(target, { signal: AbortSignal.abort(reason) }))).toBe(reason);
    expect(network.open().sockets).toBe(0);
  });

  it("refuses when it is closing, and when the peer has ended it while its reader was paused", async () => {
    const { plain, network } = await started({ cert, key });
    plain.destroy();
    const error = await rejection(plain.secure!(target, {})) as ConnectError;
    expect(error.message).toContain("the connection is closed");
    expect(network.open().sockets).toBe(0);

    const held = await started("silent");
    held.plain.end();
    await held.atClient.received(held.greeting);
    held.plain.pause();
    await held.server.close();
    expect(await rejection(held.plain.secure!(target, {}))).toBeInstanceOf(ConnectError);
    await held.plain.closed;
    expect(held.network.open().sockets).toBe(0);
  });

  it("refuses when bytes in clear are held, and hands none of them over", async () => {
    const network = gate.watch(systemNetwork());
    const accepted: Transport[] = [];
    const listener = await network.listen({ host: "127.0.0.1", port: 0 }, {
      connection: (transport) => void accepted.push(transport),
      handshakeError() {},
      acceptError() {},
    }, {});
    ends.push(() => listener.close());
    const { port } = listener.address as { port: number };
    const plain = await network.dial({ host: "127.0.0.1", port }, {});
    await until(() => accepted.length === 1);
    accepted[0]!.write(bytesOf("first"));
    let refused: Promise<unknown> | undefined;
    const seen = new Recorder(plain);
    // Chunks that have come while it was paused are told in one go: the first of them asks for TLS.
    seen.onData = () => {
      if (refused !== undefined) return;
      plain.pause();
      accepted[0]!.write(bytesOf("injected"));
      refused = turns(30).then(() => rejection(plain.secure!(target, {})));
    };
    seen.start();
    await until(() => refused !== undefined, { what: "the first bytes" });
    expect(await refused).toBeInstanceOf(ProtocolError);
    await plain.closed;
    expect(seen.text()).toBe("first");
    accepted[0]!.destroy();
  });

  it.each(["destroy", "reset"] as const)("is gone after a %s during the handshake", async (how) => {
    const { plain, server, network } = await started("silent");
    const secured = rejection(plain.secure!(target, {}));
    await until(() => server.handshakes === 1, { what: "the handshake" });
    const cause = new Error("enough");
    if (how === "destroy") plain.destroy(cause);
    else plain.reset();
    const error = await secured as ConnectError;
    expect(error).toBeInstanceOf(ConnectError);
    if (how === "destroy") expect(error.cause).toBe(cause);
    expect(await plain.closed).toBe(how === "destroy" ? cause : undefined);
    expect(network.open().sockets).toBe(0);
  });

  it.each([
    ["an abort", (_plain: Transport, controller: AbortController) => controller.abort("late")],
    ["a destroy", (plain: Transport) => plain.destroy()],
  ])("is not handed out after %s between the handshake and its result", async (what, act) => {
    const { plain, network } = await started({ cert, key });
    const controller = new AbortController();
    const { signal } = controller;
    const take = signal.removeEventListener.bind(signal);
    let acted = false;
    // The link to the signal is taken off in the microtask behind the handshake: that is the gap.
    signal.removeEventListener = (...args: Parameters<typeof take>) => {
      take(...args);
      if (acted) return;
      acted = true;
      act(plain, controller);
    };
    const error = await rejection(plain.secure!(target, { signal }));
    expect(acted).toBe(true);
    if (what === "an abort") expect(error).toBe("late");
    else expect(error).toBeInstanceOf(ConnectError);
    await plain.closed;
    expect(network.open().sockets).toBe(0);
  });

  it("hears of an error in the microtask behind the handshake", async () => {
    const server = await startTlsServer({ cert, key });
    ends.push(() => server.close());
    const raw: Socket = connect({
      host: "127.0.0.1",
      port: Number(new URL(server.url).port),
      allowHalfOpen: true,
    });
    raw.on("error", () => {});
    // The first line comes in clear.
    await once(raw, "data");
    const failure = new Error("in the gap");
    const secured = await secureSocket(raw, target, {
      where: "there",
      signal: undefined,
      cut: new AbortController().signal,
      gone: false,
      refusal: undefined,
      take(socket) {
        queueMicrotask(() => socket.destroy(failure));
        return socketTransport(socket, "there", { kind: "tls", local: "", highWaterMark: 1, below: raw });
      },
    });
    expect(await secured.closed).toBe(failure);
  });

  it("goes on as a TLS stream", async () => {
    const { plain, network, server } = await started({ cert, key });
    const secured = await plain.secure!(target, {});
    const seen = new Recorder(secured).start();
    // The old one has no part in it any more.
    plain.destroy();
    plain.reset();
    secured.write(bytesOf("PING\r\n"));
    await seen.received(6);
    expect(seen.text()).toBe("PONG\r\n");
    expect(server.handshakes).toBe(1);
    secured.destroy();
    await secured.closed;
    expect(network.open().sockets).toBe(0);
  });
});

/** A stream whose handler has heard the first line of a server. */
async function started(how: Parameters<typeof startTlsServer>[0]) {
  const network = gate.watch(systemNetwork());
  const server = await startTlsServer(how);
  ends.push(() => server.close());
  const plain = await network.dial({ host: "127.0.0.1", port: Number(new URL(server.url).port) }, {});
  const atClient = new Recorder(plain).start();
  await until(() => atClient.text().includes("\n"), { what: "the first line" });
  return { network, server, plain, atClient, greeting: atClient.bytes };
}
