import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ClosedError, TimeoutError } from "../../lib/errors.ts";
import type { GoodbyeOptions } from "../../lib/lifecycle/endpoint.ts";
import { Lifecycle, type LifecycleSteps } from "../../lib/lifecycle/lifecycle.ts";
import { createScope, type Scope } from "../../lib/lifecycle/scope.ts";
import { countedAbort } from "../support/signals.ts";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance", "Date"] });
});

afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

describe("createScope", () => {
  it("makes an open endpoint with a name", async () => {
    const scope = createScope({ name: "app" });
    expect([scope.state, scope.disposed, scope.signal.aborted, scope.draining.aborted]).toEqual([
      "open",
      false,
      false,
      false,
    ]);
    const farewell = await scope.goodbye();
    expect(farewell).toMatchObject({
      name: "app",
      outcome: "clean",
      cause: "goodbye",
      childCount: 0,
      hooks: [],
    });
    expect([scope.state, scope.disposed, scope.signal.aborted]).toEqual(["closed", true, true]);
    expect((await createScope().goodbye()).name).toBe("scope");
  });

  it("refuses a wrong grace", () => {
    expect(() => createScope({ grace: -1 })).toThrow(RangeError);
    expect(() => createScope({ grace: "1" as never })).toThrow(TypeError);
  });

  it.each([
    [null, "Cannot use the options: expected an object, got null"],
    [5, "Cannot use the options: expected an object, got number"],
    [{ graze: 5 }, 'Cannot use option "graze": there is no such option'],
    [{ signal: 5 }, 'Cannot use option "signal": expected an AbortSignal, got number'],
    [{ signal: null }, 'Cannot use option "signal": expected an AbortSignal, got null'],
    [{ name: 5 }, 'Cannot use option "name": expected a text, got number'],
  ])("refuses options that are none: %j", (options, message) => {
    const make = (): unknown => createScope(options as never);
    expect(make).toThrow(TypeError);
    expect(make).toThrow(message);
    expect(createScope({ graze: undefined } as never).state).toBe("open");
  });
});

