import { once } from "node:events";
import { createServer, type Server, Socket } from "node:net";
import { describe, expect, it, vi } from "vitest";
import { ConnectError } from "../../lib/errors.ts";
import { SocketListener } from "../../lib/net/listener.ts";
import { systemNetwork, targetText } from "../../lib/net/mod.ts";
import { Registry } from "../../lib/net/registry.ts";
import { transportContract } from "../contracts/transport.ts";
import { rejection } from "../contracts/bench.ts";
import { type Bench, benchTest, Recorder, type TransportFixture } from "../contracts/transport_kit.ts";
import { leakGate } from "../support/leak.ts";
import { until } from "../support/until.ts";

leakGate();

const fixture: TransportFixture = {
  kind: "tcp",
  resets: true,
  network: systemNetwork,
  listenTarget: () => ({ host: "127.0.0.1", port: 0 }),
  dialTarget: (address) => address,
};
const test = (body: Parameters<typeof benchTest>[1]) => benchTest(fixture, body);

transportContract("tcp", fixture);

describe("tcp", () => {
  it(
    "never lets the kernel wait for more bytes before it sends, at either end",
    test(async (bench) => {
      const noDelay = vi.spyOn(Socket.prototype, "setNoDelay");
      await bench.pair();
      expect(noDelay.mock.calls.map(([value]) => value)).toEqual([true, true]);
      noDelay.mockRestore();
    }),
  );

  it(
    "resolves names for dial and listen",
    test(async (bench) => {
      const listener = await bench.listen({ host: "localhost", port: 0 });
      expect(listener.address).toMatchObject({ host: expect.stringMatching(/^(127\.0\.0\.1|::1)$/) });
      const { port } = listener.address as { port: number };
      const client = await bench.network.dial({ host: "localhost", port }, {});
      bench.dialled.push(client);
      expect(client.remote).toBe(targetText(listener.address));
    }),
  );

  it(
    "rejects with a ConnectError when a name does not exist",
    test(async (bench) => {
      for (
        const attempt of [
          () => bench.network.dial({ host: "not a host", port: 1 }, {}),
          () => bench.network.listen({ host: "not a host", port: 0 }, bench.handler, {}),
        ]
      ) {
        const error = await rejection(attempt());
        expect(error).toBeInstanceOf(ConnectError);
        expect(error).toMatchObject({
          cause: { code: "ENOTFOUND" },
          address: expect.stringMatching(/^not a host:/),
        });
      }
    }),
  );

  it(
    "gives up on a name that is still being resolved",
    test(async (bench) => {
      for (const open of ["dial", "listen"] as const) {
        const controller = new AbortController();
        const target = { host: "localhost", port: 1 };
        const attempt = open === "dial"
          ? bench.network.dial(target, { signal: controller.signal })
          : bench.network.listen(target, bench.handler, { signal: controller.signal });
        let settled = false;
        const rejected = rejection(attempt).finally(() => settled = true);
        controller.abort(0);
        // At once, which no answer of a resolver could be.
        for (let i = 0; i < 10; i++) await undefined;
        expect(settled).toBe(true);
        expect(await rejected).toBe(0);
      }
    }),
  );

  it(
    "resets a stream that the runtime hands out after the close",
    test(async (bench) => {
      const { listener, server } = await bareListener(bench);
      await listener.close();
      // The stream comes over another server: a runtime that is late by itself cannot be made to order.
      const source = createServer({ pauseOnConnect: true });
      source.listen(0, "127.0.0.1");
      await once(source, "listening");
      const { port } = source.address() as { port: number };
      const [[late], client] = await Promise.all([
        once(source, "connection"),
        bench.network.dial({ host: "127.0.0.1", port }, {}),
      ]);
      source.close();
      bench.dialled.push(client);
      server.emit("connection", late);
      const atClient = new Recorder(client).start();
      await until(() => atClient.closed, { what: "the reset" });
      expect(atClient.error).toMatchObject({ code: "ECONNRESET" });
      expect(bench.accepted).toEqual([]);
      expect(bench.refused).toBe(1);
    }),
  );
});

/** A listener whose server the test can reach. */
async function bareListener(bench: Bench): Promise<{ listener: SocketListener; server: Server }> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true });
  const listener = new SocketListener(server, {
    kind: "tcp",
    handler: bench.handler,
    registry: new Registry(),
    highWaterMark: 1_048_576,
    handshakeTimeout: 1_000,
  });
  expect(await listener.bind({ host: "127.0.0.1", port: 0 })).toBeUndefined();
  bench.listeners.push(listener);
  return { listener, server };
}
