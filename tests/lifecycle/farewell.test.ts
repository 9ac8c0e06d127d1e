import { describe, expect, it } from "vitest";
import {
  type Farewell,
  FarewellBuilder,
  type FarewellParts,
  type Outcome,
} from "../../lib/lifecycle/farewell.ts";

describe("FarewellBuilder: outcome", () => {
  it("is clean when nothing happened, and all counters are there", () => {
    expect(build()).toMatchObject({
      name: "thing",
      outcome: "clean",
      cause: "goodbye",
      reason: undefined,
      startedAt: 1_000,
      duration: 5,
      phases: [],
      operations: { settled: 0, aborted: 0, refused: 0 },
      messages: {
        published: 0,
        confirmed: 0,
        rejected: 0,
        unconfirmed: 0,
        received: 0,
        acked: 0,
        returned: 0,
        dropped: 0,
      },
      connections: { opened: 0, clean: 0, forced: 0, lost: 0, refused: 0 },
      residue: { sockets: 0, timers: 0, listeners: 0 },
      hooks: [],
      hooksDropped: 0,
      errors: [],
      errorsDropped: 0,
      children: [],
      childCount: 0,
    });
  });

  it("is forced when a phase was cut, failed when the transport was lost, and failed when both", () => {
    expect(build({ forced: true }).outcome).toBe("forced");
    expect(build({ lost: true }).outcome).toBe("failed");
    expect(build({ forced: true, lost: true }).outcome).toBe("failed");
  });

  it("is failed by a hook that failed or took too long, not by one that is ok, not by a contained error", () => {
    const after = (ended: "ok" | "failed" | "timeout"): Outcome => {
      const builder = new FarewellBuilder("thing");
      builder.hook({ name: "hook", duration: 1, ended });
      builder.error(new Error("contained"));
      return build({}, builder).outcome;
    };
    expect([after("ok"), after("failed"), after("timeout")]).toEqual(["clean", "failed", "failed"]);
  });

  it.each(["sockets", "timers", "listeners"] as const)("is failed when %s are still held", (kind) => {
    expect(build({ parts: { residue: { [kind]: 1 } } }).outcome).toBe("failed");
  });

  it("is failed when the ledger of sent or of received messages does not balance", () => {
    const balanced = {
      published: 6,
      confirmed: 3,
      rejected: 2,
      unconfirmed: 1,
      received: 7,
      acked: 4,
      returned: 2,
      dropped: 1,
    };
    expect(build({ parts: { messages: balanced } }).outcome).toBe("clean");
    for (const key of Object.keys(balanced) as (keyof typeof balanced)[]) {
      for (const change of [1, -1]) {
        const messages = { ...balanced, [key]: balanced[key] + change };
        expect(build({ parts: { messages } }).outcome, `${key} ${change}`).toBe("failed");
      }
    }
  });
});