describe("Scope: what it owns", () => {
  it("frees everything in reverse order, one after the other", async () => {
    const trace: string[] = [];
    const scope = createScope();
    const note = (name: string) => async (): Promise<void> => {
      trace.push(`${name} begins`);
      await sleep(10);
      trace.push(`${name} ends`);
    };
    scope.defer(note("deferred"));
    expect(scope.adopt("value", (value) => note(`adopted ${value}`)())).toBe("value");
    const used = { [Symbol.asyncDispose]: note("used") };
    expect(scope.use(used)).toBe(used);
    const child = scope.use(endpoint({ drain: note("endpoint") }));
    const goodbye = scope.goodbye();
    await vi.advanceTimersByTimeAsync(40);
    const farewell = await goodbye;
    expect(trace).toEqual(
      ["endpoint", "used", "adopted value", "deferred"].flatMap((name) => [`${name} begins`, `${name} ends`]),
    );
    expect(farewell).toMatchObject({ outcome: "clean", childCount: 1, children: [], duration: 40 });
    expect(farewell.hooks.map(({ ended }) => ended)).toEqual(["ok", "ok", "ok"]);
    expect(child.state).toBe("closed");
  });

  it("frees synchronous disposables, prefers the asynchronous way, and lets null and undefined pass", async () => {
    const freed: string[] = [];
    const scope = createScope();
    scope.use({ [Symbol.dispose]: () => void freed.push("sync") });
    scope.use({
      [Symbol.dispose]: () => void freed.push("wrong"),
      [Symbol.asyncDispose]() {
        freed.push("async");
        return Promise.resolve();
      },
    });
    expect(scope.use(null)).toBe(null);
    expect(scope.use(undefined)).toBe(undefined);
    await scope[Symbol.asyncDispose]();
    expect(freed).toEqual(["async", "sync"]);
  });

  it("calls a disposer as a method of its resource", async () => {
    class File {
      closed = false;
      [Symbol.dispose](): void {
        this.closed = true;
      }
    }
    const scope = createScope();
    const file = scope.use(new File());
    const { hooks } = await scope.goodbye();
    expect(file.closed).toBe(true);
    expect(hooks[0]!.name).toBe("File");
  });

  it("refuses what cannot be disposed, and functions that are none", async () => {
    const scope = createScope();
    expect(() => scope.use({} as Disposable)).toThrow(TypeError);
    expect(() => scope.use(Object.create(null))).toThrow(TypeError);
    expect(() => scope.adopt(1, 2 as never)).toThrow(TypeError);
    expect(() => scope.defer(undefined as never)).toThrow(TypeError);
    expect((await scope.goodbye()).hooks).toEqual([]);
  });

  it("reports a disposer that throws, one that rejects and one that hangs, and frees those before them", async () => {
    const freed: string[] = [];
    const [thrown, rejected] = [new Error("thrown"), new Error("rejected")];
    const scope = createScope({ grace: 1_000 });
    scope.defer(function first() {
      freed.push("first");
    });
    scope.defer(function hangs() {
      return new Promise(() => {});
    });
    scope.defer(function middle() {
      freed.push("middle");
    });
    scope.use({
      [Symbol.dispose]() {
        throw thrown;
      },
    });
    scope.adopt(0, function rejects() {
      return Promise.reject(rejected);
    });
    const goodbye = scope.goodbye();
    await vi.advanceTimersByTimeAsync(1_000);
    const farewell = await goodbye;
    expect(freed).toEqual(["middle", "first"]);
    expect(farewell.outcome).toBe("failed");
    expect(farewell.hooks.map(({ name, ended }) => `${name} ${ended}`)).toEqual([
      "rejects failed",
      "Object failed",
      "middle ok",
      "hangs timeout",
      "first ok",
    ]);
    expect(farewell.errors.slice(0, 2)).toEqual([rejected, thrown]);
    expect(farewell.errors[2]).toBeInstanceOf(TimeoutError);
  });

  it("frees all of many that hang, each reported, within its grace", async () => {
    const scope = createScope({ grace: 2_000 });
    const begun: number[] = [];
    for (let i = 0; i < 30; i++) {
      scope.defer(() => {
        begun.push(i);
        return new Promise(() => {});
      });
    }
    const goodbye = scope.goodbye();
    await vi.advanceTimersByTimeAsync(2_000);
    expect(scope.state).toBe("closed");
    expect(begun).toHaveLength(30);
    expect((await goodbye).hooks.map(({ ended }) => ended)).toEqual(new Array(30).fill("timeout"));
  });
});

describe("Scope: too late", () => {
  it("frees what is added after the begin of the end at once, and throws a ClosedError with the reason", async () => {
    const freed: string[] = [];
    const scope = createScope();
    scope.defer(() => sleep(50));
    const goodbye = scope.goodbye({ reason: "why" });
    const child = endpoint({});
    const late: (() => unknown)[] = [
      () => scope.use({ [Symbol.dispose]: () => void freed.push("used") }),
      () => scope.adopt("value", (value) => freed.push(value)),
      () => scope.defer(() => freed.push("deferred")),
      () => scope.use(child),
    ];
    for (const add of late) {
      const error = thrownBy(add);
      expect(error).toBeInstanceOf(ClosedError);
      expect(error).toMatchObject({ cause: "why", state: "draining" });
    }
    await vi.advanceTimersByTimeAsync(0);
    expect(freed).toEqual(["used", "value", "deferred"]);
    expect((await child.closed).reason).toBe("why");
    await vi.advanceTimersByTimeAsync(50);
    expect((await goodbye).childCount).toBe(0);
    expect(() => scope.use({ [Symbol.dispose]: () => void freed.push("very late") })).toThrow(ClosedError);
    await Promise.resolve();
    expect(freed).toContain("very late");
  });

  it("contains the failure of what is freed too late", async () => {
    const scope = createScope();
    scope.defer(() => sleep(10));
    const goodbye = scope.goodbye();
    const error = new Error("late");
    expect(() => scope.defer(() => Promise.reject(error))).toThrow(ClosedError);
    expect(() =>
      scope.defer(() => {
        throw error;
      })
    ).toThrow(ClosedError);
    await vi.advanceTimersByTimeAsync(10);
    expect((await goodbye).errors).toEqual([error, error]);
    expect(() => scope.defer(() => Promise.reject(error))).toThrow(ClosedError);
    await Promise.resolve();
  });
});

