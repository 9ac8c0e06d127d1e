import { BACKSLASH, QUOTE } from "../eventmesh/wire/ascii.ts";
import { decodeText } from "../eventmesh/wire/text.ts";

/** What a byte is in a name: 0 for letters and digits of a property, 1 for what may stand in others, 2 for all else. */
const kinds = new Uint8Array(256).fill(1, 0x20, 0x7f).fill(0, 0x30, 0x3a).fill(0, 0x61, 0x7b);
kinds.fill(2, 0, 0x20).fill(2, 0x7f);
kinds[QUOTE] = kinds[BACKSLASH] = 2;

/** Names that are remembered. */
const slotCount = 1_024;
/** Longer ones are not. */
const longest = 64;

/** Makes texts of bytes, the same ones again for bytes that came before: a text that is known need not be made or hashed. */
export class Names {
  readonly #slots: string[] = new Array(slotCount).fill("");

  /** The text at `start` to `end`, which is ASCII. */
  read(bytes: Uint8Array, start: number, end: number): string {
    if (end - start > longest) return decodeText(bytes, start, end);
    let hash = 0;
    for (let at = start; at < end; at++) hash = (Math.imul(hash, 31) + bytes[at]!) | 0;
    const slot = (hash ^ (hash >>> 10)) & (slotCount - 1);
    const known = this.#slots[slot]!;
    return equals(known, bytes, start, end) ? known : (this.#slots[slot] = decodeText(bytes, start, end));
  }
}

/** Whether the ASCII at `start` to `end` is this text. */
export function equals(text: string, bytes: Uint8Array, start: number, end: number): boolean {
  if (text.length !== end - start) return false;
  for (let i = 0; i < text.length; i++) if (bytes[start + i] !== text.charCodeAt(i)) return false;
  return true;
}

/** Offset of the quote that ends a text of JSON which stands for itself: ASCII without escapes; -1 for all others. */
export function plainEnd(bytes: Uint8Array, at: number, end: number): number {
  while (at < end && kinds[bytes[at]!] !== 2) at++;
  return at < end && bytes[at] === QUOTE ? at : -1;
}

/** Whether the name of a property stands there: lower-case letters and digits. */
export function isPropertyName(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (kinds[bytes[at]!] !== 0) return false;
  return end > start;
}
