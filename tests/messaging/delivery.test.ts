import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { OverflowError } from "../../lib/errors.ts";
import type { HandlerContext, MessageHandler } from "../../lib/messaging/connection.ts";
import { Delivery, type DeliveryOptions } from "../../lib/messaging/delivery.ts";
import type { Message } from "../../lib/messaging/message.ts";
import { until } from "../support/until.ts";
import { type Parcel, parcel, parcels } from "./parcels.ts";

describe("Delivery: handlers that return at once", () => {
  it("let others have their turn long before the buffer is empty, and are given all of it in order", async () => {
    const { delivery, consume } = setup({ capacity: 1_000 });
    for (const source of parcels(500)) delivery.push(source);
    const seen: string[] = [];
    let before = Infinity;
    consume((message) => {
      if (seen.push(message.id) === 1) queueMicrotask(() => before = seen.length);
    });
    await until(() => seen.length === 500);
    expect(before).toBeLessThan(100);
    expect(seen).toEqual(Array.from({ length: 500 }, (_, i) => String(i)));
    expect(delivery.counts.acked).toBe(500);
    delivery.end(undefined);
  });
});

describe("Delivery: overflow pause", () => {
  it("stops reading at a full buffer and goes on at a half-empty one", async () => {
    const { delivery, trace } = setup({ capacity: 4 });
    for (const source of parcels(3)) delivery.push(source);
    expect(trace).toEqual([]);
    delivery.push(parcel("3"));
    expect(trace).toEqual(["pause"]);
    const iterator = delivery.iterate();
    await iterator.next();
    expect([trace, delivery.waiting]).toEqual([["pause"], 3]);
    await iterator.next();
    expect([trace, delivery.waiting]).toEqual([["pause", "resume"], 2]);
    for (const source of parcels(2)) delivery.push(source);
    expect(trace).toEqual(["pause", "resume", "pause"]);
    delivery.end(undefined);
  });

  it("does so by bytes too", async () => {
    const { delivery, trace } = setup({ capacityBytes: 100 });
    for (const source of parcels(2, { size: 40 })) delivery.push(source);
    expect(trace).toEqual([]);
    delivery.push(parcel("2", { size: 20 }));
    expect(trace).toEqual(["pause"]);
    const iterator = delivery.iterate();
    await iterator.next();
    expect(trace).toEqual(["pause"]);
    await iterator.next();
    expect(trace).toEqual(["pause", "resume"]);
    delivery.end(undefined);
  });

  it("takes in what had been read before, and loses nothing", async () => {
    const { delivery, trace } = setup({ capacity: 2 });
    for (const source of parcels(50)) delivery.push(source);
    expect([delivery.waiting, trace]).toEqual([50, ["pause"]]);
    const seen = await take(delivery.iterate(), 50);
    expect(seen).toEqual(Array.from({ length: 50 }, (_, i) => String(i)));
    expect(trace).toEqual(["pause", "resume"]);
    delivery.end(undefined);
  });

  it("takes one message that is larger than the whole buffer", async () => {
    const { delivery, trace } = setup({ capacityBytes: 10 });
    delivery.push(parcel("large", { size: 1_000 }));
    expect(trace).toEqual(["pause"]);
    expect(await take(delivery.iterate(), 1)).toEqual(["large"]);
    expect(trace).toEqual(["pause", "resume"]);
    delivery.end(undefined);
  });

  it("goes on reading when the end begins, and gives back what comes then", () => {
    const { delivery, trace } = setup({ capacity: 2 });
    delivery.iterate();
    for (const source of parcels(10)) delivery.push(source);
    delivery.stop();
    expect([trace, delivery.waiting]).toEqual([["pause", "resume"], 10]);
    const late = parcel("late");
    delivery.push(late);
    expect([late.fates, delivery.waiting]).toEqual([["returned"], 10]);
    delivery.end(undefined);
    expect(trace).toEqual(["pause", "resume"]);
  });
});

