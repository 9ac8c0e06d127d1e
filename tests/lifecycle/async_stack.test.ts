import { describe, expect, it } from "vitest";
import { AsyncDisposableStack, PonyfillAsyncDisposableStack } from "../../lib/lifecycle/async_stack.ts";
import { SuppressedError } from "../../lib/lifecycle/suppressed.ts";

const native = globalThis.AsyncDisposableStack;
conforms("ponyfill AsyncDisposableStack", PonyfillAsyncDisposableStack);
if (native !== undefined) conforms("native AsyncDisposableStack", native);

function conforms(name: string, Stack: AsyncDisposableStackConstructor): void {
  describe(name, () => {
    describe("the class", () => {
      it("has one function under disposeAsync and [Symbol.asyncDispose]", () => {
        expect(Stack.prototype[Symbol.asyncDispose]).toBe(Stack.prototype.disposeAsync);
        const property = Object.getOwnPropertyDescriptor(Stack.prototype, Symbol.asyncDispose);
        expect(property).toMatchObject({ writable: true, enumerable: false, configurable: true });
        expect(Symbol.dispose in Stack.prototype).toBe(false);
      });

      it("has a [Symbol.toStringTag] and a disposed getter, neither of which can be written", () => {
        expect(String(new Stack())).toBe("[object AsyncDisposableStack]");
        const own = Object.getOwnPropertyDescriptors(Stack.prototype);
        const fixed = { enumerable: false, configurable: true };
        expect(own[Symbol.toStringTag]).toEqual({ value: "AsyncDisposableStack", writable: false, ...fixed });
        expect(own.disposed).toMatchObject({ set: undefined, ...fixed });
      });

      it("shows nothing of its inside", () => {
        expect(Stack.name).toBe("AsyncDisposableStack");
        expect(Reflect.ownKeys(new Stack())).toEqual([]);
        expect(Object.keys(Stack.prototype)).toEqual([]);
        const names = ["constructor", "use", "adopt", "defer", "move", "disposeAsync", "disposed"];
        const members = new Set([...names, Symbol.asyncDispose, Symbol.toStringTag]);
        expect(new Set(Reflect.ownKeys(Stack.prototype))).toEqual(members);
      });

      it("cannot be called without new", () => {
        const call = Stack as unknown as () => unknown;
        expect(() => call()).toThrow(TypeError);
      });

      it("can be subclassed; move gives a plain stack", async () => {
        const calls: string[] = [];
        class Named extends Stack {
          label = "named";
          override disposeAsync(): Promise<void> {
            calls.push("override");
            return super.disposeAsync();
          }
        }
        const stack = new Named();
        expect(stack).toBeInstanceOf(Stack);
        expect(stack.label).toBe("named");
        stack.defer(() => void calls.push("deferred"));
        const moved = stack.move();
        expect(Object.getPrototypeOf(moved)).toBe(Stack.prototype);
        await stack.disposeAsync();
        await moved[Symbol.asyncDispose]();
        expect(calls).toEqual(["override", "deferred"]);
      });

      it("refuses wrong receivers with a TypeError", async () => {
        const { adopt, defer, disposeAsync, move, use } = Stack.prototype;
        const disposed = Object.getOwnPropertyDescriptor(Stack.prototype, "disposed")?.get;
        for (const receiver of [undefined, null, 1, {}, [], Stack, Stack.prototype, { disposed: false }]) {
          for (const method of [adopt, defer, move, use, disposed]) {
            expect(() => Reflect.apply(method as () => unknown, receiver, [])).toThrow(TypeError);
          }
          const promise = Reflect.apply(disposeAsync, receiver, []);
          expect(promise).toBeInstanceOf(Promise);
          await expect(promise).rejects.toBeInstanceOf(TypeError);
        }
      });
    });

    describe("use", () => {
      it("returns its value and calls [Symbol.asyncDispose] on it with no arguments", async () => {
        const stack = new Stack();
        const calls: unknown[][] = [];
        const value = {
          [Symbol.asyncDispose](...values: unknown[]): Promise<void> {
            calls.push([this === value, ...values]);
            return Promise.resolve();
          },
          [Symbol.dispose]: (): void => void calls.push(["sync"]),
        };
        expect(stack.use(value)).toBe(value);
        await stack.disposeAsync();
        expect(calls).toEqual([[true]]);
      });

      it("falls back to [Symbol.dispose] where [Symbol.asyncDispose] is missing, undefined or null", async () => {
        for (const extra of [{}, { [Symbol.asyncDispose]: undefined }, { [Symbol.asyncDispose]: null }]) {
          const stack = new Stack();
          const calls: unknown[][] = [];
          const dispose = function (this: unknown, ...values: unknown[]): void {
            calls.push([this === value, ...values]);
          };
          const value = { [Symbol.dispose]: dispose, ...extra } as unknown as Disposable;
          expect(stack.use(value)).toBe(value);
          await stack.disposeAsync();
          expect(calls).toEqual([[true]]);
        }
      });

      it("lets null and undefined through", async () => {
        const stack = new Stack();
        for (const value of [null, undefined]) expect(stack.use(value)).toBe(value);
        expect(await stack.disposeAsync()).toBe(undefined);
      });

      it("throws a TypeError for what is not disposable, and adds nothing", async () => {
        const stack = new Stack();
        for (const value of [1, "text", true, Symbol("s"), 1n, {}, () => {}]) {
          expect(() => stack.use(value as unknown as Disposable)).toThrow(TypeError);
        }
        expect(stack.disposed).toBe(false);
        await stack.disposeAsync();
      });

      it("throws a TypeError for a method that cannot be called, without looking for the other one", () => {
        const stack = new Stack();
        for (const method of [1, "text", {}]) {
          const value = { [Symbol.asyncDispose]: method, [Symbol.dispose]() {} } as unknown as Disposable;
          expect(() => stack.use(value)).toThrow(TypeError);
          expect(() => stack.use({ [Symbol.dispose]: method } as unknown as Disposable)).toThrow(TypeError);
        }
      });

      it("reads the methods once, when the value is added, the async one first", async () => {
        for (const found of [Symbol.asyncDispose, Symbol.dispose]) {
          const stack = new Stack();
          const calls: string[] = [];
          const read = (key: symbol): (() => void) | undefined => {
            calls.push(key === Symbol.asyncDispose ? "read async" : "read sync");
            return key === found ? () => void calls.push("called") : undefined;
          };
          stack.use(new Proxy({} as Disposable, { get: (_, key) => read(key as symbol) }));
          const reads = found === Symbol.dispose ? ["read async", "read sync"] : ["read async"];
          expect(calls).toEqual(reads);
          await stack.disposeAsync();
          expect(calls).toEqual([...reads, "called"]);
        }
      });
    });

    it("adopt returns any value and hands it to the callback; defer hands nothing; neither has a receiver", async () => {
      for (const value of [null, undefined, 0, "text", {}, Symbol("s")]) {
        const stack = new Stack();
        const calls: unknown[][] = [];
        const callback = function (this: unknown, ...values: unknown[]): void {
          calls.push([this, ...values]);
        };
        expect(stack.adopt(value, callback)).toBe(value);
        expect(stack.defer(callback) as unknown).toBe(undefined);
        await stack.disposeAsync();
        expect(calls).toEqual([[undefined], [undefined, value]]);
      }
    });

    it("adopt and defer throw a TypeError for what cannot be called", async () => {
      const stack = new Stack();
      for (const callback of [undefined, null, 1, "text", {}, { [Symbol.asyncDispose]() {} }]) {
        expect(() => stack.adopt(1, callback as unknown as () => void)).toThrow(TypeError);
        expect(() => stack.defer(callback as unknown as () => void)).toThrow(TypeError);
      }
      await stack.disposeAsync();
    });

    describe("disposeAsync", () => {
      it("goes in reverse order and awaits each before it calls the next, sync and async mixed", async () => {
        const stack = new Stack();
        const calls: string[] = [];
        const slow = async (label: string): Promise<void> => {
          calls.push(`${label} begins`);
          for (let turn = 0; turn < 5; turn++) await undefined;
          calls.push(`${label} ends`);
        };
        stack.use({ [Symbol.asyncDispose]: () => slow("used") });
        stack.use({ [Symbol.dispose]: () => void calls.push("sync") });
        stack.adopt("adopted", slow);
        stack.use(null);
        stack.defer(() => slow("deferred"));
        expect(await stack.disposeAsync()).toBe(undefined);
        expect(calls.slice(0, 4)).toEqual([
          "deferred begins",
          "deferred ends",
          "adopted begins",
          "adopted ends",
        ]);
        expect(calls.slice(4)).toEqual(["sync", "used begins", "used ends"]);
      });

      it("calls the last disposer at once, and awaits thenables", async () => {
        const stack = new Stack();
        const calls: string[] = [];
        stack.defer(() => void calls.push("first"));
        stack.defer(() => {
          calls.push("second");
          return {
            then(resolve: () => void): void {
              calls.push("then");
              resolve();
            },
          } as unknown as Promise<void>;
        });
        const done = stack.disposeAsync();
        expect(calls).toEqual(["second"]);
        expect(stack.disposed).toBe(true);
        await done;
        expect(calls).toEqual(["second", "then", "first"]);
      });

      it("does not await what [Symbol.dispose] returns", async () => {
        const stack = new Stack();
        const calls: string[] = [];
        const then = (): void => void calls.push("then");
        stack.use({ [Symbol.dispose]: () => ({ then }) as unknown as void });
        stack.use({ [Symbol.dispose]: () => new Promise<void>(() => {}) as unknown as void });
        await stack.disposeAsync();
        expect(calls).toEqual([]);
      });

      it("resolves at once the second time, while the first one still runs", async () => {
        const stack = new Stack();
        let release = (): void => {};
        let calls = 0;
        stack.defer(() => {
          calls++;
          return new Promise<void>((resolve) => release = resolve);
        });
        let finished = false;
        const first = stack.disposeAsync().then(() => finished = true);
        await stack.disposeAsync();
        expect(finished).toBe(false);
        release();
        await first;
        await stack[Symbol.asyncDispose]();
        expect(calls).toBe(1);
      });

      it("takes as many turns as the language says", async () => {
        const thrower = (): never => {
          throw new Error("thrown");
        };
        const count = (fill: (stack: AsyncDisposableStack) => void): Promise<number> => {
          const stack = new Stack();
          fill(stack);
          return turns(stack.disposeAsync());
        };
        expect(await count(() => {})).toBe(1);
        expect(await count((stack) => void stack.use(null))).toBe(2);
        expect(await count((stack) => [stack.use(undefined), stack.use(null)])).toBe(2);
        expect(await count((stack) => stack.defer(() => {}))).toBe(2);
        expect(await count((stack) => [stack.use(null), stack.defer(() => {})])).toBe(2);
        expect(await count((stack) => [stack.defer(() => {}), stack.defer(async () => {})])).toBe(3);
        expect(await count((stack) => stack.defer(thrower))).toBe(1);
        expect(await count((stack) => [stack.use(null), stack.defer(thrower)])).toBe(2);
        expect(await count((stack) => void stack.use({ [Symbol.asyncDispose]: thrower }))).toBe(1);
        expect(await count((stack) => void stack.use({ [Symbol.dispose]: thrower }))).toBe(2);
        expect(await count((stack) => void stack.use({ [Symbol.dispose]() {} }))).toBe(2);
      });

      it("rejects with a single error as it is, after all the others were called, and never throws", async () => {
        for (const thrown of [new Error("only"), "text", 0, null, undefined]) {
          for (const way of failing(thrown)) {
            const stack = new Stack();
            const calls: string[] = [];
            stack.defer(() => void calls.push("first"));
            way(stack);
            stack.defer(() => void calls.push("last"));
            const failure = await failureOf(stack.disposeAsync());
            expect(failure).toBeDefined();
            expect(failure?.error).toBe(thrown);
            expect(calls).toEqual(["last", "first"]);
            expect(await failureOf(stack.disposeAsync())).toBe(undefined);
          }
        }
      });

      it("nests three errors, the latest outside, whichever way they came", async () => {
        for (const thrown of [[new Error("1"), new Error("2"), new Error("3")], ["text", undefined, null]]) {
          const [first, second, third] = thrown;
          const stack = new Stack();
          // Added last, thrown first.
          failing(third)[2]?.(stack);
          failing(second)[1]?.(stack);
          failing(first)[0]?.(stack);
          const outer = (await failureOf(stack.disposeAsync()))?.error as SuppressedError;
          expect(outer).toBeInstanceOf(SuppressedError);
          expect(outer.error).toBe(third);
          const inner = outer.suppressed as SuppressedError;
          expect(inner).toBeInstanceOf(SuppressedError);
          expect(inner.error).toBe(second);
          expect(inner.suppressed).toBe(first);
        }
      });
    });

    it("refuses to take or give once disposed with a ReferenceError, before it looks at the arguments", async () => {
      const stack = new Stack();
      expect(stack.disposed).toBe(false);
      await stack.disposeAsync();
      expect(stack.disposed).toBe(true);
      expect(() => stack.use(null)).toThrow(ReferenceError);
      expect(() => stack.use(1 as unknown as Disposable)).toThrow(ReferenceError);
      expect(() => stack.adopt(1, undefined as unknown as () => void)).toThrow(ReferenceError);
      expect(() => stack.defer(undefined as unknown as () => void)).toThrow(ReferenceError);
      expect(() => stack.move()).toThrow(ReferenceError);
    });

    it("refuses to take while it is being disposed", async () => {
      const stack = new Stack();
      stack.defer(() => stack.defer(() => {}));
      expect((await failureOf(stack.disposeAsync()))?.error).toBeInstanceOf(ReferenceError);
    });

    it("move empties and disposes the source, and calls nothing", async () => {
      const stack = new Stack();
      const calls: string[] = [];
      stack.defer(() => void calls.push("first"));
      stack.use(null);
      stack.defer(() => void calls.push("second"));
      const moved = stack.move();
      expect(moved).not.toBe(stack);
      expect([stack.disposed, moved.disposed]).toEqual([true, false]);
      await stack.disposeAsync();
      expect(calls).toEqual([]);
      expect(() => stack.defer(() => {})).toThrow(ReferenceError);
      moved.defer(() => void calls.push("third"));
      await moved.disposeAsync();
      expect(calls).toEqual(["third", "second", "first"]);
    });

    it("is a resource itself", async () => {
      const calls: string[] = [];
      const outer = new Stack();
      outer.defer(() => void calls.push("outer"));
      outer.use(new Stack()).defer(() => void calls.push("inner"));
      await outer.disposeAsync();
      expect(calls).toEqual(["inner", "outer"]);
    });
  });
}

