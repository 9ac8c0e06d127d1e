/** Settings of a network. */
export interface NetworkOptions {
  /**
   * Bytes that a transport buffers before `write` returns false.
   *
   * @default {1_048_576}
   */
  readonly highWaterMark?: number | undefined;
}

/** The mark in bytes; a RangeError when it is none. */
export function checkHighWaterMark({ highWaterMark = 1_048_576 }: NetworkOptions): number {
  if (!Number.isInteger(highWaterMark) || highWaterMark < 0) {
    throw new RangeError(`Cannot use option "highWaterMark": expected 0 or more bytes, got ${highWaterMark}`);
  }
  return highWaterMark;
}