describe("Delivery: overflow drop", () => {
  it("drop-oldest keeps the newest within the limit of messages; the dropped are acknowledged and counted", async () => {
    const { delivery, trace } = setup({ overflow: "drop-oldest", capacity: 3 });
    const all = parcels(8);
    for (const source of all) delivery.push(source);
    expect([delivery.waiting, delivery.counts.dropped]).toEqual([3, 5]);
    expect(trace).toEqual(new Array(5).fill("dropped 1"));
    expect(all.map(({ acks }) => acks)).toEqual([1, 1, 1, 1, 1, 0, 0, 0]);
    expect(await take(delivery.iterate(), 3)).toEqual(["5", "6", "7"]);
    delivery.end(undefined);
  });

  it("drop-oldest keeps within the limit of bytes, and lets a message in that is larger than it", async () => {
    const { delivery } = setup({ overflow: "drop-oldest", capacityBytes: 10 });
    for (const [id, size] of [["a", 4], ["b", 4], ["c", 4], ["d", 9]] as const) {
      delivery.push(parcel(id, { size }));
    }
    expect(delivery.counts.dropped).toBe(3);
    delivery.push(parcel("e", { size: 50 }));
    expect([delivery.waiting, delivery.counts.dropped]).toEqual([1, 4]);
    expect(await take(delivery.iterate(), 1)).toEqual(["e"]);
    delivery.end(undefined);
  });

  it("drop-newest keeps the oldest within both limits", async () => {
    const { delivery, trace } = setup({ overflow: "drop-newest", capacity: 3, capacityBytes: 10 });
    const sizes = { a: 4, b: 7, c: 6, d: 1, e: 0, f: 0 };
    for (const [id, size] of Object.entries(sizes)) delivery.push(parcel(id, { size }));
    expect(trace).toEqual(["dropped 1", "dropped 1", "dropped 1"]);
    expect(delivery.counts.dropped).toBe(3);
    expect(await take(delivery.iterate(), 3)).toEqual(["a", "c", "e"]);
    delivery.end(undefined);
  });

  it("never pauses", () => {
    for (const overflow of ["drop-oldest", "drop-newest"] as const) {
      const { delivery, trace } = setup({ overflow, capacity: 1 });
      for (const source of parcels(5)) delivery.push(source);
      expect(trace).not.toContain("pause");
      delivery.end(undefined);
    }
  });
});

describe("Delivery: overflow fail", () => {
  it("tells the error with the limit of messages", () => {
    const { delivery, errors } = setup({ overflow: "fail", capacity: 2 });
    const all = parcels(3);
    for (const source of all) delivery.push(source);
    expect(errors).toHaveLength(1);
    expect(errors[0]).toBeInstanceOf(OverflowError);
    expect(errors[0]).toMatchObject({
      capacity: 2,
      message: "Cannot buffer another message: 2 messages wait, 2 may",
    });
    expect(all[2]!.fates).toEqual(["returned"]);
    delivery.end(undefined);
  });

  it("tells the error with the limit of bytes", () => {
    const { delivery, errors } = setup({ overflow: "fail", capacityBytes: 10 });
    for (const source of parcels(2, { size: 6 })) delivery.push(source);
    expect(errors[0]).toMatchObject({
      capacity: 10,
      message: "Cannot buffer another message of 6 bytes: 6 bytes wait, 10 may",
    });
    delivery.end(undefined);
  });
});

