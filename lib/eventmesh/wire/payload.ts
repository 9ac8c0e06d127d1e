import { Buffer, isUtf8 } from "node:buffer";
import { decodeText } from "./text.ts";

/**
 * Property that tells how data is packed, when it is not what it looks like: `base64` for bytes that are no text, `text`
 * for a text in a place where JSON is expected.
 */
export const DATA_ENCODING: string = "dataencoding";

/** Returns bytes that are valid UTF-8 as text, and undefined for others. */
export function textOf(bytes: Uint8Array): string | undefined {
  return isUtf8(bytes) ? decodeText(bytes, 0, bytes.length) : undefined;
}

/** Returns bytes as base64. */
export function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64");
}

/** Returns the bytes of a base64 text in the standard alphabet, padded; undefined when it is none. */
export function fromBase64(text: string): Uint8Array | undefined {
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return undefined;
  const bytes = new Uint8Array(text.length / 4 * 3 - (text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0));
  Buffer.from(bytes.buffer).write(text, "base64");
  return bytes;
}
