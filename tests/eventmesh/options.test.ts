import process from "node:process";
import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import {
  type EventMeshOptions,
  resolveOptions,
  resolvePublish,
  resolveSubscribe,
} from "../../lib/eventmesh/options.ts";
import { VERSION } from "../../lib/version.ts";

describe("the options of connect", () => {
  it("have defaults", () => {
    const { network, ...options } = resolveOptions({}, {});
    expect(network.dial).toBeTypeOf("function");
    expect(options).toEqual({
      timeout: 20_000,
      protocol: "eventmeshmessage",
      window: undefined,
      maxWaiting: 100_000,
      heartbeat: 20_000,
      missedHeartbeats: 2,
      reconnect: {},
      tls: {},
      maxFrame: 4_194_304,
      agent: {
        group: "gracewire",
        subsystem: "gracewire",
        idc: "DEFAULT",
        env: "PRD",
        path: "/",
        username: "",
        password: "",
        pid: process.pid,
        version: VERSION,
      },
    });
  });

  it("are taken as they are where they make sense", () => {
    const given = {
      timeout: Infinity,
      protocol: "cloudevents",
      window: Infinity,
      heartbeat: Infinity,
      missedHeartbeats: 5,
      reconnect: { min: 0, max: 5, factor: 1, jitter: 1, attempts: Infinity, timeout: 0 },
      maxFrame: 1_024,
      tls: { ca: "x" },
    } as const;
    expect(resolveOptions({ ...given, token: "t", group: "g" }, {})).toMatchObject({
      ...given,
      agent: { token: "t", group: "g" },
    });
    expect(resolveOptions({ reconnect: false }, {}).reconnect).toBe(false);
    expect(resolveOptions({ window: undefined, group: undefined }, {})).toMatchObject({
      agent: { group: "gracewire" },
    });
  });

  it("come behind what the URL says", () => {
    const { agent } = resolveOptions({ group: "option", idc: "FT" }, { group: "url", password: "p" });
    expect(agent).toMatchObject({ group: "url", idc: "FT", password: "p" });
  });

  it.each(
    [
      ["timeout", -1, RangeError, "a number of milliseconds from 0, got -1"],
      ["timeout", NaN, RangeError, "a number of milliseconds from 0, got NaN"],
      ["timeout", "5", TypeError, 'a number of milliseconds from 0, got "5"'],
      ["timeout", null, TypeError, "a number of milliseconds from 0, got null"],
      ["group", " ", TypeError, 'a string that is not blank, got " "'],
      ["group", 5, TypeError, "a string that is not blank, got 5"],
      ["subsystem", "", TypeError, 'a string that is not blank, got ""'],
      ["idc", null, TypeError, "a string that is not blank, got null"],
      ["env", {}, TypeError, "a string that is not blank, got an object"],
      ["path", "", TypeError, 'a string that is not blank, got ""'],
      ["username", 5, TypeError, "a string, got 5"],
      ["protocol", "openmessage", TypeError, '"eventmeshmessage" or "cloudevents", got "openmessage"'],
      ["window", 0, RangeError, "a whole number from 1, or Infinity, got 0"],
      ["window", NaN, RangeError, "a whole number from 1, or Infinity, got NaN"],
      ["group", NaN, TypeError, "a string that is not blank, got NaN"],
      ["window", 1.5, RangeError, "a whole number from 1, or Infinity, got 1.5"],
      ["window", "20", TypeError, 'a whole number from 1, or Infinity, got "20"'],
      ["heartbeat", 0, RangeError, "a number of milliseconds from 1, got 0"],
      ["missedHeartbeats", -2, RangeError, "a whole number from 1, or Infinity, got -2"],
      ["maxFrame", 100, RangeError, "a whole number of bytes, from 1024 to 2147483647, got 100"],
      ["maxFrame", Infinity, RangeError, "a whole number of bytes, from 1024 to 2147483647, got Infinity"],
      ["maxFrame", 5_000.5, RangeError, "a whole number of bytes, from 1024 to 2147483647, got 5000.5"],
      ["tls", "yes", TypeError, 'an object with ca, cert, key, servername or rejectUnauthorized, got "yes"'],
      [
        "reconnect",
        true,
        TypeError,
        "false, or an object with min, max, factor, jitter, attempts and timeout, got true",
      ],
      [
        "reconnect",
        5,
        TypeError,
        "false, or an object with min, max, factor, jitter, attempts and timeout, got 5",
      ],
      ["signal", "x", TypeError, 'an AbortSignal, got "x"'],
      ["signal", {}, TypeError, "an AbortSignal, got an object"],
      ["network", {}, TypeError, "a network, such as systemNetwork(), got an object"],
      ["network", null, TypeError, "a network, such as systemNetwork(), got null"],
    ] as const,
  )("are refused with what was given and what is wanted: %s %s", (name, value, kind, text) => {
    const error = thrown(() => resolveOptions({ [name]: value } as EventMeshOptions, {}));
    expect(error.message).toBe(`Cannot use option "${name}": expected ${text}`);
    expect(error.constructor).toBe(kind);
  });

  it.each(
    [
      ["min", -1, RangeError, "a number of milliseconds from 0, got -1"],
      ["max", "x", TypeError, 'a number of milliseconds from 0, got "x"'],
      ["factor", 0.5, RangeError, "a number from 1, got 0.5"],
      ["jitter", 2, RangeError, "a number from 0 to 1, got 2"],
      ["attempts", 0, RangeError, "a whole number from 1, or Infinity, got 0"],
      ["timeout", -5, RangeError, "a number of milliseconds from 0, got -5"],
      ["jitter", NaN, RangeError, "a number from 0 to 1, got NaN"],
    ] as const,
  )("are named by their path: reconnect.%s %s", (name, value, kind, text) => {
    const error = thrown(() => resolveOptions({ reconnect: { [name]: value } } as EventMeshOptions, {}));
    expect(error.message).toBe(`Cannot use option "reconnect.${name}": expected ${text}`);
    expect(error.constructor).toBe(kind);
  });

  it("wait longer from one attempt to the next, or as long", () => {
    const error = thrown(() => resolveOptions({ reconnect: { min: 500, max: 100 } }, {}));
    expect(error).toBeInstanceOf(RangeError);
    expect(error.message).toBe(
      'Cannot use option "reconnect.min": expected at most 100, which is "reconnect.max", got 500',
    );
    for (const reconnect of [{ min: 5, max: 5 }, { min: 1e6 }, { max: 0 }]) {
      expect(resolveOptions({ reconnect }, {}).reconnect).toEqual(reconnect);
    }
  });

  it.each([
    [{ pasword: "sesame" }, "pasword"],
    [{ reconnect: { attemps: 1 } }, "reconnect.attemps"],
    [{ tls: { rejectUnauthorised: true } }, "tls.rejectUnauthorised"],
  ])("are refused when there is no such option: %j", (options, name) => {
    const error = thrown(() => resolveOptions(options as EventMeshOptions, {}));
    expect(error).toBeInstanceOf(TypeError);
    expect(error.message).toBe(`Cannot use option "${name}": there is no such option`);
  });

  it.each([["password", 5150], ["token", ["sesame"]], ["password", { secret: "sesame" }]])(
    "never show a %s",
    (name, value) => {
      const error = thrown(() => resolveOptions({ [name]: value } as unknown as EventMeshOptions, {}));
      expect(error).toBeInstanceOf(TypeError);
      expect(error.message).toBe(`Cannot use option "${name}": expected a string, got a ${typeof value}`);
      expect(inspect(error, { depth: 10 })).not.toMatch(/5150|sesame/);
    },
  );

  it.each([[null, "null"], [5, "5"], ["x", '"x"']])("are an object: %s", (value, shown) => {
    const error = thrown(() => resolveOptions(value as EventMeshOptions, {}));
    expect(error.message).toBe(`Cannot use the options: expected an object, got ${shown}`);
  });

  it("are shown in short", () => {
    const error = thrown(() =>
      resolveOptions({ protocol: "x".repeat(1_000) } as unknown as EventMeshOptions, {})
    );
    expect(error.message.length).toBeLessThan(250);
  });
});

