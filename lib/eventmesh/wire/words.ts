/** At least four bytes as 32-bit words; the last word overlaps the one before when they do not divide evenly. */
export interface Words {
  readonly length: number;
  readonly values: Int32Array;
}

/** Takes the bytes at `start` to `end`, four at least. */
export function words(bytes: Uint8Array, start: number, end: number): Words {
  const length = end - start;
  const view = new DataView(bytes.buffer, bytes.byteOffset + start, length);
  const values = new Int32Array(Math.ceil(length / 4));
  for (let i = 0; i < values.length; i++) values[i] = view.getInt32(Math.min(i * 4, length - 4));
  return { length, values };
}

/** Whether the bytes at `at` are these. All of them must be in the view. */
export function equal(words: Words, view: DataView, at: number): boolean {
  const { values, length } = words;
  const last = values.length - 1;
  for (let i = 0; i < last; i++) if (view.getInt32(at + i * 4) !== values[i]) return false;
  return view.getInt32(at + length - 4) === values[last];
}
