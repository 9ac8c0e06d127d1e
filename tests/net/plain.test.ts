import { describe, expect, it } from "vitest";
import { systemNetwork } from "../../lib/net/mod.ts";
import { rejection } from "../contracts/bench.ts";
import { transportContract } from "../contracts/transport.ts";
import { benchTest, bytesOf, Recorder, type TransportFixture } from "../contracts/transport_kit.ts";
import { leakGate } from "../support/leak.ts";
import { until } from "../support/until.ts";

leakGate();

/** Streams that nobody will secure: their clients are read in a way of their own. */
const fixture: TransportFixture = {
  kind: "tcp",
  resets: true,
  network(options) {
    const { dial, listen, open } = systemNetwork(options);
    return { dial: (target, { signal }) => dial(target, { signal, plain: true }), listen, open };
  },
  listenTarget: () => ({ host: "127.0.0.1", port: 0 }),
  dialTarget: (address) => address,
};
const test = (body: Parameters<typeof benchTest>[1]) => benchTest(fixture, body);

transportContract("plain tcp", fixture);

describe("a plain stream", () => {
  it(
    "hands out bytes that no later read changes, of short reads and of long ones",
    test(async (bench) => {
      const { client, server } = await bench.pair();
      const views: Uint8Array[] = [];
      let received = 0;
      client.start({
        data: (chunk) => {
          views.push(chunk);
          received += chunk.length;
        },
        end() {},
        drain() {},
      });
      const sizes = [1, 700, 16_384, 16_385, 60_000, 300_000, 5, 4_096];
      let sent = 0;
      for (const [i, size] of sizes.entries()) {
        server.write(new Uint8Array(size).fill(i + 1));
        sent += size;
        await until(() => received === sent, { what: `piece ${i}` });
      }
      const all = new Uint8Array(sent);
      let at = 0;
      for (const view of views) {
        all.set(view, at);
        at += view.length;
      }
      let start = 0;
      for (const [i, size] of sizes.entries()) {
        expect(all.subarray(start, start + size).every((byte) => byte === i + 1)).toBe(true);
        start += size;
      }
    }),
  );

  it(
    "keeps no more memory for a short read than a few kilobytes",
    test(async (bench) => {
      const { client, server } = await bench.pair();
      const memory = new Set<ArrayBufferLike>();
      let reads = 0;
      client.start({
        data: (chunk) => {
          reads++;
          memory.add(chunk.buffer);
        },
        end() {},
        drain() {},
      });
      for (let i = 1; i <= 20; i++) {
        server.write(bytesOf("short"));
        await until(() => reads === i, { what: `read ${i}` });
      }
      for (const { byteLength } of memory) expect(byteLength).toBeLessThanOrEqual(16_384);
    }),
  );

  it(
    "contains what its handler throws",
    test(async (bench) => {
      const { client, server } = await bench.pair();
      const error = new Error("a handler of bytes");
      client.start({
        data() {
          throw error;
        },
        end() {},
        drain() {},
      });
      server.write(bytesOf("hello"));
      expect(await client.closed).toBe(error);
    }),
  );

  it(
    "cannot be secured, and lives on",
    test(async (bench) => {
      const { atClient, client, server } = await bench.started();
      const refused = await rejection(client.secure!({ host: "localhost", tls: {} }, {}));
      expect(refused).toBeInstanceOf(TypeError);
      server.write(bytesOf("hello"));
      await atClient.received(5);
      expect(atClient).toBeInstanceOf(Recorder);
      expect(atClient.text()).toBe("hello");
    }),
  );
});
