import process from "node:process";
import type { Socket } from "node:net";
import { ProtocolError } from "../errors.ts";
import { type Deferred, deferred } from "../lifecycle/deferred.ts";
import { connectError } from "./failure.ts";
import { type Gate, gateOf } from "./gate.ts";
import { type GoneSource, type GoneTarget, watchGone } from "./gone.ts";
import { hasInlets } from "./inlet.ts";
import type { Registry } from "./registry.ts";
import { secureSocket } from "./secure.ts";
import { toError } from "./thrown.ts";
import type { TlsConnectOptions, Transport, TransportHandler } from "./transport.ts";

/** What a transport cannot ask its socket once the peer is gone. The streams of one listener share it. */
export interface SocketFacts {
  readonly kind: "tcp" | "tls" | "unix";
  readonly local: string;
  /** Bytes that are buffered before `write` returns false. */
  readonly highWaterMark: number;
  /** It has an inlet where there are any, and cannot be secured. */
  readonly plain?: boolean | undefined;
  /** The book that counts the stream, where nobody else does. */
  readonly registry?: Registry | undefined;
  /** The TCP socket under a TLS socket that was made of it. */
  readonly below?: Socket | undefined;
}

/**
 * Makes a transport of a connected socket. The socket must allow half-open streams, must be paused, and belongs to the
 * transport from then on.
 */
export function socketTransport(socket: Socket, remote: string, facts: SocketFacts): Transport {
  return new SocketTransport(socket, remote, facts);
}

/** What a socket that has an inlet has read. */
export function arrived(socket: Socket, chunk: Uint8Array): void {
  transportOf(socket).arrived(chunk);
}

/** A socket that knows its transport, so that one set of listeners serves all of them. */
interface OwnedSocket extends Socket {
  [owner]: SocketTransport;
}

const owner = Symbol("transport");
/** Bytes. */
const shortWrite = 65_536;
const nothing: Uint8Array[] = [];

/** What a stream has to remember when it comes to its end. Most of the thousands of a server live long before. */
class StreamEnd {
  closed: Deferred<Error | undefined> | undefined = undefined;
  error: Error | undefined = undefined;
  /** The end of the peer has arrived and may not be told yet. */
  held = false;
  /** Our end is written. */
  ended = false;
  destroyed = false;
  /** Ends the handshake that makes a TLS stream of it. Not by the TCP socket alone: Node 20 crashes when that goes first. */
  securing: AbortController | undefined = undefined;
  gone = false;
  settled = false;
  /** The TCP socket under this one, as long as it is open. */
  below: Socket | undefined = undefined;
}

class SocketTransport implements Transport, GoneSource {
  readonly remote: string;
  readonly #socket: Socket;
  readonly #facts: SocketFacts;
  readonly #gate: Gate;
  #handler: TransportHandler | undefined = undefined;
  /** Who is told of the end besides those who wait for `closed`. */
  #target: GoneTarget | undefined = undefined;
  /** What has arrived and may not be told yet: the handler is missing or paused. */
  #held: Uint8Array[] = nothing;
  #paused = false;
  #starved = false;
  #over: StreamEnd | undefined = undefined;

