import type { Transport } from "../../lib/net/mod.ts";
import {
  type Command,
  encodeEvent,
  encodeRedirect,
  type EventProtocol,
  FrameDecoder,
  FrameWriter,
  type Header,
  type ReceivedSubscriptionItem,
  type ReceivedUserAgent,
  type WireEvent,
} from "../../lib/eventmesh/wire/mod.ts";
import { FakeRequest } from "./fake_request.ts";
import type { FakeServer } from "./fake_server.ts";
import { until } from "./until.ts";

/** How a stream is ended by {@linkcode FakeSession.cutAfter}. */
export type Cut = "end" | "reset" | "freeze";

/** One stream at the server. */
export class FakeSession {
  readonly server: FakeServer;
  readonly transport: Transport;
  /** Counted from 1. */
  readonly number: number;
  /** The hello it has sent. */
  agent: ReceivedUserAgent | undefined = undefined;
  /** What it has subscribed to. */
  readonly items: ReceivedSubscriptionItem[] = [];
  /** What ended it, once it is gone. */
  end: { readonly error: Error | undefined } | undefined = undefined;
  /** The client has sent FIN. */
  peerEnded = false;
  /** Its FIN is answered with ours. */
  fins = true;
  readonly #writer = new FrameWriter();
  #cut: { left: number; readonly how: Cut } | undefined = undefined;

  constructor(server: FakeServer, transport: Transport, number: number) {
    this.server = server;
    this.transport = transport;
    this.number = number;
    void transport.closed.then((error) => this.end = { error });
  }

  start(): void {
    const decoder = new FrameDecoder();
    this.transport.start({
      data: (chunk) => decoder.push(chunk, (packet) => this.server.receive(new FakeRequest(this, packet))),
      end: () => {
        this.peerEnded = true;
        if (this.fins) this.transport.end();
      },
      drain() {},
    });
  }

  get open(): boolean {
    return this.end === undefined;
  }

  /** What it has sent of a command. */
  of(command: Command): FakeRequest[] {
    return this.server.received.filter((request) => request.session === this && request.command === command);
  }

  /** The commands it has sent, in order. */
  get commands(): (Command | undefined)[] {
    return this.server.received.filter((request) => request.session === this).map(({ command }) => command);
  }

  /** Waits until so many requests of a command came on this stream. */
  async saw(command: Command, count = 1): Promise<FakeRequest[]> {
    await until(() => this.of(command).length >= count, {
      what: `${count} ${command} on stream ${this.number}`,
    });
    return this.of(command);
  }

  send(header: Header, body?: string | Uint8Array): void {
    this.#writer.frame(header, body);
    this.write(this.#writer.take());
  }

  /** Writes bytes, as far as no cut is in the way. */
  write(bytes: Uint8Array): void {
    const cut = this.#cut;
    if (cut === undefined || bytes.length < cut.left) {
      if (cut !== undefined) cut.left -= bytes.length;
      this.transport.write(bytes);
      return;
    }
    if (cut.left > 0) this.transport.write(bytes.subarray(0, cut.left));
    cut.left = 0;
    if (cut.how === "reset") this.transport.reset();
    else if (cut.how === "end") this.transport.end();
  }

  /** Sends so many bytes more and then no other. */
  cutAfter(bytes: number, how: Cut): void {
    this.#cut = { left: bytes, how };
  }

  /** Reads no more. */
  freeze(): void {
    this.transport.pause();
  }

  thaw(): void {
    this.transport.resume();
  }

  /** Pushes a message. Returns its seq. */
  push(topic: string, data: string | Uint8Array, options: PushOptions = {}): string {
    const { protocol = "eventmeshmessage", properties = {}, command = "ASYNC_MESSAGE_TO_CLIENT" } = options;
    const seq = String(this.server.pushes++);
    const event: WireEvent = { topic, data, id: `event-${seq}`, properties };
    this.send({
      cmd: command,
      ...(options.noSeq === true ? {} : { seq }),
      properties: { protocoltype: protocol, ...options.header },
    }, encodeEvent(protocol, event));
    return seq;
  }

  /** Says goodbye. */
  goodbye(description = "graceful normal quit from eventmesh", code = 0): void {
    this.send({ cmd: "SERVER_GOODBYE_REQUEST", code, desc: description });
  }

  redirect(server: FakeServer): void {
    this.send({ cmd: "REDIRECT_TO_CLIENT" }, encodeRedirect({ ip: "127.0.0.1", port: server.port }));
  }
}

/** How {@linkcode FakeSession.push} pushes. */
export interface PushOptions {
  readonly command?: "ASYNC_MESSAGE_TO_CLIENT" | "BROADCAST_MESSAGE_TO_CLIENT" | "REQUEST_TO_CLIENT";
  readonly protocol?: EventProtocol;
  /** Properties of the message. */
  readonly properties?: Readonly<Record<string, string>>;
  /** More properties of the header. */
  readonly header?: Readonly<Record<string, unknown>>;
  /** As the 2.x servers do. */
  readonly noSeq?: boolean;
}
