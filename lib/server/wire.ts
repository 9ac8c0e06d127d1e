import { setImmediate } from "node:timers";
import { now } from "../lifecycle/timer.ts";
import type { Transport, TransportHandler } from "../net/transport.ts";
import { ChunkReader } from "./reader.ts";

/** Who is told what happens on a {@linkcode Wire}. */
export interface WireOwner {
  /** A function of the user's transport handler threw. */
  failed(error: unknown): void;
  /** The transport has room again. */
  drained(): void;
  /** The peer goes on sending after the goodbye, past the limit. */
  flooded(discarded: number): void;
}

/** Bytes of the peer that are read and thrown away while its FIN is awaited. */
const discardLimit = 16 * 1_048_576;

/**
 * The transport of a connection with somebody in between: it counts, it hands the bytes to whoever has asked for them
 * (a reader, or the user's own handler), and it knows how to end a stream so that the goodbye arrives.
 */
export class Wire implements Transport {
  readonly kind: "tcp" | "tls" | "unix" | "memory";
  readonly remote: string;
  readonly local: string;
  readonly closed: Promise<Error | undefined>;
  readonly reader: ChunkReader;
  readonly #below: Transport;
  readonly #owner: WireOwner;
  #mode: "read" | "push" | "discard" = "read";
  #handler: TransportHandler | undefined = undefined;
  /** Chunks that came before the user's handler. */
  #early: Uint8Array[] = [];
  #paused = false;
  #peerEnded = false;
  #endTold = false;
  #ended = false;
  #cut = false;
  #gone = false;
  #told = false;
  #discarded = 0;
  bytesIn = 0;
  bytesOut = 0;
  /** When bytes last arrived. */
  lastByte: number = now();

  constructor(below: Transport, owner: WireOwner) {
    this.#below = below;
    this.#owner = owner;
    this.kind = below.kind;
    this.remote = below.remote;
    this.local = below.local;
    this.reader = new ChunkReader(() => this.#paused ? undefined : this.#flow());
    this.closed = below.closed.then((error) => {
      this.#gone = true;
      return error;
    });
    below.start({
      data: (chunk) => this.#data(chunk),
      end: () => this.#end(),
      drain: () => this.#drain(),
    });
  }

  get buffered(): number {
    return this.#below.buffered;
  }

  get destroyed(): boolean {
    return this.#below.destroyed;
  }

  /** Our FIN is on its way: nothing can be written any longer. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Nothing of the stream is left at this end. */
  get gone(): boolean {
    return this.#gone;
  }

  /** It was destroyed from this side. */
  get cut(): boolean {
    return this.#cut;
  }

  /** All that was written, FIN included, was taken from this end. */
  get told(): boolean {
    return this.#told;
  }

  /** The user's own handler gets the bytes. */
  get started(): boolean {
    return this.#handler !== undefined;
  }

  /** Nobody reads for now, so that silence says nothing about the peer. */
  get paused(): boolean {
    return this.#paused || (this.#mode === "read" && this.reader.full);
  }

  start(handler: TransportHandler): void {
    if (this.#handler !== undefined) throw new TypeError("Cannot start a transport: it was started before");
    if (this.reader.claimed) {
      throw new TypeError("Cannot start the transport: the connection is read already");
    }
    this.#handler = handler;
    if (this.#mode === "discard") return;
    this.#mode = "push";
    this.#early = this.reader.takeAll();
    queueMicrotask(this.#replay);
  }

  write(bytes: Uint8Array): boolean {
    if (!this.#ended && !this.destroyed) this.bytesOut += bytes.byteLength;
    return this.#below.write(bytes);
  }

  end(): void {
    this.#ended = true;
    this.#below.end();
    this.#lookIfTold();
  }

  pause(): void {
    this.#paused = true;
    this.#below.pause();
  }

  resume(): void {
    this.#paused = false;
    if (this.#mode === "push") queueMicrotask(this.#replay);
    else if (!this.paused) this.#flow();
  }

  destroy(error?: Error): void {
    if (!this.destroyed) this.#cut = true;
    this.#below.destroy(error);
  }

  reset(): void {
    if (!this.destroyed) this.#cut = true;
    this.#below.reset();
  }

  /** Hands nothing to the user's handler any longer. */
  mute(): void {
    this.#mode = "discard";
    this.#early = [];
    this.reader.end();
    this.reader.drop();
    this.#paused = false;
    this.#below.resume();
  }

  /**
   * Sends FIN and reads on until the peer's FIN. A stream that is destroyed with unread bytes resets the peer, which may
   * then lose what it has received: also the goodbye.
   */
  finish(): void {
    this.mute();
    this.end();
    // Where the bytes are not taken inside the call, they are a turn or two later, if the peer reads at all.
    setImmediate(() => {
      this.#lookIfTold();
      setImmediate(() => this.#lookIfTold());
    });
  }

  /** Reads on. The silence of the peer counts from here: before, it may have had no chance to be heard. */
  #flow(): void {
    this.lastByte = now();
    this.#below.resume();
  }

  #data(chunk: Uint8Array): void {
    this.bytesIn += chunk.byteLength;
    this.lastByte = now();
    if (this.#ended) this.#lookIfTold();
    if (this.#mode === "read") {
      this.reader.push(chunk);
      if (this.reader.full) this.#below.pause();
    } else if (this.#mode === "discard") {
      this.#discarded += chunk.byteLength;
      if (this.#discarded > discardLimit) this.#owner.flooded(this.#discarded);
    } else if (this.#early.length > 0) {
      this.#early.push(chunk);
    } else {
      this.#hand(() => this.#handler!.data(chunk));
    }
  }

  #end(): void {
    this.#peerEnded = true;
    this.reader.end();
    if (this.#early.length === 0) this.#tellEnd();
  }

  #drain(): void {
    if (this.#ended) this.#lookIfTold();
    this.#owner.drained();
    if (this.#mode === "push") this.#hand(() => this.#handler!.drain());
  }

  /** What came too early for the user's handler, then what comes now. */
  readonly #replay = (): void => {
    while (this.#mode === "push" && !this.#paused && !this.destroyed) {
      const chunk = this.#early.shift();
      if (chunk === undefined) {
        if (this.#peerEnded) this.#tellEnd();
        this.#flow();
        return;
      }
      this.#hand(() => this.#handler!.data(chunk));
    }
  };

  #tellEnd(): void {
    if (this.#endTold || this.#mode !== "push") return;
    this.#endTold = true;
    this.#hand(() => this.#handler!.end());
  }

  #hand(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.mute();
      this.#owner.failed(error);
    }
  }

  #lookIfTold(): void {
    if (!this.destroyed && this.#below.buffered === 0) this.#told = true;
  }
}
