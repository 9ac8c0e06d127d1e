import { describe, expect, it } from "vitest";
import { ConnectError } from "../../lib/errors.ts";
import { type Listener, type ListenTarget, targetText, type Transport } from "../../lib/net/mod.ts";
import { turns, until } from "../support/until.ts";
import { rejection } from "./bench.ts";
import { steps } from "./transport_dial.ts";
import {
  abortListeners,
  type Bench,
  benchTest,
  bytesOf,
  reasons,
  Recorder,
  type TransportFixture,
} from "./transport_kit.ts";

/** How streams are accepted, and how that ends. */
export function listenerContract(fixture: TransportFixture): void {
  const test = (body: Parameters<typeof benchTest>[1]) => benchTest(fixture, body);

  describe("listener", () => {
    it(
      "tells the address it really has",
      test(async (bench) => {
        const [one, two] = [await bench.listen(), await bench.listen()];
        expect(targetText(one.address)).not.toBe(targetText(two.address));
        if ("port" in one.address) expect(one.address.port).toBeGreaterThan(0);
        expect(bench.network.open().listeners).toBe(2);
      }),
    );

    it(
      "accepts nothing after close, and the streams handed out live on",
      test(async (bench) => {
        const { client, server, listener } = await bench.pair();
        await listener.close();
        expect(await listener.closed).toBeUndefined();
        expect(bench.network.open()).toMatchObject({ listeners: 0, sockets: 2 });
        expect(await rejection(bench.dial(listener))).toBeInstanceOf(ConnectError);
        const atServer = new Recorder(server).start();
        client.write(bytesOf("still alive"));
        await atServer.received(11);
        expect(bench.accepted.length).toBe(1);
      }),
    );

    it(
      "closes once for all callers",
      test(async (bench) => {
        const listener = await bench.listen();
        const order: string[] = [];
        void listener.closed.then(() => order.push("closed"));
        const all = [listener.close(), listener.close(), listener.close()];
        expect(await Promise.all(all)).toEqual([undefined, undefined, undefined]);
        await listener.close();
        await turns(1);
        expect(order).toEqual(["closed"]);
      }),
    );

    it(
      "frees its address a hundred times in a row, with streams open on it",
      test(async (bench) => {
        const first = await bench.listen();
        await bench.dial(first);
        await first.close();
        const target = again(fixture.listenTarget(), first);
        for (let i = 0; i < 100; i++) {
          const listener = await bench.network.listen(target, bench.handler, {});
          if (i % 10 === 0) await bench.dial(listener);
          await listener.close();
        }
        expect(bench.network.open().listeners).toBe(0);
      }),
    );

    it(
      "handles no stream after a close inside the first of many",
      test(async (bench) => {
        const handled: Transport[] = [];
        let closing: Promise<void> | undefined;
        const listener: Listener = await bench.listen(undefined, {
          connection(transport) {
            handled.push(transport);
            bench.accepted.push(transport);
            closing ??= listener.close();
          },
        });
        const dials = Array.from({ length: 20 }, () => bench.dial(listener).catch((error: unknown) => error));
        const outcomes = await Promise.all(dials);
        await until(() => closing !== undefined, { what: "the first stream" });
        await closing;
        // Who was connected but not accepted learns it, as an error or as an end.
        const connected = bench.dialled.map((transport) => new Recorder(transport).start());
        await until(
          () => connected.filter((end) => end.closed || end.ends > 0).length >= connected.length - 1,
          {
            what: "the late ones to be cut",
          },
        );
        expect(handled.length).toBe(1);
        for (const outcome of outcomes) {
          if (!bench.dialled.includes(outcome as Transport)) expect(outcome).toBeInstanceOf(ConnectError);
        }
      }),
    );

    it(
      "refuses an address in use, and the first listener goes on",
      test(async (bench) => {
        const first = await bench.listen();
        const target = again(fixture.listenTarget(), first);
        const error = await rejection(bench.listen(target));
        expect(error).toBeInstanceOf(ConnectError);
        expect(error).toMatchObject({ address: targetText(first.address), cause: { code: "EADDRINUSE" } });
        expect((error as Error).message).toContain(`Cannot listen on ${targetText(first.address)}: `);
        expect(bench.network.open()).toMatchObject({ listeners: 1, timers: 0 });
        await bench.pair();
      }),
    );

    it(
      "is created or nothing, at whatever step listen is aborted",
      test(async (bench) => {
        const probe = await bench.listen();
        await probe.close();
        const target = again(fixture.listenTarget(), probe);
        let refused = 0;
        for (let step = 0; step < 25; step++) {
          const controller = new AbortController();
          if (step === 0) controller.abort(reasons[0]);
          const listening = bench.network.listen(target, bench.handler, { signal: controller.signal })
            .then((listener) => ({ listener }), (error: unknown) => ({ error }));
          await steps(step);
          controller.abort(reasons[step % reasons.length]);
          const outcome = await listening;
          if ("error" in outcome) {
            refused++;
            expect(outcome.error).toBe(controller.signal.reason);
          } else {
            await outcome.listener.close();
          }
          // Nothing listens before the event loop has turned.
          if (step < 5) expect(outcome).toHaveProperty("error");
          expect(bench.network.open()).toEqual({ sockets: 0, listeners: 0, timers: 0 });
          await turns(1);
          expect(abortListeners(controller.signal)).toBe(0);
        }
        expect(refused).toBeGreaterThan(0);
        await (await bench.listen(target)).close();
      }),
    );

    it(
      "is not governed by the signal of listen once it listens",
      test(async (bench) => {
        const controller = new AbortController();
        const listener = await bench.listen(undefined, {}, { signal: controller.signal });
        controller.abort();
        await turns(3);
        await listening(bench, listener);
      }),
    );

    it(
      "survives a connection handler that throws",
      test(async (bench) => {
        const failure = new Error("thrown by the handler");
        let throws = true;
        const listener = await bench.listen(undefined, {
          connection(transport) {
            bench.accepted.push(transport);
            if (throws) throw failure;
          },
        });
        const client = await bench.dial(listener);
        await until(() => bench.handshakeErrors.length > 0, { what: "the report" });
        expect(bench.handshakeErrors).toEqual([failure]);
        expect(await bench.accepted[0]?.closed).toBe(failure);
        client.destroy();
        throws = false;
        await listening(bench, listener);
      }),
    );

    it(
      "refuses a place that cannot be",
      test(async (bench) => {
        const wrong = [
          [{ host: "127.0.0.1", port: -1 }, RangeError],
          [{ host: "127.0.0.1", port: 70_000 }, RangeError],
          [{ host: 1 as unknown as string, port: 0 }, TypeError],
          [{ path: "" }, TypeError],
          [{ host: "127.0.0.1", port: 0, tls: { cert: "no PEM", key: "no PEM" } }, TypeError],
        ] as const;
        for (const [target, kind] of wrong) {
          expect(await rejection(bench.network.listen(target, bench.handler, {}))).toBeInstanceOf(kind);
        }
        const timeout = bench.network.listen(fixture.listenTarget(), bench.handler, { handshakeTimeout: -1 });
        expect(await rejection(timeout)).toBeInstanceOf(RangeError);
      }),
    );
  });
}

/** The address of a listener, as a target of the same kind. */
function again(target: ListenTarget, listener: Listener): ListenTarget {
  return { ...target, ...listener.address } as ListenTarget;
}

/** Proves that a listener accepts. */
async function listening(bench: Bench, listener: Listener): Promise<void> {
  const known = bench.accepted.length;
  await bench.dial(listener);
  await until(() => bench.accepted.length > known, { what: "the stream to be accepted" });
}
