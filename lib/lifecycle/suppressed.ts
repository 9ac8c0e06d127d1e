/**
 * What {@linkcode SuppressedError} is on a runtime without one. Use that name instead: `instanceof` needs one class.
 * A function and not a class, because the call without `new` makes an error too.
 */
export const PonyfillSuppressedError: SuppressedErrorConstructor = function Suppressed(
  error: unknown,
  suppressed: unknown,
  message?: string,
): globalThis.SuppressedError {
  const instance = Reflect.construct(Error, [message], new.target ?? Suppressed);
  hide(instance, "error", error);
  hide(instance, "suppressed", suppressed);
  return instance;
} as unknown as SuppressedErrorConstructor;

Object.setPrototypeOf(PonyfillSuppressedError, Error);
// By hand: a bundler renames what has the name of a global.
Object.defineProperty(PonyfillSuppressedError, "name", { value: "SuppressedError", configurable: true });
Object.defineProperty(PonyfillSuppressedError, "prototype", {
  value: Object.create(Error.prototype),
  writable: false,
});
hide(PonyfillSuppressedError.prototype, "constructor", PonyfillSuppressedError);
hide(PonyfillSuppressedError.prototype, "name", "SuppressedError");
hide(PonyfillSuppressedError.prototype, "message", "");

/** The type of what {@linkcode SuppressedError} makes; the same as the global type. */
export type SuppressedError = globalThis.SuppressedError;

/**
 * The error of a disposal in which more than one thing failed: the class of the runtime where it has one (Node 24, Bun,
 * Deno), otherwise one that behaves the same.
 *
 * `error` is the failure that came last, `suppressed` the one before it; with three or more failures `suppressed` is a
 * SuppressedError again. Both are whatever was thrown, `undefined` included, and neither is enumerable: Node 20 and 22
 * do not print them. May be called with or without `new`. Throws a TypeError if `message` cannot become a string.
 *
 * Source: ECMAScript, explicit resource management, "SuppressedError Objects".
 *
 * @example Every failure of a disposal, the first one first
 * ```ts
 * import { SuppressedError } from "gracewire/lifecycle";
 *
 * function failures(error: unknown): unknown[] {
 *   const later: unknown[] = [];
 *   for (; error instanceof SuppressedError; error = error.suppressed) later.unshift(error.error);
 *   return [error, ...later];
 * }
 *
 * console.log(failures(new SuppressedError("closing failed", "reading failed"))); // reading, then closing
 * ```
 */
export const SuppressedError: SuppressedErrorConstructor = globalThis.SuppressedError ??
  PonyfillSuppressedError;

/** A failure that is already there. An object, because a disposer may throw `undefined`. */
export interface Failure {
  readonly error: unknown;
}

/** Adds what a disposer threw to the failure before it, if there is one: the latest error ends up outside. */
export function addFailure(earlier: Failure | undefined, error: unknown): Failure {
  if (earlier === undefined) return { error };
  const message = `More than one disposer failed: the last error is "error", the one before it "suppressed"`;
  return { error: new SuppressedError(error, earlier.error, message) };
}

function hide(target: object, key: string, value: unknown): void {
  Object.defineProperty(target, key, { value, writable: true, enumerable: false, configurable: true });
}
