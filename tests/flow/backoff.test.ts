import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { backoffDelay } from "../../lib/flow/mod.ts";

describe("backoffDelay", () => {
  it("doubles from 100 ms up to 10 s", () => {
    const delays = Array.from({ length: 10 }, (_, i) => backoffDelay(i + 1, { jitter: 0 }));
    expect(delays).toEqual([100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000, 10_000]);
  });

  it("takes the begin, the end and the growth from its options; undefined is left out", () => {
    const options = { min: 10, max: 250, factor: 5, jitter: 0 };
    expect([1, 2, 3, 4].map((attempt) => backoffDelay(attempt, options))).toEqual([10, 50, 250, 250]);
    expect(backoffDelay(2, { min: undefined, max: undefined, factor: undefined, jitter: 0 })).toBe(200);
  });

  it("takes away a random part, half of the wait at most by default", () => {
    expect(backoffDelay(3, {}, () => 0)).toBe(400);
    expect(backoffDelay(3, {}, () => 0.5)).toBe(300);
    expect(backoffDelay(3, {}, () => 1)).toBe(200);
    expect(backoffDelay(3, { jitter: 1 }, () => 1)).toBe(0);
  });

  it("is never below nothing nor above its end, for any attempt", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 10_000 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (attempt, jitter) => {
          const delay = backoffDelay(attempt, { jitter });
          expect(delay).toBeGreaterThanOrEqual(0);
          expect(delay).toBeLessThanOrEqual(10_000);
        },
      ),
    );
  });
});
