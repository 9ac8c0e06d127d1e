import { addFailure, type Failure } from "./suppressed.ts";

/** What {@linkcode DisposableStack} is on a runtime without one. */
export const PonyfillDisposableStack: DisposableStackConstructor = class Stack {
  /** What to call, first added first; gone once disposed, and the brand that every method checks before all else. */
  #disposers: Disposer[] | undefined = [];
  declare readonly [Symbol.toStringTag]: string;
  declare [Symbol.dispose]: () => void;

  static {
    // By hand: a bundler renames what has the name of a global.
    Object.defineProperty(this, "name", { value: "DisposableStack", configurable: true });
    // As data properties: `stack[Symbol.dispose] === stack.dispose`, and what a subclass overrides does not call back.
    Object.defineProperties(this.prototype, {
      [Symbol.dispose]: { value: this.prototype.dispose, writable: true, configurable: true },
      [Symbol.toStringTag]: { value: "DisposableStack", configurable: true },
    });
  }

  get disposed(): boolean {
    return this.#disposers === undefined;
  }

  use<T extends Disposable | null | undefined>(value: T): T {
    const disposers = pending(this.#disposers, "DisposableStack");
    if (value === null || value === undefined) return value;
    const dispose = methodOf(value, Symbol.dispose);
    if (dispose === undefined) throw new TypeError("Cannot use a value: it has no [Symbol.dispose]() method");
    disposers.push(() => Reflect.apply(dispose, value, []));
    return value;
  }

  adopt<T>(value: T, onDispose: (value: T) => void): T {
    const disposers = pending(this.#disposers, "DisposableStack");
    checkCallback("adopt", onDispose);
    disposers.push(() => onDispose(value));
    return value;
  }

  defer(onDispose: () => void): void {
    const disposers = pending(this.#disposers, "DisposableStack");
    checkCallback("defer", onDispose);
    disposers.push(() => onDispose());
  }

  move(): globalThis.DisposableStack {
    const disposers = pending(this.#disposers, "DisposableStack");
    const target = new Stack();
    target.#disposers = disposers;
    this.#disposers = undefined;
    return target;
  }

  dispose(): void {
    const disposers = this.#disposers;
    if (disposers === undefined) return;
    this.#disposers = undefined;
    let failure: Failure | undefined;
    for (const disposer of disposers.reverse()) {
      try {
        disposer();
      } catch (error) {
        failure = addFailure(failure, error);
      }
    }
    if (failure !== undefined) throw failure.error;
  }
};

/** The type of a {@linkcode DisposableStack}; the same as the global type. */
export type DisposableStack = globalThis.DisposableStack;

/**
 * Holds resources and releases them together, the last one added first: the class of the runtime where it has one
 * (Node 24, Bun, Deno), otherwise one that behaves the same. For Node 20 (20.4 and later) and 22, which have
 * `Symbol.dispose` but no stack.
 *
 * - `use(value)` adds an object by its `[Symbol.dispose]()` method, which is looked up now and called later; `null` and
 *   `undefined` are let through. Returns the value. Throws a TypeError if there is no such method.
 * - `adopt(value, onDispose)` adds any value with a callback that gets it. Returns the value.
 * - `defer(onDispose)` adds a callback alone.
 * - `move()` gives everything to a new stack and leaves this one disposed, with nothing called.
 * - `dispose()`, also `[Symbol.dispose]()`, calls all disposers even if some throw. It throws what the only failing one
 *   threw, or a {@linkcode SuppressedError} that nests all of them. A second call does nothing.
 * - `disposed` tells whether it has begun.
 *
 * All but the last two throw a ReferenceError once the stack is disposed. Nothing is awaited: for resources that take
 * time to release see {@linkcode AsyncDisposableStack}.
 *
 * Source: ECMAScript, explicit resource management, "DisposableStack Objects".
 *
 * @example Without `using` (Node 20 and 22)
 * ```ts
 * import { closeSync, openSync, writeSync } from "node:fs";
 * import { DisposableStack } from "gracewire/lifecycle";
 *
 * const stack = new DisposableStack();
 * try {
 *   const file = stack.adopt(openSync("journal.txt", "a"), closeSync);
 *   stack.defer(() => writeSync(file, "end\n"));
 *   writeSync(file, "begin\n");
 * } finally {
 *   stack.dispose(); // writes "end", then closes the file
 * }
 * ```
 *
 * @example With `using` (Node 24, Bun, Deno, or a compiler)
 * ```ts
 * import { closeSync, openSync, writeSync } from "node:fs";
 * import { DisposableStack } from "gracewire/lifecycle";
 *
 * using stack = new DisposableStack();
 * const file = stack.adopt(openSync("journal.txt", "a"), closeSync);
 * writeSync(file, "begin\n");
 * ```
 */
export const DisposableStack: DisposableStackConstructor = globalThis.DisposableStack ??
  PonyfillDisposableStack;

/** Releases one resource; it has bound what it needs. */
export type Disposer = () => unknown;

/** The list to add to, unless the stack is disposed. */
export function pending<T>(disposers: T[] | undefined, stack: string): T[] {
  if (disposers === undefined) throw new ReferenceError(`Cannot add to or move the ${stack}: it is disposed`);
  return disposers;
}

/** Looks a method up once. As in the language, a value of `null` means the same as no method at all. */
export function methodOf(
  value: object,
  key: typeof Symbol.dispose | typeof Symbol.asyncDispose,
): Disposer | undefined {
  if (typeof value !== "object" && typeof value !== "function") {
    throw new TypeError(`Cannot use a value: expected an object, null or undefined, got ${typeof value}`);
  }
  const method: unknown = Reflect.get(value, key);
  if (method === null || method === undefined) return undefined;
  if (typeof method === "function") return method as Disposer;
  // Not the description of the symbol: Node 20 says "nodejs.dispose".
  const name = key === Symbol.dispose ? "Symbol.dispose" : "Symbol.asyncDispose";
  throw new TypeError(`Cannot use a value: expected a function as its [${name}], got ${typeof method}`);
}

/** Refuses what cannot be called. */
export function checkCallback(action: "adopt" | "defer", callback: unknown): void {
  if (typeof callback === "function") return;
  throw new TypeError(`Cannot ${action}: expected a function to call on disposal, got ${typeof callback}`);
}