describe("Scope: move", () => {
  it("hands everything to a new scope in its order, and ends clean and empty", async () => {
    const freed: string[] = [];
    const scope = createScope({ name: "app" });
    scope.defer(() => freed.push("first"));
    scope.defer(() => freed.push("second"));
    const moved = scope.move();
    expect(await scope.closed).toMatchObject({ outcome: "clean", hooks: [] });
    expect([freed, moved.state]).toEqual([[], "open"]);
    moved.defer(() => freed.push("third"));
    expect(await moved.goodbye()).toMatchObject({ name: "app", outcome: "clean" });
    expect(freed).toEqual(["third", "second", "first"]);
  });

  it("keeps the governing signal and the grace", async () => {
    const user = countedAbort();
    const scope = createScope({ signal: user.signal, grace: 1_000 });
    scope.defer(() => new Promise(() => {}));
    const moved = scope.move();
    await scope.closed;
    user.abort("why");
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await moved.closed).toMatchObject({ cause: "aborted", reason: "why" });
    expect(user.listeners()).toBe(0);
  });

  it("throws a ClosedError once the end has begun", async () => {
    const scope = createScope();
    await scope.goodbye();
    expect(() => scope.move()).toThrow(ClosedError);
  });
});

describe("Scope: endpoints", () => {
  it("gives an endpoint its share of the budget, and the reason", async () => {
    const asked: AskedOptions[] = [];
    const scope = createScope({ grace: 10_000 });
    for (let i = 0; i < 2; i++) scope.use(recording(asked));
    await scope.goodbye({ reason: 0 });
    expect(asked).toHaveLength(2);
    const [second, first] = asked as [AskedOptions, AskedOptions];
    expect([first.reason, second.reason]).toEqual([0, 0]);
    expect(second.grace).toBeGreaterThan(0);
    expect(second.grace + second.tail).toBeLessThan(5_000);
    expect(first.grace + first.tail).toBeGreaterThan(5_000);
    expect(first.grace + first.tail).toBeLessThan(10_000);
  });

  it("takes in the Farewell of a child: the worst outcome, the counters", async () => {
    const scope = createScope();
    scope.use(endpoint({}, { operations: { settled: 3 } }));
    scope.use(endpoint({ goodbye: () => Promise.reject(new Error("no")) }, { operations: { settled: 4 } }));
    const farewell = await scope.goodbye();
    expect(farewell).toMatchObject({ outcome: "failed", childCount: 2, operations: { settled: 7 } });
    expect(farewell.children).toMatchObject([{ name: "child", outcome: "failed" }]);
  });

  it("is forced by a child that had to be forced, in its own time", async () => {
    const scope = createScope({ grace: 4_000 });
    const freed = vi.fn();
    scope.defer(freed);
    const child = scope.use(endpoint({ drain: hang }));
    const goodbye = scope.goodbye();
    await vi.advanceTimersByTimeAsync(4_000);
    expect(scope.state).toBe("closed");
    expect(child.state).toBe("closed");
    expect(freed).toHaveBeenCalledOnce();
    expect((await goodbye).outcome).toBe("forced");
  });

  it("gives up a child that keeps no budget, reports it, and frees what came before it", async () => {
    const freed = vi.fn();
    const scope = createScope({ grace: 2_000 });
    scope.defer(freed);
    class Stuck extends FakeEndpoint {
      override goodbye = hang;
    }
    scope.use(new Stuck());
    const goodbye = scope.goodbye();
    await vi.advanceTimersByTimeAsync(2_000);
    const farewell = await goodbye;
    expect(freed).toHaveBeenCalledOnce();
    expect(farewell.outcome).toBe("failed");
    expect(farewell.hooks.map(({ name, ended }) => `${name} ${ended}`)).toEqual([
      "Stuck timeout",
      expect.stringContaining("ok"),
    ]);
  });

  it.each([
    ["throws", () => {
      throw new Error("no endpoint");
    }],
    ["rejects", () => Promise.reject(new Error("no endpoint"))],
    ["resolves with nothing", () => Promise.resolve(null)],
  ])("reports something like an endpoint whose goodbye %s, and frees the rest", async (_, goodbye) => {
    const freed = vi.fn();
    const scope = createScope();
    scope.defer(freed);
    scope.use(Object.assign(new FakeEndpoint(), { goodbye: goodbye as () => Promise<never> }));
    const farewell = await scope.goodbye();
    expect(freed).toHaveBeenCalledOnce();
    expect(farewell.outcome).toBe("failed");
    expect(farewell.hooks.map(({ ended }) => ended)).toEqual(["failed", "ok"]);
    expect(farewell.errors).toHaveLength(1);
  });

  it("ends scopes inside scopes, depth first", async () => {
    const freed: string[] = [];
    const outer = createScope({ name: "outer" });
    outer.defer(() => freed.push("outer"));
    const inner = outer.use(createScope({ name: "inner" }));
    inner.defer(() => freed.push("inner"));
    expect(await outer.goodbye()).toMatchObject({ outcome: "clean", childCount: 1 });
    expect(freed).toEqual(["inner", "outer"]);
    expect(inner.state).toBe("closed");
  });

  it("counts a child that has ended before", async () => {
    const scope = createScope();
    const child = scope.use(endpoint({}));
    await child.lifecycle.end({ cause: "lost", reason: "gone", lost: true });
    expect(await scope.goodbye()).toMatchObject({ outcome: "failed", childCount: 1 });
  });

  it("bounds a scope that owns itself", async () => {
    const scope: Scope = createScope({ grace: 1_000 });
    scope.use(scope);
    const goodbye = scope.goodbye();
    await vi.advanceTimersByTimeAsync(1_000);
    expect((await goodbye).hooks.map(({ ended }) => ended)).toEqual(["timeout"]);
  });
});

