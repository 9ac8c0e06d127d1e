import { afterEach, describe, expect, it, vi } from "vitest";
import { Registry } from "../../lib/net/registry.ts";

describe("book of a network", () => {
  afterEach(() => void vi.useRealTimers());

  it("counts each thing until it is given back, and once", () => {
    const registry = new Registry();
    const [first, second, listener] = [registry.socket(), registry.socket(), registry.listener()];
    expect(registry.open()).toEqual({ sockets: 2, listeners: 1, timers: 0 });
    first();
    first();
    listener();
    expect(registry.open()).toEqual({ sockets: 1, listeners: 0, timers: 0 });
    second();
    expect(registry.open()).toEqual({ sockets: 0, listeners: 0, timers: 0 });
  });

  it("counts a timer until it has fired or was taken back", () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const registry = new Registry();
    let fired = 0;
    const cancel = registry.startTimer(10, () => fired++);
    registry.startTimer(20, () => fired++);
    expect(registry.open().timers).toBe(2);
    cancel();
    cancel();
    expect(registry.open().timers).toBe(1);
    expect(vi.getTimerCount()).toBe(1);
    vi.advanceTimersByTime(20);
    expect([fired, registry.open().timers, vi.getTimerCount()]).toEqual([1, 0, 0]);
  });
});
