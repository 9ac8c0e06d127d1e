import { decodeText } from "../eventmesh/wire/text.ts";

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
