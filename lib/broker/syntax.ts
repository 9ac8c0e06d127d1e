import { BACKSLASH, CLOSE, COLON, COMMA, OPEN, QUOTE, spaceEnd } from "../eventmesh/wire/ascii.ts";
import { plainEnd } from "../eventmesh/wire/plain.ts";
import { equal, type Words } from "../eventmesh/wire/words.ts";

const NOTHING = new Uint8Array(0);
const NO_VIEW = new DataView(NOTHING.buffer);

const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;

/** What ends a run of ordinary bytes in a string: its quote, an escape, and what cannot stand there. */
const special = new Uint8Array(256).fill(1, 0, 0x20);
special[QUOTE] = special[BACKSLASH] = 1;

const HIGH_BITS = 0x80808080 | 0;

/** Objects and lists within one another that are followed. */
const maxDepth = 32;

const literals: readonly Uint8Array[] = ["true", "false", "null"].map((text) =>
  new TextEncoder().encode(text)
);

/**
 * Checks JSON where it lies, without making anything of it: what it accepts, `JSON.parse` accepts. It does not accept
 * everything that `JSON.parse` does, such as very deep nesting; whoever is refused here has to ask there.
 *
 * All structure of JSON is ASCII and malformed UTF-8 becomes U+FFFD, which may stand in any string, so this works on bytes.
 */
export class JsonSyntax {
  /** What is checked. */
  bytes: Uint8Array = NOTHING;
  #view: DataView = NO_VIEW;
  // Asking the bytes for these takes longer than all that is done with them.
  #buffer: ArrayBufferLike = NOTHING.buffer;
  #offset = 0;

  /** The bytes that offsets are of, from now on. */
  open(bytes: Uint8Array): void {
    if (this.bytes === bytes) return;
    this.bytes = bytes;
    this.#buffer = bytes.buffer;
    this.#offset = bytes.byteOffset;
    this.#view = new DataView(this.#buffer, this.#offset, bytes.length);
  }

  /** Lets go of them. */
  close(): void {
    this.bytes = NOTHING;
    this.#buffer = NOTHING.buffer;
    this.#view = NO_VIEW;
  }

  /** A view of those at `start` to `end`. */
  view(start: number, end: number): Uint8Array {
    return new Uint8Array(this.#buffer, this.#offset + start, end - start);
  }

  /** Whether the bytes at `at` are these. At least four of them must be there. */
  has(known: Words, at: number): boolean {
    return equal(known, this.#view, at);
  }

  /** Whether there are these bytes at `at`, however few. */
  hasAll(known: Uint8Array, at: number): boolean {
    const { bytes } = this;
    for (let i = 0; i < known.length; i++) if (bytes[at + i] !== known[i]) return false;
    return true;
  }

  /** Offset of the first byte from `at` on that is no space. */
  spaceEnd(at: number, end: number): number {
    return spaceEnd(this.bytes, at, end);
  }

  /** Offset of the quote that ends the string whose first character is at `at`; -1 when it is none. */
  stringEnd(at: number, end: number): number {
    const { bytes } = this;
    for (;;) {
      at = this.#specialAt(at, end);
      if (at >= end) return -1;
      if (bytes[at] === QUOTE) return at;
      if (bytes[at] !== BACKSLASH) return -1;
      at = escapeEnd(bytes, at + 1, end);
      if (at < 0) return -1;
    }
  }

  /** The same for a text that stands for itself: ASCII without escapes. */
  plainEnd(at: number, end: number): number {
    const found = plainEnd(this.#view, at, end);
    return found < end && this.bytes[found] === QUOTE ? found : -1;
  }

  /** Offset of the first byte from `at` on that is no ordinary one of a string; `end` when there is none. */
  #specialAt(at: number, end: number): number {
    const { bytes } = this;
    const view = this.#view;
    const last = end - 4;
    // Most texts are short, and most of what is checked is in long ones.
    for (const near = Math.min(last, at + 12); at <= near; at += 4) {
      const found = specials(view.getInt32(at, true)) & HIGH_BITS;
      if (found !== 0) return at + lowestByte(found);
    }
    at = runEnd(view, at, end);
    for (; at <= last; at += 4) {
      const found = specials(view.getInt32(at, true)) & HIGH_BITS;
      if (found !== 0) return at + lowestByte(found);
    }
    while (at < end && special[bytes[at]!] === 0) at++;
    return at;
  }

  /** Offset behind the value that begins at `at`; -1 when it is none, or is nested too deep. */
  valueEnd(at: number, end: number, depth = 0): number {
    if (at >= end) return -1;
    const byte = this.bytes[at]!;
    if (byte === QUOTE) {
      const quote = this.stringEnd(at + 1, end);
      return quote < 0 ? -1 : quote + 1;
    }
    if (byte === OPEN || byte === OPEN_LIST) {
      if (depth === maxDepth) return -1;
      return byte === OPEN ? this.#objectEnd(at + 1, end, depth + 1) : this.#listEnd(at + 1, end, depth + 1);
    }
    if (byte === 0x2d || (byte >= 0x30 && byte <= 0x39)) return numberEnd(this.bytes, at, end);
    return literalEnd(this.bytes, at, end);
  }

  /** Offset of the value behind a name that ends with the quote at `at`; -1 when there is no colon between them. */
  valueStart(at: number, end: number): number {
    const colon = this.spaceEnd(at + 1, end);
    return colon < end && this.bytes[colon] === COLON ? this.spaceEnd(colon + 1, end) : -1;
  }

  #objectEnd(at: number, end: number, depth: number): number {
    const { bytes } = this;
    at = this.spaceEnd(at, end);
    if (at < end && bytes[at] === CLOSE) return at + 1;
    for (;;) {
      if (at >= end || bytes[at] !== QUOTE) return -1;
      at = this.stringEnd(at + 1, end);
      if (at >= 0) at = this.valueStart(at, end);
      if (at >= 0) at = this.valueEnd(at, end, depth);
      if (at < 0) return -1;
      at = this.spaceEnd(at, end);
      if (at < end && bytes[at] === CLOSE) return at + 1;
      if (at >= end || bytes[at] !== COMMA) return -1;
      at = this.spaceEnd(at + 1, end);
    }
  }

  #listEnd(at: number, end: number, depth: number): number {
    const { bytes } = this;
    at = this.spaceEnd(at, end);
    if (at < end && bytes[at] === CLOSE_LIST) return at + 1;
    for (;;) {
      at = this.valueEnd(at, end, depth);
      if (at < 0) return -1;
      at = this.spaceEnd(at, end);
      if (at < end && bytes[at] === CLOSE_LIST) return at + 1;
      if (at >= end || bytes[at] !== COMMA) return -1;
      at = this.spaceEnd(at + 1, end);
    }
  }
}

