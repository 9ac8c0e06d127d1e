import { BACKSLASH, CLOSE, COLON, COMMA, OPEN, QUOTE, spaceEnd } from "./ascii.ts";
import { decodeText } from "./text.ts";

/** What a JSON string cannot hold as it is, and surrogates, which may be lone. */
// deno-lint-ignore no-control-regex
const ESCAPED = /["\\\u0000-\u001f\ud800-\udfff]/;

/**
 * Up to this length a look for what must be escaped is faster than `JSON.stringify`: twice on Node 20 and 24. Engines that
 * have `fromBase64` are young enough to write strings of JSON in blocks, and there only short ones are faster looked at.
 */
const SHORT = "fromBase64" in Uint8Array ? 64 : 16_384;

/**
 * Walks the members of a JSON object without parsing their values, so that one value can be taken, kept or replaced
 * as the very bytes that were received. All structure of JSON is ASCII, so this works on UTF-8 directly.
 *
 * It checks no more than it needs to find its way. Parse the text as well where it has to be valid.
 */
export class Members {
  /** First byte of the member: the quote of its name. */
  start = 0;
  /** First byte of its value. */
  valueStart = 0;
  /** The byte behind its value. */
  valueEnd = 0;
  /** Offset where the bytes turned out not to be an object, or -1. */
  malformed = -1;

  readonly #bytes: Uint8Array;
  readonly #end: number;
  #at: number;
  #keyEnd = 0;
  #opened = false;
  #closed = false;

  constructor(bytes: Uint8Array, start = 0, end: number = bytes.length) {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  /** Moves to the next member. False at the end of the object, and where it is malformed. */
  next(): boolean {
    if (this.#closed) return false;
    const bytes = this.#bytes;
    const end = this.#end;
    let at = spaceEnd(bytes, this.#at, end);
    if (!this.#opened) {
      if (at >= end || bytes[at] !== OPEN) return this.#fail(at);
      at = spaceEnd(bytes, at + 1, end);
      if (at < end && bytes[at] === CLOSE) return this.#close(at);
      this.#opened = true;
    } else {
      if (at < end && bytes[at] === CLOSE) return this.#close(at);
      if (at >= end || bytes[at] !== COMMA) return this.#fail(at);
      at = spaceEnd(bytes, at + 1, end);
    }
    if (at >= end || bytes[at] !== QUOTE) return this.#fail(at);
    const keyEnd = stringEnd(bytes, at + 1, end);
    const colon = spaceEnd(bytes, keyEnd + 1, end);
    if (colon >= end || bytes[colon] !== COLON) return this.#fail(colon);
    const valueStart = spaceEnd(bytes, colon + 1, end);
    const valueEnd = valueEndOf(bytes, valueStart, end);
    if (valueEnd === valueStart || valueEnd > end) return this.#fail(valueStart);
    this.start = at;
    this.#keyEnd = keyEnd;
    this.valueStart = valueStart;
    this.valueEnd = valueEnd;
    this.#at = valueEnd;
    return true;
  }

  /** Whether the member has this name. `name` is ASCII. */
  is(name: string): boolean {
    const bytes = this.#bytes;
    const first = this.start + 1;
    const length = this.#keyEnd - first;
    if (length === name.length) {
      let i = 0;
      while (i < length && bytes[first + i] === name.charCodeAt(i)) i++;
      if (i === length) return true;
    }
    // Only an escape can make a different spelling the same name, and it makes it longer.
    if (length <= name.length) return false;
    for (let i = 0; i < length; i++) if (bytes[first + i] === BACKSLASH) return this.name === name;
    return false;
  }

  /** Name of the member, or undefined when its escapes are malformed. */
  get name(): string | undefined {
    return jsonString(this.#bytes, this.start, this.#keyEnd + 1);
  }

  /** The value as text, as received. */
  get text(): string {
    return decodeText(this.#bytes, this.valueStart, this.valueEnd);
  }

  /** The value if it is a well-formed string. */
  get string(): string | undefined {
    return jsonString(this.#bytes, this.valueStart, this.valueEnd);
  }

  #close(at: number): false {
    this.#closed = true;
    const behind = spaceEnd(this.#bytes, at + 1, this.#end);
    return behind < this.#end ? this.#fail(behind) : false;
  }

  #fail(at: number): false {
    this.#closed = true;
    this.malformed = Math.min(at, this.#end);
    return false;
  }
}

/** Offset of the quote that ends the string whose first character is at `at`; the end when there is none. */
function stringEnd(bytes: Uint8Array, at: number, end: number): number {
  while (at < end) {
    const byte = bytes[at];
    if (byte === QUOTE) return at;
    at += byte === BACKSLASH ? 2 : 1;
  }
  return end;
}

/** Offset behind the value at `at`; beyond the end when it is cut. */
function valueEndOf(bytes: Uint8Array, at: number, end: number): number {
  let depth = 0;
  while (at < end) {
    const byte = bytes[at]!;
    if (byte === QUOTE) {
      at = stringEnd(bytes, at + 1, end);
      if (depth === 0) return at + 1;
    } else if (byte === OPEN || byte === 0x5b) {
      depth++;
    } else if (byte === CLOSE || byte === 0x5d) {
      if (depth === 0) return at;
      if (--depth === 0) return at + 1;
    } else if (depth === 0 && (byte === COMMA || byte <= 0x20)) {
      return at;
    }
    at++;
  }
  return depth === 0 ? at : end + 1;
}

/** Value of the JSON string with its quotes at `start` to `end`, or undefined when it is none. */
export function jsonString(bytes: Uint8Array, start: number, end: number): string | undefined {
  if (end - start < 2 || bytes[start] !== QUOTE) return undefined;
  for (let at = start + 1; at < end - 1; at++) {
    const byte = bytes[at]!;
    if (byte !== BACKSLASH && byte >= 0x20) continue;
    const value = parseJson(decodeText(bytes, start, end));
    return typeof value === "string" ? value : undefined;
  }
  return decodeText(bytes, start + 1, end - 1);
}

/** Returns a text as a JSON string. */
export function quote(text: string): string {
  return text.length <= SHORT && !ESCAPED.test(text) ? `"${text}"` : JSON.stringify(text);
}

/** Like `JSON.parse`, but undefined for a text that is not JSON, or is nested deeper than the engine can follow. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Whether a parsed value is an object, neither an array nor null. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The text a value has in a string field: strings as they are, other values as JSON; undefined for null and undefined. */
export function scalarText(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  return value === undefined || value === null ? undefined : JSON.stringify(value);
}
