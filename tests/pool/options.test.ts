import { expect, it } from "vitest";
import { PeerError, UnsupportedError } from "../../lib/errors.ts";
import {
  checkAcquireOptions,
  checkPoolOptions,
  isTerminal,
  type PoolOptions,
} from "../../lib/pool/options.ts";
import type { AnyMember } from "./kit.ts";

const open = (): Promise<AnyMember> => Promise.reject(new Error("not here"));

it("fills in the defaults, and makes min and max fit each other", () => {
  expect(checkPoolOptions({ open })).toMatchObject({
    min: 2,
    max: 4,
    shares: Infinity,
    check: "always",
    probeTimeout: 2_000,
    openTimeout: 20_000,
    idleTimeout: 60_000,
    maxAge: Infinity,
    handover: 10_000,
    maxWaiting: 10_000,
    name: "pool",
    probe: undefined,
    terminal: isTerminal,
  });
  expect(checkPoolOptions({ open, max: 1 })).toMatchObject({ min: 1, max: 1 });
  expect(checkPoolOptions({ open, min: 9 })).toMatchObject({ min: 9, max: 9 });
  expect(checkPoolOptions({ open, min: 0, max: undefined })).toMatchObject({ min: 0, max: 4 });
});

it.each([
  [{ open: undefined }, TypeError, 'Cannot use option "open": expected a function, got nothing'],
  [{ open: 5 }, TypeError, 'Cannot use option "open": expected a function, got 5'],
  [
    { check: NaN },
    RangeError,
    'Cannot use option "check": expected "always" or 0 or more milliseconds, got NaN',
  ],
  [
    { openTimeout: NaN },
    RangeError,
    'Cannot use option "openTimeout": expected 1 or more milliseconds, got NaN',
  ],
  [
    { backoff: { min: 500, max: 100 } },
    RangeError,
    'Cannot use option "backoff.min": expected at most 100, which is "backoff.max", got 500',
  ],
  [{ min: -1 }, RangeError, 'Cannot use option "min": expected a whole number from 0, got -1'],
  [{ max: 0 }, RangeError, 'Cannot use option "max": expected a whole number from 1, got 0'],
  [{ min: 5, max: 4 }, RangeError, 'Cannot use option "min": expected at most 4, which is "max", got 5'],
  [{ max: "4" }, TypeError, 'Cannot use option "max": expected a whole number from 1, got "4"'],
  [
    { shares: 0 },
    RangeError,
    'Cannot use option "shares": expected a whole number from 1, or Infinity, got 0',
  ],
  [{ probe: true }, TypeError, 'Cannot use option "probe": expected false or a function, got true'],
  [
    { check: "never" },
    TypeError,
    'Cannot use option "check": expected "always" or 0 or more milliseconds, got "never"',
  ],
  [
    { check: -1 },
    RangeError,
    'Cannot use option "check": expected "always" or 0 or more milliseconds, got -1',
  ],
  [
    { probeTimeout: 0 },
    RangeError,
    'Cannot use option "probeTimeout": expected 1 or more milliseconds, got 0',
  ],
  [{ backoff: { jitter: 2 } }, RangeError, 'Cannot use option "backoff.jitter": expected 0 to 1, got 2'],
  [
    { signal: {} },
    TypeError,
    'Cannot use option "signal": expected an AbortSignal, got a value of type object',
  ],
  [{ size: 4 }, TypeError, 'Cannot use option "size": there is no such option'],
])("refuses %o", (wrong, kind, message) => {
  const check = (): unknown => checkPoolOptions({ open, ...wrong } as unknown as PoolOptions<AnyMember>);
  expect(check).toThrow(kind);
  expect(check).toThrow(message);
});

it("refuses what is no object of options", () => {
  for (const wrong of [undefined, null, 7]) {
    expect(() => checkPoolOptions(wrong as unknown as PoolOptions<AnyMember>)).toThrow(TypeError);
  }
  for (const wrong of [null, 7, { mode: "both" }, { offline: "maybe" }, { signal: {} }, { timeout: "1" }]) {
    expect(() => checkAcquireOptions(wrong as never), JSON.stringify(wrong)).toThrow(TypeError);
  }
  expect(() => checkAcquireOptions({ timeout: -1 })).toThrow(RangeError);
  expect(checkAcquireOptions()).toEqual({
    mode: "shared",
    offline: "wait",
    signal: undefined,
    timeout: 20_000,
  });
});

it("takes for terminal what would come again", () => {
  const busy = new PeerError("busy", { status: 1, transient: true });
  const refused = new PeerError("refused", { status: 1 });
  expect(
    [refused, new UnsupportedError("no such scheme"), new TypeError("a mistake"), new RangeError("another")]
      .map(isTerminal),
  ).toEqual([true, true, true, true]);
  expect([busy, new Error("whatever"), undefined, null, 0, { code: "ERR_UNSUPPORTED" }].map(isTerminal))
    .toEqual([false, false, false, false, false, false]);
});
