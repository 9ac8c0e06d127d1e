import { Buffer } from "node:buffer";
import { isIP, type Transport as OfficialTransport } from "@nats-io/nats-core/internal";
import { ProtocolError } from "../errors.ts";
import { type ByteSink, Outbox } from "../flow/outbox.ts";
import { abortable } from "../lifecycle/abort.ts";
import { type Deferred, deferred, ignoreRejection } from "../lifecycle/deferred.ts";
import type { Network, Transport } from "../net/transport.ts";
import { VERSION } from "../version.ts";
import { FrameWriter } from "./frames.ts";
import type { NatsTlsOptions } from "./options.ts";

/** Where a wire leads. */
export interface WireTarget {
  readonly host: string;
  readonly port: number;
  /** Name in the certificate, where it is not the host. */
  readonly tlsName: string;
}

/** What a {@linkcode Wire} is made of. */
export interface WireOptions {
  readonly network: Network;
  /** Undefined: TLS only where the server demands it. */
  readonly tls: NatsTlsOptions | undefined;
  /** The transport asks to wait, and has room again. */
  full(): void;
  drain(): void;
}

/** What the first line of a server says that matters here. */
interface Greeting {
  readonly tls_required?: boolean;
  readonly tls_available?: boolean;
}

/** The longest first line that is taken for one, in bytes: a cluster's list of servers is in it. */
const longestGreeting = 1_048_576;
/** What the client writes itself goes with the rest of the tick up to this many bytes: more is not copied. */
const gathered = 16 * 1_024;

/**
 * One life of the transport under a connection, as the official client sees it. Made anew for every attempt to connect, so
 * that what an attempt has opened is known, and gone when it fails: the client's own transport forgets the socket of a
 * connect that takes too long.
 */
export class Wire implements OfficialTransport, ByteSink {
  readonly lang = "gracewire";
  readonly version: string = VERSION;
  /** What we write ourselves; what the client writes goes behind it. */
  readonly writer: FrameWriter = new FrameWriter();
  readonly outbox: Outbox;
  /** Told at the end of a tick in which something was written: what it writes goes with it, in the same write. */
  ticker: { ask(): void } | undefined = undefined;
  readonly #options: WireOptions;
  readonly #closed: Deferred<Error | undefined> = deferred();
  readonly #greeting: Deferred<Greeting> = deferred();
  #transport: Transport | undefined = undefined;
  #held: Uint8Array[] = [];
  #heldBytes = 0;
  #take: ((chunk: Uint8Array) => void) | undefined = undefined;
  #error: Error | undefined = undefined;
  #why: Error | undefined = undefined;
  #opening = false;
  #destroyed = false;
  #paused = false;