describe("Scope: force", () => {
  it("frees everything for a grace of 0: endpoints are forced, with time to release", async () => {
    const trace: string[] = [];
    const scope = createScope();
    scope.defer(() => sleep(20).then(() => trace.push("deferred")));
    scope.use(endpoint({
      drain: () => void trace.push("drain"),
      force: () => void trace.push("force"),
      release: () => sleep(30).then(() => trace.push("released")),
    }));
    const goodbye = scope.goodbye({ grace: 0, reason: "now" });
    await vi.advanceTimersByTimeAsync(50);
    const farewell = await goodbye;
    expect(trace).toEqual(["force", "released", "deferred"]);
    expect(farewell).toMatchObject({ outcome: "forced", reason: "now" });
    expect(farewell.children).toMatchObject([{ outcome: "forced" }]);
    expect(farewell.hooks.map(({ ended }) => ended)).toEqual(["ok"]);
  });

  it.each([["an Error", new Error("stop")], ["null", null], ["0", 0]])(
    "an abort with %s during drain reaches the child that is ending, by identity",
    async (_, reason) => {
      const freed: string[] = [];
      const scope = createScope();
      scope.defer(() => freed.push("first"));
      const child = scope.use(
        endpoint({ drain: hang, release: () => sleep(10).then(() => freed.push("child")) }),
      );
      const user = countedAbort();
      const goodbye = scope.goodbye({ signal: user.signal });
      await vi.advanceTimersByTimeAsync(100);
      expect(child.state).toBe("draining");
      user.abort(reason);
      await vi.advanceTimersByTimeAsync(10);
      const farewell = await goodbye;
      expect(freed).toEqual(["child", "first"]);
      expect(scope.signal.reason).toBe(reason);
      expect(child.signal.reason).toBe(reason);
      expect(farewell).toMatchObject({ outcome: "forced", childCount: 1, duration: 110 });
      expect(user.listeners()).toBe(0);
    },
  );

  it("gives up a disposer that is running, reports it, and frees the rest", async () => {
    const freed: string[] = [];
    const scope = createScope();
    scope.defer(() => freed.push("first"));
    scope.defer(function hangs() {
      return new Promise(() => {});
    });
    const goodbye = scope.goodbye();
    await vi.advanceTimersByTimeAsync(10);
    void scope.goodbye({ grace: 0 });
    await vi.advanceTimersByTimeAsync(0);
    expect(freed).toEqual(["first"]);
    // It has a second to stop, when all others are done.
    await vi.advanceTimersByTimeAsync(1_000);
    expect(scope.state).toBe("closed");
    const farewell = await goodbye;
    expect(farewell.outcome).toBe("failed");
    expect(farewell.hooks.map(({ name, ended }) => `${name} ${ended}`)).toEqual([
      "hangs timeout",
      expect.stringMatching(/ok$/),
    ]);
  });

  it("is only forced by a disposer that stops when it is told to, also when drain was cut", async () => {
    const scope = createScope();
    const freed: string[] = [];
    scope.defer(() => freed.push("first"));
    scope.defer(async function stops() {
      await new Promise((resolve) => scope.signal.addEventListener("abort", resolve));
      await sleep(300);
      freed.push("stops");
    });
    const goodbye = scope.goodbye();
    await vi.advanceTimersByTimeAsync(10);
    void scope.goodbye({ grace: 0 });
    await vi.advanceTimersByTimeAsync(300);
    const farewell = await goodbye;
    expect(freed).toEqual(["first", "stops"]);
    expect(farewell).toMatchObject({ outcome: "forced", errors: [], duration: 310 });
    expect(farewell.hooks.map(({ name, ended }) => `${name} ${ended}`)[0]).toBe("stops cut");
  });

  it("still reports a stuck child, and frees the rest, when it is forced while it waits for it", async () => {
    const freed = vi.fn();
    const scope = createScope({ grace: 60_000 });
    scope.defer(freed);
    scope.use(Object.assign(new FakeEndpoint(), { goodbye: hang }));
    const goodbye = scope.goodbye();
    await vi.advanceTimersByTimeAsync(1_000);
    scope.goodbye({ grace: 0 });
    await vi.advanceTimersByTimeAsync(6_000);
    expect(scope.state).toBe("closed");
    const farewell = await goodbye;
    expect(freed).toHaveBeenCalledOnce();
    expect(farewell.hooks.map(({ ended }) => ended)).toEqual(["timeout", "ok"]);
  });

  it("frees what drain has not reached when its time is over", async () => {
    const freed: string[] = [];
    const scope = createScope({ grace: 1_000 });
    for (const name of ["a", "b", "c"]) scope.defer(() => sleep(400).then(() => freed.push(name)));
    const goodbye = scope.goodbye({ grace: 500 });
    await vi.advanceTimersByTimeAsync(6_500);
    const farewell = await goodbye;
    expect(farewell.hooks).toHaveLength(3);
    expect(farewell.duration).toBeLessThanOrEqual(6_500);
  });
});

