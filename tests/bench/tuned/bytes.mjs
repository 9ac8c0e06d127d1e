// Text as bytes of JSON, in place.
import { Buffer } from "node:buffer";
import process from "node:process";

const { utf8Slice, utf8Write } = Buffer.prototype;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

export const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Counts in ten digits: the next number, in the same bytes each time. */
export function counter() {
  const digits = ascii("0000000000");
  return () => {
    for (let i = 9; i >= 0; i--) {
      if (++digits[i] <= 0x39) break;
      digits[i] = 0x30;
    }
    return digits;
  };
}

/** Returns a number of ten digits. */
export function readDigits(bytes, at) {
  return readHalf(bytes, at) * 100_000 + readHalf(bytes, at + 5);
}

function readHalf(bytes, at) {
  let value = 0;
  for (let i = at; i < at + 5; i++) value = value * 10 + bytes[i] - 0x30;
  return value;
}

/** Writes it again. */
export function writeDigits(bytes, at, value) {
  const high = Math.floor(value / 100_000);
  writeHalf(bytes, at, high);
  writeHalf(bytes, at + 5, value - high * 100_000);
}

function writeHalf(bytes, at, value) {
  for (let i = at + 4; i >= at; i--) {
    const rest = (value / 10) | 0;
    bytes[i] = 0x30 + value - rest * 10;
    value = rest;
  }
}

/** Writes text as UTF-8 where it has room, and returns how many bytes. `encodeInto` is several times faster in Deno. */
export const writeText = process.versions.deno
  ? (bytes, at, text) => encoder.encodeInto(text, bytes.subarray(at)).written
  : (bytes, at, text) => utf8Write.call(bytes, text, at, bytes.length - at);

export const readText = process.versions.deno
  ? (bytes, start, end) => decoder.decode(bytes.subarray(start, end))
  : (bytes, start, end) => utf8Slice.call(bytes, start, end);

/** Writes text as a string of JSON, and returns the end of it. `view` is one of the same bytes. */
export function writeJson(bytes, view, at, text) {
  bytes[at] = QUOTE;
  const start = at + 1;
  if (text.length < 16) return writeShort(bytes, at, text);
  const end = start + writeText(bytes, start, text);
  // As many bytes as characters: nothing but ASCII.
  if (end - start !== text.length || mustEscape(view, start, end)) {
    return at + writeText(bytes, at, JSON.stringify(text));
  }
  bytes[end] = QUOTE;
  return end + 1;
}

function writeShort(bytes, at, text) {
  let end = at + 1;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x20 || unit > 0x7e || unit === QUOTE || unit === BACKSLASH) {
      return at + writeText(bytes, at, JSON.stringify(text));
    }
    bytes[end++] = unit;
  }
  bytes[end] = QUOTE;
  return end + 1;
}

/** Whether there is a quote, a backslash or a control character. May say so of what has none, never the other way round. */
function mustEscape(view, start, end) {
  let found = 0;
  for (let at = start; at < end - 3; at += 4) found |= special(view.getInt32(at, true));
  // The last four once more: their number need not be a multiple of it.
  return ((found | special(view.getInt32(end - 4, true))) & 0x80808080) !== 0;
}

/** Has the highest bit of a byte set where that byte is special. */
function special(word) {
  const quotes = word ^ 0x22222222;
  const backslashes = word ^ 0x5c5c5c5c;
  return ((word - 0x20202020) & ~word) | ((quotes - 0x01010101) & ~quotes) |
    ((backslashes - 0x01010101) & ~backslashes);
}

/** The end of the string of JSON whose first character is at `start`, if it has no escapes; else -1. */
export function plainEnd(bytes, start) {
  for (let at = start;; at++) {
    const byte = bytes[at];
    if (byte === QUOTE) return at;
    if (byte === BACKSLASH || byte === undefined) return -1;
  }
}

/** Whether these bytes stand at `at`. */
export function isAt(bytes, at, wanted) {
  for (let i = 0; i < wanted.length; i++) if (bytes[at + i] !== wanted[i]) return false;
  return true;
}

export function ascii(text) {
  return encoder.encode(text);
}
