import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { TimeoutError } from "../../lib/errors.ts";
import { limited, type Limits } from "../../lib/lifecycle/limit.ts";
import { countedAbort } from "../support/signals.ts";

const reasons: unknown[] = [new Error("stop"), "stop", null, 0, ""];

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance", "Date"] });
});

afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

describe("limited", () => {
  it("hands on what the call resolves or rejects with, and leaves neither timer nor listener", async () => {
    const [user, owner] = [countedAbort(), countedAbort()];
    const limits: Limits = { signal: user.signal, owner: owner.signal, timeout: 100, action: "connect" };
    expect(await limited(limits, () => Promise.resolve(1))).toBe(1);
    const error = new Error("no");
    expect(await rejection(limited(limits, () => Promise.reject(error)))).toBe(error);
    await Promise.resolve();
    expect([user.listeners(), owner.listeners()]).toEqual([0, 0]);
  });

  it.each(reasons)("aborts the call with the reason %s of the caller, or of the owner", async (reason) => {
    for (const who of ["signal", "owner"] as const) {
      const user = countedAbort();
      const call = limited({ [who]: user.signal, timeout: Infinity, action: "connect" }, obedient);
      user.abort(reason);
      expect(await rejection(call)).toBe(reason);
      await Promise.resolve();
      expect(user.listeners()).toBe(0);
    }
  });

  it.each(reasons)("aborts the call with what the owner makes of its reason %s", async (reason) => {
    const owner = countedAbort();
    const onOwner = (value: unknown): unknown => ({ wrapped: value });
    const call = limited({ owner: owner.signal, onOwner, timeout: Infinity, action: "connect" }, obedient);
    owner.abort(reason);
    expect(await rejection(call)).toEqual({ wrapped: reason });
  });

  it.each(reasons)("does not begin the call when a signal has aborted with %s before", async (reason) => {
    const call = vi.fn();
    const aborted = AbortSignal.abort(reason);
    expect(await rejection(limited({ signal: aborted, timeout: 1, action: "connect" }, call))).toBe(reason);
    const onOwner = (value: unknown): unknown => ({ wrapped: value });
    const owned = limited({ owner: aborted, onOwner, timeout: 1, action: "connect" }, call);
    expect(await rejection(owned)).toEqual({ wrapped: reason });
    expect(call).not.toHaveBeenCalled();
  });

  it("does not begin a call that has no time", async () => {
    const call = vi.fn();
    const error = await rejection(limited({ timeout: 0, action: "connect" }, call));
    expect(error).toBeInstanceOf(TimeoutError);
    expect(error).toMatchObject({ timeout: 0, outcome: "not-sent" });
    expect(call).not.toHaveBeenCalled();
    const reason = { late: true };
    const limits = { signal: AbortSignal.abort(reason), timeout: 0, action: "connect" };
    expect(await rejection(limited(limits, call))).toBe(reason);
  });

  it("aborts the call with a TimeoutError when its time is over", async () => {
    const call = limited({ timeout: 250, action: "connect to there" }, obedient);
    const rejected = rejection(call);
    await vi.advanceTimersByTimeAsync(250);
    const error = await rejected;
    expect(error).toBeInstanceOf(TimeoutError);
    expect(error).toMatchObject({
      timeout: 250,
      outcome: "not-sent",
      message: "Cannot connect to there: 250 ms have passed",
    });
  });

  it("waits for a call that still frees what it holds", async () => {
    const user = countedAbort();
    const freed = vi.fn();
    const call = limited({ signal: user.signal, timeout: 1_000, action: "connect" }, async (signal) => {
      try {
        return await obedient(signal);
      } finally {
        await new Promise((resolve) => void setTimeout(resolve, 20));
        freed();
      }
    });
    const rejected = rejection(call);
    user.abort("why");
    await vi.advanceTimersByTimeAsync(20);
    expect(await rejected).toBe("why");
    expect(freed).toHaveBeenCalledOnce();
  });

  it("keeps the first of two causes", async () => {
    const [user, owner] = [countedAbort(), countedAbort()];
    const limits = { signal: user.signal, owner: owner.signal, timeout: 10, action: "connect" };
    const rejected = rejection(limited(limits, obedient));
    owner.abort("first");
    user.abort("second");
    await vi.advanceTimersByTimeAsync(20);
    expect(await rejected).toBe("first");
  });
});

function obedient(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) =>
    signal.addEventListener("abort", () => reject(signal.reason), { once: true })
  );
}

async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(() => expect.unreachable("it resolved"), (error: unknown) => error);
}
