const nothing: Uint8Array[] = [];

/** Bytes that wait for their reader before the peer is made to feel it. */
const mark = 65_536;

/** Where the chunks of a {@linkcode ChunkReader} come from. */
export interface ChunkSource {
  /** A reader that was full has room again. */
  readOn(): void;
}

/** The chunks of one stream, for `for await`. Filled by the wire, bounded by its backpressure. */
export class ChunkReader implements AsyncIterable<Uint8Array> {
  readonly #source: ChunkSource;
  #chunks: Uint8Array[] = nothing;
  #size = 0;
  /** Settles the read that is pending. */
  #settle: ((result: IteratorResult<Uint8Array> | PromiseLike<never>) => void) | undefined = undefined;
  #ended = false;
  #failure: (() => unknown) | undefined = undefined;
  #claimed = false;
  #taken = false;

  constructor(source: ChunkSource) {
    this.#source = source;
  }

  /** Somebody reads, or has read. */
  get claimed(): boolean {
    return this.#claimed;
  }

  /** More waits here than should. */
  get full(): boolean {
    return this.#size >= mark;
  }

  push(chunk: Uint8Array): void {
    if (this.#ended || this.#taken) return;
    if (this.#settle !== undefined) return this.#answer({ done: false, value: chunk });
    if (this.#chunks === nothing) this.#chunks = [chunk];
    else this.#chunks.push(chunk);
    this.#size += chunk.byteLength;
  }

  /** No more chunks. What has arrived is still handed out. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#answer({ done: true, value: undefined });
  }

  /** The stream is lost: after what has arrived, every read rejects with an error of its own. */
  fail(failure: () => unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#failure = failure;
    if (this.#settle !== undefined) this.#answer(rejection(failure()));
  }

  /** Hands all chunks to somebody else, for good. */
  takeAll(): Uint8Array[] {
    this.#taken = true;
    const chunks = this.#chunks;
    this.drop();
    return chunks;
  }

  /** Forgets what nobody has read. */
  drop(): void {
    this.#chunks = nothing;
    this.#size = 0;
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    if (this.#taken) throw new TypeError("Cannot read the connection: its transport was started");
    this.#claimed = true;
    return new ChunkIterator(this);
  }

  /** Ends the read that is pending: the next one gets the chunk. */
  leave(): void {
    this.#answer({ done: true, value: undefined });
  }

  /** The next chunk. */
  read(): Promise<IteratorResult<Uint8Array>> {
    if (this.#settle !== undefined) {
      return Promise.reject(new TypeError("Cannot read the connection: another read of it is pending"));
    }
    const chunk = this.#chunks.shift();
    // An empty list of its own would stay with an idle connection.
    if (this.#chunks.length === 0) this.#chunks = nothing;
    if (chunk !== undefined) {
      const full = this.full;
      this.#size -= chunk.byteLength;
      if (full && !this.full) this.#source.readOn();
      return Promise.resolve({ done: false, value: chunk });
    }
    if (this.#failure !== undefined) return Promise.reject(this.#failure());
    if (this.#ended) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => this.#settle = resolve);
  }

  #answer(result: IteratorResult<Uint8Array> | PromiseLike<never>): void {
    const settle = this.#settle;
    this.#settle = undefined;
    settle?.(result);
  }
}

class ChunkIterator implements AsyncIterator<Uint8Array> {
  readonly #reader: ChunkReader;
  #left = false;

  constructor(reader: ChunkReader) {
    this.#reader = reader;
  }

  next(): Promise<IteratorResult<Uint8Array>> {
    return this.#left ? Promise.resolve({ done: true, value: undefined }) : this.#reader.read();
  }

  return(): Promise<IteratorResult<Uint8Array>> {
    this.#left = true;
    this.#reader.leave();
    return Promise.resolve({ done: true, value: undefined });
  }
}

/** What a promise that is resolved with it rejects with: one function less to keep for each read that waits. */
function rejection(error: unknown): PromiseLike<never> {
  return { then: (_resolve, reject) => reject?.(error) } as PromiseLike<never>;
}