describe("the options of subscribe", () => {
  it("have defaults", () => {
    expect(resolveSubscribe({})).toEqual({ mode: "CLUSTERING", type: "ASYNC", timeout: 20_000 });
    expect(resolveSubscribe({ mode: "broadcasting", type: "sync", group: "g", timeout: 5 })).toEqual({
      mode: "BROADCASTING",
      type: "SYNC",
      group: "g",
      timeout: 5,
    });
  });

  it.each(
    [
      ["mode", "all", TypeError, '"clustering" or "broadcasting", got "all"'],
      ["type", "SYNC", TypeError, '"async" or "sync", got "SYNC"'],
      ["group", "", TypeError, 'a string that is not blank, got ""'],
      ["timeout", -1, RangeError, "a number of milliseconds from 0, got -1"],
      ["signal", 5, TypeError, "an AbortSignal, got 5"],
    ] as const,
  )("are refused with what was given and what is wanted: %s %s", (name, value, kind, text) => {
    const error = thrown(() => resolveSubscribe({ [name]: value } as never));
    expect(error.message).toBe(`Cannot use option "${name}": expected ${text}`);
    expect(error.constructor).toBe(kind);
  });

  it.each([
    [{ capcity: 5 }, 'Cannot use option "capcity": there is no such option'],
    [
      { queue: "q" },
      'Cannot use option "queue": there is no such option, who shares the messages of a topic is a "group" in EventMesh',
    ],
    [null, "Cannot use the options: expected an object, got null"],
  ])("are refused when there is no such option: %j", (options, message) => {
    const error = thrown(() => resolveSubscribe(options as never));
    expect(error).toBeInstanceOf(TypeError);
    expect(error.message).toBe(message);
    expect(resolveSubscribe({ capacity: 5, capcity: undefined } as never)).toMatchObject({
      mode: "CLUSTERING",
    });
  });
});

