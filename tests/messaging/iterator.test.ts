import { describe, expect, it } from "vitest";
import { Delivery } from "../../lib/messaging/delivery.ts";
import type { Message } from "../../lib/messaging/message.ts";
import { type Parcel, parcel, parcels } from "./parcels.ts";

const reasons: [string, unknown][] = [
  ["an Error", new Error("stop")],
  ["a string", "stop"],
  ["null", null],
  ["0", 0],
  ["undefined", undefined],
  ["a DOMException", new DOMException("stop", "AbortError")],
];

describe("an iterator of messages", () => {
  it("acknowledges a message with the next call, not before", async () => {
    const { all, iterator } = setup(3);
    await iterator.next();
    await turn();
    expect(acksOf(all)).toEqual([0, 0, 0]);
    await iterator.next();
    expect(acksOf(all)).toEqual([1, 0, 0]);
    // The acknowledgement does not wait until there is another message.
    await iterator.next();
    void iterator.next();
    expect(acksOf(all)).toEqual([1, 1, 1]);
  });

  it("serves a call that waits when a message comes, in the next microtask", async () => {
    const { delivery, iterator } = setup(0);
    const next = iterator.next();
    let served = false;
    void next.then(() => served = true);
    delivery.push(parcel("a"));
    expect(served).toBe(false);
    expect((await next).value).toMatchObject({ id: "a" });
  });

  it("lets a body acknowledge first; the next turn does not do it again", async () => {
    const { all, delivery, iterator } = setup(2);
    for await (const message of iterator) {
      message.ack();
      if (message.id === "1") delivery.stop();
    }
    expect(acksOf(all)).toEqual([1, 1]);
  });

  it("has one pending call: a second rejects with a TypeError, and the first goes on", async () => {
    const { delivery, iterator } = setup(0);
    const first = iterator.next();
    await expect(iterator.next()).rejects.toThrow(TypeError);
    delivery.push(parcel("a"));
    expect((await first).value).toMatchObject({ id: "a" });
  });
});

describe("a loop over messages", () => {
  it("that breaks leaves its message unacknowledged, and the consumer has left", async () => {
    const { all, delivery, iterator, trace } = setup(3);
    for await (const message of iterator) if (message.id === "1") break;
    expect(acksOf(all)).toEqual([1, 0, 0]);
    expect(trace).toEqual(["leave"]);
    delivery.stop();
    await delivery.finish();
    expect(fatesOf(all)).toEqual(["acked", "returned", "returned"]);
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
  });

  it("that throws leaves its message unacknowledged, and the consumer has left; the error is that of the body", async () => {
    const { all, iterator, trace } = setup(3);
    const error = new Error("body");
    const run = (async () => {
      for await (const message of iterator) if (message.id === "1") throw error;
    })();
    expect(await rejection(run)).toBe(error);
    expect([acksOf(all), fatesOf(all)]).toEqual([[1, 0, 0], ["acked", "returned", undefined]]);
    expect(trace).toEqual(["leave"]);
  });

  it("that breaks after an ack of its own keeps it", async () => {
    const { all, iterator } = setup(1);
    for await (const message of iterator) {
      message.ack();
      break;
    }
    expect(fatesOf(all)).toEqual(["acked"]);
  });

  it("ends normally when the delivery stops, after all that waits", async () => {
    const { all, delivery, iterator, trace } = setup(3);
    delivery.stop();
    const seen: string[] = [];
    for await (const message of iterator) seen.push(message.id);
    expect([seen, acksOf(all), trace]).toEqual([["0", "1", "2"], [1, 1, 1], []]);
    await delivery.finish();
  });

  it("that waits ends at once when the delivery stops or ends", async () => {
    for (const how of ["stop", "end"] as const) {
      const { delivery, iterator } = setup(0);
      const next = iterator.next();
      if (how === "stop") delivery.stop();
      else delivery.end(undefined);
      expect(await next).toEqual({ done: true, value: undefined });
      expect(await iterator.next()).toEqual({ done: true, value: undefined });
    }
  });

  it.each(reasons)("that waits throws %s by identity when the delivery ends with it", async (_, reason) => {
    const { delivery, iterator } = setup(0);
    const next = iterator.next();
    delivery.end({ reason });
    expect(await rejection(next)).toBe(reason);
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
  });

  it.each(reasons)(
    "throws %s with its next turn when the delivery ends in its body, once",
    async (_, reason) => {
      const { all, delivery, iterator } = setup(2);
      await iterator.next();
      delivery.end({ reason });
      expect(await rejection(iterator.next())).toBe(reason);
      expect(await iterator.next()).toEqual({ done: true, value: undefined });
      expect([acksOf(all), fatesOf(all)]).toEqual([[0, 0], ["returned", "returned"]]);
    },
  );

  it.each(reasons)("that begins after the end throws %s too", async (_, reason) => {
    const delivery = create([]);
    delivery.end({ reason });
    expect(await rejection(delivery.iterate().next())).toBe(reason);
  });

  it("that begins after a normal end has no turn", async () => {
    const delivery = create([]);
    delivery.end(undefined);
    for await (const _ of delivery.iterate()) expect.unreachable("a message after the end");
  });
});

