import { afterEach, describe, expect, it, vi } from "vitest";
import { ConnectError } from "../../lib/errors.ts";
import { memoryNetwork } from "../../lib/net/mod.ts";
import { transportContract } from "../contracts/transport.ts";
import { rejection } from "../contracts/bench.ts";
import { benchTest, bytesOf, pattern, Recorder, type TransportFixture } from "../contracts/transport_kit.ts";
import { cert, key } from "../support/certificate.ts";
import { leakGate } from "../support/leak.ts";
import { turns, until } from "../support/until.ts";

leakGate();

const fixture: TransportFixture = {
  kind: "memory",
  resets: true,
  network: memoryNetwork,
  listenTarget: () => ({ host: "127.0.0.1", port: 0 }),
  dialTarget: (address) => address,
};
const test = (body: Parameters<typeof benchTest>[1], highWaterMark?: number) =>
  benchTest(fixture, body, { highWaterMark });

transportContract("memory", fixture);
transportContract("memory path", { ...fixture, listenTarget: () => ({ path: `/place/${++places}` }) });
let places = 0;

describe("network in memory", () => {
  afterEach(() => void vi.useRealTimers());

  it(
    "resets a stream whose listener has closed since it was dialled, and counts it",
    test(async (bench) => {
      const listener = await bench.listen();
      const atClient = new Recorder(await bench.dial(listener)).start();
      await listener.close();
      await until(() => atClient.closed, { what: "the reset" });
      expect([bench.accepted, bench.refused]).toEqual([[], 1]);
    }),
  );

  it(
    "knows nothing of another network",
    test(async (bench) => {
      const listener = await bench.listen();
      const { port } = listener.address as { port: number };
      expect(await rejection(memoryNetwork().dial({ host: "127.0.0.1", port }, {}))).toBeInstanceOf(
        ConnectError,
      );
    }),
  );

  it(
    "lets localhost and a listener on all addresses answer",
    test(async (bench) => {
      await bench.listen({ host: "localhost", port: 7 });
      for (const host of ["localhost", "127.0.0.1", "::1"]) {
        bench.dialled.push(await bench.network.dial({ host, port: 7 }, {}));
      }
      expect(await rejection(bench.network.dial({ host: "elsewhere", port: 7 }, {}))).toBeInstanceOf(
        ConnectError,
      );
      await bench.listen({ host: "0.0.0.0", port: 8 });
      for (const host of ["localhost", "elsewhere"]) {
        bench.dialled.push(await bench.network.dial({ host, port: 8 }, {}));
      }
      expect(await rejection(bench.listen({ host: "::", port: 8 }))).toMatchObject({
        cause: { code: "EADDRINUSE" },
      });
    }),
  );

  it(
    "wants both ends to agree on TLS",
    test(async (bench) => {
      await bench.listen({ host: "a", port: 1, tls: { cert, key } });
      await bench.listen({ host: "b", port: 1 });
      expect(await rejection(bench.network.dial({ host: "a", port: 1 }, {}))).toBeInstanceOf(ConnectError);
      expect(await rejection(bench.network.dial({ host: "b", port: 1, tls: {} }, {}))).toBeInstanceOf(
        ConnectError,
      );
      bench.dialled.push(await bench.network.dial({ host: "a", port: 1, tls: {} }, {}));
      await until(() => bench.accepted.length === 1);
    }),
  );

  it(
    "counts in `buffered` what the peer has not consumed",
    test(async (bench) => {
      const { client, server } = await bench.pair();
      expect(client.write(pattern(6))).toBe(true);
      expect(client.write(pattern(4))).toBe(true);
      expect(client.write(pattern(1))).toBe(false);
      await turns(5);
      expect(client.buffered).toBe(11);
      const atServer = new Recorder(server).start();
      atServer.onData = () => server.pause();
      await atServer.received(6);
      expect(client.buffered).toBe(5);
      server.destroy();
      await client.closed;
      expect(client.buffered).toBe(0);
    }, 10),
  );

  it(
    "copies what is written: the caller may overwrite it at once",
    test(async (bench) => {
      const { client, atServer } = await bench.started();
      const bytes = bytesOf("kept");
      client.write(bytes);
      bytes.fill(0);
      await atServer.received(4);
      expect(atServer.text()).toBe("kept");
    }),
  );

  it(
    "resets a peer whose bytes were not read, and its unread bytes with it",
    test(async (bench) => {
      const { client, server } = await bench.pair();
      client.write(bytesOf("never read"));
      server.write(bytesOf("goodbye"));
      server.destroy();
      const atClient = new Recorder(client).start();
      await until(() => atClient.closed);
      expect(atClient.error).toMatchObject({ code: "ECONNRESET" });
      expect(atClient.bytes).toBe(0);
    }),
  );

  it(
    "delivers what was written before a destroy, up to the mark, and then the end",
    test(async (bench) => {
      const { client, server } = await bench.pair();
      for (const letter of "abcdef") server.write(bytesOf(letter));
      server.destroy();
      const atClient = new Recorder(client).start();
      await atClient.ended();
      expect(atClient.text()).toBe("abcd");
    }, 4),
  );

  it(
    "delivers what an end has left behind although it is closed",
    test(async (bench) => {
      const { client, server } = await bench.pair();
      new Recorder(server).start();
      client.end();
      await turns(3);
      server.write(bytesOf("after you"));
      server.end();
      expect(await server.closed).toBeUndefined();
      const atClient = new Recorder(client).start();
      await atClient.ended();
      expect(atClient.text()).toBe("after you");
      expect(await client.closed).toBeUndefined();
    }),
  );

  it(
    "lets timers run while two streams answer each other for ever",
    test(async (bench) => {
      const { client, server, atClient, atServer } = await bench.started();
      atClient.onData = (chunk) => void client.write(chunk);
      atServer.onData = (chunk) => void server.write(chunk);
      client.write(bytesOf("ping"));
      let ticks = 0;
      const timer = setInterval(() => ticks++, 1);
      await until(() => ticks >= 5 && atServer.bytes > 400);
      clearInterval(timer);
    }),
  );

  it(
    "needs no timers and no clock",
    test(async (bench) => {
      vi.useFakeTimers({
        toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "Date", "performance"],
      });
      const { client, server, atClient, atServer } = await bench.started();
      client.write(bytesOf("hello"));
      await atServer.received(5);
      server.end();
      await atClient.ended();
      client.end();
      expect(await Promise.all([client.closed, server.closed])).toEqual([undefined, undefined]);
      expect(vi.getTimerCount()).toBe(0);
      vi.useRealTimers();
    }),
  );

  it(
    "gives away every port once before it starts again",
    test(async (bench) => {
      const ports = new Set<number>();
      for (let i = 0; i < 50; i++) ports.add(((await bench.listen()).address as { port: number }).port);
      expect(ports.size).toBe(50);
    }),
  );

  it("refuses a mark that is none", () => {
    for (const highWaterMark of [-1, 0.5, NaN, Infinity]) {
      expect(() => memoryNetwork({ highWaterMark })).toThrow(RangeError);
    }
  });
});
