import type {
  Counted,
  ListenAddress,
  Listener,
  ListenTarget,
  Network,
  Transport,
} from "../../lib/net/mod.ts";
import {
  type Command,
  commandInfo,
  decodeEvent,
  decodeSubscription,
  decodeUserAgent,
  encodeEvent,
  encodeRedirect,
  type EventProtocol,
  eventProtocol,
  FrameDecoder,
  FrameWriter,
  type Header,
  type Packet,
  type ReceivedSubscriptionItem,
  type ReceivedUserAgent,
  SELECTORS,
  type WireEvent,
} from "../../lib/eventmesh/wire/mod.ts";
import { until } from "./until.ts";

/** What a script does with a request; it may take its time. */
export type Script = (request: FakeRequest) => unknown;

/** What {@linkcode startFakeServer} takes. */
export interface FakeServerOptions {
  readonly network: Network & Counted;
  /** @default {a free port of 127.0.0.1} */
  readonly target?: ListenTarget;
  /** Properties of HELLO_RESPONSE. */
  readonly advertised?: Readonly<Record<string, unknown>>;
}

/** Starts an EventMesh server that answers everything with success until a script says otherwise. */
export async function startFakeServer(options: FakeServerOptions): Promise<FakeServer> {
  const server = new FakeServer(options);
  const target = options.target ?? { host: "127.0.0.1", port: 0 };
  server.listener = await options.network.listen(target, {
    connection: (transport) => server.accept(transport),
    handshakeError() {},
    acceptError() {},
  }, {});
  return server;
}

/** A server whose every answer can be scripted, and that remembers everything it has received. */
export class FakeServer {
  /** Every stream that was accepted, in order. */
  readonly sessions: FakeSession[] = [];
  /** Everything that was received, on all streams, in order. */
  readonly received: FakeRequest[] = [];
  readonly options: FakeServerOptions;
  listener!: Listener;
  /** Sequence number of the next push. */
  pushes = 1;
  /** Told of each new stream before anything is read from it. */
  onAccept: (session: FakeSession) => void = () => {};
  readonly #scripts: Map<Command, Script> = new Map();
  readonly #held: FakeRequest[] = [];

  constructor(options: FakeServerOptions) {
    this.options = options;
  }

  get address(): ListenAddress {
    return this.listener.address;
  }

  get port(): number {
    return (this.address as { port: number }).port;
  }

  /** Where clients connect to. */
  get url(): string {
    return "path" in this.address
      ? `eventmesh+unix://${this.address.path}`
      : `eventmesh://127.0.0.1:${this.port}`;
  }

  /** Streams that are still there. */
  get open(): FakeSession[] {
    return this.sessions.filter((session) => session.open);
  }

  /** The newest session of a purpose. */
  last(purpose: "pub" | "sub"): FakeSession {
    const session = this.sessions.findLast(({ agent }) => agent?.purpose === purpose);
    if (session === undefined) throw new Error(`No session of purpose ${purpose} has said hello`);
    return session;
  }

  /** Answers a command with a script from now on. */
  on(command: Command, script: Script): void {
    this.#scripts.set(command, script);
  }

  /** Answers a command as usual again. */
  off(command: Command): void {
    this.#scripts.delete(command);
  }

  /** Leaves a command unanswered; `held` has it. */
  hold(command: Command): void {
    this.on(command, (request) => this.#held.push(request));
  }

  /** Requests that wait for an answer. */
  held(command: Command): FakeRequest[] {
    return this.#held.filter((request) => request.command === command);
  }

  /** Answers everything that is held as usual, and what comes later too. */
  release(command: Command): void {
    this.off(command);
    for (const request of this.held(command)) {
      this.#held.splice(this.#held.indexOf(request), 1);
      answer(request);
    }
  }

  /** Refuses a command from now on. */
  refuse(command: Command, description?: string, code = 1): void {
    this.on(command, (request) => request.refuse(description, code));
  }

  /** What was received of a command. */
  of(command: Command): FakeRequest[] {
    return this.received.filter((request) => request.command === command);
  }

  /** Waits until so many requests of a command are there. */
  async saw(command: Command, count = 1): Promise<FakeRequest[]> {
    await until(() => this.of(command).length >= count, { what: `${count} ${command} at the server` });
    return this.of(command);
  }

  /** Waits until so many streams are there, dead ones not counted. */
  async holds(count: number): Promise<void> {
    await until(() => this.open.length === count, { what: `${count} streams at the server` });
  }

  /** Frees everything at once. */
  async close(): Promise<void> {
    await this.listener.close();
    for (const session of this.sessions) session.transport.destroy();
    await Promise.all(this.sessions.map(({ transport }) => transport.closed));
  }

  accept(transport: Transport): void {
    const session = new FakeSession(this, transport, this.sessions.length + 1);
    this.sessions.push(session);
    this.onAccept(session);
    session.start();
  }

  receive(request: FakeRequest): void {
    this.received.push(request);
    const { session, packet } = request;
    if (request.command === "HELLO_REQUEST") session.agent = decodeUserAgent(packet);
    if (request.command === "SUBSCRIBE_REQUEST") session.items.push(...decodeSubscription(packet) ?? []);
    const script = request.command === undefined ? undefined : this.#scripts.get(request.command);
    if (script === undefined) answer(request);
    else script(request);
  }
}

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

/** One frame of a client. */
export class FakeRequest {
  readonly session: FakeSession;
  readonly packet: Packet;

  constructor(session: FakeSession, packet: Packet) {
    this.session = session;
    this.packet = packet;
  }

  get command(): Command | undefined {
    return this.packet.command;
  }

  get seq(): string | undefined {
    return this.packet.seq;
  }

  /** The message in it. */
  get event(): WireEvent {
    return decodeEvent(eventProtocol(this.packet) ?? "eventmeshmessage", this.packet.body);
  }

  get text(): string {
    return String(this.event.data);
  }

  /** Answers with the command that belongs to this one; success unless said otherwise. */
  reply(header: Partial<Header> = {}, body?: string | Uint8Array): void {
    const { answer, ack } = commandInfo(this.command!);
    const cmd = answer ?? ack ?? this.command!;
    this.session.send({ cmd, code: 0, desc: "success", seq: this.seq, ...header }, body);
  }

  refuse(description?: string, code = 1): void {
    this.reply({ code, desc: description });
  }
}

/** The usual answer. */
function answer(request: FakeRequest): void {
  const { command, session } = request;
  if (command === undefined) return;
  switch (command) {
    case "HELLO_REQUEST":
      request.reply({ properties: session.server.options.advertised ?? {} });
      break;
    case "REQUEST_TO_SERVER":
      answerRequest(request, `re: ${request.text}`);
      break;
    case "RECOMMEND_REQUEST":
      request.reply({}, '"10.0.0.1:10000"');
      break;
    default:
      if (commandInfo(command).answer !== undefined || publishes.has(command)) request.reply();
  }
}

const publishes: ReadonlySet<Command> = new Set(["ASYNC_MESSAGE_TO_SERVER", "BROADCAST_MESSAGE_TO_SERVER"]);

/** Answers a request with a message. */
export function answerRequest(
  request: FakeRequest,
  data: string,
  options: { readonly protocol?: EventProtocol; readonly properties?: Readonly<Record<string, string>> } = {},
): void {
  const { protocol = eventProtocol(request.packet) ?? "eventmeshmessage", properties = {} } = options;
  const { topic } = request.event;
  const { protocoltype } = SELECTORS[protocol];
  const body = encodeEvent(protocol, { topic, id: "reply", data, properties });
  request.reply({ desc: undefined, properties: { protocoltype } }, body);
}