describe("return of an iterator of messages", () => {
  it("never hangs behind a pending next, and settles it", async () => {
    const { iterator, trace } = setup(0);
    const next = iterator.next();
    expect(await iterator.return!()).toEqual({ done: true, value: undefined });
    expect(await next).toEqual({ done: true, value: undefined });
    expect(trace).toEqual(["leave"]);
  });

  it("gives a message back that nobody has seen yet", async () => {
    const { all, delivery, iterator } = setup(0);
    const next = iterator.next();
    const source = parcel("a");
    delivery.push(source);
    all.push(source);
    await Promise.resolve();
    await iterator.return!();
    expect((await next).value).toMatchObject({ id: "a" });
    expect([acksOf(all), fatesOf(all)]).toEqual([[0], ["returned"]]);
  });

  it("leaves once, whatever is called afterwards", async () => {
    const { delivery, iterator, trace } = setup(2);
    await iterator.next();
    await iterator.return!();
    await iterator.return!();
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
    delivery.end({ reason: "late" });
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
    expect(trace).toEqual(["leave"]);
  });

  it("does nothing after the end", async () => {
    const { delivery, iterator, trace } = setup(0);
    delivery.end(undefined);
    await iterator.return!();
    expect(trace).toEqual([]);
  });

  it("lets the delivery finish that waited for the message in its hands", async () => {
    const { delivery, iterator } = setup(1);
    await iterator.next();
    delivery.stop();
    const finished = delivery.finish();
    await iterator.return!();
    await finished;
  });
});

function setup(count: number): {
  all: Parcel[];
  delivery: Delivery;
  iterator: AsyncIterableIterator<Message>;
  trace: string[];
} {
  const trace: string[] = [];
  const delivery = create(trace);
  const all = parcels(count);
  for (const source of all) delivery.push(source);
  return { all, delivery, iterator: delivery.iterate(), trace };
}

function create(trace: string[]): Delivery {
  return new Delivery({
    topics: ["orders"],
    overflow: "pause",
    capacity: 100,
    capacityBytes: 1_000,
    unacked: "returned",
    pause() {},
    resume() {},
    onDropped() {},
    onOverflow() {},
    onFault() {},
    onLeave: () => void trace.push("leave"),
  });
}

function acksOf(all: readonly Parcel[]): number[] {
  return all.map(({ acks }) => acks);
}

function fatesOf(all: readonly Parcel[]): (string | undefined)[] {
  return all.map(({ fates }) => fates[0]);
}

async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(() => expect.unreachable("it resolved"), (error: unknown) => error);
}

async function turn(): Promise<void> {
  for (let i = 0; i < 10; i++) await Promise.resolve();
}
