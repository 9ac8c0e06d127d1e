import { describe, expect, it } from "vitest";
import { GracewireError } from "../../lib/errors.ts";
import { leakGate } from "../support/leak.ts";
import type { FaultMode } from "../support/fault.ts";
import { type FaultBench, type Operation, withFault } from "./kit.ts";

leakGate();

const operations: readonly Exclude<Operation, "goodbye">[] = ["connect", "subscribe", "publish", "request"];

/** Places in an answer: around the edges of its fields, one in 23 of the others, and its end. */
const places: readonly number[] = [
  ...new Set([
    0,
    1,
    8,
    9,
    12,
    13,
    14,
    16,
    17,
    20,
    21,
    22,
    ...Array.from({ length: 12 }, (_, i) => i * 23),
    10_000,
  ]),
].sort((a, b) => a - b);

describe("a server that resets in the midst of its answer", () => {
  it.each(operations)(
    "to %s, after any byte of it: an error or the answer, and nothing is left",
    async (operation) => {
      const ends = new Set<string>();
      for (const bytes of places) {
        await withFault("memory", { mode: "rst-at-byte-n", at: operation, bytes }, async (bench) => {
          ends.add(await endOf(bench, operation));
        });
      }
      const lost = operation === "publish" || operation === "request" ? "ERR_CONNECTION_LOST" : "ERR_CONNECT";
      // An answer that is whole counts; a subscription needs two of them.
      expect(ends).toEqual(new Set(operation === "subscribe" ? [lost] : ["ok", lost]));
    },
  );
});

describe("a server that resets in the midst of what it receives", () => {
  it.each(operations)(
    "of %s, after any byte: an error or success, and nothing is left",
    async (operation) => {
      for (let bytes = 1; bytes < 900; bytes += 59) {
        // A publishing connection comes first: a subscription has a stream of its own.
        const spare = operation === "subscribe" ? 1 : 0;
        await withFault(
          "memory",
          { mode: "rst-at-byte-n", direction: "received", bytes, spare },
          async (bench) => {
            const end = await endOf(bench, operation, { reconnect: false });
            expect(["ok", "ERR_CONNECTION_LOST", "ERR_CONNECT", "ERR_CLOSED"]).toContain(end);
          },
        );
      }
    },
  );
});

describe("a server that goes wrong later", () => {
  it.each<FaultMode>(["silent", "never-read", "half-open"])(
    "is found dead by its heartbeats when it is %s, and the connection comes back",
    (mode) =>
      withFault("memory", { mode, at: "heartbeat" }, async (bench) => {
        const connection = await bench.connected();
        const events = connection.events();
        const lost = (async () => {
          for await (const event of events) if (event.type === "lost") return event.error;
          return undefined;
        })();
        const { value, took } = await bench.ended(() => lost);
        expect(String(value)).toMatch(/heartbeats were not answered/);
        // The first heartbeat after 20 s, two that may be missed, and the one that finds it out.
        expect(took).toBeLessThanOrEqual(3 * 20_000 + 100);
        bench.peer.fault = { mode: "healthy" };
        await bench.clock.until(connection.publish("orders", "again"));
        expect((await bench.goodbye(connection)).outcome).toBe("clean");
      }),
  );

  it.each<FaultMode>(["garbage", "partial-frame", "half-closed", "rst-on-goodbye"])(
    "is left when its answer to a heartbeat is %s, and the connection comes back",
    (mode) =>
      withFault("memory", { mode, at: "heartbeat" }, async (bench) => {
        const connection = await bench.connected();
        const lost = (async () => {
          for await (const event of connection.events()) if (event.type === "lost") return event.error;
          return undefined;
        })();
        expect((await bench.ended(() => lost)).value).toBeInstanceOf(GracewireError);
        bench.peer.fault = { mode: "healthy" };
        await bench.clock.until(connection.publish("orders", "again"));
        expect((await bench.goodbye(connection)).outcome).toBe("clean");
      }),
  );

  it("a flood of messages is held up by a subscription that nobody reads", () =>
    withFault("memory", { mode: "healthy" }, async (bench) => {
      const connection = await bench.clock.until(bench.connect());
      const subscription = await bench.clock.until(connection.subscribe("orders", { capacity: 10 }));
      for (let i = 0; i < 5_000; i++) {
        bench.peer.push({ topic: "orders", data: "x".repeat(1_000), properties: {} });
        if (i % 100 === 99) await bench.clock.idle();
      }
      // What is not read waits at the server: it is bounded here.
      const stream = [...bench.network.accepted].at(-1)!;
      expect(stream.buffered).toBeGreaterThan(1_000_000);
      const farewell = await bench.goodbye(connection);
      expect(farewell.outcome).toBe("clean");
      expect((await subscription.closed).messages.acked).toBe(0);
    }));
});

/** Carries out an operation and says goodbye: `ok`, or the code of its error. */
async function endOf(
  bench: FaultBench,
  operation: Exclude<Operation, "goodbye">,
  options: { readonly reconnect?: false } = {},
): Promise<string> {
  const received = bench.peer.fault.direction === "received";
  if (operation === "connect" || (received && operation !== "subscribe")) {
    const { value, error } = await bench.ended(() => bench.connect(options));
    if (value === undefined) return codeOf(error);
    const result = operation === "connect"
      ? { error: undefined }
      : await bench.ended(() => bench.carryOut(operation, value, undefined));
    await bench.goodbye(value);
    return codeOf(result.error);
  }
  const connection = received ? await bench.clock.until(bench.connect(options)) : await bench.connected();
  const { error } = await bench.ended(() => bench.carryOut(operation, connection, undefined));
  await bench.goodbye(connection);
  return codeOf(error);
}

function codeOf(error: unknown): string {
  if (error === undefined) return "ok";
  expect(error, String(error)).toBeInstanceOf(GracewireError);
  return (error as GracewireError).code;
}