describe("Delivery: handlers", () => {
  it("never run inside push", async () => {
    const { delivery, consume } = setup();
    const seen: string[] = [];
    consume((message) => seen.push(message.id));
    delivery.push(parcel("a"));
    expect(seen).toEqual([]);
    await turn();
    expect(seen).toEqual(["a"]);
    delivery.end(undefined);
  });

  it("run one at a time by default and acknowledge when they have succeeded", async () => {
    const { delivery, consume } = setup();
    const all = parcels(3);
    const gates = gated();
    const started: string[] = [];
    consume((message) => {
      started.push(message.id);
      return gates.wait(message.id);
    });
    for (const source of all) delivery.push(source);
    await turn();
    expect([started, acksOf(all)]).toEqual([["0"], [0, 0, 0]]);
    gates.open("0");
    await turn();
    expect([started, acksOf(all)]).toEqual([["0", "1"], [1, 0, 0]]);
    gates.open("1");
    gates.open("2");
    await turn();
    expect(acksOf(all)).toEqual([1, 1, 1]);
    delivery.end(undefined);
  });

  it("start in the order of delivery with more at a time, and acknowledge on completion", async () => {
    const { delivery, consume } = setup();
    const all = parcels(5);
    const gates = gated();
    const started: string[] = [];
    consume((message) => {
      started.push(message.id);
      return gates.wait(message.id);
    }, 3);
    for (const source of all) delivery.push(source);
    await turn();
    expect(started).toEqual(["0", "1", "2"]);
    gates.open("2");
    await turn();
    expect([started, acksOf(all)]).toEqual([["0", "1", "2", "3"], [0, 0, 1, 0, 0]]);
    gates.open("0");
    await turn();
    expect([started, acksOf(all)]).toEqual([["0", "1", "2", "3", "4"], [1, 0, 1, 0, 0]]);
    delivery.end(undefined);
  });

  it.each([
    ["throws", () => {
      throw "bad";
    }],
    ["rejects", () => Promise.reject("bad")],
  ])("one that %s leaves its message unacknowledged and is told; the next one runs", async (_, fail) => {
    const { delivery, consume, faults } = setup();
    const all = parcels(3);
    consume((message) => message.id === "1" ? fail() : undefined);
    for (const source of all) delivery.push(source);
    await turn();
    expect(acksOf(all)).toEqual([1, 0, 1]);
    expect([faults, delivery.counts]).toEqual([["bad"], { received: 3, acked: 2, returned: 1, dropped: 0 }]);
    delivery.end(undefined);
  });

  it("one that fails after it has acknowledged leaves it acknowledged", async () => {
    const { delivery, consume, faults } = setup();
    const source = parcel("a");
    consume((message) => {
      message.ack();
      throw new Error("after");
    });
    delivery.push(source);
    await turn();
    expect([source.fates, faults.length]).toEqual([["acked"], 1]);
    delivery.end(undefined);
  });

  it("reply with what they return, only when the message wants one", async () => {
    const { delivery, consume, faults } = setup();
    const [wants, plain, bytes, nothing] = [
      parcel("wants", { wantsReply: true }),
      parcel("plain"),
      parcel("bytes", { wantsReply: true }),
      parcel("nothing", { wantsReply: true }),
    ];
    consume((message) => {
      if (message.id === "nothing") return undefined;
      return message.id === "bytes" ? Promise.resolve(Uint8Array.of(7)) : `for ${message.id}`;
    });
    for (const source of [wants, plain, bytes, nothing]) delivery.push(source);
    await turn();
    expect(wants.replies).toEqual(["for wants"]);
    expect(bytes.replies.map((data) => [...data as Uint8Array])).toEqual([[7]]);
    expect([plain.replies, nothing.replies]).toEqual([[], []]);
    // A reply acknowledges by itself.
    expect([wants.acks, plain.acks, bytes.acks, nothing.acks]).toEqual([0, 1, 0, 1]);
    expect([faults, delivery.counts.acked]).toEqual([[], 4]);
    delivery.end(undefined);
  });

  it("reply with what they return also when they have acknowledged before, and not twice", async () => {
    const { delivery, consume, faults } = setup();
    const [acked, responded] = [
      parcel("acked", { wantsReply: true }),
      parcel("responded", { wantsReply: true }),
    ];
    consume(async (message) => {
      if (message.id === "acked") message.ack();
      else await message.respond("by hand");
      return "returned";
    });
    for (const source of [acked, responded]) delivery.push(source);
    await turn();
    expect([acked.replies, responded.replies, faults]).toEqual([["returned"], ["by hand"], []]);
    delivery.end(undefined);
  });

  it("fail when what they return cannot be a reply: no ack, and it is told", async () => {
    const { delivery, consume, faults } = setup();
    const source = parcel("a", { wantsReply: true });
    consume(() => ({ not: "data" }));
    delivery.push(source);
    await turn();
    expect([source.replies, source.fates]).toEqual([[], ["returned"]]);
    expect(faults[0]).toBeInstanceOf(TypeError);
    delivery.end(undefined);
  });

  it("get the signals they are given", async () => {
    const { delivery, consume } = setup();
    const context = { signal: new AbortController().signal, draining: new AbortController().signal };
    let seen: HandlerContext | undefined;
    consume((_, given) => void (seen = given), 1, context);
    delivery.push(parcel("a"));
    await turn();
    expect(seen).toBe(context);
    delivery.end(undefined);
  });

  it("get no message after the end, and a reply of one that runs on is not sent", async () => {
    const { delivery, consume, faults } = setup();
    const gates = gated();
    const started: string[] = [];
    consume(async (message) => {
      started.push(message.id);
      await gates.wait(message.id);
      return "late";
    });
    const all = parcels(2, { wantsReply: true });
    for (const source of all) delivery.push(source);
    await turn();
    delivery.end(undefined);
    expect(all.map(({ fates }) => fates)).toEqual([["returned"], ["returned"]]);
    gates.open("0");
    await turn();
    expect([started, all[0]!.replies, faults]).toEqual([["0"], [], []]);
    expect(all[0]!.fates).toEqual(["returned"]);
  });
});