describe("FarewellBuilder: children", () => {
  it("takes the worst outcome of its children and its own", () => {
    const outcomes: Outcome[] = ["clean", "forced", "failed"];
    for (const own of outcomes) {
      for (const one of outcomes) {
        for (const other of outcomes) {
          const builder = new FarewellBuilder("thing");
          builder.child(childOf(one));
          builder.child(childOf(other));
          const { outcome } = build({ forced: own === "forced", lost: own === "failed" }, builder);
          expect(outcome).toBe(
            outcomes[Math.max(...[own, one, other].map((each) => outcomes.indexOf(each)))],
          );
        }
      }
    }
  });

  it("does not take the outcome of a guest, and still lists and counts it", () => {
    const builder = new FarewellBuilder("server");
    builder.guest(childOf("failed", { operations: { settled: 2 } }));
    const farewell = build({}, builder);
    expect(farewell).toMatchObject({ outcome: "clean", childCount: 1, operations: { settled: 2 } });
    expect(farewell.children).toMatchObject([{ outcome: "failed" }]);
  });

  it("keeps the outcome of children when guests come and go", () => {
    const builder = new FarewellBuilder("server");
    builder.child(childOf("forced"));
    builder.guest(childOf("failed"));
    expect(build({}, builder).outcome).toBe("forced");
  });

  it("is failed by what a guest still holds, and by its ledger", () => {
    const holding = new FarewellBuilder("server");
    holding.guest(childOf("failed", { residue: { sockets: 1 } }));
    expect(build({}, holding)).toMatchObject({ outcome: "failed", residue: { sockets: 1 } });
    const owing = new FarewellBuilder("server");
    owing.guest(childOf("failed", { messages: { received: 1 } }));
    expect(build({}, owing).outcome).toBe("failed");
  });

  it("lists children of the end before those that left earlier, of which as many as there is room for", () => {
    const builder = new FarewellBuilder("server");
    for (let i = 0; i < 150; i++) builder.guest(childNamed("failed", `guest ${i}`));
    for (let i = 0; i < 60; i++) builder.child(childNamed("forced", `child ${i}`));
    const { childCount, children } = build({}, builder);
    expect(childCount).toBe(210);
    const names = (what: string, count: number): string[] =>
      Array.from({ length: count }, (_, i) => `${what} ${i}`);
    expect(children.map(({ name }) => name)).toEqual([...names("guest", 40), ...names("child", 60)]);
    for (let i = 60; i < 130; i++) builder.child(childNamed("forced", `child ${i}`));
    expect(build({}, builder).children.map(({ name }) => name)).toEqual(names("child", 100));
  });

  it("adds the counters of children to its own", () => {
    const builder = new FarewellBuilder("thing");
    const parts: FarewellParts = {
      operations: { settled: 1, aborted: 2, refused: 3 },
      messages: {
        published: 3,
        confirmed: 1,
        rejected: 1,
        unconfirmed: 1,
        received: 3,
        acked: 1,
        returned: 1,
        dropped: 1,
      },
      connections: { opened: 2, clean: 1, lost: 1 },
    };
    builder.child(childOf("clean", parts));
    builder.child(childOf("clean", parts));
    expect(build({ parts }, builder)).toMatchObject({
      outcome: "clean",
      operations: { settled: 3, aborted: 6, refused: 9 },
      messages: {
        published: 9,
        confirmed: 3,
        rejected: 3,
        unconfirmed: 3,
        received: 9,
        acked: 3,
        returned: 3,
        dropped: 3,
      },
      connections: { opened: 6, clean: 3, forced: 0, lost: 3, refused: 0 },
    });
  });

  it("lists at most 100 of those that were not clean, and counts all", () => {
    const builder = new FarewellBuilder("thing");
    for (let i = 0; i < 250; i++) builder.child(childOf(i % 2 === 0 ? "clean" : "forced"));
    const { children, childCount } = build({}, builder);
    expect([children.length, childCount]).toEqual([100, 250]);
    expect(new Set(children.map(({ outcome }) => outcome))).toEqual(new Set(["forced"]));
  });
});

describe("FarewellBuilder: hooks", () => {
  it("lists at most 100, those that ended badly in any case, and counts the rest", () => {
    const builder = new FarewellBuilder("thing");
    for (let i = 0; i < 300; i++) {
      builder.hook({ name: `hook ${i}`, duration: 1, ended: i % 10 === 9 ? "failed" : "ok" });
    }
    const { hooks, hooksDropped } = build({}, builder);
    expect([hooks.length, hooksDropped]).toEqual([100, 200]);
    const bad = hooks.filter(({ ended }) => ended === "failed").map(({ name }) => name);
    expect(bad).toEqual(Array.from({ length: 30 }, (_, i) => `hook ${i * 10 + 9}`));
    const order = hooks.map(({ name }) => Number(name.split(" ")[1]));
    expect(order).toEqual([...order].sort((a, b) => a - b));
  });

  it("is failed by a hook that is not in the list any more", () => {
    const builder = new FarewellBuilder("thing");
    for (let i = 0; i < 150; i++) builder.hook({ name: "hook", duration: 1, ended: "failed" });
    expect(build({}, builder)).toMatchObject({ outcome: "failed", hooksDropped: 50 });
  });

  it("takes a hook that was cut for one that hangs, until it has stopped", async () => {
    const builder = new FarewellBuilder("thing");
    const [one, other] = [builder.hooks.addCut("one", 5), builder.hooks.addCut("other", 5)];
    const before = build({}, builder);
    expect(before).toMatchObject({ outcome: "failed", hooks: [{ ended: "timeout" }, { ended: "timeout" }] });
    const settled = builder.hooks.settled();
    one("cut", 7);
    one("failed", 8);
    other("cut", 9);
    await settled;
    expect(builder.hooks.settled()).toBe(undefined);
    expect(build({}, builder)).toMatchObject({
      outcome: "forced",
      hooks: [{ name: "one", duration: 7, ended: "cut" }, { name: "other", duration: 9, ended: "cut" }],
    });
    // A report that has been made stays as it is.
    expect(before).toMatchObject({ outcome: "failed", hooks: [{ ended: "timeout" }, { ended: "timeout" }] });
  });
});

