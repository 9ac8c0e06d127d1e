import { randomUUID } from "node:crypto";
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { rename } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ConnectError } from "../../lib/errors.ts";
import { systemNetwork } from "../../lib/net/mod.ts";
import { transportContract } from "../contracts/transport.ts";
import { rejection } from "../contracts/bench.ts";
import { benchTest, type TransportFixture } from "../contracts/transport_kit.ts";
import { differs } from "../support/env.ts";
import { leakGate } from "../support/leak.ts";

leakGate();

const freePath = (): string => join(tmpdir(), `${randomUUID()}.sock`);

const fixture: TransportFixture = {
  kind: "unix",
  resets: false,
  network: systemNetwork,
  listenTarget: () => ({ path: freePath() }),
  dialTarget: (address) => address,
};
const test = (body: Parameters<typeof benchTest>[1]) => benchTest(fixture, body);

if (!differs.lacksUnixSockets) {
  transportContract("unix", fixture);

  describe("unix socket file", () => {
    it(
      "is gone when close resolves",
      test(async (bench) => {
        const path = freePath();
        const listener = await bench.listen({ path });
        expect(statSync(path).isSocket()).toBe(true);
        await bench.pair();
        await listener.close();
        expect(existsSync(path)).toBe(false);
      }),
    );

    it(
      "is replaced when its listener has died",
      test(async (bench) => {
        const path = await deadSocket(bench.network);
        expect(statSync(path).isSocket()).toBe(true);
        await bench.listen({ path });
        await bench.pair();
      }),
    );

    it(
      "is left alone while its listener lives",
      test(async (bench) => {
        const path = freePath();
        await bench.listen({ path });
        const error = await rejection(bench.listen({ path }));
        expect(error).toBeInstanceOf(ConnectError);
        expect(error).toMatchObject({ address: path, cause: { code: "EADDRINUSE" } });
        await bench.pair();
      }),
    );

    it(
      "is left alone when it is no socket",
      test(async (bench) => {
        const path = freePath();
        writeFileSync(path, "precious");
        try {
          expect(await rejection(bench.listen({ path }))).toMatchObject({ cause: { code: "EADDRINUSE" } });
          expect(readFileSync(path, "utf8")).toBe("precious");
        } finally {
          rmSync(path);
        }
      }),
    );

    it(
      "is not made by a listen that is aborted while it looks for a dead one",
      test(async (bench) => {
        for (const reason of [null, new Error("enough")]) {
          const path = await deadSocket(bench.network);
          const controller = new AbortController();
          const listening = rejection(
            bench.network.listen({ path }, bench.handler, { signal: controller.signal }),
          );
          queueMicrotask(() => controller.abort(reason));
          expect(await listening).toBe(reason);
          expect(bench.network.open()).toEqual({ sockets: 0, listeners: 0, timers: 0 });
          rmSync(path, { force: true });
        }
      }),
    );

    it(
      "names a folder that is missing",
      test(async (bench) => {
        const path = join(tmpdir(), randomUUID(), "a.sock");
        const error = await rejection(bench.listen({ path }));
        expect(error).toBeInstanceOf(ConnectError);
        expect(error).toMatchObject({ address: path });
      }),
    );
  });
}

/** The file that a listener leaves when its process is killed: renamed away from under a close that would remove it. */
async function deadSocket(network: ReturnType<typeof systemNetwork>): Promise<string> {
  const [path, moved] = [freePath(), freePath()];
  const handler = { connection() {}, handshakeError() {}, acceptError() {} };
  const listener = await network.listen({ path }, handler, {});
  await rename(path, moved);
  await listener.close();
  return moved;
}
