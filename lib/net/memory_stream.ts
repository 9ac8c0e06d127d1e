import { Buffer } from "node:buffer";
import { toError } from "./thrown.ts";
import type { Transport, TransportHandler } from "./transport.ts";
import type { Turns } from "./turns.ts";

/** What a pair of streams in memory has in common. */
export interface PairOptions {
  readonly turns: Turns;
  readonly highWaterMark: number;
  /** Address of the end that dialled. */
  readonly client: string;
  /** Address of the end that listens. */
  readonly server: string;
}

/** Makes the two ends of one stream in memory: the one that dialled, then the one that was accepted. */
export function memoryPair(options: PairOptions): [Transport, Transport] {
  const client = new MemoryTransport(options, options.client, options.server);
  const server = new MemoryTransport(options, options.server, options.client);
  client.connect(server);
  server.connect(client);
  return [client, server];
}

/**
 * One end. What it receives waits in its own inbox, so that bytes on their way outlive the end that wrote them, as they
 * do in a kernel. Everything it tells its handler happens in a turn of its own, never inside a call of the handler.
 */
class MemoryTransport implements Transport {
  readonly kind = "memory";
  readonly remote: string;
  readonly local: string;
  readonly closed: Promise<Error | undefined>;
  readonly #turns: Turns;
  readonly #mark: number;
  #peer!: MemoryTransport;
  #settle!: (error: Error | undefined) => void;
  #handler: TransportHandler | undefined = undefined;
  #inbox: Uint8Array[] = [];
  #read = 0;
  #buffered = 0;
  #paused = false;
  #starved = false;
  #pumping = false;
  #ended = false;
  #peerEnded = false;
  #endTold = false;
  #destroyed = false;

  constructor(options: PairOptions, local: string, remote: string) {
    this.#turns = options.turns;
    this.#mark = options.highWaterMark;
    this.local = local;
    this.remote = remote;
    this.closed = new Promise((resolve) => this.#settle = resolve);
  }

  connect(peer: MemoryTransport): void {
    this.#peer = peer;
  }

  get buffered(): number {
    return this.#destroyed ? 0 : this.#buffered;
  }

  get destroyed(): boolean {
    return this.#destroyed;
  }

  start(handler: TransportHandler): void {
    if (this.#handler !== undefined) throw new TypeError("Cannot start a transport: it was started before");
    this.#handler = handler;
    this.#pump();
    this.#relieve();
  }

  write(bytes: Uint8Array): boolean {
    if (this.#ended || this.#destroyed) return true;
    if (this.#peer.#destroyed) {
      // As a kernel answers bytes for a socket that is gone.
      this.#turns.next(() => this.#fail());
      return true;
    }
    if (bytes.byteLength > 0) {
      this.#buffered += bytes.byteLength;
      this.#peer.#inbox.push(Buffer.from(bytes));
      this.#peer.#pump();
    }
    if (this.#buffered <= this.#mark) return true;
    this.#starved = true;
    return false;
  }

  end(): void {
    if (this.#ended || this.#destroyed) return;
    this.#ended = true;
    this.#peer.#endArrives();
    this.#finish();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#pump();
  }

  destroy(error?: Error): void {
    this.#leave(error, this.#unread > 0);
  }

  reset(): void {
    this.#leave(undefined, true);
  }

  /** The peer sees a reset also when bytes of it were not read: that is what a kernel does, and what loses goodbyes. */
  #leave(error: Error | undefined, reset: boolean): void {
    if (this.#destroyed) return;
    this.#close(error);
    const peer = this.#peer;
    if (reset) {
      // Bytes on their way do not survive it.
      peer.#clear();
      this.#turns.next(() => peer.#fail());
      return;
    }
    // What would still have been queued at this end goes with it.
    for (let excess = this.#buffered - this.#mark; excess > 0 && peer.#unread > 0;) {
      excess -= peer.#inbox.pop()?.byteLength ?? 0;
    }
    if (!this.#ended) peer.#endArrives();
  }

  #close(error: Error | undefined): void {
    this.#destroyed = true;
    this.#clear();
    this.#turns.next(() => this.#settle(error));
  }

  /** The peer has reset the stream. */
  #fail(): void {
    if (this.#destroyed) return;
    this.#close(Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET", syscall: "read" }));
  }

  #endArrives(): void {
    this.#peerEnded = true;
    this.#pump();
  }

  /** Both directions are over, and what this end wrote has left it: the rest is the peer's. */
  #finish(): void {
    if (this.#destroyed || !this.#ended || !this.#endTold || this.#buffered > this.#mark) return;
    this.#close(undefined);
  }

  #pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    this.#turns.next(this.#deliver);
  }

  readonly #deliver = (): void => {
    this.#pumping = false;
    const handler = this.#handler;
    if (handler === undefined) return;
    try {
      // Only what was there when the turn began: a stream that is always full must not hold up the others.
      for (let left = this.#unread; left > 0 && !this.#paused && !this.#destroyed; left--) {
        const chunk = this.#take();
        this.#peer.#consumed(chunk.byteLength);
        handler.data(chunk);
      }
      if (this.#paused || this.#destroyed) return;
      if (this.#unread > 0) return this.#pump();
      if (!this.#peerEnded || this.#endTold) return;
      this.#endTold = true;
      handler.end();
      this.#finish();
    } catch (error) {
      this.destroy(toError(error));
    }
  };

  /** Chunks that wait in the inbox. */
  get #unread(): number {
    return this.#inbox.length - this.#read;
  }

  #take(): Uint8Array {
    const chunk = this.#inbox[this.#read++] as Uint8Array;
    if (this.#unread === 0) this.#clear();
    return chunk;
  }

  #clear(): void {
    this.#inbox = [];
    this.#read = 0;
  }

  #consumed(size: number): void {
    this.#buffered -= size;
    this.#relieve();
    if (this.#ended) this.#finish();
  }

  #relieve(): void {
    if (!this.#starved || this.#handler === undefined || this.#buffered > this.#mark) return;
    this.#starved = false;
    this.#turns.next(this.#tellDrain);
  }

  readonly #tellDrain = (): void => {
    if (this.#destroyed) return;
    if (this.#buffered > this.#mark) {
      this.#starved = true;
      return;
    }
    try {
      this.#handler?.drain();
    } catch (error) {
      this.destroy(toError(error));
    }
  };
}