describe("FarewellBuilder: errors", () => {
  it("lists the first 20 by identity and counts the rest", () => {
    const builder = new FarewellBuilder("thing");
    const errors = Array.from({ length: 50 }, (_, i) => new Error(String(i)));
    for (const error of errors) builder.error(error);
    const farewell = build({}, builder);
    expect(farewell.errorsDropped).toBe(30);
    farewell.errors.forEach((error, i) => expect(error).toBe(errors[i]));
    expect(farewell.errors).toHaveLength(20);
  });

  it("does not change a report that has been made", () => {
    const builder = new FarewellBuilder("thing");
    const farewell = build({}, builder);
    builder.error(new Error("late"));
    builder.hook({ name: "late", duration: 1, ended: "failed" });
    builder.child(childOf("failed"));
    builder.phase({ phase: "release", at: 0, duration: 0, budget: 0, ended: "done" });
    expect(farewell).toMatchObject({ outcome: "clean", errors: [], hooks: [], children: [], phases: [] });
  });
});

describe("Farewell.toJSON", () => {
  const hostile: [string, unknown, unknown][] = [
    ["undefined", undefined, undefined],
    ["null", null, null],
    ["a number", 1, 1],
    ["NaN", NaN, "NaN"],
    ["Infinity", -Infinity, "-Infinity"],
    ["a bigint", 10n, "10"],
    ["a symbol", Symbol("why"), "Symbol(why)"],
    ["a function", function named() {}, "[function named]"],
    ["bytes", new Uint8Array(3), "[3 bytes]"],
    ["a list", [1, 2n, [3]], [1, "2", [3]]],
    ["an object", { a: { b: Symbol.iterator } }, { a: { b: "Symbol(Symbol.iterator)" } }],
    ["an Error", new TypeError("no"), { name: "TypeError", message: "no" }],
    ["an error with a code", Object.assign(new Error("no"), { code: 7n }), {
      name: "Error",
      message: "no",
      code: "7",
    }],
    [
      "an error with causes",
      new Error("outer", { cause: new Error("inner", { cause: 0 }) }),
      { name: "Error", message: "outer", cause: { name: "Error", message: "inner", cause: 0 } },
    ],
    ["an error with a cause of null", new Error("outer", { cause: null }), {
      name: "Error",
      message: "outer",
      cause: null,
    }],
    [
      "an AggregateError",
      new AggregateError([new Error("one"), "two"], "both"),
      { name: "AggregateError", message: "both", errors: [{ name: "Error", message: "one" }, "two"] },
    ],
    ["an error whose message is no text", Object.assign(new Error(), { message: 5n }), {
      name: "Error",
      message: "5",
    }],
    ["a cycle", cyclic(), { name: "loop", self: "[circular]", list: ["[circular]"] }],
    ["an error that is its own cause", selfCaused(), { name: "Error", message: "me", cause: "[circular]" }],
    ["a getter that throws", {
      ok: 1,
      get bad() {
        throw new Error("getter");
      },
    }, { ok: 1, bad: "[unprintable]" }],
    [
      "an error whose message throws",
      Object.defineProperty(new Error(), "message", { get: raise }),
      "[unprintable]",
    ],
    ["a revoked proxy", revoked(), "[unprintable]"],
    ["a proxy that throws in every trap", hostileProxy(), "[unprintable]"],
    ["an object without a prototype", Object.assign(Object.create(null), { a: 1 }), { a: 1 }],
    ["an object whose toJSON throws", { toJSON: raise, a: 1 }, { a: 1, toJSON: "[function raise]" }],
    [
      "a key that means something",
      JSON.parse('{"__proto__": {"x": 1}}'),
      JSON.parse('{"__proto__": {"x": 1}}'),
    ],
  ];

  it.each(hostile)("shows %s as plain data, as a reason and as an error", (_, value, expected) => {
    const builder = new FarewellBuilder("thing");
    builder.error(value);
    builder.phase({ phase: "drain", at: 0, duration: 1, budget: 1, ended: "cut", reason: value });
    const farewell = build({ reason: value }, builder);
    expect(Object.is(farewell.reason, value)).toBe(true);
    const plain = farewell.toJSON();
    expect(plain["reason"]).toEqual(expected);
    expect(plain["errors"]).toEqual([expected]);
    expect((plain["phases"] as { reason: unknown }[])[0]!.reason).toEqual(expected);
    const text = JSON.stringify(farewell);
    expect(JSON.parse(text)).toMatchObject({ name: "thing", outcome: "clean" });
  });

  it("stops at a depth, and does not follow a web of references for ever", () => {
    let chain: object = {};
    for (let i = 0; i < 50; i++) chain = { chain };
    expect(JSON.stringify(build({ reason: chain }))).toContain("[deep]");
    let web: unknown[] = ["end"];
    for (let i = 0; i < 4; i++) web = Array.from({ length: 20 }, () => web);
    const text = JSON.stringify(build({ reason: web }));
    expect(text).toContain("[more]");
    expect(text.length).toBeLessThan(100_000);
  });

  it("cuts long lists and large objects", () => {
    const large = Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`key${i}`, i]));
    expect(Object.keys(build({ reason: large }).toJSON()["reason"] as object)).toHaveLength(100);
    expect(build({ reason: new Array(500).fill(0) }).toJSON()["reason"]).toHaveLength(100);
  });

  it("shows children as plain data too", () => {
    const builder = new FarewellBuilder("thing");
    builder.child(childOf("failed", {}, 5n));
    expect(JSON.parse(JSON.stringify(build({}, builder))).children).toMatchObject([{
      outcome: "failed",
      reason: "5",
    }]);
  });
});