describe("the options of publish and request", () => {
  it("have defaults", () => {
    expect(resolvePublish({}, 5_000)).toEqual({
      signal: undefined,
      timeout: 5_000,
      retry: undefined,
      offline: undefined,
    });
    const { signal } = new AbortController();
    const given = { signal, timeout: 0, retry: "unknown", offline: "fail" } as const;
    expect(resolvePublish(given, 5_000)).toEqual(given);
  });

  it.each(
    [
      ["signal", null, TypeError, "an AbortSignal, got null"],
      ["retry", true, TypeError, '"never" or "unknown", got true'],
      ["offline", "queue", TypeError, '"wait" or "fail", got "queue"'],
      ["id", "", TypeError, 'a string that is not empty, got ""'],
      ["id", 5, TypeError, "a string that is not empty, got 5"],
      ["properties", "a=b", TypeError, 'an object of strings, got "a=b"'],
      ["properties", null, TypeError, "an object of strings, got null"],
      ["properties", ["a"], TypeError, "an object of strings, got an array"],
      ["properties", new Map([["a", "b"]]), TypeError, "an object of strings, got a Map"],
    ] as const,
  )("are refused with what was given and what is wanted: %s %s", (name, value, kind, text) => {
    const error = thrown(() => resolvePublish({ [name]: value } as never, 5_000));
    expect(error.message).toBe(`Cannot use option "${name}": expected ${text}`);
    expect(error.constructor).toBe(kind);
  });

  it.each([[-1, RangeError], [NaN, RangeError], ["5", TypeError]])(
    "limit their time in milliseconds: %s",
    (value, kind) => {
      const error = thrown(() => resolvePublish({ timeout: value as number }, 5_000));
      expect(error.message).toMatch(/^Cannot use option "timeout": expected .*milliseconds, got /);
      expect(error.constructor).toBe(kind);
    },
  );
});

function thrown(call: () => unknown): Error {
  try {
    call();
  } catch (error) {
    return error as Error;
  }
  throw new Error("Expected an error, got none");
}
