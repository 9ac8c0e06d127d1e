/** Sizes of blocks, in bytes: powers of two from the first to the last. */
const smallest = 64;
const largest = 4_096;
/** Bytes of each size that are kept when nobody needs them. */
const kept = 524_288;

/**
 * Memory for bodies that outlive the chunk they came in, or that the broker has written. Blocks that were given back are
 * handed out again: making and sweeping the buffer of a small body costs more than all else that is done with it.
 */
export class Blocks {
  /** By the number of leading zeros of their last offset, each as the view that it was last used by. */
  readonly #free: Uint8Array<ArrayBuffer>[][] = Array.from({ length: 32 }, () => []);

  /** Bytes of memory that a body of so many takes. */
  static sizeFor(length: number): number {
    if (length > largest) return length;
    return length <= smallest ? smallest : 1 << (32 - Math.clz32(length - 1));
  }

  /** Memory for a body of so many bytes. What is in it has no meaning. */
  take(length: number): Uint8Array<ArrayBuffer> {
    const size = Blocks.sizeFor(length);
    const last = size > largest ? undefined : this.#free[Math.clz32(size - 1)]!.pop();
    if (last === undefined) return new Uint8Array(new ArrayBuffer(size), 0, length);
    return last.length === length ? last : new Uint8Array(last.buffer, 0, length);
  }

  /** A copy of a body. */
  copy(body: Uint8Array): Uint8Array {
    const bytes = this.take(body.length);
    bytes.set(body);
    return bytes;
  }

  /** Nobody looks at this body any longer, which came from here. */
  give(body: Uint8Array): void {
    const size = Blocks.sizeFor(body.length);
    if (size > largest) return;
    const free = this.#free[Math.clz32(size - 1)]!;
    if (free.length * size < kept) free.push(body as Uint8Array<ArrayBuffer>);
  }
}
