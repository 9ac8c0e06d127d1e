import { getEventListeners } from "node:events";
import { expect } from "vitest";
import type {
  Counted,
  ListenAddress,
  Listener,
  ListenHandler,
  ListenTarget,
  Network,
  NetworkOptions,
  Transport,
  TransportHandler,
  TransportTarget,
} from "../../lib/net/mod.ts";
import { openSockets } from "../support/descriptors.ts";
import { abortReasons } from "../support/signals.ts";
import { until } from "../support/until.ts";
import { bodyAndEnd, settled } from "./bench.ts";

export { bytesOf } from "./bench.ts";

/** What the transport contract needs to know of an implementation. */
export interface TransportFixture {
  readonly kind: Transport["kind"];
  /** `reset` reaches the peer as an error; elsewhere it is a plain end. */
  readonly resets: boolean;
  network(options?: NetworkOptions): Network & Counted;
  /** A place where nobody listens. */
  listenTarget(): ListenTarget;
  /** The way to a listener of {@linkcode listenTarget}. */
  dialTarget(address: ListenAddress): TransportTarget;
}

/** The bench of one test: a network, what was opened on it, and the proof that nothing is left. */
export class Bench {
  readonly fixture: TransportFixture;
  readonly network: Network & Counted;
  readonly accepted: Transport[] = [];
  readonly dialled: Transport[] = [];
  readonly listeners: Listener[] = [];
  readonly handshakeErrors: Error[] = [];
  /** Streams that a listener has refused because of its end. */
  refused = 0;
  readonly acceptErrors: Error[] = [];
  readonly #sockets: number | undefined;

  constructor(fixture: TransportFixture, options?: NetworkOptions) {
    this.fixture = fixture;
    this.network = fixture.network(options);
    this.#sockets = openSockets();
  }

  readonly handler: ListenHandler = {
    connection: (transport) => void this.accepted.push(transport),
    handshakeError: (error) => void this.handshakeErrors.push(error),
    refused: () => void this.refused++,
    acceptError: (error) => void this.acceptErrors.push(error),
  };

  async listen(
    target: ListenTarget = this.fixture.listenTarget(),
    handler: Partial<ListenHandler> = {},
    options: { signal?: AbortSignal; handshakeTimeout?: number } = {},
  ): Promise<Listener> {
    const listener = await this.network.listen(target, { ...this.handler, ...handler }, options);
    this.listeners.push(listener);
    return listener;
  }

  async dial(listener: Listener, signal?: AbortSignal): Promise<Transport> {
    const transport = await this.network.dial(this.fixture.dialTarget(listener.address), { signal });
    this.dialled.push(transport);
    return transport;
  }

  /** Both ends of a new stream, not started. */
  async pair(): Promise<{ client: Transport; server: Transport; listener: Listener }> {
    const listener = this.listeners[0] ?? await this.listen();
    const known = this.accepted.length;
    const client = await this.dial(listener);
    await until(() => this.accepted.length > known, { what: "the stream to be accepted" });
    return { client, server: this.accepted[known] as Transport, listener };
  }

  /** Both ends of a new stream, started. */
  async started(): Promise<{ client: Transport; server: Transport; atClient: Recorder; atServer: Recorder }> {
    const { client, server } = await this.pair();
    return { client, server, atClient: new Recorder(client).start(), atServer: new Recorder(server).start() };
  }

  /** Ends everything and proves that nothing is left. */
  async done(): Promise<void> {
    for (const listener of this.listeners) await listener.close();
    for (const transport of [...this.dialled, ...this.accepted]) transport.destroy();
    await Promise.all([...this.dialled, ...this.accepted].map((transport) => transport.closed));
    await this.settled();
  }

  /** The network holds nothing. */
  settled(): Promise<void> {
    return settled(this.network, this.#sockets);
  }
}

/** Runs a test on a bench and proves afterwards that nothing is left. */
export function benchTest(
  fixture: TransportFixture,
  body: (bench: Bench) => Promise<void>,
  options?: NetworkOptions,
): () => Promise<void> {
  return async () => {
    const bench = new Bench(fixture, options);
    await bodyAndEnd(() => body(bench), () => bench.done());
  };
}

/** Keeps what a transport tells, and what it must not. */
export class Recorder implements TransportHandler {
  readonly transport: Transport;
  readonly chunks: Uint8Array[] = [];
  bytes = 0;
  ends = 0;
  drains = 0;
  /** Calls that came after `closed`. */
  late = 0;
  closed = false;
  error: Error | undefined;
  onData: (chunk: Uint8Array) => void = () => {};

  constructor(transport: Transport) {
    this.transport = transport;
    void transport.closed.then((error) => {
      this.closed = true;
      this.error = error;
    });
  }

  start(): this {
    this.transport.start(this);
    return this;
  }

  data(chunk: Uint8Array): void {
    if (this.closed) this.late++;
    this.bytes += chunk.byteLength;
    this.chunks.push(chunk);
    this.onData(chunk);
  }

  end(): void {
    if (this.closed) this.late++;
    this.ends++;
  }

  drain(): void {
    if (this.closed) this.late++;
    this.drains++;
  }

  hex(): string {
    return Buffer.concat(this.chunks).toString("hex");
  }

  text(): string {
    return Buffer.concat(this.chunks).toString();
  }

  async received(bytes: number): Promise<void> {
    await until(() => this.bytes >= bytes, { what: `${bytes} bytes, have ${this.bytes}` });
    expect(this.bytes).toBe(bytes);
  }

  async ended(): Promise<void> {
    await until(() => this.ends > 0, { what: "the end of the peer" });
    expect(this.ends).toBe(1);
  }
}

/** Bytes that differ from their neighbours at every distance a buffer mix-up could have. */
export function pattern(size: number, seed = 0): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let i = 0; i < size; i++) bytes[i] = (i * 31 + (i >> 8) * 7 + (i >> 16) * 3 + seed) & 0xff;
  return bytes;
}

/** How many abort listeners a signal carries. */
export function abortListeners(signal: AbortSignal): number {
  return getEventListeners(signal, "abort").length;
}

/** Reasons that must come back by identity. */
export const reasons: readonly unknown[] = [...abortReasons.map((make) => make()), "", { an: "object" }];