function build(
  end: Partial<{ reason: unknown; forced: boolean; lost: boolean; parts: FarewellParts }> = {},
  builder: FarewellBuilder = new FarewellBuilder("thing"),
): Farewell {
  return builder.build({
    cause: "goodbye",
    reason: undefined,
    startedAt: 1_000,
    duration: 5,
    forced: false,
    lost: false,
    parts: {},
    ...end,
  });
}

function childOf(outcome: Outcome, parts: FarewellParts = {}, reason?: unknown): Farewell {
  return build(
    { parts, reason, forced: outcome === "forced", lost: outcome === "failed" },
    new FarewellBuilder("child"),
  );
}

function childNamed(outcome: Outcome, name: string): Farewell {
  return { ...childOf(outcome), name };
}

function raise(): never {
  throw new Error("trap");
}

function cyclic(): object {
  const value: { name: string; self?: unknown; list?: unknown } = { name: "loop" };
  value.self = value;
  value.list = [value];
  return value;
}

function selfCaused(): Error {
  const error = new Error("me");
  error.cause = error;
  return error;
}

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

/** Even what its traps throw is such a proxy. */
function hostileProxy(): object {
  const trap = (): never => {
    throw revoked();
  };
  return new Proxy({}, {
    get: trap,
    getPrototypeOf: trap,
    ownKeys: trap,
    has: trap,
    getOwnPropertyDescriptor: trap,
  });
}
