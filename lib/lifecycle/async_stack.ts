import { checkCallback, type Disposer, methodOf, pending } from "./stack.ts";
import { addFailure, type Failure } from "./suppressed.ts";

/** What {@linkcode AsyncDisposableStack} is on a runtime without one. */
export const PonyfillAsyncDisposableStack: AsyncDisposableStackConstructor = class AsyncStack {
  /** As in the sync stack; `undefined` stands for a `null` that was used: nothing to call, but a turn to wait. */
  #disposers: (Disposer | undefined)[] | undefined = [];
  declare readonly [Symbol.toStringTag]: string;
  declare [Symbol.asyncDispose]: () => Promise<void>;

  static {
    Object.defineProperty(this, "name", { value: "AsyncDisposableStack", configurable: true });
    Object.defineProperties(this.prototype, {
      [Symbol.asyncDispose]: { value: this.prototype.disposeAsync, writable: true, configurable: true },
      [Symbol.toStringTag]: { value: "AsyncDisposableStack", configurable: true },
    });
  }

  get disposed(): boolean {
    return this.#disposers === undefined;
  }

  use<T extends AsyncDisposable | Disposable | null | undefined>(value: T): T {
    const disposers = pending(this.#disposers, "AsyncDisposableStack");
    disposers.push(value === null || value === undefined ? undefined : disposerOf(value));
    return value;
  }

  adopt<T>(value: T, onDisposeAsync: (value: T) => PromiseLike<void> | void): T {
    const disposers = pending(this.#disposers, "AsyncDisposableStack");
    checkCallback("adopt", onDisposeAsync);
    disposers.push(() => onDisposeAsync(value));
    return value;
  }

  defer(onDisposeAsync: () => PromiseLike<void> | void): void {
    const disposers = pending(this.#disposers, "AsyncDisposableStack");
    checkCallback("defer", onDisposeAsync);
    disposers.push(() => onDisposeAsync());
  }

  move(): globalThis.AsyncDisposableStack {
    const disposers = pending(this.#disposers, "AsyncDisposableStack");
    const target = new AsyncStack();
    target.#disposers = disposers;
    this.#disposers = undefined;
    return target;
  }

  async disposeAsync(): Promise<void> {
    const disposers = this.#disposers;
    if (disposers === undefined) return;
    this.#disposers = undefined;
    let failure: Failure | undefined;
    let awaited = false;
    for (const disposer of disposers.reverse()) {
      if (disposer === undefined) continue;
      try {
        const result = disposer();
        // Not before the call: a disposer that throws at once costs no turn.
        awaited = true;
        await result;
      } catch (error) {
        failure = addFailure(failure, error);
      }
    }
    if (!awaited && disposers.includes(undefined)) await undefined;
    if (failure !== undefined) throw failure.error;
  }
};

/** The type of an {@linkcode AsyncDisposableStack}; the same as the global type. */
export type AsyncDisposableStack = globalThis.AsyncDisposableStack;

/**
 * Holds resources and releases them together, one after the other, the last one added first: the class of the runtime
 * where it has one (Node 24, Bun, Deno), otherwise one that behaves the same. For Node 20 (20.4 and later) and 22, which
 * have `Symbol.asyncDispose` but no stack.
 *
 * - `use(value)` adds an object by its `[Symbol.asyncDispose]()` method or else by its `[Symbol.dispose]()`, looked up
 *   now and called later; `null` and `undefined` are let through. Returns the value. Throws a TypeError if there is
 *   neither. What a `[Symbol.dispose]()` returns is not awaited.
 * - `adopt(value, onDisposeAsync)` adds any value with a callback that gets it. Returns the value.
 * - `defer(onDisposeAsync)` adds a callback alone.
 * - `move()` gives everything to a new stack and leaves this one disposed, with nothing called.
 * - `disposeAsync()`, also `[Symbol.asyncDispose]()`, calls and awaits all disposers even if some fail. It rejects with
 *   what the only failing one threw, or with a {@linkcode SuppressedError} that nests all of them; it never throws.
 * - `disposed` tells whether it has begun.
 *
 * All but the last two throw a ReferenceError once the stack is disposed.
 *
 * Two things that the language wants so: a second `disposeAsync()` resolves at once, even while the first one still
 * runs, and a disposer that never settles holds up the ones before it for ever.
 *
 * Source: ECMAScript, explicit resource management, "AsyncDisposableStack Objects".
 *
 * @example Without `await using` (Node 20 and 22)
 * ```ts
 * import { open } from "node:fs/promises";
 * import { AsyncDisposableStack } from "gracewire/lifecycle";
 *
 * const stack = new AsyncDisposableStack();
 * try {
 *   const journal = stack.use(await open("journal.txt", "a"));
 *   stack.defer(async () => void await journal.write("end\n"));
 *   await journal.write("begin\n");
 * } finally {
 *   await stack.disposeAsync(); // writes "end", then closes the file
 * }
 * ```
 *
 * @example With `await using` (Node 24, Bun, Deno, or a compiler)
 * ```ts
 * import { open } from "node:fs/promises";
 * import { AsyncDisposableStack } from "gracewire/lifecycle";
 *
 * await using stack = new AsyncDisposableStack();
 * const journal = stack.use(await open("journal.txt", "a"));
 * await journal.write("begin\n");
 * ```
 */
export const AsyncDisposableStack: AsyncDisposableStackConstructor = globalThis.AsyncDisposableStack ??
  PonyfillAsyncDisposableStack;

/** The one way to release a value, chosen when it is added. */
function disposerOf(value: AsyncDisposable | Disposable): Disposer {
  const disposeAsync = methodOf(value, Symbol.asyncDispose);
  if (disposeAsync !== undefined) return () => Reflect.apply(disposeAsync, value, []);
  const dispose = methodOf(value, Symbol.dispose);
  if (dispose === undefined) {
    throw new TypeError(
      "Cannot use a value: it has neither a [Symbol.asyncDispose]() nor a [Symbol.dispose]() method",
    );
  }
  // A promise that a sync disposer returns is not awaited; what it throws arrives like any rejection, one turn later.
  return () =>
    new Promise<void>((resolve) => {
      Reflect.apply(dispose, value, []);
      resolve();
    });
}
