import process from "node:process";
import type { Socket } from "node:net";
import { type Deferred, deferred } from "../lifecycle/deferred.ts";
import { type Gate, gateOf } from "./gate.ts";
import { toError } from "./thrown.ts";
import type { Transport, TransportHandler } from "./transport.ts";

/** What a transport cannot ask its socket once the peer is gone. */
export interface SocketFacts {
  readonly kind: "tcp" | "tls" | "unix";
  readonly remote: string;
  readonly local: string;
  /** Bytes that are buffered before `write` returns false. */
  readonly highWaterMark: number;
}

/**
 * Makes a transport of a connected socket. The socket must allow half-open streams, must be paused, and belongs to the
 * transport from then on.
 */
export function socketTransport(socket: Socket, facts: SocketFacts): Transport {
  return new SocketTransport(socket, facts);
}

/** A socket that knows its transport, so that one set of listeners serves all of them. */
interface OwnedSocket extends Socket {
  [owner]: SocketTransport;
}

const owner = Symbol("transport");
const nothing: Uint8Array[] = [];

class SocketTransport implements Transport {
  readonly kind: "tcp" | "tls" | "unix";
  readonly remote: string;
  readonly local: string;
  readonly #socket: Socket;
  readonly #gate: Gate;
  readonly #mark: number;
  #closed: Deferred<Error | undefined> | undefined = undefined;
  #handler: TransportHandler | undefined = undefined;
  #error: Error | undefined = undefined;
  /** What has arrived and may not be told yet: the handler is missing or paused. */
  #held: Uint8Array[] = nothing;
  #endHeld = false;
  #paused = false;
  #starved = false;
  #ended = false;
  #destroyed = false;
  #gone = false;
  /** Made with the first write. */
  #writeCallback: ((error?: Error | null) => void) | undefined = undefined;

  constructor(socket: Socket, facts: SocketFacts) {
    this.kind = facts.kind;
    this.remote = facts.remote;
    this.local = facts.local;
    this.#socket = socket;
    this.#mark = facts.highWaterMark;
    if (facts.kind !== "unix") socket.setNoDelay(true);
    (socket as OwnedSocket)[owner] = this;
    // Without this listener a reset of the peer ends the process on Node and Deno, and passes in silence on Bun.
    socket.on("error", SocketTransport.#onError);
    socket.on("data", SocketTransport.#onData);
    // From here on, not from the start: a TLS socket reads while it is paused, and tells an end without data at once.
    socket.on("end", SocketTransport.#onEnd);
    socket.on("close", SocketTransport.#onClose);
    this.#gate = gateOf(socket);
  }

  get closed(): Promise<Error | undefined> {
    return (this.#closed ??= deferred()).promise;
  }

  get buffered(): number {
    return this.#gone ? 0 : this.#socket.writableLength;
  }

  get destroyed(): boolean {
    return this.#destroyed;
  }

  start(handler: TransportHandler): void {
    if (this.#handler !== undefined) throw new TypeError("Cannot start a transport: it was started before");
    this.#handler = handler;
    if (!this.#paused) this.resume();
    if (this.#starved) process.nextTick(this.#onWritten);
  }

  write(bytes: Uint8Array): boolean {
    if (this.#ended || this.#destroyed) return true;
    // The callback, not 'drain': that one comes only after the runtime's own mark, which is not ours.
    this.#socket.write(bytes, this.#onWritten);
    if (this.#socket.writableLength <= this.#mark) return true;
    this.#starved = true;
    return false;
  }

  end(): void {
    if (this.#ended || this.#destroyed) return;
    this.#ended = true;
    this.#socket.end();
  }

  pause(): void {
    this.#paused = true;
    if (this.#handler !== undefined && !this.#destroyed) this.#gate.close(this.#socket);
  }

  resume(): void {
    this.#paused = false;
    if (this.#handler === undefined || this.#destroyed) return;
    this.#gate.open(this.#socket);
    if (this.#held.length > 0 || this.#endHeld) process.nextTick(() => this.#tell());
  }

  destroy(error?: Error): void {
    if (this.#destroyed) return;
    this.#destroyed = true;
    this.#error = error;
    this.#socket.destroy();
    this.#finish();
  }

  reset(): void {
    if (this.#destroyed) return;
    // Only a plain TCP socket can: Node throws for the others, and Deno ends a TLS socket with an error instead.
    if (this.kind !== "tcp") return this.destroy();
    this.#destroyed = true;
    this.#socket.resetAndDestroy();
  }

  /** A stream that ended by itself is over when its handler knows all of it: it may have been paused. */
  #finish(): void {
    if (!this.#gone || !this.#destroyed && (this.#held.length > 0 || this.#endHeld)) return;
    this.#destroyed = true;
    this.#held = nothing;
    (this.#closed ??= deferred()).resolve(this.#error);
  }

  static #onError(this: Socket, error: Error): void {
    transportOf(this).destroy(error);
  }

  static #onData(this: Socket, chunk: Uint8Array): void {
    const transport = transportOf(this);
    if (transport.#held === nothing) transport.#held = [chunk];
    else transport.#held.push(chunk);
    transport.#tell();
  }

  static #onEnd(this: Socket): void {
    const transport = transportOf(this);
    transport.#endHeld = true;
    transport.#tell();
  }

  static #onClose(this: Socket): void {
    const transport = transportOf(this);
    transport.#gone = true;
    transport.#finish();
  }

  #tell(): void {
    const handler = this.#handler;
    if (handler === undefined) return;
    try {
      while (this.#held.length > 0 && !this.#paused && !this.#destroyed) {
        handler.data(this.#held.shift() as Uint8Array);
      }
      if (!this.#endHeld || this.#paused || this.#destroyed) return;
      this.#endHeld = false;
      handler.end();
      this.#finish();
    } catch (error) {
      this.destroy(toError(error));
    }
  }

  get #onWritten(): (error?: Error | null) => void {
    return this.#writeCallback ??= (error) => this.#written(error);
  }

  /** Errors of a write come again as 'error' of the socket, on Deno after this: a failed write makes no room. */
  #written(error: Error | null | undefined): void {
    if (error || !this.#starved || this.#destroyed || this.#handler === undefined) return;
    if (this.#socket.writableLength > this.#mark) return;
    this.#starved = false;
    try {
      this.#handler.drain();
    } catch (error) {
      this.destroy(toError(error));
    }
  }
}

function transportOf(socket: Socket): SocketTransport {
  return (socket as OwnedSocket)[owner];
}
