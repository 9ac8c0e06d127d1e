import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { checkDuration, longestDelay, now, startTimer } from "../../lib/lifecycle/timer.ts";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance", "Date"] });
});

afterEach(() => {
  vi.useRealTimers();
});

describe("now", () => {
  it("goes forward with time and does not follow the clock of the system", async () => {
    const before = now();
    vi.setSystemTime(0);
    expect(now()).toBe(before);
    await vi.advanceTimersByTimeAsync(25);
    expect(now()).toBe(before + 25);
  });
});

describe("startTimer", () => {
  it("calls once when its time has come", async () => {
    const call = vi.fn();
    startTimer(100, call);
    await vi.advanceTimersByTimeAsync(99);
    expect(call).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(call).toHaveBeenCalledOnce();
    expect(vi.getTimerCount()).toBe(0);
  });

  it("does not call after cancel, which may come any number of times", async () => {
    const call = vi.fn();
    const timer = startTimer(100, call);
    timer.cancel();
    timer.cancel();
    expect(vi.getTimerCount()).toBe(0);
    await vi.advanceTimersByTimeAsync(1_000);
    timer.cancel();
    expect(call).not.toHaveBeenCalled();
  });

  it("takes a time that has passed as now, and never calls from inside", async () => {
    const call = vi.fn();
    startTimer(-5, call);
    expect(call).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(0);
    expect(call).toHaveBeenCalledOnce();
  });

  it("keeps a delay beyond the longest of setTimeout", async () => {
    const call = vi.fn();
    startTimer(longestDelay * 2 + 10, call);
    await vi.advanceTimersByTimeAsync(longestDelay * 2 + 9);
    expect(call).not.toHaveBeenCalled();
    expect(vi.getTimerCount()).toBe(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(call).toHaveBeenCalledOnce();
    expect(vi.getTimerCount()).toBe(0);
  });

  it("never calls for Infinity, and can be cancelled in any round", async () => {
    const call = vi.fn();
    const timer = startTimer(Infinity, call);
    await vi.advanceTimersByTimeAsync(longestDelay * 3);
    expect(call).not.toHaveBeenCalled();
    timer.cancel();
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("checkDuration", () => {
  it("hands back a number of milliseconds from 0 to Infinity", () => {
    for (const value of [0, 0.5, 1, 1e12, Infinity]) expect(checkDuration("grace", value)).toBe(value);
  });

  it("throws a TypeError for what is not a number", () => {
    for (const value of ["1", null, {}, 1n, undefined]) {
      expect(() => checkDuration("grace", value as number)).toThrow(TypeError);
    }
    expect(() => checkDuration("grace", "1" as never)).toThrow(
      'Cannot use option "grace": expected a number of milliseconds, got string',
    );
  });

  it("throws a RangeError for a number below zero and for NaN", () => {
    for (const value of [-1, -Infinity, NaN]) expect(() => checkDuration("grace", value)).toThrow(RangeError);
    expect(() => checkDuration("grace", -1)).toThrow(
      'Cannot use option "grace": expected 0 or more milliseconds, got -1',
    );
  });
});