describe("Delivery: one consumer", () => {
  const ways: [string, (delivery: Delivery) => unknown][] = [
    ["an iterator", (delivery) => delivery.iterate()],
    ["handlers", (delivery) => delivery.consume(() => {}, 1, noContext)],
  ];

  for (const [one, start] of ways) {
    it.each(ways)(`after ${one} %s is a TypeError`, (_, again) => {
      const { delivery } = setup();
      start(delivery);
      expect(() => again(delivery)).toThrow(TypeError);
      expect(() => again(delivery)).toThrow(
        'Cannot consume the subscription to "orders, returns": it has a consumer already',
      );
      delivery.end(undefined);
      expect(() => again(delivery)).toThrow(TypeError);
    });
  }
});

describe("Delivery: the end", () => {
  it("gives what waits to handlers, then is finished", async () => {
    const { delivery, consume } = setup();
    const gates = gated();
    const all = parcels(3);
    consume((message) => gates.wait(message.id));
    for (const source of all) delivery.push(source);
    await turn();
    delivery.stop();
    let finished = false;
    void delivery.finish().then(() => finished = true);
    for (const { id } of all) {
      expect(finished).toBe(false);
      gates.open(id);
      await turn();
    }
    expect([finished, acksOf(all)]).toEqual([true, [1, 1, 1]]);
    delivery.end(undefined);
  });

  it("waits for a message that a loop has in its hands", async () => {
    const { delivery } = setup();
    const iterator = delivery.iterate();
    const all = parcels(2);
    for (const source of all) delivery.push(source);
    await iterator.next();
    delivery.stop();
    let finished = false;
    void delivery.finish().then(() => finished = true);
    await iterator.next();
    await turn();
    expect([finished, acksOf(all)]).toEqual([false, [1, 0]]);
    expect((await iterator.next()).done).toBe(true);
    await turn();
    expect([finished, acksOf(all)]).toEqual([true, [1, 1]]);
    delivery.end(undefined);
  });

  it("is finished when a loop is left with messages that still wait: they are given back", async () => {
    const { delivery } = setup();
    const iterator = delivery.iterate();
    const all = parcels(3);
    for (const source of all) delivery.push(source);
    await iterator.next();
    delivery.stop();
    let finished = false;
    void delivery.finish().then(() => finished = true);
    await iterator.return!();
    await turn();
    expect(finished).toBe(true);
    expect(all.map(({ fates }) => fates)).toEqual([["returned"], ["returned"], ["returned"]]);
    delivery.end(undefined);
  });

  it("is finished at once without a consumer: what waits is given back", async () => {
    const { delivery } = setup();
    const all = parcels(3);
    for (const source of all) delivery.push(source);
    delivery.stop();
    await delivery.finish();
    expect(all.map(({ fates }) => fates)).toEqual([["returned"], ["returned"], ["returned"]]);
    expect(delivery.counts).toEqual({ received: 3, acked: 0, returned: 3, dropped: 0 });
  });

  it.each(["returned", "dropped"] as const)(
    "what has no fate is %s, and a late ack does nothing",
    async (unacked) => {
      const { delivery } = setup({ unacked });
      const iterator = delivery.iterate();
      const all = parcels(3);
      for (const source of all) delivery.push(source);
      const { value: message } = await iterator.next() as IteratorYieldResult<Message>;
      delivery.end(undefined);
      delivery.end({ reason: "again" });
      expect(all.map(({ fates }) => fates)).toEqual([[unacked], [unacked], [unacked]]);
      message.ack();
      expect(acksOf(all)).toEqual([0, 0, 0]);
      expect(delivery.counts).toEqual({ received: 3, acked: 0, returned: 0, dropped: 0, [unacked]: 3 });
      await delivery.finish();
    },
  );

  it("counts a message whose connection is gone as the protocol treats what is not acknowledged", async () => {
    for (const unacked of ["returned", "dropped"] as const) {
      const { delivery } = setup({ unacked });
      const iterator = delivery.iterate();
      delivery.push(parcel("a", { gone: true }));
      await iterator.next();
      void iterator.next();
      expect(delivery.counts).toEqual({ received: 1, acked: 0, returned: 0, dropped: 0, [unacked]: 1 });
      delivery.end(undefined);
    }
  });

  it("keeps no memory of what has been taken", async () => {
    const { delivery } = setup({ capacity: 100_000 });
    const iterator = delivery.iterate();
    for (const source of parcels(10_000)) delivery.push(source);
    const seen = await take(iterator, 9_999);
    expect([seen.at(-1), delivery.waiting]).toEqual(["9998", 1]);
    for (const source of parcels(3, {}, 10_000)) delivery.push(source);
    expect(await take(iterator, 4)).toEqual(["9999", "10000", "10001", "10002"]);
    expect(delivery.waiting).toBe(0);
    delivery.end(undefined);
  });
});

