/** One byte stream between two peers: TCP, TLS, a unix socket or memory. */
export interface Transport {
  /** The kind of stream. */
  readonly kind: "tcp" | "tls" | "unix" | "memory";
  /** Address of the peer for people and logs, such as `127.0.0.1:52310`. */
  readonly remote: string;
  /** Address of this end. */
  readonly local: string;
  /**
   * Bytes accepted by {@linkcode Transport.write} that the kernel (or the peer, in memory) has not taken yet.
   * When it is 0 after a write, the caller may overwrite the bytes it has written; otherwise they belong to the
   * transport until it is.
   */
  readonly buffered: number;
  /** `closed` has settled, or `destroy` was called. */
  readonly destroyed: boolean;
  /**
   * Resolves when the stream is gone at this end and holds no descriptor: with the error that ended it, or with
   * `undefined` after an orderly end or a `destroy()` without an error. Never rejects.
   *
   * A stream closes by itself when both ends have ended it and its handler knows: not before its start, and not while
   * it is paused. `end` without reading on therefore needs a `destroy` after a while.
   */
  readonly closed: Promise<Error | undefined>;
  /**
   * Starts reading and hands every event to `handler`. Called once; until then nothing is read. A chunk belongs to the
   * handler from then on: it is never reused, so views of it may be kept. The handler is never called inside a call of
   * its own to the transport; what it throws ends the stream, as `destroy` with that error.
   */
  start(handler: TransportHandler): void;
  /**
   * Queues bytes. False means: more than the high-water mark (1 MiB unless the network was made with another) is
   * buffered, wait for `drain`. After `end` and `destroy` it does nothing and returns true, as there is nothing to wait for.
   */
  write(bytes: Uint8Array): boolean;
  /** Sends FIN after all queued bytes. Reading goes on. Idempotent. */
  end(): void;
  /** Stops reading, so that the peer feels it: the handler hears of no data and no end. May come before the start. */
  pause(): void;
  /** Goes on reading; before the start it only takes back a `pause`. */
  resume(): void;
  /** Frees the stream at once; queued bytes may be lost. `closed` resolves soon after. Idempotent; the first error stays. */
  destroy(error?: Error): void;
  /** Like `destroy`, and over TCP (and in memory) the peer sees a reset (RST) instead of an end. */
  reset(): void;
  /**
   * Turns a started TCP stream into a TLS stream, as its client, where a protocol begins in clear. Nothing may be on its
   * way from the peer. The new stream takes its place: this one tells nothing any more. Create-or-nothing: when it
   * rejects (with `signal.reason` itself after an abort, with a ProtocolError when the peer has sent bytes in clear behind
   * what was read, with a ConnectError otherwise), both are gone.
   */
  secure?(
    target: { readonly host: string; readonly tls: TlsConnectOptions },
    options: { readonly signal?: AbortSignal | undefined },
  ): Promise<Transport>;
}

/** Receives what happens on a {@linkcode Transport}. Nothing is called after `closed` has settled. */
export interface TransportHandler {
  data(chunk: Uint8Array): void;
  /**
   * The peer has sent FIN: no more data. The stream stays writable until `end` or `destroy`. An end is no proof of a
   * peer that meant it: Node takes a reset for one when it follows data closely, and the next write then fails.
   */
  end(): void;
  /** No more than the high-water mark is buffered, after a write that returned false. Not called when the stream breaks. */
  drain(): void;
}

/** Where a stream leads. */
export type TransportTarget =
  | { readonly host: string; readonly port: number; readonly tls?: TlsConnectOptions | undefined }
  | { readonly path: string };

/** What a TLS client may set; PEM texts, as in `node:tls`. */
export interface TlsConnectOptions {
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /** @default {the host} */
  readonly servername?: string | undefined;
  /** @default {true} */
  readonly rejectUnauthorized?: boolean | undefined;
}

/**
 * Opens streams. Create-or-nothing: when it rejects (with `signal.reason` itself after an abort, with a ConnectError
 * otherwise), no descriptor, timer or listener of the attempt is left.
 */
export type Dial = (
  target: TransportTarget,
  options: {
    readonly signal?: AbortSignal | undefined;
    /** Nobody will `secure` the stream: its socket may be read in a way that is faster and allows of none. @default {false} */
    readonly plain?: boolean | undefined;
  },
) => Promise<Transport>;

/** What a TLS server must set; PEM texts, as in `node:tls`. */
export interface TlsListenOptions {
  readonly cert: string;
  readonly key: string;
  /** Certificates of clients that are trusted; when set, a client without one is refused. */
  readonly ca?: string | undefined;
}

/** Where a listener waits. Port 0 takes a free one. */
export type ListenTarget =
  | { readonly host: string; readonly port: number; readonly tls?: TlsListenOptions | undefined }
  | { readonly path: string };

/** Receives what happens on a {@linkcode Listener}. */
export interface ListenHandler {
  /** A stream whose transport handshake (TLS included) is complete. Nothing is read from it before its `start`. */
  connection(transport: Transport): void;
  /** A stream was accepted and has died before it was complete (a failed or slow TLS handshake). */
  handshakeError(error: Error): void;
  /** A stream came after the end of the listener and was reset, or its TLS handshake was cut by that end. */
  refused?(): void;
  /** Accepting failed for now (out of descriptors); the listener goes on. */
  acceptError(error: Error): void;
}

/** A place where streams arrive. */
export interface Listener {
  /** The address in use: the real port when 0 was asked for. */
  readonly address: ListenAddress;
  /** Resolves when it no longer accepts, with the ConnectError that ended it, or `undefined` after `close()`. Never rejects. */
  readonly closed: Promise<Error | undefined>;
  /**
   * Stops accepting at once. Streams that were handed out live on; a stream that arrives later is reset; unfinished
   * handshakes are cut. Resolves when the address is free, without waiting for the streams. Idempotent.
   */
  close(): Promise<void>;
}

export type ListenAddress =
  | { readonly host: string; readonly port: number }
  | { readonly path: string };

/** Opens listeners; rejects as {@linkcode Dial} does. */
export type Listen = (
  target: ListenTarget,
  handler: ListenHandler,
  options: { readonly signal?: AbortSignal | undefined; readonly handshakeTimeout?: number | undefined },
) => Promise<Listener>;

/** A way to open and to accept streams: the sockets of the system, or a network in memory. */
export interface Network {
  readonly dial: Dial;
  readonly listen: Listen;
}
