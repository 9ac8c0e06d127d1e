import { atTickEnd } from "../lifecycle/tick.ts";

/** Where bytes go: a transport, as far as an {@linkcode Outbox} needs it. */
export interface ByteSink {
  /** Bytes accepted and not yet taken by the kernel or the peer. */
  readonly buffered: number;
  /** False: more than the high-water mark is buffered. */
  write(bytes: Uint8Array): boolean;
}

/** A buffer that frames are written into. */
export interface ByteSource {
  /** Bytes that are in it. */
  readonly length: number;
  /** Them, valid until the buffer changes. */
  view(): Uint8Array;
  /** Empties it; the same memory is written again. */
  clear(): void;
  /** Empties it and leaves its memory to whoever holds a view of it. */
  renew(): void;
  /** Empties it; the bytes belong to the caller, in no more memory than they need. */
  take(): Uint8Array;
}

/** Told when the sink asks to wait. */
export interface OutboxOwner {
  onFull(): void;
  /** The tick ends: what is written now goes with it. */
  onTick?(): void;
}

/** Calls `task` with `value` when it is time to write. */
export type AtEnd = <T>(task: (value: T) => void, value: T) => void;

/** Bytes in the buffer that are handed over without waiting for the end of the tick. */
const flushMark = 64 * 1_024;

/**
 * Gathers what is written in one tick and hands it to the sink in one write: a system call costs as much for one frame
 * as for a hundred. The tick ends when all its promises have had their turn, so a producer that awaits each call is
 * gathered too, and what is written for an answer leaves with what its caller does next; a microtask would run between
 * two of its awaits.
 */
export class Outbox {
  readonly #sink: ByteSink;
  readonly #source: ByteSource;
  readonly #owner: OutboxOwner;
  readonly #atEnd: AtEnd;
  #scheduled = false;
  #closed = false;

  /** `atEnd`: when it is written out. @default {the end of the tick} */
  constructor(sink: ByteSink, source: ByteSource, owner: OutboxOwner, atEnd: AtEnd = atTickEnd) {
    this.#sink = sink;
    this.#source = source;
    this.#owner = owner;
    this.#atEnd = atEnd;
  }

  /** Something was written into the buffer. */
  touch(): void {
    if (this.#source.length >= flushMark) {
      this.flush();
    } else if (!this.#scheduled) {
      this.#scheduled = true;
      // With the box as an argument: a function of its own would weigh more than the box.
      this.#atEnd(tick, this);
    }
  }

  /** Hands over everything now. */
  flush(): void {
    if (this.#closed || this.#source.length === 0) return;
    const hasRoom = this.#sink.buffered === 0 ? this.#lend() : this.#sink.write(this.#source.take());
    if (!hasRoom) this.#owner.onFull();
  }

  /** With nothing buffered before and after, the kernel has taken the bytes at once, and their memory is written again. */
  #lend(): boolean {
    const hasRoom = this.#sink.write(this.#source.view());
    if (this.#sink.buffered === 0) this.#source.clear();
    else this.#source.renew();
    return hasRoom;
  }

  /** Nothing is handed over any more. */
  close(): void {
    this.#closed = true;
  }

  /** The tick is over. */
  ended(): void {
    if (!this.#closed) this.#owner.onTick?.();
    this.#scheduled = false;
    this.flush();
  }
}

function tick(box: Outbox): void {
  box.ended();
}
