/** Causes and nested values that a plain value shows. */
const depthLimit = 8;
/** Members of one list or object. */
const breadthLimit = 100;
/** Values in all: a reason may hold a socket, and through it half of the process. */
const sizeLimit = 1_000;

/**
 * Turns any value into plain data for `JSON.stringify`: errors with their causes, cycles, proxies and accessors that
 * throw included. Bounded in depth, breadth and size.
 */
export function plainValue(value: unknown): unknown {
  return new Walk().plain(value, []);
}

class Walk {
  #left = sizeLimit;

  plain(value: unknown, path: readonly object[]): unknown {
    if (this.#left <= 0) return "[more]";
    this.#left--;
    try {
      if (typeof value === "number" && !Number.isFinite(value)) return String(value);
      if (typeof value === "bigint" || typeof value === "symbol") return String(value);
      if (typeof value === "function") return `[function ${String(value.name)}]`;
      if (typeof value !== "object" || value === null) return value;
      if (path.includes(value)) return "[circular]";
      if (path.length >= depthLimit) return "[deep]";
      return this.#members(value, [...path, value]);
    } catch {
      // An accessor or a trap of a proxy has thrown. What it threw may be as treacherous as the value.
      return "[unprintable]";
    }
  }

  #members(value: object, path: readonly object[]): unknown {
    const inner = (item: unknown): unknown => this.plain(item, path);
    if (value instanceof Error) {
      const { name, message, code, cause, errors } = value as Error & { code?: unknown; errors?: unknown };
      return {
        name: inner(name),
        message: inner(message),
        ...(code === undefined ? {} : { code: inner(code) }),
        ...(cause === undefined ? {} : { cause: inner(cause) }),
        ...(Array.isArray(errors) ? { errors: errors.slice(0, breadthLimit).map(inner) } : {}),
      };
    }
    if (Array.isArray(value)) return value.slice(0, breadthLimit).map(inner);
    if (value instanceof Uint8Array) return `[${value.length} bytes]`;
    if (value instanceof Date) return String(value);
    const keys = Object.keys(value).slice(0, breadthLimit);
    return Object.fromEntries(keys.map((key) => [key, this.#member(value, key, path)]));
  }

  /** One accessor that throws hides only its own value. */
  #member(owner: object, key: string, path: readonly object[]): unknown {
    try {
      return this.plain((owner as Record<string, unknown>)[key], path);
    } catch {
      return "[unprintable]";
    }
  }
}