  constructor(options: WireOptions) {
    this.#options = options;
    ignoreRejection(this.#greeting.promise);
    // The wire itself: objects with a getter each would outlive many of the garbage collector's rounds.
    this.outbox = new Outbox(this, this.writer, {
      onFull: () => options.full(),
      onTick: () => this.ticker?.ask(),
    });
  }

  /** Bytes that the transport has and the kernel has not. */
  get buffered(): number {
    return this.#transport?.buffered ?? 0;
  }

  /** For the outbox. */
  write(bytes: Uint8Array): boolean {
    return this.#transport?.write(bytes) ?? true;
  }

  get isClosed(): boolean {
    return this.#destroyed;
  }

  get closeError(): Error {
    return this.#error as Error;
  }

  /** Why it was destroyed here; undefined where the stream broke by itself, or the server ended it. */
  get why(): Error | undefined {
    return this.#why;
  }

  get remote(): string {
    return this.#transport?.remote ?? "";
  }

  /** Dials and waits for the first line of the server, and for TLS where there is to be TLS. Create-or-nothing. */
  async open(target: WireTarget, signal: AbortSignal): Promise<void> {
    const { network, tls } = this.#options;
    const { host, port } = target;
    const secure = { ...tls, servername: tls?.servername ?? nameOf(target) };
    this.#opening = true;
    try {
      const first = tls?.handshakeFirst === true;
      const transport = await network.dial({ host, port, ...(first ? { tls: secure } : {}) }, { signal });
      this.#adopt(transport);
      const greeting = await abortable(this.#greeting.promise, signal);
      if (!first && this.#wantsTls(greeting, `${host}:${port}`)) await this.#secure(secure, host, signal);
      if (this.#destroyed) throw this.#error ?? new Error("the server ended the connection");
    } catch (error) {
      this.destroy();
      this.#transport?.destroy();
      if (this.#transport === undefined) this.#closed.resolve(undefined);
      await this.#closed.promise;
      throw error;
    } finally {
      this.#opening = false;
    }
  }

  /** From now on chunks are handed over, those that have come before included. */
  begin(take: (chunk: Uint8Array) => void): void {
    this.#take = take;
    for (const chunk of this.#held.splice(0)) this.#receive(chunk);
  }

  pause(): void {
    this.#paused = true;
    this.#transport?.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#transport?.resume();
  }

  /** What the client writes itself. */
  send(frame: Uint8Array): void {
    if (frame.byteLength <= gathered) {
      this.writer.append(frame);
      this.outbox.touch();
      return;
    }
    this.outbox.flush();
    if (this.#transport?.write(frame) === false) this.#options.full();
  }

  /** Frees the transport at once; the error is why. */
  destroy(error?: Error): void {
    if (this.#destroyed) return;
    this.#destroyed = true;
    this.#error = this.#why = error;
    this.outbox.close();
    this.#greeting.reject(error ?? new Error("the connection was closed"));
    if (this.#transport !== undefined) this.#transport.destroy(error);
    else if (!this.#opening) this.#closed.resolve(error);
  }

  isEncrypted(): boolean {
    return this.#transport?.kind === "tls";
  }

  async close(error?: Error): Promise<void> {
    this.destroy(error);
    await this.#closed.promise;
  }

  disconnect(): void {
    this.destroy();
  }

  discard(): void {
    this.destroy();
  }

  closed(): Promise<Error | void> {
    return this.#closed.promise;
  }

  /** The client's own way to open it and to read from it: {@linkcode open} and {@linkcode begin} stand in for them. */
  connect(): Promise<void> {
    return Promise.reject(new TypeError("Cannot connect a wire twice"));
  }

  async *[Symbol.asyncIterator](): AsyncIterableIterator<Uint8Array> {}

  #adopt(transport: Transport): void {
    this.#transport = transport;
    void transport.closed.then((error) => {
      // A stream that was turned into a TLS stream goes on as that.
      if (this.#transport !== transport) return;
      this.#error ??= error;
      this.#destroyed = true;
      this.outbox.close();
      this.#greeting.reject(error ?? new Error("the server ended the connection"));
      this.#closed.resolve(this.#error);
    });
    transport.start({
      data: (chunk) => this.#receive(chunk),
      // The server says no more: what we say would reach nobody.
      end: () => this.destroy(),
      drain: () => this.#options.drain(),
    });
    if (this.#paused) transport.pause();
    if (this.#destroyed) transport.destroy();
  }

  #receive(chunk: Uint8Array): void {
    if (this.#take !== undefined) {
      try {
        this.#take(chunk);
      } catch (cause) {
        const message = `The server sent what is not of its protocol: ${(cause as Error).message}`;
        this.destroy(new ProtocolError(message, { offset: 0, cause }));
      }
      return;
    }
    this.#held.push(chunk);
    this.#heldBytes += chunk.byteLength;
    if (this.#heldBytes > longestGreeting) {
      return this.destroy(new ProtocolError("The server sent no first line", { offset: longestGreeting }));
    }
    if (!chunk.includes(10)) return;
    try {
      this.#greeting.resolve(readGreeting(this.#held));
    } catch (error) {
      this.destroy(error as Error);
    }
  }

  #wantsTls({ tls_required, tls_available }: Greeting, address: string): boolean {
    if (tls_required === true) return true;
    if (this.#options.tls === undefined) return false;
    if (tls_available === true) return true;
    throw new Error(`TLS is asked for, and the server at ${address} has none`);
  }

  async #secure(tls: NatsTlsOptions, host: string, signal: AbortSignal): Promise<void> {
    const plain = this.#transport!;
    if (plain.secure === undefined) {
      throw new Error(`a stream of kind ${plain.kind} cannot be turned into TLS`);
    }
    // It would be handed over as if it had come by TLS: anybody on the way can put it there.
    const line = lineLength(this.#held);
    if (line < this.#heldBytes) {
      throw new ProtocolError("The server sent bytes in clear behind its first line, where TLS begins", {
        offset: line,
      });
    }
    this.#adopt(await plain.secure({ host, tls }, { signal }));
  }
}

/** @throws {ProtocolError} it is no INFO. */
function readGreeting(chunks: readonly Uint8Array[]): Greeting {
  const text = Buffer.concat(chunks).toString();
  const [, json] = /^INFO\s+([^\r\n]+)\r?\n/i.exec(text) ?? [];
  try {
    const value: unknown = JSON.parse(json ?? "");
    if (typeof value === "object" && value !== null) return value as Greeting;
  } catch {
    // The same as another value.
  }
  throw new ProtocolError("The first line of the server is no INFO: it is no NATS server", { offset: 0 });
}

/** Bytes of the first line, its end included. */
function lineLength(chunks: readonly Uint8Array[]): number {
  let length = 0;
  for (const chunk of chunks) {
    const end = chunk.indexOf(10);
    if (end !== -1) return length + end + 1;
    length += chunk.byteLength;
  }
  return length;
}

/** The name that the certificate must have; an address is checked against the certificate without one. */
function nameOf({ host, tlsName }: WireTarget): string | undefined {
  if (!isIP(host)) return host;
  return tlsName === "" ? undefined : tlsName;
}
