import { setImmediate } from "node:timers";
import { now } from "../lifecycle/timer.ts";
import { type GoneTarget, whenGone } from "../net/gone.ts";
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
  /** Those who waited for that have heard of it. */
  wireSettled(): void;
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
  #mode: "read" | "push" | "discard" = "read";
  #handler: TransportHandler | undefined = undefined;
  /** Chunks that came before the user's handler. */
  #early: Uint8Array[] = nothing;
  #paused = false;
  #over: WireEnd | undefined = undefined;
  bytesIn = 0;
  bytesOut = 0;
  /** When bytes last arrived. Whole milliseconds, rounded up: a number with a fraction takes an object of its own. */
  lastByte: number = Math.ceil(now());

  constructor(below: Transport, owner: WireOwner) {
    this.#below = below;
    this.#owner = owner;
    const inlet = new Inlet(this);
    whenGone(below, inlet);
    below.start(inlet);
  }

  get #end(): WireEnd {
    return this.#over ??= new WireEnd();
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
    const end = this.#end;
    if (end.closed === undefined) {
      end.closed = deferred();
      if (end.gone) end.closed.resolve(end.error);
    }
    return end.closed.promise;
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
    return this.#over?.ended === true;
  }

  /** Nothing of the stream is left at this end. */
  get gone(): boolean {
    return this.#over?.gone === true;
  }

  /** The same, and those who waited for it have heard of it. */
  get settled(): boolean {
    return this.#over?.settled === true;
  }

  /** It was destroyed from this side. */
  get cut(): boolean {
    return this.#over?.cut === true;
  }

  /** All that was written, FIN included, was taken from this end. */
  get told(): boolean {
    return this.#over?.told === true;
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
    if (!this.ended && !this.destroyed) this.bytesOut += bytes.byteLength;
    return this.#below.write(bytes);
  }

  end(): void {
    this.#end.ended = true;
    this.#below.end();
    this.lookIfTold();
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
    if (!this.destroyed) this.#end.cut = true;
    this.#below.destroy(error);
  }

  reset(): void {
    if (!this.destroyed) this.#end.cut = true;
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
    if (!this.told) setImmediate(lookTwice, this);
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

  /** The stream below is gone. */
  streamGone(error: Error | undefined): void {
    const end = this.#end;
    end.gone = true;
    end.error = error;
    end.closed?.resolve(error);
    // Whoever waits for `closed` hears of it before the end of the connection goes on.
    end.settled = end.closed === undefined;
    this.#owner.wireClosed(error);
    if (end.settled) this.#owner.wireSettled();
    else void end.closed?.promise.then(() => this.#settle());
  }

  #settle(): void {
    this.#end.settled = true;
    this.#owner.wireSettled();
  }

  /** Reads on. The silence of the peer counts from here: before, it may have had no chance to be heard. */
  #flow(): void {
    this.lastByte = Math.ceil(now());
    this.#below.resume();
  }

  /** Bytes of the peer. */
  arrived(chunk: Uint8Array): void {
    this.bytesIn += chunk.byteLength;
    this.lastByte = Math.ceil(now());
    if (this.ended) this.lookIfTold();
    if (this.#mode === "read") {
      const { reader } = this;
      reader.push(chunk);
      if (reader.full) this.#below.pause();
    } else if (this.#mode === "discard") {
      const discarded = this.#end.discarded += chunk.byteLength;
      if (discarded > discardLimit) this.#owner.flooded(discarded);
    } else if (this.#early.length > 0) {
      this.#early.push(chunk);
    } else {
      this.#handChunk(chunk);
    }
  }

  /** The peer has sent FIN. */
  peerLeft(): void {
    this.#end.peerEnded = true;
    this.endReading();
    if (this.#early.length === 0) this.#tellEnd();
  }

  /** The stream has room again. */
  roomMade(): void {
    if (this.ended) this.lookIfTold();
    this.#owner.roomMade();
    if (this.#mode === "push") this.#hand(() => this.#handler!.drain());
  }

  /** What came too early for the user's handler, then what comes now. */
  #replay(): void {
    while (this.#mode === "push" && !this.#paused && !this.destroyed) {
      const chunk = this.#early.shift();
      if (chunk === undefined) {
        if (this.#over?.peerEnded === true) this.#tellEnd();
        this.#flow();
        return;
      }
      this.#handChunk(chunk);
    }
  }

  #tellEnd(): void {
    const end = this.#end;
    if (end.endTold || this.#mode !== "push") return;
    end.endTold = true;
    this.#hand(() => this.#handler!.end());
  }

  #handChunk(chunk: Uint8Array): void {
    try {
      this.#handler!.data(chunk);
    } catch (error) {
      this.#handFailed(error);
    }
  }

  #hand(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#handFailed(error);
    }
  }

  #handFailed(error: unknown): void {
    this.mute();
    this.#owner.failed(error);
  }

  /** All may have been taken by now. */
  lookIfTold(): void {
    if (!this.destroyed && this.#below.buffered === 0) this.#end.told = true;
  }
}

/** What a wire has to remember when it comes to its end. Most of the thousands of a server live long before. */
class WireEnd {
  closed: Deferred<Error | undefined> | undefined = undefined;
  error: Error | undefined = undefined;
  peerEnded = false;
  endTold = false;
  ended = false;
  cut = false;
  gone = false;
  settled = false;
  told = false;
  discarded = 0;
}

/** What a wire hears from below. */
class Inlet implements TransportHandler, GoneTarget {
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

  onGone(error: Error | undefined): void {
    this.#wire.streamGone(error);
  }
}

function lookTwice(wire: Wire): void {
  wire.lookIfTold();
  if (!wire.told) setImmediate(look, wire);
}

function look(wire: Wire): void {
  wire.lookIfTold();
}

const nothing: Uint8Array[] = [];
