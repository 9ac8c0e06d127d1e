import { setImmediate } from "node:timers";
import { now } from "../lifecycle/timer.ts";
import type { Transport, TransportHandler } from "../net/transport.ts";
import { type Deferred, deferred } from "../lifecycle/deferred.ts";
import { ChunkReader, type ChunkSource } from "./reader.ts";

/** Who is told what happens on a {@linkcode Wire}. */
export interface WireOwner {
  /** A function of the user's transport handler threw. */
  failed(error: unknown): void;
  /** The transport has room again. */
  roomMade(): void;
  /** The stream is gone, with the error that ended it. */
  wireClosed(error: Error | undefined): void;
  /** The peer goes on sending after the goodbye, past the limit. */
  flooded(discarded: number): void;
}

/** Bytes of the peer that are read and thrown away while its FIN is awaited. */
const discardLimit = 16 * 1_048_576;

/**
 * The transport of a connection with somebody in between: it counts, it hands the bytes to whoever has asked for them
 * (a reader, or the user's own handler), and it knows how to end a stream so that the goodbye arrives.
 */
export class Wire implements Transport, ChunkSource {
  readonly #below: Transport;
  readonly #owner: WireOwner;
  #reader: ChunkReader | undefined = undefined;
  #closed: Deferred<Error | undefined> | undefined = undefined;
  #mode: "read" | "push" | "discard" = "read";
  #handler: TransportHandler | undefined = undefined;
  /** Chunks that came before the user's handler. */
  #early: Uint8Array[] = nothing;
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
    void below.closed.then((error) => this.#over(error));
    below.start(new Inlet(this));
  }

  get kind(): "tcp" | "tls" | "unix" | "memory" {
    return this.#below.kind;
  }

  get remote(): string {
    return this.#below.remote;
  }

  get local(): string {
    return this.#below.local;
  }

  get closed(): Promise<Error | undefined> {
    return (this.#closed ??= deferred()).promise;
  }

  /** What nobody else has asked for, chunk by chunk. */
  get reader(): ChunkReader {
    if (this.#reader === undefined) {
      this.#reader = new ChunkReader(this);
      if (this.#handler !== undefined) this.#reader.takeAll();
      if (this.#mode === "discard") this.#reader.end();
    }
    return this.#reader;
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
    return this.#paused || (this.#mode === "read" && this.#reader?.full === true);
  }

  start(handler: TransportHandler): void {
    if (this.#handler !== undefined) throw new TypeError("Cannot start a transport: it was started before");
    if (this.#reader?.claimed === true) {
      throw new TypeError("Cannot start the transport: the connection is read already");
    }
    this.#handler = handler;
    if (this.#mode === "discard") return;
    this.#mode = "push";
    this.#early = this.#reader?.takeAll() ?? nothing;
    queueMicrotask(() => this.#replay());
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
    if (this.#mode === "push") queueMicrotask(() => this.#replay());
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
    this.#early = nothing;
    this.#reader?.end();
    this.#reader?.drop();
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

  readOn(): void {
    if (!this.#paused) this.#flow();
  }

  /** Nobody reads what comes from here on. */
  endReading(): void {
    if (this.#handler === undefined) this.reader.end();
  }

  /** The stream is lost: readers get an error each. */
  failReading(failure: () => unknown): void {
    if (this.#handler === undefined) this.reader.fail(failure);
  }

  #over(error: Error | undefined): void {
    this.#gone = true;
    this.#closed?.resolve(error);
    this.#owner.wireClosed(error);
  }

  /** Reads on. The silence of the peer counts from here: before, it may have had no chance to be heard. */
  #flow(): void {
    this.lastByte = now();
    this.#below.resume();
  }

  /** Bytes of the peer. */
  arrived(chunk: Uint8Array): void {
    this.bytesIn += chunk.byteLength;
    this.lastByte = now();
    if (this.#ended) this.#lookIfTold();
    if (this.#mode === "read") {
      const { reader } = this;
      reader.push(chunk);
      if (reader.full) this.#below.pause();
    } else if (this.#mode === "discard") {
      this.#discarded += chunk.byteLength;
      if (this.#discarded > discardLimit) this.#owner.flooded(this.#discarded);
    } else if (this.#early.length > 0) {
      this.#early.push(chunk);
    } else {
      this.#hand(() => this.#handler!.data(chunk));
    }
  }

  /** The peer has sent FIN. */
  peerLeft(): void {
    this.#peerEnded = true;
    this.endReading();
    if (this.#early.length === 0) this.#tellEnd();
  }

  /** The stream has room again. */
  roomMade(): void {
    if (this.#ended) this.#lookIfTold();
    this.#owner.roomMade();
    if (this.#mode === "push") this.#hand(() => this.#handler!.drain());
  }

  /** What came too early for the user's handler, then what comes now. */
  #replay(): void {
    while (this.#mode === "push" && !this.#paused && !this.destroyed) {
      const chunk = this.#early.shift();
      if (chunk === undefined) {
        if (this.#peerEnded) this.#tellEnd();
        this.#flow();
        return;
      }
      this.#hand(() => this.#handler!.data(chunk));
    }
  }

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

/** What a wire hears from below. */
class Inlet implements TransportHandler {
  readonly #wire: Wire;

  constructor(wire: Wire) {
    this.#wire = wire;
  }

  data(chunk: Uint8Array): void {
    this.#wire.arrived(chunk);
  }

  end(): void {
    this.#wire.peerLeft();
  }

  drain(): void {
    this.#wire.roomMade();
  }
}

const nothing: Uint8Array[] = [];
