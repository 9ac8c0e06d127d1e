import type { Counted, ListenAddress, Listener, Network, TlsListenOptions, Transport } from "../../lib/net/mod.ts";
import {
  type Command,
  commandInfo,
  decodeEvent,
  decodeSubscription,
  decodeUserAgent,
  encodeEvent,
  FrameDecoder,
  FrameWriter,
  type Header,
  type Packet,
  SELECTORS,
  type SubscriptionMode,
  type WireEvent,
} from "../../lib/eventmesh/wire/mod.ts";

/** What a peer does wrong. */
export type FaultMode =
  /** Nothing. */
  | "healthy"
  /** Reads everything and never answers. */
  | "silent"
  /** Says hello, and is silent from then on. */
  | "connect-and-idle"
  /** Refuses every request for now: it is busy. */
  | "busy"
  /** Sends its answers in pieces, one per turn of the event loop. */
  | "slow"
  /** Reads no more, and does not answer. */
  | "never-read"
  /** Answers, and never ends its side of the stream. */
  | "never-fin"
  /** Is gone without a word: neither reads nor answers nor ends. */
  | "half-open"
  /** Ends its side in place of an answer, and reads on. */
  | "half-closed"
  /** Resets the stream in place of an answer. */
  | "rst-on-goodbye"
  /** Answers and resets the stream then, as the Java runtime does. */
  | "rst-after-goodbye"
  /** Resets the stream after so many bytes. */
  | "rst-at-byte-n"
  /** Answers with bytes that are not of the protocol. */
  | "garbage"
  /** Sends one half of its answer and ends. */
  | "partial-frame"
  /** Sends frames that nobody asked for, as fast as they are taken, its answers in between, and never ends. */
  | "flood";

/** When a fault begins: as soon as a stream is accepted, or when a command arrives. */
export type FaultTrigger = "accept" | "connect" | "subscribe" | "publish" | "request" | "goodbye" | "heartbeat";

/** One fault of a peer. */
export interface Fault {
  readonly mode: FaultMode;
  /** @default {"accept"} */
  readonly at?: FaultTrigger;
  /**
   * `rst-at-byte-n`: bytes of the answer to the trigger that are still sent, or bytes received from the start on.
   * `slow`: bytes of a piece. @default {1}
   */
  readonly bytes?: number;
  /** @default {"sent"} */
  readonly direction?: "sent" | "received";
  /** Streams that are left alone before the fault strikes. @default {0} */
  readonly spare?: number;
}

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
  readonly received: readonly Received[];
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

const triggers: Readonly<Partial<Record<Command, FaultTrigger>>> = {
  HELLO_REQUEST: "connect",
  SUBSCRIBE_REQUEST: "subscribe",
  ASYNC_MESSAGE_TO_SERVER: "publish",
  BROADCAST_MESSAGE_TO_SERVER: "publish",
  REQUEST_TO_SERVER: "request",
  CLIENT_GOODBYE_REQUEST: "goodbye",
  HEARTBEAT_REQUEST: "heartbeat",
};

class Peer implements FaultPeer {
  fault: Fault;
  readonly received: Received[] = [];
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
    return [...this.streams].map(({ id, purpose, topics }) => `stream ${id}: ${purpose} ${[...topics.keys()].join(" ")}`);
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

/** Bytes of one write of a flood: little, so that time passes in between. */
const floodSize = 4_096;

/** One accepted stream. */
class PeerStream {
  readonly id: number;
  readonly transport: Transport;
  readonly topics: Map<string, SubscriptionMode> = new Map();
  purpose = "unknown";
  group = "";
  listening = false;
  readonly #peer: Peer;
  readonly #decoder = new FrameDecoder();
  readonly #writer = new FrameWriter();
  readonly #slow: number[] = [];
  #mode: FaultMode = "healthy";
  #struck = false;
  #greeted = false;
  #bytesIn = 0;
  #slowly = false;
  #seq = 0;

  constructor(id: number, transport: Transport, peer: Peer) {
    this.id = id;
    this.transport = transport;
    this.#peer = peer;
  }

