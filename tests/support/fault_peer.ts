import type { Counted, ListenAddress, Listener, Network, TlsListenOptions } from "../../lib/net/mod.ts";
import type { Command, WireEvent } from "../../lib/eventmesh/wire/mod.ts";
import type { Fault } from "./fault.ts";
import { PeerStream, type StreamOwner } from "./fault_stream.ts";

/** What {@linkcode startFaultPeer} takes. */
export interface FaultPeerOptions {
  readonly network: Network & Counted;
  readonly tls?: TlsListenOptions | undefined;
  readonly fault?: Fault | undefined;
}

/** A command that a peer has received. */
export interface Received {
  /** Number of the stream, from 1. */
  readonly connection: number;
  readonly command: Command | undefined;
}

/**
 * The server side of EventMesh in this process, well behaved until its fault strikes: hello, subscriptions, publishes
 * that are confirmed and pushed to one subscriber of each group, requests that it answers itself, heartbeats, goodbyes.
 */
export interface FaultPeer {
  readonly url: string;
  readonly address: ListenAddress;
  /** May be changed at any time; streams that are struck stay as they are. */
  fault: Fault;
  /** Everything that was received. */
  readonly log: readonly Received[];
  /** Streams that were accepted so far. */
  readonly accepted: number;
  /** What is still there: one line for each stream. */
  orphans(): string[];
  /** Cuts every stream. */
  cut(): void;
  /** Pushes a message to a subscriber of each group. */
  push(event: WireEvent): void;
  /** Frees everything at once. */
  close(): Promise<void>;
}

/** Starts a {@linkcode FaultPeer} on a free port of a network. */
export async function startFaultPeer(options: FaultPeerOptions): Promise<FaultPeer> {
  const peer = new Peer(options.fault ?? { mode: "healthy" });
  await peer.listen(options);
  return peer;
}

class Peer implements FaultPeer, StreamOwner {
  fault: Fault;
  readonly log: Received[] = [];
  readonly streams: Set<PeerStream> = new Set();
  accepted = 0;
  #listener: Listener | undefined = undefined;
  #scheme = "eventmesh";

  constructor(fault: Fault) {
    this.fault = fault;
  }

  async listen({ network, tls }: FaultPeerOptions): Promise<void> {
    if (tls !== undefined) this.#scheme = "eventmesh+tls";
    this.#listener = await network.listen({ host: "127.0.0.1", port: 0, tls }, {
      connection: (transport) => {
        const stream = new PeerStream(++this.accepted, transport, this);
        this.streams.add(stream);
        void transport.closed.then(() => this.streams.delete(stream));
        stream.start();
      },
      handshakeError() {},
      acceptError() {},
    }, {});
  }

  get address(): ListenAddress {
    return this.#listener!.address;
  }

  get url(): string {
    const { host, port } = this.address as { host: string; port: number };
    return `${this.#scheme}://${host}:${port}`;
  }

  orphans(): string[] {
    return [...this.streams].map(({ id, purpose, topics }) =>
      `stream ${id}: ${purpose} ${[...topics.keys()].join(" ")}`
    );
  }

  received({ id }: PeerStream, command: Command | undefined): void {
    this.log.push({ connection: id, command });
  }

  published(event: WireEvent): void {
    this.push(event);
  }

  cut(): void {
    for (const { transport } of this.streams) transport.reset();
  }

  push(event: WireEvent): void {
    const groups = new Set<string>();
    for (const stream of this.streams) {
      const mode = stream.topics.get(event.topic);
      if (mode === undefined || !stream.listening) continue;
      if (mode === "CLUSTERING" && groups.has(stream.group)) continue;
      groups.add(stream.group);
      stream.push(mode === "CLUSTERING" ? "ASYNC_MESSAGE_TO_CLIENT" : "BROADCAST_MESSAGE_TO_CLIENT", event);
    }
  }

  async close(): Promise<void> {
    await this.#listener?.close();
    const streams = [...this.streams];
    for (const { transport } of streams) transport.destroy();
    await Promise.all(streams.map(({ transport }) => transport.closed));
  }
}