describe("Scope: a governing signal", () => {
  it("begins the graceful end with its reason", async () => {
    const user = countedAbort();
    const freed = vi.fn();
    const scope = createScope({ signal: user.signal });
    scope.defer(() => sleep(10).then(freed));
    user.abort(null);
    expect([scope.state, scope.draining.reason, scope.signal.aborted]).toEqual(["draining", null, false]);
    await vi.advanceTimersByTimeAsync(10);
    const farewell = await scope.closed;
    expect(farewell).toMatchObject({ cause: "aborted", reason: null, outcome: "clean" });
    expect(freed).toHaveBeenCalledOnce();
    expect(user.listeners()).toBe(0);
  });

  it("leaves nothing to add to when it has aborted before", async () => {
    const freed = vi.fn();
    const scope = createScope({ signal: AbortSignal.abort("before") });
    expect(scope.disposed).toBe(true);
    expect(() => scope.defer(freed)).toThrow(ClosedError);
    await Promise.resolve();
    expect(freed).toHaveBeenCalledOnce();
    expect((await scope.closed).reason).toBe("before");
  });

  it("leaves no listener after a goodbye", async () => {
    const user = countedAbort();
    await createScope({ signal: user.signal }).goodbye();
    await Promise.resolve();
    expect(user.listeners()).toBe(0);
  });
});

