// What a connect loads is loaded before: a clock that stands still does not wait for the disk.
import "../../lib/nats/connection.ts";
import type { Counted, Listener, ListenTarget, Network, TlsListenOptions } from "../../lib/net/mod.ts";
import { until } from "../support/until.ts";
import { FakeSession } from "./session.ts";

/** What a server can be late with, in the order of an opening: its first line, and the answers to PINGs, by what is before. */
export type Late = "info" | "hello" | "subscribe" | "publish" | "ping";

/** What {@linkcode startFakeNats} takes. */
export interface FakeNatsOptions {
  readonly network: Network & Counted;
  /** @default {a free port of 127.0.0.1} */
  readonly target?: ListenTarget;
  readonly tls?: TlsListenOptions | undefined;
}

/** Starts a NATS server that keeps to the protocol until it is told otherwise. */
export async function startFakeNats(options: FakeNatsOptions): Promise<FakeNats> {
  const server = new FakeNats(options.network);
  const { tls } = options;
  const target = options.target ?? { host: "127.0.0.1", port: 0, ...(tls === undefined ? {} : { tls }) };
  server.listener = await options.network.listen(target, {
    connection: (transport) => server.accept(transport),
    handshakeError() {},
    acceptError() {},
  }, {});
  return server;
}

/** The faults of a NATS server, on request: the protocol itself is in {@linkcode FakeSession}. */
export class FakeNats {
  readonly network: Network & Counted;
  /** Every stream that was accepted, in order. */
  readonly sessions: FakeSession[] = [];
  /** What INFO says besides the usual. */
  info: Readonly<Record<string, unknown>> = {};
  /** Bytes to be sent in place of INFO; undefined for INFO, an empty text for silence. */
  greeting: string | undefined = undefined;
  /** What is kept back from now on, until `answer`. */
  late: Late | undefined = undefined;
  /** Who may connect, by what CONNECT says. */
  admits: (connect: Readonly<Record<string, unknown>>) => boolean = () => true;
  /** What it says to others. */
  refusal = "Authorization Violation";
  /** Subjects nobody may subscribe or publish to. */
  readonly deniedSubscribes: Set<string> = new Set();
  readonly deniedPublishes: Set<string> = new Set();
  /** Whether it tells who asks that nobody is subscribed. */
  noResponders = false;
  /** Nobody is told anything any more: messages are taken and go nowhere. */
  deaf = false;
  listener!: Listener;
  /** How often something was kept back. */
  asked = 0;
  /** Told when a client has said CONNECT. */
  onConnect: () => void = () => {};
  /** Told when a client has subscribed. */
  onSubscribe: (session: FakeSession, subject: string, sid: number) => void = () => {};
  /** Makes the replies to those whom nobody else answers. */
  answers: ((text: string) => string) | undefined = undefined;
  #withheld: [FakeSession, () => void][] = [];
  #next = 0;

  constructor(network: Network & Counted) {
    this.network = network;
  }

  get url(): string {
    const { host, port } = this.listener.address as { host: string; port: number };
    return `nats://${host}:${port}`;
  }

  /** Streams that are there. */
  get open(): readonly FakeSession[] {
    return this.sessions.filter(({ gone }) => !gone);
  }

  accept(transport: ConstructorParameters<typeof FakeSession>[1]): void {
    const session = new FakeSession(this, transport, ++this.#next);
    this.sessions.push(session);
    session.greet();
  }

  /** Does it now, or with the next `answer` when the server is late with it. */
  inTime(session: FakeSession, what: Late | undefined, act: () => void): void {
    const late = what !== undefined && what === this.late;
    if (late) this.asked++;
    // Answers are in the order of the questions.
    if (late || this.#withheld.some(([owner]) => owner === session)) this.#withheld.push([session, act]);
    else act();
  }

  /** Sends everything that was kept back. */
  answer(): void {
    for (const [, act] of this.#withheld.splice(0)) act();
  }

  /** Brings a message to those who are subscribed: all, and one of each queue group. */
  route(
    from: FakeSession,
    subject: string,
    reply: string,
    headers: Uint8Array | undefined,
    data: Uint8Array,
  ): number {
    let receivers = 0;
    const groups = new Map<string, [FakeSession, number][]>();
    for (const session of this.open) {
      if (session === from && !session.echo) continue;
      for (const { sid, queue } of session.matching(subject)) {
        if (queue === "") {
          session.deliver(subject, sid, reply, headers, data);
          receivers++;
        } else {
          groups.set(queue, [...groups.get(queue) ?? [], [session, sid]]);
        }
      }
    }
    for (const members of groups.values()) {
      const [session, sid] = members[this.#turn++ % members.length]!;
      session.deliver(subject, sid, reply, headers, data);
      receivers++;
    }
    return receivers;
  }
  #turn = 0;

  /** Says to all clients that it is about to go. */
  lameDuck(): void {
    for (const session of this.open) session.sendInfo({ ldm: true });
  }

  /** Ends all streams and listens no more. */
  async close(): Promise<void> {
    await this.listener.close();
    for (const session of this.open) session.transport.destroy();
    await until(() => this.open.length === 0, { what: "the streams of the server to be closed" });
  }
}