  constructor(socket: Socket, remote: string, facts: SocketFacts) {
    this.remote = remote;
    this.#socket = socket;
    this.#facts = facts;
    facts.registry?.enter();
    if (facts.below !== undefined) this.#endAfter(facts.below);
    if (facts.kind !== "unix") socket.setNoDelay(true);
    (socket as OwnedSocket)[owner] = this;
    // Without this listener a reset of the peer ends the process on Node and Deno, and passes in silence on Bun.
    socket.on("error", SocketTransport.#onError);
    if (facts.plain !== true || !hasInlets) socket.on("data", SocketTransport.#onData);
    // From here on, not from the start: a TLS socket reads while it is paused, and tells an end without data at once.
    socket.on("end", SocketTransport.#onEnd);
    socket.on("close", SocketTransport.#onClose);
    this.#gate = gateOf(socket);
  }

  get kind(): "tcp" | "tls" | "unix" {
    return this.#facts.kind;
  }

  get local(): string {
    return this.#facts.local;
  }

  get #end(): StreamEnd {
    return this.#over ??= new StreamEnd();
  }

  get closed(): Promise<Error | undefined> {
    const end = this.#end;
    if (end.closed === undefined) {
      end.closed = deferred();
      if (end.settled) end.closed.resolve(end.error);
    }
    return end.closed.promise;
  }

  get buffered(): number {
    return this.#over?.gone === true ? 0 : this.#socket.writableLength;
  }

  get destroyed(): boolean {
    return this.#over?.destroyed === true;
  }

  [watchGone](target: GoneTarget): void {
    this.#target = target;
    if (this.#over?.settled === true) queueMicrotask(() => target.onGone(this.#over?.error));
  }

  start(handler: TransportHandler): void {
    if (this.#handler !== undefined) throw new TypeError("Cannot start a transport: it was started before");
    this.#handler = handler;
    if (!this.#paused) this.resume();
    if (this.#starved) process.nextTick(() => this.#written());
  }

  write(bytes: Uint8Array): boolean {
    if (this.#over?.ended === true || this.destroyed) return true;
    const socket = this.#socket;
    const { highWaterMark, kind } = this.#facts;
    // What is short and has nothing in front of it fills nothing, and TCP takes it at once: nobody needs to hear of it.
    if (
      socket.writableLength === 0 && bytes.byteLength <= Math.min(shortWrite, highWaterMark) && kind !== "tls"
    ) {
      socket.write(bytes);
      return true;
    }
    // The callback, not 'drain': that one comes only after the runtime's own mark, which is not ours. And a new one each
    // time: one that is kept would stay with an idle stream.
    socket.write(bytes, (error) => this.#written(error));
    if (socket.writableLength <= highWaterMark) return true;
    this.#starved = true;
    return false;
  }

  end(): void {
    if (this.destroyed || this.#end.ended) return;
    this.#end.ended = true;
    this.#socket.end();
  }

  pause(): void {
    this.#paused = true;
    if (this.#handler !== undefined && !this.destroyed) this.#gate.close(this.#socket);
  }

  resume(): void {
    this.#paused = false;
    if (this.#handler === undefined || this.destroyed) return;
    this.#gate.open(this.#socket);
    if (this.#held.length > 0 || this.#over?.held === true) process.nextTick(() => this.#tell());
  }

  destroy(error?: Error): void {
    const end = this.#end;
    if (end.securing !== undefined && !end.gone) {
      const { securing } = end;
      end.securing = undefined;
      end.error = error;
      return securing.abort(error ?? new Error("it was destroyed"));
    }
    if (end.destroyed) return;
    end.destroyed = true;
    end.error = error;
    this.#socket.destroy();
    // It was kept only because its handler had not heard all of it. Not inside of this call: its user is told.
    if (end.gone) queueMicrotask(() => this.#finish());
  }

  reset(): void {
    if (this.#over?.securing !== undefined) return this.destroy();
    if (this.destroyed) return;
    // Only a plain TCP socket can: Node throws for the others, and Deno ends a TLS socket with an error instead.
    if (this.kind !== "tcp") return this.destroy();
    this.#end.destroyed = true;
    this.#socket.resetAndDestroy();
  }

  async secure(
    target: { readonly host: string; readonly tls: TlsConnectOptions },
    { signal }: { readonly signal?: AbortSignal | undefined },
  ): Promise<Transport> {
    const raw = this.#socket;
    if (this.kind !== "tcp") throw new TypeError(`Cannot secure a stream of kind ${this.kind}: expected tcp`);
    if (this.#facts.plain === true) {
      throw new TypeError(`Cannot secure the stream to ${this.remote}: it was dialled as plain`);
    }
    raw.off("error", SocketTransport.#onError).off("data", SocketTransport.#onData).off(
      "end",
      SocketTransport.#onEnd,
    );
    // Its errors are those of the TLS socket from now on.
    raw.on("error", () => {});
    const { remote, local } = this;
    const { highWaterMark } = this.#facts;
    const end = this.#end;
    const handed = end.destroyed;
    const refusal = handed ? undefined : this.#refusal();
    const cut = new AbortController();
    end.destroyed = true;
    if (handed) raw.destroy();
    else end.securing = cut;
    // It was kept only because its handler had not heard all of it.
    if (end.gone) queueMicrotask(() => this.#finish());
    const secured = await secureSocket(raw, target, {
      where: remote,
      signal,
      cut: cut.signal,
      gone: end.gone,
      refusal,
      take: (socket) =>
        new SocketTransport(socket, remote, { kind: "tls", local, highWaterMark, below: raw }),
    });
    end.securing = undefined;
    // Either may have come after the handshake, when it could no longer fail.
    if (!cut.signal.aborted && !signal?.aborted) return secured;
    secured.destroy();
    await secured.closed;
    if (signal?.aborted) throw signal.reason;
    throw connectError("secure the connection to", remote, [cut.signal.reason as Error]);
  }

  /** What came in clear must not be lost, nor be taken for what comes by TLS: anybody may have put it there. */
  #refusal(): Error | undefined {
    if (this.#held.length === 0 && this.#socket.readableLength === 0) return undefined;
    const message =
      `Cannot secure the connection to ${this.remote}: bytes in clear have come before the handshake`;
    return new ProtocolError(message, { offset: 0 });
  }

  /** It is gone when the socket under it is gone, too. */
  #endAfter(below: Socket): void {
    const end = this.#end;
    end.below = below;
    below.once("close", () => {
      end.below = undefined;
      this.#finish();
    });
  }

  /** A stream that ended by itself is over when its handler knows all of it: it may have been paused. */
  #finish(): void {
    const end = this.#end;
    if (!end.gone || end.below !== undefined || end.settled) return;
    if (!end.destroyed && (this.#held.length > 0 || end.held)) return;
    end.settled = end.destroyed = true;
    this.#held = nothing;
    end.closed?.resolve(end.error);
    this.#target?.onGone(end.error);
  }

  static #onError(this: Socket, error: Error): void {
    transportOf(this).destroy(error);
  }

  static #onData(this: Socket, chunk: Uint8Array): void {
    transportOf(this).arrived(chunk);
  }

  static #onEnd(this: Socket): void {
    const transport = transportOf(this);
    transport.#end.held = true;
    transport.#tell();
  }

  static #onClose(this: Socket): void {
    const transport = transportOf(this);
    const end = transport.#end;
    transport.#facts.registry?.leave();
    end.gone = true;
    end.below?.destroy();
    transport.#finish();
  }

  /** Bytes of the peer. */
  arrived(chunk: Uint8Array): void {
    const handler = this.#handler;
    if (handler === undefined || this.#held !== nothing || this.#paused || this.destroyed) {
      if (this.#held === nothing) this.#held = [chunk];
      else this.#held.push(chunk);
      return this.#tell();
    }
    try {
      handler.data(chunk);
    } catch (error) {
      this.destroy(toError(error));
    }
  }

  #tell(): void {
    const handler = this.#handler;
    if (handler === undefined) return;
    try {
      while (this.#held.length > 0 && !this.#paused && !this.destroyed) {
        handler.data(this.#held.shift() as Uint8Array);
      }
      // An empty list of its own would stay with an idle stream.
      if (this.#held.length === 0) this.#held = nothing;
      const end = this.#over;
      if (end?.held !== true || this.#paused || end.destroyed) return;
      end.held = false;
      handler.end();
      this.#finish();
    } catch (error) {
      this.destroy(toError(error));
    }
  }

  /** Errors of a write come again as 'error' of the socket, on Deno after this: a failed write makes no room. */
  #written(error?: Error | null): void {
    if (error || !this.#starved || this.destroyed || this.#handler === undefined) return;
    if (this.#socket.writableLength > this.#facts.highWaterMark) return;
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
