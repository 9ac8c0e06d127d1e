import { describe, expect, it } from "vitest";
import { type BrokerOptions, startBroker } from "../../lib/broker/mod.ts";
import { checkOptions, settingsOf } from "../../lib/broker/options.ts";

describe("the options", () => {
  it("have finite defaults", () => {
    const { authenticate, ...settings } = settingsOf(checkOptions({}));
    expect(authenticate).toBe(undefined);
    expect(settings).toMatchObject({
      port: 10_000,
      sessions: 10_000,
      perAddress: Infinity,
      maxFrame: 4_194_304,
      maxMessageSize: 1_048_576,
      queue: 16_384,
      memory: 268_435_456,
      topics: 10_000,
      groups: 10_000,
      unackedPerSession: 1_024,
      pendingRequests: 16_384,
      window: 1_024,
      helloTimeout: 10_000,
      sessionExpiry: 60_000,
      ackTimeout: 30_000,
      maxDeliveries: 5,
      groupExpiry: 60_000,
      goodbyeTimeout: 30_000,
      retain: 0,
      requestTtl: 3_000,
      validate: true,
    });
  });

  it("fit the size of a message to that of a frame", () => {
    expect(settingsOf(checkOptions({ limits: { maxFrame: 65_536 } })).maxMessageSize).toBe(64_512);
  });

  it.each<[string, unknown, "TypeError" | "RangeError", string]>([
    ["port", -1, "RangeError", "a whole number from 0, got -1"],
    ["port", 70_000, "RangeError", "a port from 0 to 65535, got 70000"],
    ["port", "1", "TypeError", 'a number, got "1"'],
    ["host", 1, "TypeError", "a string, got 1"],
    ["authenticate", "yes", "TypeError", 'a function, got "yes"'],
    ["signal", {}, "TypeError", "an AbortSignal, got object"],
    ["network", {}, "TypeError", "a network, got object"],
    ["ackTimeout", 0, "RangeError", "1 or more milliseconds, got 0"],
    ["ackTimeout", Number.NaN, "RangeError", "a number of milliseconds, got NaN"],
    ["maxDeliveries", 0, "RangeError", "a whole number from 1, got 0"],
    ["retain", 1.5, "RangeError", "a whole number, got 1.5"],
    ["limits", { queue: 0 }, "RangeError", "a whole number from 1, got 0"],
    ["limits", { memory: Infinity }, "RangeError", "a whole number, got Infinity"],
    [
      "limits",
      { maxFrame: 4_096, maxMessageSize: 4_096 },
      "RangeError",
      "at most 3072, 1024 less than maxFrame, got 4096",
    ],
    ["limits", { perAddress: 0 }, "RangeError", "1 or more, or Infinity, got 0"],
    ["limits", { perAddress: 1.5 }, "RangeError", "1 or more, or Infinity, got 1.5"],
    ["limits", { perAddress: "1" }, "TypeError", 'a number, got "1"'],
    ["limits", { quue: 1 }, "TypeError", 'Cannot use option "limits.quue": there is no such option'],
    ["limits", null, "TypeError", "an object of known limits, got null"],
    ["retian", 1, "TypeError", 'Cannot use option "retian": there is no such option'],
    ["validate", "no", "TypeError", 'a boolean, got "no"'],
  ])("refuse %s = %j before anything happens", async (option, value, kind, wanted) => {
    const promise = startBroker({ [option]: value } as BrokerOptions);
    await expect(promise).rejects.toMatchObject({ name: kind });
    await expect(promise).rejects.toThrow(`Cannot use option "${option}`);
    await expect(promise).rejects.toThrow(wanted);
  });

  it.each([null, 1, "options"])("refuse %j in their place", async (options) => {
    await expect(startBroker(options as unknown as BrokerOptions)).rejects.toThrow(TypeError);
  });

  it("refuse a path together with a port", async () => {
    await expect(startBroker({ path: "/tmp/x.sock", port: 1 })).rejects.toThrow(
      'Cannot use option "port" together with "path"',
    );
  });
});