  start(): void {
    this.transport.start({ data: (chunk) => this.#data(chunk), end: () => this.#end(), drain: () => this.#drain() });
    this.#strike("accept");
  }

  push(cmd: Command, event: WireEvent): void {
    const body = encodeEvent("eventmeshmessage", event);
    this.#send({ cmd, seq: String(++this.#seq), properties: SELECTORS.eventmeshmessage }, body);
  }

  #strike(trigger: FaultTrigger): void {
    const { mode, at = "accept", spare = 0 } = this.#peer.fault;
    if (this.#struck || mode === "healthy" || at !== trigger || this.id <= spare) return;
    this.#struck = true;
    this.#mode = mode;
    if (mode === "never-read" || mode === "half-open") this.transport.pause();
    if (mode === "flood") this.#drain();
  }

  #data(chunk: Uint8Array): void {
    const { mode, bytes = 1, direction } = this.#peer.fault;
    if (mode === "rst-at-byte-n" && direction === "received" && this.id > (this.#peer.fault.spare ?? 0)) {
      this.#bytesIn += chunk.byteLength;
      if (this.#bytesIn >= bytes) return this.transport.reset();
    }
    try {
      this.#decoder.push(chunk, (packet) => this.#packet(packet));
    } catch {
      this.transport.reset();
    }
  }

  /** A peer that is well behaved ends when the other side has ended. */
  #end(): void {
    if (this.#mode === "never-fin" || this.#mode === "half-open" || this.#mode === "flood") return;
    this.transport.end();
  }

  #drain(): void {
    if (this.#mode !== "flood") return;
    const frames = new FrameWriter();
    while (frames.length < floodSize) frames.frame({ cmd: "HEARTBEAT_RESPONSE", seq: String(++this.#seq) });
    const bytes = frames.take();
    const flow = (): void => {
      if (this.transport.destroyed) return;
      if (this.transport.write(bytes)) setImmediate(flow);
    };
    flow();
  }

  #packet(packet: Packet): void {
    const { command } = packet;
    this.#peer.received.push({ connection: this.id, command });
    if (command === undefined) return;
    const trigger = triggers[command];
    if (trigger !== undefined) this.#strike(trigger);
    if (this.#mode === "never-read" || this.#mode === "half-open") return;
    switch (command) {
      case "HELLO_REQUEST": {
        const agent = decodeUserAgent(packet);
        this.purpose = agent?.purpose ?? "unknown";
        this.group = agent?.group ?? "";
        this.#answer(packet);
        this.#greeted = true;
        break;
      }
      case "SUBSCRIBE_REQUEST":
        for (const { topic, mode } of decodeSubscription(packet) ?? []) {
          this.topics.set(topic, mode === "BROADCASTING" ? mode : "CLUSTERING");
        }
        this.#answer(packet);
        break;
      case "LISTEN_REQUEST":
        this.listening = true;
        this.#answer(packet);
        break;
      case "ASYNC_MESSAGE_TO_SERVER":
      case "BROADCAST_MESSAGE_TO_SERVER":
        this.#answer(packet);
        if (this.#mode === "healthy") this.#peer.push(decodeEvent("eventmeshmessage", packet.body));
        break;
      case "REQUEST_TO_SERVER": {
        const event = decodeEvent("eventmeshmessage", packet.body);
        this.#answer(packet, encodeEvent("eventmeshmessage", { ...event, data: `reply to ${String(event.data)}` }));
        break;
      }
      case "HEARTBEAT_REQUEST":
      case "CLIENT_GOODBYE_REQUEST":
        this.#answer(packet);
        break;
      default:
        break;
    }
  }

  /** The answer to a request, as far as the fault lets it. */
  #answer({ command, seq }: Packet, body?: string): void {
    const info = commandInfo(command!);
    const cmd = info.answer ?? info.ack!;
    const header: Header = { cmd, ...(seq === undefined ? {} : { seq }), properties: SELECTORS.eventmeshmessage };
    switch (this.#mode) {
      case "silent":
        return;
      case "connect-and-idle":
        if (!this.#greeted) this.#send(header, body);
        return;
      case "busy":
        this.#send({ ...header, code: 3, desc: "busy" });
        return;
      case "half-closed":
      case "partial-frame": {
        const bytes = this.#frame(header, body);
        if (this.#mode === "partial-frame") this.transport.write(bytes.subarray(0, bytes.byteLength >> 1));
        this.#mode = "silent";
        this.transport.end();
        return;
      }
      case "rst-on-goodbye":
        this.transport.reset();
        return;
      case "rst-after-goodbye":
        this.#send(header, body);
        if (command === "CLIENT_GOODBYE_REQUEST") this.#resetWhenSent();
        return;
      case "rst-at-byte-n": {
        if (this.#peer.fault.direction === "received") break;
        this.transport.write(this.#frame(header, body).subarray(0, this.#peer.fault.bytes ?? 1));
        this.#mode = "silent";
        this.#resetWhenSent();
        return;
      }
      case "garbage":
        this.transport.write(new TextEncoder().encode("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"));
        return;
      default:
        break;
    }
    this.#send(header, body);
  }

  #send(header: Header, body?: string): void {
    const bytes = this.#frame(header, body);
    if (this.#mode !== "slow") {
      this.transport.write(bytes);
      return;
    }
    this.#slow.push(...bytes);
    if (!this.#slowly) this.#drip();
  }

  readonly #drip = (): void => {
    const piece = this.#slow.splice(0, this.#peer.fault.bytes ?? 1);
    this.#slowly = piece.length > 0 && !this.transport.destroyed;
    if (!this.#slowly) return;
    this.transport.write(new Uint8Array(piece));
    setImmediate(this.#drip);
  };

  #frame(header: Header, body?: string): Uint8Array {
    this.#writer.frame(header, body);
    return this.#writer.take();
  }

  /** A reset takes with it what the kernel holds: not before the other side has had its chance to read. */
  #resetWhenSent(turns = 10): void {
    if (this.transport.destroyed) return;
    if (turns === 0) this.transport.reset();
    else setImmediate(() => this.#resetWhenSent(turns - 1));
  }
}
