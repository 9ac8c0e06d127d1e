import { getEventListeners } from "node:events";
import process from "node:process";
import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { abortable, type AbortLink, linkAbort, onAbort } from "../../lib/lifecycle/abort.ts";
import { collect } from "../support/collect.ts";

const reasons: [string, unknown][] = [
  ["an Error", new Error("stop")],
  ["a string", "stop"],
  ["null", null],
  ["0", 0],
  ["false", false],
  ["the empty string", ""],
  ["a DOMException", new DOMException("stop", "AbortError")],
  ["an object", { why: "stop" }],
];

describe("linkAbort", () => {
  it.each(reasons)("hands on %s as it is", (_, reason) => {
    const controller = new AbortController();
    const told: unknown[] = [];
    onAbort(controller.signal, (value) => told.push(value));
    controller.abort(reason);
    expect(told).toHaveLength(1);
    expect(told[0]).toBe(reason);
  });

  it("hands on the default reason of an abort without one", () => {
    const controller = new AbortController();
    const told: unknown[] = [];
    onAbort(controller.signal, (value) => told.push(value));
    controller.abort(undefined);
    expect(told[0]).toBe(controller.signal.reason);
    expect(told[0]).toBeInstanceOf(DOMException);
  });

  it("adds one listener to a signal, however many targets there are", () => {
    const { signal, counts } = counted();
    const links = Array.from({ length: 1_000 }, () => onAbort(signal, () => {}));
    expect(counts).toEqual({ added: 1, removed: 0 });
    for (const link of links) link.unlink();
  });

  it("takes the listener off in the microtask after the last target has left, not before", async () => {
    const { signal, counts } = counted();
    const [first, second] = [onAbort(signal, () => {}), onAbort(signal, () => {})];
    first.unlink();
    await Promise.resolve();
    expect(counts.removed).toBe(0);
    second.unlink();
    expect(counts.removed).toBe(0);
    await Promise.resolve();
    expect(counts).toEqual({ added: 1, removed: 1 });
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
  });

  it("keeps the listener for operations that follow one another in one tick", async () => {
    const { signal, counts } = counted();
    for (let i = 0; i < 1_000; i++) onAbort(signal, () => {}).unlink();
    expect(counts).toEqual({ added: 1, removed: 0 });
    await Promise.resolve();
    expect(counts).toEqual({ added: 1, removed: 1 });
  });

  it("keeps the listener when a target comes back before the microtask", async () => {
    const { controller, signal, counts } = counted();
    onAbort(signal, () => {}).unlink();
    const told = vi.fn();
    onAbort(signal, told);
    await Promise.resolve();
    expect(counts).toEqual({ added: 1, removed: 0 });
    controller.abort("x");
    expect(told).toHaveBeenCalledExactlyOnceWith("x");
  });

  it("listens again for a target that comes after the listener has gone", async () => {
    const { controller, signal, counts } = counted();
    onAbort(signal, () => {}).unlink();
    await Promise.resolve();
    const told = vi.fn();
    onAbort(signal, told);
    expect(counts.added).toBe(2);
    controller.abort(0);
    expect(told).toHaveBeenCalledExactlyOnceWith(0);
  });

  it("tells the targets in the order of their links", () => {
    const controller = new AbortController();
    const told: number[] = [];
    for (let i = 0; i < 5; i++) onAbort(controller.signal, () => told.push(i));
    controller.abort();
    expect(told).toEqual([0, 1, 2, 3, 4]);
  });

  it("does not tell a target that was unlinked, also by a target before it during the dispatch", () => {
    const controller = new AbortController();
    const told: string[] = [];
    const links: AbortLink[] = [];
    links.push(onAbort(controller.signal, () => told.push("gone")));
    onAbort(controller.signal, () => {
      told.push("first");
      links[1]!.unlink();
    });
    links.push(onAbort(controller.signal, () => told.push("second")));
    onAbort(controller.signal, () => told.push("third"));
    links[0]!.unlink();
    controller.abort();
    expect(told).toEqual(["first", "third"]);
  });

  it("tells a target that is linked during the dispatch at once", () => {
    const controller = new AbortController();
    const told: string[] = [];
    onAbort(controller.signal, () => {
      onAbort(controller.signal, (reason) => told.push(`inner ${reason}`));
      told.push("outer");
    });
    onAbort(controller.signal, () => told.push("last"));
    controller.abort("why");
    expect(told).toEqual(["inner why", "outer", "last"]);
  });

  it("tells a target of an aborted signal at once, and adds no listener", () => {
    const { controller, signal, counts } = counted();
    controller.abort(null);
    const told = vi.fn();
    onAbort(signal, told).unlink();
    expect(told).toHaveBeenCalledExactlyOnceWith(null);
    expect(counts.added).toBe(0);
  });

  it("leaves no listener after an abort", async () => {
    const { controller, signal, counts } = counted();
    for (let i = 0; i < 3; i++) onAbort(signal, () => {});
    controller.abort();
    await Promise.resolve();
    expect(counts).toEqual({ added: 1, removed: 1 });
  });

  it("takes a second unlink as nothing", () => {
    const controller = new AbortController();
    const told = vi.fn();
    const before = onAbort(controller.signal, told);
    const link = onAbort(controller.signal, () => {});
    const after = onAbort(controller.signal, told);
    link.unlink();
    link.unlink();
    controller.abort();
    expect(told).toHaveBeenCalledTimes(2);
    for (const late of [before, link, after]) late.unlink();
  });

  it("tells exactly those that are linked, once each, whatever the order of links and unlinks", () => {
    const step = fc.oneof(
      fc.record({ type: fc.constant("link" as const) }),
      fc.record({ type: fc.constant("unlink" as const), at: fc.nat(50) }),
    );
    fc.assert(fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const controller = new AbortController();
      const links: { id: number; link: AbortLink }[] = [];
      const live = new Set<number>();
      const told: number[] = [];
      for (const { type, ...rest } of steps) {
        if (type === "link") {
          const id = links.length;
          links.push({ id, link: onAbort(controller.signal, () => told.push(id)) });
          live.add(id);
        } else if (links.length > 0) {
          const { id, link } = links[(rest as { at: number }).at % links.length]!;
          link.unlink();
          live.delete(id);
        }
      }
      controller.abort();
      expect(told).toEqual([...live]);
    }));
  });

  it("keeps memory flat over 100,000 operations on one signal", async () => {
    const { signal, counts } = counted();
    const operate = async (count: number): Promise<void> => {
      for (let i = 0; i < count; i++) {
        const link = linkAbort(signal, { onAbort() {} });
        if (i % 10 === 0) await undefined;
        link.unlink();
      }
      await new Promise(setImmediate);
    };
    await operate(20_000);
    const before = heapUsed();
    await operate(100_000);
    const grown = heapUsed() - before;
    expect(counts.added - counts.removed).toBe(0);
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
    expect(grown).toBeLessThan(1_048_576);
  });

  it("costs the same with one target as with 10,000 (printed)", () => {
    const { signal } = new AbortController();
    const cost = (): number => {
      const rounds = 20_000;
      const start = performance.now();
      for (let i = 0; i < rounds; i++) linkAbort(signal, target).unlink();
      return ((performance.now() - start) * 1e6) / rounds;
    };
    const target = { onAbort() {} };
    cost();
    const alone = cost();
    const links = Array.from({ length: 10_000 }, () => linkAbort(signal, target));
    const crowded = cost();
    for (const link of links) link.unlink();
    console.log(`link + unlink: ${alone.toFixed(0)} ns alone, ${crowded.toFixed(0)} ns beside 10,000 others`);
    expect(crowded).toBeGreaterThan(0);
  });
});