describe("Delivery: whatever happens", () => {
  const command = fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({ type: fc.constant("push" as const), size: fc.nat(30), gone: fc.boolean() }),
    },
    { weight: 3, arbitrary: fc.record({ type: fc.constant("next" as const) }) },
    {
      weight: 2,
      arbitrary: fc.record({ type: fc.constant("complete" as const), at: fc.nat(10), fail: fc.boolean() }),
    },
    { weight: 2, arbitrary: fc.record({ type: fc.constant("ack" as const), at: fc.nat(20) }) },
    { weight: 2, arbitrary: fc.record({ type: fc.constant("turn" as const) }) },
    { weight: 1, arbitrary: fc.record({ type: fc.constantFrom("stop", "end", "leave" as const) }) },
  );

  it("received = acked + returned + dropped + what waits or is out, the buffer is bounded, pause and resume alternate", async () => {
    const run = fc.asyncProperty(
      fc.array(command, { maxLength: 80 }),
      fc.constantFrom("pause" as const, "drop-oldest" as const, "drop-newest" as const, "fail" as const),
      fc.constantFrom("iterator", "handlers", "nobody" as const),
      fc.constantFrom("returned" as const, "dropped" as const),
      fc.integer({ min: 1, max: 3 }),
      async (commands, overflow, consumer, unacked, concurrency) => {
        const capacity = 4;
        const capacityBytes = 60;
        const { delivery, trace, consume, onOverflow } = setup({
          overflow,
          capacity,
          capacityBytes,
          unacked,
        });
        onOverflow(() => delivery.end({ reason: "overflow" }));
        const all: Parcel[] = [];
        const seen: Message[] = [];
        const running: { resolve(): void; reject(error: unknown): void }[] = [];
        let bytes = 0;
        if (consumer === "handlers") {
          consume((message) => {
            seen.push(message);
            return new Promise<void>((resolve, reject) => running.push({ resolve, reject }));
          }, concurrency);
        }
        const iterator = consumer === "iterator" ? delivery.iterate() : undefined;
        let waits = false;
        for (const step of commands) {
          if (step.type === "push") {
            const source = parcel(String(all.length), { size: step.size, gone: step.gone });
            const paused = trace.filter((entry) =>
              entry === "pause" || entry === "resume"
            ).at(-1) === "pause";
            // A transport that was told to stop delivers what it has read, no more.
            if (paused && bytes > 200) continue;
            bytes += step.size;
            all.push(source);
            delivery.push(source);
          } else if (step.type === "next" && iterator !== undefined && !waits) {
            waits = true;
            void iterator.next().then(({ done, value }) => {
              waits = false;
              if (done !== true) seen.push(value);
            }, () => waits = false);
          } else if (step.type === "complete" && running.length > 0) {
            const [handler] = running.splice(step.at % running.length, 1);
            if (step.fail) handler!.reject(new Error("handler"));
            else handler!.resolve();
          } else if (step.type === "ack" && seen.length > 0) {
            seen[step.at % seen.length]!.ack();
          } else if (step.type === "turn") {
            await turn();
          } else if (step.type === "stop") {
            delivery.stop();
          } else if (step.type === "end") {
            delivery.end(undefined);
          } else if (step.type === "leave") {
            await iterator?.return?.();
          }
          const { received, acked, returned, dropped } = delivery.counts;
          const settled = all.filter(({ fates }) => fates.length > 0).length;
          expect(received).toBe(all.length);
          expect(acked + returned + dropped).toBe(settled);
          expect(settled + delivery.waiting).toBeLessThanOrEqual(received);
          if (overflow !== "pause") expect(delivery.waiting).toBeLessThanOrEqual(capacity);
        }
        delivery.end(undefined);
        await turn();
        const { received, acked, returned, dropped } = delivery.counts;
        expect(received).toBe(acked + returned + dropped);
        for (const { fates, acks } of all) {
          expect(fates).toHaveLength(1);
          expect(acks).toBeLessThanOrEqual(1);
        }
        expect(seen.map(({ id }) => Number(id))).toEqual(
          seen.map(({ id }) => Number(id)).sort((one, other) => one - other),
        );
        const flow = trace.filter((entry) => entry === "pause" || entry === "resume");
        flow.forEach((entry, i) => expect(entry).toBe(i % 2 === 0 ? "pause" : "resume"));
        expect(flow.at(-1)).not.toBe("pause");
      },
    );
    await fc.assert(run, { numRuns: 400 });
  });
});

