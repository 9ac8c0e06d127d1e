import { Buffer } from "node:buffer";

/**
 * The natives behind `Buffer` read and write at an offset of any Uint8Array without a view of their own. Node, Bun and
 * Deno all have them; they replace malformed input by U+FFFD and keep a byte order mark, exactly as the decoder below.
 */
const natives = Buffer.prototype as unknown as {
  latin1Slice(this: Uint8Array, start: number, end: number): string;
  utf8Slice(this: Uint8Array, start: number, end: number): string;
  utf8Write(this: Uint8Array, text: string, at: number, room: number): number;
};
const { latin1Slice, utf8Slice, utf8Write } = natives;

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const encoder = new TextEncoder();

/** Above this many bytes a TextDecoder is as fast as the native in Node and Bun, and several times faster in Deno. */
const LONG = 512;

/** Returns the UTF-8 text at `start` to `end`. Malformed bytes become U+FFFD, a byte order mark stays. */
export function decodeText(bytes: Uint8Array, start: number, end: number): string {
  return end - start < LONG ? utf8Slice.call(bytes, start, end) : decoder.decode(bytes.subarray(start, end));
}

/** Returns the text at `start` to `end`, which is known to be ASCII. */
export function decodeAscii(bytes: Uint8Array, start: number, end: number): string {
  return latin1Slice.call(bytes, start, end);
}

/**
 * Writes `text` as UTF-8 at `at`, where it must fit, and returns the number of bytes. A lone surrogate becomes U+FFFD.
 * In Deno the native takes twice as long as an encoder and a view for it.
 */
export const writeText: (bytes: Uint8Array, at: number, text: string) => number = "Deno" in globalThis
  ? (bytes, at, text) => encoder.encodeInto(text, bytes.subarray(at)).written
  : (bytes, at, text) => utf8Write.call(bytes, text, at, bytes.length - at);

/** Bytes that {@linkcode writeText} writes for `text`. */
export function textLength(text: string): number {
  return Buffer.byteLength(text);
}
