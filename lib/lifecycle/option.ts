/**
 * Checks what a caller gives as options: an object, and nothing in it that is no option, as that may be a slip of the pen
 * in one that matters. By hand: this folder knows no schemas. `hints` say what is to be used in place of a name.
 *
 * @throws {TypeError} naming the option.
 */
export function checkNames(
  options: unknown,
  known: readonly string[],
  hints: Readonly<Record<string, string>> = {},
): asserts options is object {
  if (typeof options !== "object" || options === null) {
    const given = options === null ? "null" : typeof options;
    throw new TypeError(`Cannot use the options: expected an object, got ${given}`);
  }
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined || known.includes(name)) continue;
    const hint = Object.hasOwn(hints, name) ? `, ${hints[name]}` : "";
    throw new TypeError(`Cannot use option "${name}": there is no such option${hint}`);
  }
}

/** @throws {TypeError} it is there and no AbortSignal. */
export function checkSignal(signal: unknown): asserts signal is AbortSignal | undefined {
  if (signal === undefined || signal instanceof AbortSignal) return;
  const given = signal === null ? "null" : typeof signal;
  throw new TypeError(`Cannot use option "signal": expected an AbortSignal, got ${given}`);
}