const noContext: HandlerContext = {
  signal: new AbortController().signal,
  draining: new AbortController().signal,
};

function setup(options: Partial<DeliveryOptions> = {}): {
  delivery: Delivery;
  trace: string[];
  errors: OverflowError[];
  faults: unknown[];
  consume(
    handler: (message: Message, context: HandlerContext) => unknown,
    concurrency?: number,
    context?: HandlerContext,
  ): void;
  onOverflow(call: () => void): void;
} {
  const trace: string[] = [];
  const errors: OverflowError[] = [];
  const faults: unknown[] = [];
  let overflowed = (): void => {};
  const delivery = new Delivery({
    topics: ["orders", "returns"],
    overflow: "pause",
    capacity: 1_000,
    capacityBytes: 1_000_000,
    unacked: "returned",
    pause: () => void trace.push("pause"),
    resume: () => void trace.push("resume"),
    onDropped: (count) => void trace.push(`dropped ${count}`),
    onOverflow(error) {
      errors.push(error);
      overflowed();
    },
    onFault: (error) => void faults.push(error),
    onLeave: () => void trace.push("leave"),
    ...options,
  });
  return {
    delivery,
    trace,
    errors,
    faults,
    consume: (handler, concurrency = 1, context = noContext) =>
      delivery.consume(handler as MessageHandler, concurrency, context),
    onOverflow(call) {
      overflowed = call;
    },
  };
}

function acksOf(all: readonly Parcel[]): number[] {
  return all.map(({ acks }) => acks);
}

async function take(iterator: AsyncIterator<Message>, count: number): Promise<string[]> {
  const ids: string[] = [];
  for (let i = 0; i < count; i++) {
    const { done, value } = await iterator.next();
    if (done === true) break;
    ids.push(value.id);
  }
  return ids;
}

/** Handlers that wait until they are told to go on. */
function gated(): { wait(id: string): Promise<void>; open(id: string): void } {
  const opened = new Map<string, { promise: Promise<void>; resolve(): void }>();
  const gate = (id: string): { promise: Promise<void>; resolve(): void } => {
    let entry = opened.get(id);
    if (entry === undefined) {
      let resolve!: () => void;
      const promise = new Promise<void>((done) => resolve = done);
      entry = { promise, resolve };
      opened.set(id, entry);
    }
    return entry;
  };
  return { wait: (id) => gate(id).promise, open: (id) => gate(id).resolve() };
}

async function turn(): Promise<void> {
  for (let i = 0; i < 30; i++) await Promise.resolve();
}
