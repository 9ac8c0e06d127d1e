import { Blocks } from "./blocks.ts";

/** What one message costs beside its bytes, in bytes; about what the engines take for its objects. */
export const MESSAGE_COST = 256;
/** What each copy in a queue costs. */
export const COPY_COST = 128;

/** Bytes received in one piece, in which the bodies of several messages may lie. */
export interface Chunk {
  readonly buffer: ArrayBufferLike;
  /** Messages that keep it alive. */
  users: number;
}

/**
 * Accounts for the memory that held messages take. A body is a view of the chunk it came in, and a view keeps all of its
 * chunk alive: so the chunk is counted as a whole, once, for as long as any message in it is held. A body that has moved out
 * of its chunk, or was written by the broker, counts as its block. Blocks that wait to be used again are not counted; they
 * take 3.5 MiB at most.
 */
export class Memory {
  /** The most that may be used, in bytes. */
  readonly limit: number;
  /** Where bodies move to, and those of requests are written. */
  readonly blocks: Blocks = new Blocks();
  #used = 0;
  /** Messages that follow one another mostly come in one chunk. */
  #last: Chunk | undefined = undefined;

  constructor(limit: number) {
    this.limit = limit;
  }

  /** Bytes in use. */
  get used(): number {
    return this.#used;
  }

  /** More than half is in use. */
  get tight(): boolean {
    return this.#used * 2 > this.limit;
  }

  /** Whether a message with this body and so many copies can be held. */
  fits(body: Uint8Array, copies: number): boolean {
    const { buffer } = body;
    return this.fitsIn(this.#last?.buffer === buffer ? 0 : buffer.byteLength, copies);
  }

  /** The same for a message whose body takes so many bytes. */
  fitsIn(bytes: number, copies: number): boolean {
    return this.hasRoomFor(MESSAGE_COST + copies * COPY_COST + bytes);
  }

  /** Whether so many bytes more can be used. */
  hasRoomFor(bytes: number): boolean {
    return this.#used + bytes <= this.limit;
  }

  add(bytes: number): void {
    this.#used += bytes;
  }

  free(bytes: number): void {
    this.#used -= bytes;
  }

  /** Keeps the chunk that a body lies in. */
  keep(body: Uint8Array): Chunk {
    const { buffer } = body;
    let chunk = this.#last;
    if (chunk?.buffer !== buffer) {
      chunk = { buffer, users: 0 };
      this.#last = chunk;
      this.#used += buffer.byteLength;
    }
    chunk.users++;
    return chunk;
  }

  /** Lets go of a chunk. */
  leave(chunk: Chunk): void {
    if (--chunk.users > 0) return;
    this.#used -= chunk.buffer.byteLength;
    if (this.#last === chunk) this.#last = undefined;
  }
}
