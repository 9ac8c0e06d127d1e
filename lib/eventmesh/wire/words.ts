/** At least four bytes as numbers of as many bits; the last overlaps the one before when they do not divide evenly. */
export interface Words {
  readonly length: number;
  /**
   * Of eight bytes each, of four where there are fewer. Two of eight are equal only if all of their bits are, as long as
   * none is zero, which has two forms: eight bytes of which seven are 0 do not stand in JSON. One that is no number equals
   * nothing, and is never found.
   */
  readonly values: Float64Array;
}

/** Takes the bytes at `start` to `end`, four at least. */
export function words(bytes: Uint8Array, start: number, end: number): Words {
  const length = end - start;
  const view = new DataView(bytes.buffer, bytes.byteOffset + start, length);
  if (length < 8) return { length, values: Float64Array.of(view.getInt32(0), view.getInt32(length - 4)) };
  const values = new Float64Array(Math.ceil(length / 8));
  for (let i = 0; i < values.length; i++) values[i] = view.getFloat64(Math.min(i * 8, length - 8), true);
  return { length, values };
}

/** Whether the bytes at `at` are these. All of them must be in the view. */
export function equal(words: Words, view: DataView, at: number): boolean {
  const { values, length } = words;
  if (length < 8) return view.getInt32(at) === values[0] && view.getInt32(at + length - 4) === values[1];
  const last = values.length - 1;
  for (let i = 0; i < last; i++) if (view.getFloat64(at + i * 8, true) !== values[i]) return false;
  return view.getFloat64(at + length - 8, true) === values[last];
}
