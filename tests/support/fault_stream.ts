import type { Transport } from "../../lib/net/mod.ts";
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
import type { Fault, FaultMode, FaultTrigger } from "./fault.ts";

/** The peer that a {@linkcode PeerStream} belongs to. */
export interface StreamOwner {
  readonly fault: Fault;
  received(stream: PeerStream, command: Command | undefined): void;
  /** A message was published and confirmed. */
  published(event: WireEvent): void;
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

/** Bytes of one write of a flood: little, so that time passes in between. */
const floodSize = 4_096;

/** One accepted stream: well behaved until its fault strikes. */
export class PeerStream {
  readonly id: number;
  readonly transport: Transport;
  readonly topics: Map<string, SubscriptionMode> = new Map();
  purpose = "unknown";
  group = "";
  listening = false;
  readonly #owner: StreamOwner;
  readonly #decoder = new FrameDecoder();
  readonly #writer = new FrameWriter();
  readonly #slow: number[] = [];
  #mode: FaultMode = "healthy";
  #struck = false;
  #greeted = false;
  #bytesIn = 0;
  #slowly = false;
  #seq = 0;

  constructor(id: number, transport: Transport, owner: StreamOwner) {
    this.id = id;
    this.transport = transport;
    this.#owner = owner;
  }

  start(): void {
    this.transport.start({
      data: (chunk) => this.#data(chunk),
      end: () => this.#end(),
      drain: () => this.#drain(),
    });
    this.#strike("accept");
  }

  push(cmd: Command, event: WireEvent): void {
    const body = encodeEvent("eventmeshmessage", event);
    this.#send({ cmd, seq: String(++this.#seq), properties: SELECTORS.eventmeshmessage }, body);
  }

  #strike(trigger: FaultTrigger): void {
    const { mode, at = "accept", spare = 0 } = this.#owner.fault;
    if (this.#struck || mode === "healthy" || at !== trigger || this.id <= spare) return;
    this.#struck = true;
    this.#mode = mode;
    if (mode === "never-read" || mode === "half-open") this.transport.pause();
    if (mode === "flood") this.#drain();
  }

  #data(chunk: Uint8Array): void {
    const { mode, bytes = 1, direction } = this.#owner.fault;
    if (mode === "rst-at-byte-n" && direction === "received" && this.id > (this.#owner.fault.spare ?? 0)) {
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
    this.#owner.received(this, command);
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
        if (this.#mode === "healthy") this.#owner.published(decodeEvent("eventmeshmessage", packet.body));
        break;
      case "REQUEST_TO_SERVER": {
        const event = decodeEvent("eventmeshmessage", packet.body);
        this.#answer(
          packet,
          encodeEvent("eventmeshmessage", { ...event, data: `reply to ${String(event.data)}` }),
        );
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
    const header: Header = {
      cmd,
      ...(seq === undefined ? {} : { seq }),
      properties: SELECTORS.eventmeshmessage,
    };
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
        if (this.#owner.fault.direction === "received") break;
        this.transport.write(this.#frame(header, body).subarray(0, this.#owner.fault.bytes ?? 1));
        this.#mode = "silent";
        this.#resetWhenSent();
        return;
      }
      case "garbage":
        this.transport.write(
          new TextEncoder().encode("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"),
        );
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
    const piece = this.#slow.splice(0, this.#owner.fault.bytes ?? 1);
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