describe("abortable", () => {
  it("settles as the promise does when there is no signal, or no abort", async () => {
    const error = new Error("no");
    await expect(abortable(Promise.resolve(1), undefined)).resolves.toBe(1);
    await expect(abortable(Promise.resolve(2), new AbortController().signal)).resolves.toBe(2);
    await expect(abortable(Promise.reject(error), new AbortController().signal)).rejects.toBe(error);
  });

  it.each(reasons)("rejects with %s itself when the signal aborts with it", async (_, reason) => {
    const controller = new AbortController();
    const result = abortable(new Promise(() => {}), controller.signal);
    controller.abort(reason);
    expect(await rejection(result)).toBe(reason);
  });

  it("rejects with the reason of a signal that has aborted already, and ignores what the promise does", async () => {
    const result = abortable(Promise.reject(new Error("later")), AbortSignal.abort("now"));
    expect(await rejection(result)).toBe("now");
  });

  it("ignores a promise that rejects after the abort", async () => {
    const controller = new AbortController();
    let fail!: (error: Error) => void;
    const result = abortable(new Promise((_, reject) => fail = reject), controller.signal);
    controller.abort(0);
    expect(await rejection(result)).toBe(0);
    fail(new Error("late"));
    await Promise.resolve();
  });

  it("leaves no listener when the promise has settled", async () => {
    const { signal, counts } = counted();
    await abortable(Promise.resolve(), signal);
    await rejection(abortable(Promise.reject(new Error("no")), signal));
    await Promise.resolve();
    expect(counts.added).toBe(counts.removed);
  });

  it("rejects, and leaves no listener, when a foreign thenable throws", async () => {
    const { signal, counts } = counted();
    const error = new Error("then");
    const thenable = {
      then() {
        throw error;
      },
    };
    expect(await rejection(abortable(thenable as PromiseLike<never>, signal))).toBe(error);
    await Promise.resolve();
    expect(counts).toEqual({ added: 1, removed: 1 });
  });
});

/** A signal that counts how many listeners were added to it and removed from it. */
function counted(): {
  controller: AbortController;
  signal: AbortSignal;
  counts: { added: number; removed: number };
} {
  const controller = new AbortController();
  const { signal } = controller;
  const counts = { added: 0, removed: 0 };
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = (...args: Parameters<typeof add>) => {
    counts.added++;
    add(...args);
  };
  signal.removeEventListener = (...args: Parameters<typeof remove>) => {
    counts.removed++;
    remove(...args);
  };
  return { controller, signal, counts };
}

async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(() => expect.unreachable("it resolved"), (error: unknown) => error);
}

function heapUsed(): number {
  for (let i = 0; i < 3; i++) collect();
  return process.memoryUsage().heapUsed;
}
