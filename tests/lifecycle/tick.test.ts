import { getEventListeners } from "node:events";
import { afterEach, describe, expect, it, vi } from "vitest";
import { linkAbort } from "../../lib/lifecycle/abort.ts";
import { atTickEnd } from "../../lib/lifecycle/tick.ts";
import { TimerWheel } from "../../lib/lifecycle/wheel.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

describe("operations that follow one another by themselves", () => {
  it("keep the listener on their signal once they are many, and leave none", async () => {
    const { signal } = new AbortController();
    const added = vi.spyOn(signal, "addEventListener");
    const removed = vi.spyOn(signal, "removeEventListener");
    await follow(100, () => linkAbort(signal, { onAbort() {} }), (link) => link.unlink());
    const times = added.mock.calls.length;
    expect(times).toBeLessThan(50);
    await follow(100, () => linkAbort(signal, { onAbort() {} }), (link) => link.unlink());
    expect(added).toHaveBeenCalledTimes(times);
    expect(removed).toHaveBeenCalledTimes(times - 1);
    await endOfTick();
    expect(removed).toHaveBeenCalledTimes(times);
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
  });

  it("are aborted like the first ones", async () => {
    const controller = new AbortController();
    const { signal } = controller;
    await follow(100, () => linkAbort(signal, { onAbort() {} }), (link) => link.unlink());
    const told = vi.fn();
    linkAbort(signal, { onAbort: told });
    controller.abort("x");
    expect(told).toHaveBeenCalledExactlyOnceWith("x");
    await endOfTick();
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
  });

  it("keep the timer of their wheel once they are many, and leave none", async () => {
    const wheel = new TimerWheel();
    const set = vi.spyOn(globalThis, "setTimeout");
    const cleared = vi.spyOn(globalThis, "clearTimeout");
    const add = () => wheel.add(60_000, { onDeadline() {} });
    await follow(100, add, (timer) => timer.cancel());
    const times = set.mock.calls.length;
    expect(times).toBeLessThan(50);
    await follow(100, add, (timer) => timer.cancel());
    expect(set).toHaveBeenCalledTimes(times);
    expect(cleared).toHaveBeenCalledTimes(times - 1);
    await endOfTick();
    expect(cleared).toHaveBeenCalledTimes(times);
  });
});

describe("the end of a tick", () => {
  it("comes after all promises, also when it is asked for outside of one", async () => {
    const done: string[] = [];
    await endOfTick();
    setImmediate(() => {
      atTickEnd((name) => done.push(name), "end");
      void follow(10, () => undefined, () => {}, () => Promise.resolve()).then(() => done.push("promises"));
    });
    await endOfTick();
    await endOfTick();
    expect(done).toEqual(["promises", "end"]);
  });
});

/** Each begins where the one before was awaited, which has ended in a turn of its own, as with a reply of a peer. */
async function follow<T>(
  count: number,
  begin: () => T,
  end: (one: T) => void,
  answer: () => Promise<void> = endOfTick,
): Promise<void> {
  for (let i = 0; i < count; i++) {
    const one = begin();
    await answer();
    end(one);
    // Operations are wrapped in promises of others.
    if (i < count - 1) { for (let hop = 0; hop < 10; hop++) await undefined; }
  }
}

function endOfTick(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
