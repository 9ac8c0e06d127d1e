import type {
  Counted,
  ListenAddress,
  Listener,
  ListenTarget,
  Network,
  Transport,
} from "../../lib/net/mod.ts";
import { type Command, decodeSubscription, decodeUserAgent } from "../../lib/eventmesh/wire/mod.ts";
import { answer, type FakeRequest } from "./fake_request.ts";
import { FakeSession } from "./fake_session.ts";
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
