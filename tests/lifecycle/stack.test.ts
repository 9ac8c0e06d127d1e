import { describe, expect, it } from "vitest";
import { DisposableStack, PonyfillDisposableStack } from "../../lib/lifecycle/stack.ts";
import { SuppressedError } from "../../lib/lifecycle/suppressed.ts";

conforms("ponyfill DisposableStack", PonyfillDisposableStack);
if (globalThis.DisposableStack !== undefined) conforms("native DisposableStack", globalThis.DisposableStack);

function conforms(name: string, Stack: DisposableStackConstructor): void {
  describe(name, () => {
    describe("the class", () => {
      it("has one function under dispose and [Symbol.dispose]", () => {
        expect(Stack.prototype[Symbol.dispose]).toBe(Stack.prototype.dispose);
        const property = Object.getOwnPropertyDescriptor(Stack.prototype, Symbol.dispose);
        expect(property).toMatchObject({ writable: true, enumerable: false, configurable: true });
      });

      it("has a [Symbol.toStringTag] and a disposed getter, neither of which can be written", () => {
        expect(String(new Stack())).toBe("[object DisposableStack]");
        const own = Object.getOwnPropertyDescriptors(Stack.prototype);
        const fixed = { enumerable: false, configurable: true };
        expect(own[Symbol.toStringTag]).toEqual({ value: "DisposableStack", writable: false, ...fixed });
        expect(own.disposed).toMatchObject({ set: undefined, ...fixed });
      });

      it("shows nothing of its inside", () => {
        expect(Stack.name).toBe("DisposableStack");
        expect(Reflect.ownKeys(new Stack())).toEqual([]);
        expect(Object.keys(Stack.prototype)).toEqual([]);
        const names = ["constructor", "use", "adopt", "defer", "move", "dispose", "disposed"];
        const members = new Set([...names, Symbol.dispose, Symbol.toStringTag]);
        expect(new Set(Reflect.ownKeys(Stack.prototype))).toEqual(members);
      });

      it("cannot be called without new", () => {
        const call = Stack as unknown as () => unknown;
        expect(() => call()).toThrow(TypeError);
      });

      it("can be subclassed; move gives a plain stack; an override of dispose leaves [Symbol.dispose] alone", () => {
        const calls: string[] = [];
        class Named extends Stack {
          label = "named";
          override dispose(): void {
            calls.push("override");
          }
        }
        const stack = new Named();
        expect(stack).toBeInstanceOf(Stack);
        expect(stack.label).toBe("named");
        stack.defer(() => calls.push("deferred"));
        const moved = stack.move();
        expect(Object.getPrototypeOf(moved)).toBe(Stack.prototype);
        stack.dispose();
        moved[Symbol.dispose]();
        expect(calls).toEqual(["override", "deferred"]);
      });

      it("refuses wrong receivers with a TypeError, before it looks at the arguments", () => {
        const { adopt, defer, dispose, move, use } = Stack.prototype;
        const disposed = Object.getOwnPropertyDescriptor(Stack.prototype, "disposed")?.get;
        for (const method of [adopt, defer, dispose, move, use, disposed]) {
          for (const receiver of [undefined, null, 1, {}, [], Stack, Stack.prototype, { disposed: false }]) {
            expect(() => Reflect.apply(method as () => unknown, receiver, [])).toThrow(TypeError);
          }
        }
        const unread = {
          get [Symbol.dispose](): () => void {
            throw new RangeError("read");
          },
        };
        expect(() => Reflect.apply(use, {}, [unread])).toThrow(TypeError);
      });
    });

    describe("use", () => {
      it("returns its value and calls [Symbol.dispose] on it with no arguments", () => {
        const stack = new Stack();
        const calls: unknown[] = [];
        const value = {
          [Symbol.dispose](...values: unknown[]): void {
            calls.push(this, ...values);
          },
        };
        expect(stack.use(value)).toBe(value);
        expect(calls).toEqual([]);
        stack.dispose();
        expect(calls).toHaveLength(1);
        expect(calls[0]).toBe(value);
      });

      it("lets null and undefined through", () => {
        const stack = new Stack();
        expect(stack.use(null)).toBe(null);
        expect(stack.use(undefined)).toBe(undefined);
        stack.dispose();
      });

      it("accepts functions with a [Symbol.dispose] method", () => {
        const stack = new Stack();
        let calls = 0;
        stack.use(Object.assign(() => {}, { [Symbol.dispose]: () => void calls++ }));
        stack.dispose();
        expect(calls).toBe(1);
      });

      it("throws a TypeError for what is not disposable, and adds nothing", () => {
        const stack = new Stack();
        const wrong = [1, "text", true, Symbol("s"), 1n, {}, () => {}, { [Symbol.asyncDispose]() {} }];
        for (const value of wrong) expect(() => stack.use(value as unknown as Disposable)).toThrow(TypeError);
        expect(stack.disposed).toBe(false);
        stack.dispose();
      });

      it("throws a TypeError for a [Symbol.dispose] that cannot be called", () => {
        const stack = new Stack();
        for (const method of [undefined, null, 1, "text", {}]) {
          const value = { [Symbol.dispose]: method } as unknown as Disposable;
          expect(() => stack.use(value)).toThrow(TypeError);
        }
      });

      it("reads the method once, when the value is added", () => {
        const stack = new Stack();
        const calls: string[] = [];
        const value = {
          get [Symbol.dispose](): () => void {
            calls.push("read");
            return () => calls.push("first");
          },
        };
        stack.use(value);
        Object.defineProperty(value, Symbol.dispose, { value: () => calls.push("second") });
        stack.dispose();
        expect(calls).toEqual(["read", "first"]);
      });

      it("throws what reading the method throws, and adds nothing", () => {
        const stack = new Stack();
        const value = {
          get [Symbol.dispose](): () => void {
            throw new RangeError("unreadable");
          },
        };
        expect(() => stack.use(value)).toThrow(RangeError);
        stack.dispose();
      });
    });

    describe("adopt and defer", () => {
      it("adopt returns any value and hands it to the callback, which has no receiver", () => {
        for (const value of [null, undefined, 0, "text", {}, Symbol("s")]) {
          const stack = new Stack();
          const calls: unknown[][] = [];
          const returned = stack.adopt(value, function (this: unknown, ...values: unknown[]) {
            calls.push([this, ...values]);
          });
          expect(returned).toBe(value);
          stack.dispose();
          expect(calls).toEqual([[undefined, value]]);
        }
      });

      it("defer returns nothing and calls the callback with nothing", () => {
        const stack = new Stack();
        const calls: unknown[][] = [];
        const returned: unknown = stack.defer(function (this: unknown, ...values: unknown[]) {
          calls.push([this, ...values]);
        });
        expect(returned).toBe(undefined);
        stack.dispose();
        expect(calls).toEqual([[undefined]]);
      });

      it("throw a TypeError for what cannot be called", () => {
        const stack = new Stack();
        for (const callback of [undefined, null, 1, "text", {}, { [Symbol.dispose]() {} }]) {
          expect(() => stack.adopt(1, callback as unknown as () => void)).toThrow(TypeError);
          expect(() => stack.defer(callback as unknown as () => void)).toThrow(TypeError);
        }
        stack.dispose();
      });
    });

    describe("dispose", () => {
      it("goes in reverse order of adding, whatever the way of adding", () => {
        const stack = new Stack();
        const calls: string[] = [];
        stack.use({ [Symbol.dispose]: () => void calls.push("used") });
        stack.defer(() => calls.push("deferred"));
        stack.adopt("adopted", (value) => calls.push(value));
        stack.use({ [Symbol.dispose]: () => void calls.push("used again") });
        const returned: unknown = stack.dispose();
        expect(returned).toBe(undefined);
        expect(calls).toEqual(["used again", "adopted", "deferred", "used"]);
      });

      it("does nothing the second time, also from within a disposer", () => {
        const stack = new Stack();
        const calls: string[] = [];
        stack.defer(() => calls.push("first"));
        stack.defer(() => {
          calls.push("second");
          expect(stack.disposed).toBe(true);
          stack.dispose();
        });
        stack.dispose();
        stack.dispose();
        stack[Symbol.dispose]();
        expect(calls).toEqual(["second", "first"]);
      });

      it("awaits nothing and ignores results", () => {
        const stack = new Stack();
        const calls: string[] = [];
        stack.defer(() => calls.push("first"));
        stack.defer(() => {
          calls.push("second");
          return { then: () => calls.push("then") } as unknown as void;
        });
        stack.dispose();
        expect(calls).toEqual(["second", "first"]);
      });

      it("throws a single error as it is, after all the others were called", () => {
        for (const thrown of [new Error("only"), "text", 0, null, undefined]) {
          const stack = new Stack();
          const calls: string[] = [];
          stack.defer(() => calls.push("first"));
          stack.defer(() => {
            throw thrown;
          });
          stack.defer(() => calls.push("last"));
          const failure = failureOf(() => stack.dispose());
          expect(failure).toBeDefined();
          expect(failure?.error).toBe(thrown);
          expect(calls).toEqual(["last", "first"]);
          expect(stack.disposed).toBe(true);
          expect(failureOf(() => stack.dispose())).toBe(undefined);
        }
      });

      it("nests three errors, the latest outside", () => {
        for (const thrown of [[new Error("1"), new Error("2"), new Error("3")], ["text", undefined, null]]) {
          const stack = new Stack();
          // Added last, thrown first.
          for (const error of [...thrown].reverse()) {
            stack.defer(() => {
              throw error;
            });
          }
          const outer = failureOf(() => stack.dispose())?.error as SuppressedError;
          expect(outer).toBeInstanceOf(SuppressedError);
          expect(outer.error).toBe(thrown[2]);
          expect(Object.getOwnPropertyDescriptor(outer, "suppressed")?.enumerable).toBe(false);
          const inner = outer.suppressed as SuppressedError;
          expect(inner).toBeInstanceOf(SuppressedError);
          expect(inner.error).toBe(thrown[1]);
          expect(inner.suppressed).toBe(thrown[0]);
        }
      });
    });

    describe("a disposed stack", () => {
      it("refuses to take or give with a ReferenceError, before it looks at the arguments", () => {
        const stack = new Stack();
        expect(stack.disposed).toBe(false);
        stack.dispose();
        expect(stack.disposed).toBe(true);
        expect(() => stack.use(null)).toThrow(ReferenceError);
        expect(() => stack.use(1 as unknown as Disposable)).toThrow(ReferenceError);
        expect(() => stack.adopt(1, undefined as unknown as () => void)).toThrow(ReferenceError);
        expect(() => stack.defer(undefined as unknown as () => void)).toThrow(ReferenceError);
        expect(() => stack.move()).toThrow(ReferenceError);
      });

      it("refuses also while it is being disposed", () => {
        const stack = new Stack();
        stack.defer(() => stack.defer(() => {}));
        expect(failureOf(() => stack.dispose())?.error).toBeInstanceOf(ReferenceError);
      });
    });

    it("move empties and disposes the source, and calls nothing", () => {
      const stack = new Stack();
      const calls: string[] = [];
      stack.defer(() => calls.push("first"));
      stack.defer(() => calls.push("second"));
      const moved = stack.move();
      expect(moved).not.toBe(stack);
      expect([stack.disposed, moved.disposed]).toEqual([true, false]);
      stack.dispose();
      expect(calls).toEqual([]);
      expect(() => stack.defer(() => {})).toThrow(ReferenceError);
      moved.defer(() => calls.push("third"));
      moved.dispose();
      expect(calls).toEqual(["third", "second", "first"]);
    });

    it("is a resource itself", () => {
      const calls: string[] = [];
      const outer = new Stack();
      outer.defer(() => calls.push("outer"));
      outer.use(new Stack()).defer(() => calls.push("inner"));
      outer.dispose();
      expect(calls).toEqual(["inner", "outer"]);
    });
  });
}

describe("DisposableStack", () => {
  it("is the native class where there is one", () => {
    expect(DisposableStack).toBe(globalThis.DisposableStack ?? PonyfillDisposableStack);
  });

  it("releases in a finally block, the form for runtimes without using", () => {
    const calls: string[] = [];
    const stack: DisposableStack = new DisposableStack();
    try {
      stack.adopt("released", (value) => calls.push(value));
      calls.push("body");
    } finally {
      stack.dispose();
    }
    expect(calls).toEqual(["body", "released"]);
  });
});

/** What an action throws, wrapped: `undefined` may be thrown, too. */
function failureOf(action: () => void): { error: unknown } | undefined {
  try {
    action();
    return undefined;
  } catch (error) {
    return { error };
  }
}
