import { describe, expect, it } from "vitest";
import { ConnectError } from "../../lib/errors.ts";
import { targetText, type Transport } from "../../lib/net/mod.ts";
import { turns, until } from "../support/until.ts";
import { rejection } from "./bench.ts";
import {
  abortListeners,
  type Bench,
  benchTest,
  bytesOf,
  reasons,
  Recorder,
  type TransportFixture,
} from "./transport_kit.ts";

/** How streams are opened, or not. */
export function dialContract(fixture: TransportFixture): void {
  const test = (body: Parameters<typeof benchTest>[1]) => benchTest(fixture, body);

  describe("dial", () => {
    it(
      "rejects with the reason itself and does nothing when it is aborted before",
      test(async (bench) => {
        const listener = await bench.listen();
        for (const reason of reasons) {
          const signal = AbortSignal.abort(reason);
          expect(await rejection(bench.dial(listener, signal))).toBe(signal.reason);
          expect(bench.network.open()).toEqual({ sockets: 0, listeners: 1, timers: 0 });
        }
        await turns(5);
        expect(bench.accepted).toEqual([]);
      }),
    );

    it(
      "is created or nothing, at whatever step it is aborted",
      test(async (bench) => {
        const listener = await bench.listen();
        let [made, refused] = [0, 0];
        for (let step = 0; step < 40; step++) {
          const controller = new AbortController();
          const reason = reasons[step % reasons.length];
          let settled = false;
          const dialled = bench.network.dial(fixture.dialTarget(listener.address), {
            signal: controller.signal,
          })
            .then((transport) => ({ transport }), (error: unknown) => ({ error }))
            .finally(() => settled = true);
          await steps(step);
          const late = settled;
          controller.abort(reason);
          const outcome = await dialled;
          // Nothing is connected before the event loop has turned.
          if (step < 5) expect(outcome).toHaveProperty("error");
          if ("error" in outcome) {
            refused++;
            expect(late).toBe(false);
            expect(outcome.error).toBe(controller.signal.reason);
          } else {
            made++;
            await usable(outcome.transport, bench);
            outcome.transport.destroy();
            await outcome.transport.closed;
          }
          await until(() => abortListeners(controller.signal) === 0, {
            what: "the abort listener to be removed",
          });
          await until(async () => {
            for (const transport of bench.accepted.splice(0)) {
              transport.destroy();
              await transport.closed;
            }
            const { sockets, timers } = bench.network.open();
            return sockets + timers === 0;
          }, { what: "no stream to be left" });
        }
        expect(made + refused).toBe(40);
        expect(refused).toBeGreaterThan(0);
      }),
    );

    it(
      "removes its listener from the signal, which then has no power over the stream",
      test(async (bench) => {
        const listener = await bench.listen();
        const controller = new AbortController();
        const client = await bench.dial(listener, controller.signal);
        await turns(1);
        expect(abortListeners(controller.signal)).toBe(0);
        controller.abort(new Error("too late"));
        await turns(5);
        expect(client.destroyed).toBe(false);
        await usable(client, bench);
      }),
    );

    it(
      "rejects all calls of one signal, and puts no more than one listener on it",
      test(async (bench) => {
        const listener = await bench.listen();
        const controller = new AbortController();
        const reason = { shared: true };
        const dials = Array.from({ length: 15 }, () => rejection(bench.dial(listener, controller.signal)));
        expect(abortListeners(controller.signal)).toBeLessThanOrEqual(1);
        controller.abort(reason);
        for (const error of await Promise.all(dials)) expect(error).toBe(reason);
        expect(abortListeners(controller.signal)).toBe(0);
      }),
    );

    it(
      "rejects with a ConnectError that names the place when nobody listens",
      test(async (bench) => {
        const listener = await bench.listen();
        const target = fixture.dialTarget(listener.address);
        await listener.close();
        const controller = new AbortController();
        const error = await rejection(bench.network.dial(target, { signal: controller.signal }));
        expect(error).toBeInstanceOf(ConnectError);
        const { address, message, cause, code } = error as ConnectError;
        expect(code).toBe("ERR_CONNECT");
        expect(address).toBe(targetText(target));
        expect(message).toContain(`Cannot connect to ${targetText(target)}: `);
        expect((cause as { code?: string }).code).toMatch(/^(ECONNREFUSED|ENOENT)$/);
        expect(bench.network.open().sockets).toBe(0);
        await turns(1);
        expect(abortListeners(controller.signal)).toBe(0);
      }),
    );

    it(
      "refuses a place that cannot be, before anything is opened",
      test(async (bench) => {
        const { network } = bench;
        const wrong = [
          [{ host: "127.0.0.1", port: 0 }, RangeError],
          [{ host: "127.0.0.1", port: 65_536 }, RangeError],
          [{ host: "127.0.0.1", port: 1.5 }, RangeError],
          [{ host: "127.0.0.1", port: "80" as unknown as number }, TypeError],
          [{ host: "", port: 80 }, TypeError],
          [{ path: "" }, TypeError],
          [{ path: "a\0b" }, TypeError],
          [{ path: `/${"x".repeat(300)}` }, RangeError],
        ] as const;
        for (const [target, kind] of wrong) {
          expect(await rejection(network.dial(target, {}))).toBeInstanceOf(kind);
        }
        expect(network.open()).toEqual({ sockets: 0, listeners: 0, timers: 0 });
      }),
    );
  });
}

/** Steps of the finest kind first: fifteen microtasks, then turns of the event loop. */
export async function steps(count: number): Promise<void> {
  for (let i = 0; i < Math.min(count, 15); i++) await undefined;
  await turns(Math.max(0, count - 15));
}

async function usable(client: Transport, bench: Bench): Promise<void> {
  await until(() => bench.accepted.length > 0, { what: "the stream to be accepted" });
  const atServer = new Recorder(bench.accepted.at(-1) as Transport).start();
  client.write(bytesOf("hello"));
  await atServer.received(5);
}
