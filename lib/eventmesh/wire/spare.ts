/** Capacity of a spare buffer: what is worth one write to a socket, and room for the frame that makes it full. */
export const INITIAL: number = 65_536 + 16_384;

/** Buffers that are kept. */
const KEPT = 16;

/**
 * Buffers that writers have done with, for the next ones that have something to write. Writers that share one hold no
 * memory while they are idle: a server has thousands of them, and few of them write at a time.
 */
export class SpareBuffers {
  readonly #buffers: Uint8Array[] = [];

  /** A buffer. What is in it has no meaning. */
  take(): Uint8Array {
    return this.#buffers.pop() ?? new Uint8Array(INITIAL);
  }

  /** Nobody has a view of it any longer. */
  give(bytes: Uint8Array): void {
    if (bytes.length === INITIAL && this.#buffers.length < KEPT) this.#buffers.push(bytes);
  }
}