describe("AsyncDisposableStack", () => {
  it("is the native class where there is one", () => {
    expect(AsyncDisposableStack).toBe(native ?? PonyfillAsyncDisposableStack);
  });

  it("releases in a finally block, the form for runtimes without await using", async () => {
    const calls: string[] = [];
    const stack: AsyncDisposableStack = new AsyncDisposableStack();
    try {
      stack.adopt("released", (value) => void calls.push(value));
      calls.push("body");
    } finally {
      await stack.disposeAsync();
    }
    expect(calls).toEqual(["body", "released"]);
  });
});

/** Every way in which a disposer can fail, as functions that add one. */
function failing(error: unknown): ((stack: AsyncDisposableStack) => void)[] {
  const fail = (): never => {
    throw error;
  };
  const reject = (): Promise<never> => Promise.reject(error);
  return [
    (stack) => stack.defer(fail),
    (stack) => stack.use({ [Symbol.asyncDispose]: reject }),
    (stack) => stack.use({ [Symbol.dispose]: fail }),
    (stack) => stack.adopt(error, reject),
    (stack) => stack.use({ [Symbol.asyncDispose]: fail }),
  ];
}

/** What a promise rejects with, wrapped: it may be `undefined`. */
function failureOf(promise: Promise<void>): Promise<{ error: unknown } | undefined> {
  return promise.then(() => undefined, (error: unknown) => ({ error }));
}

/** How many turns of the microtask queue a promise takes to settle; 50 at most. */
async function turns(promise: Promise<void>): Promise<number> {
  let settled = false;
  const settle = (): void => void (settled = true);
  promise.then(settle, settle);
  let count = 0;
  for (; !settled && count < 50; count++) await undefined;
  return count;
}