/**
 * Has the high bit of a byte set where one of the four in a word is special. Below 0x20 or a quote is what becomes less than
 * 0x21 when its second bit is flipped; each term sets the high bit of a byte that is, and of none below it that is not: the
 * lowest bit that is set tells the first of them.
 */
function specials(word: number): number {
  const control = (word ^ 0x02020202) - 0x21212121;
  const backslash = (word ^ 0x5c5c5c5c) - 0x01010101;
  return (control | backslash) & ~word;
}

/** Goes on over ordinary bytes, sixteen at a time. A function of its own: in a larger one the calls of its loop stay calls. */
function runEnd(view: DataView, at: number, end: number): number {
  for (const last = end - 16; at <= last; at += 16) {
    const found = specials(view.getInt32(at, true)) | specials(view.getInt32(at + 4, true)) |
      specials(view.getInt32(at + 8, true)) | specials(view.getInt32(at + 12, true));
    if ((found & HIGH_BITS) !== 0) break;
  }
  return at;
}

/** Which byte of a word has the lowest bit that is set. */
function lowestByte(word: number): number {
  return (31 - Math.clz32(word & -word)) >> 3;
}

/** Offset behind the escape whose backslash is in front of `at`; -1 when there is no such escape. */
function escapeEnd(bytes: Uint8Array, at: number, end: number): number {
  if (at >= end) return -1;
  switch (bytes[at]) {
    case 0x22: // "
    case 0x2f: // /
    case 0x5c: // \
    case 0x62: // b
    case 0x66: // f
    case 0x6e: // n
    case 0x72: // r
    case 0x74: // t
      return at + 1;
    case 0x75: // u
      if (at + 4 >= end) return -1;
      for (let i = 1; i <= 4; i++) if (!isHex(bytes[at + i]!)) return -1;
      return at + 5;
  }
  return -1;
}

function isHex(byte: number): boolean {
  const lower = byte | 0x20;
  return isDigit(byte) || (lower >= 0x61 && lower <= 0x66);
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

function digitsEnd(bytes: Uint8Array, at: number, end: number): number {
  while (at < end && isDigit(bytes[at]!)) at++;
  return at;
}

function numberEnd(bytes: Uint8Array, at: number, end: number): number {
  if (bytes[at] === 0x2d) at++;
  const first = at;
  at = digitsEnd(bytes, at, end);
  if (at === first || (bytes[first] === 0x30 && at > first + 1)) return -1;
  if (at < end && bytes[at] === 0x2e) {
    const fraction = at + 1;
    at = digitsEnd(bytes, fraction, end);
    if (at === fraction) return -1;
  }
  if (at < end && (bytes[at]! | 0x20) === 0x65) {
    at++;
    if (at < end && (bytes[at] === 0x2b || bytes[at] === 0x2d)) at++;
    const exponent = at;
    at = digitsEnd(bytes, exponent, end);
    if (at === exponent) return -1;
  }
  return at;
}

function literalEnd(bytes: Uint8Array, at: number, end: number): number {
  for (const literal of literals) {
    if (literal[0] !== bytes[at] || at + literal.length > end) continue;
    let i = 1;
    while (i < literal.length && bytes[at + i] === literal[i]) i++;
    if (i === literal.length) return at + i;
  }
  return -1;
}