describe("Scope: always", () => {
  it("disposes once, by all its names, together", async () => {
    const freed = vi.fn();
    const scope = createScope();
    scope.defer(() => sleep(10).then(freed));
    const settled: string[] = [];
    const all = [scope.goodbye(), scope.disposeAsync(), scope[Symbol.asyncDispose](), scope.closed];
    for (const one of all) void one.then(() => settled.push(scope.state));
    await vi.advanceTimersByTimeAsync(10);
    await Promise.all(all);
    expect(freed).toHaveBeenCalledOnce();
    expect(settled).toEqual(["closed", "closed", "closed", "closed"]);
  });

  it("ends within grace and tail, and begins to free everything in reverse order, whatever it owns", async () => {
    const kind = fc.oneof(
      fc.constantFrom("sync", "throw", "hang", "reject", "stuck", "endpoint", "hanging endpoint" as const),
      fc.nat(2_000),
    );
    const run = fc.asyncProperty(
      fc.array(kind, { maxLength: 8 }),
      fc.integer({ min: 10, max: 3_000 }),
      fc.option(fc.nat(3_000), { nil: undefined }),
      async (kinds, grace, abortAt) => {
        const begun: number[] = [];
        const scope = createScope({ grace });
        kinds.forEach((kind, i) => {
          const begin = (): void => {
            if (!begun.includes(i)) begun.push(i);
          };
          if (kind === "stuck" || kind === "endpoint" || kind === "hanging endpoint") {
            const child = kind === "stuck"
              ? new FakeEndpoint()
              : endpoint(kind === "endpoint" ? {} : { drain: hang, release: hang });
            const goodbye = kind === "stuck" ? hang : child.goodbye.bind(child);
            scope.use(Object.assign(child, {
              goodbye(options?: GoodbyeOptions) {
                begin();
                return goodbye(options);
              },
            }));
            return;
          }
          scope.defer(() => {
            begin();
            if (kind === "throw") throw new Error("disposer");
            if (kind === "reject") return Promise.reject(new Error("disposer"));
            if (kind === "hang") return hang();
            return typeof kind === "number" ? sleep(kind) : undefined;
          });
        });
        const user = countedAbort();
        const goodbye = scope.goodbye({ signal: user.signal });
        const total = grace + 6_000 + 5;
        const abortTime = Math.min(abortAt ?? total, total);
        await vi.advanceTimersByTimeAsync(abortTime);
        if (abortAt !== undefined) user.abort("abort");
        await vi.advanceTimersByTimeAsync(total - abortTime);
        expect(scope.state).toBe("closed");
        const farewell = await goodbye;
        expect(begun).toEqual(kinds.map((_, i) => i).reverse());
        expect(farewell.hooks.length + farewell.childCount).toBe(kinds.length);
        await vi.advanceTimersByTimeAsync(10_000);
        expect(user.listeners()).toBe(0);
        expect(vi.getTimerCount()).toBe(0);
      },
    );
    await fc.assert(run, { numRuns: 100 });
  });
});

/** A resource that a scope takes for an endpoint. */
class FakeEndpoint {
  readonly closed: Promise<never> = new Promise(() => {});
  goodbye: (options?: GoodbyeOptions) => Promise<never> = hang;
  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}

interface Child extends AsyncDisposable {
  readonly lifecycle: Lifecycle;
  readonly state: string;
  readonly signal: AbortSignal;
  readonly closed: Lifecycle["closed"];
  goodbye: Lifecycle["goodbye"];
}

function endpoint(steps: LifecycleSteps, parts: object = {}): Child {
  const lifecycle = new Lifecycle({ name: "child", steps, report: () => parts });
  lifecycle.opened();
  return {
    lifecycle,
    get state() {
      return lifecycle.state;
    },
    get signal() {
      return lifecycle.signal;
    },
    closed: lifecycle.closed,
    goodbye: (options) => lifecycle.goodbye(options),
    async [Symbol.asyncDispose]() {
      await lifecycle.goodbye();
    },
  };
}

interface AskedOptions {
  readonly grace: number;
  readonly tail: number;
  readonly reason: unknown;
}

function recording(asked: AskedOptions[]): Child {
  const child = endpoint({});
  const goodbye = child.goodbye;
  return Object.assign(child, {
    goodbye(options: AskedOptions) {
      asked.push(options);
      return goodbye(options);
    },
  });
}

function thrownBy(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  return expect.unreachable("nothing was thrown");
}

function hang(): Promise<never> {
  return new Promise(() => {});
}

function sleep(duration: number): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, duration));
}
