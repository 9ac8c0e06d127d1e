import {
  type Command,
  encodeEvent,
  encodeSubscription,
  encodeUserAgent,
  type EventProtocol,
  FrameDecoder,
  FrameWriter,
  type Header,
  type Packet,
  SELECTORS,
  type SubscriptionItem,
  type UserAgent,
} from "../../lib/eventmesh/wire/mod.ts";
import { type Network, systemNetwork, type TlsConnectOptions, type Transport } from "../../lib/net/mod.ts";

/** How a {@linkcode WireClient} connects. */
export interface WireClientOptions {
  /** @default {the sockets of the system} */
  readonly network?: Network | undefined;
  readonly tls?: TlsConnectOptions | undefined;
}

/** Which packet is waited for: a command, a sequence number with it, or a condition. */
export type Wanted = Command | ((packet: Packet) => boolean);

/** What most clients say of themselves. */
export const agent: UserAgent = {
  env: "TEST",
  subsystem: "tests",
  path: "/tests",
  pid: 1,
  host: "127.0.0.1",
  port: 0,
  version: "2.0",
  username: "user",
  password: "secret",
  idc: "IDC",
  group: "group",
  purpose: "sub",
};

/**
 * A client that is nothing but the wire: it sends what it is told, in that order, and keeps what it gets until somebody
 * asks for it. It answers nothing by itself.
 */
export class WireClient {
  /** What has come and nobody has asked for, in the order of its arrival. */
  readonly inbox: Packet[] = [];
  readonly transport: Transport;
  /** The server has sent FIN. */
  ended = false;
  readonly #decoder = new FrameDecoder();
  readonly #waiting: Set<() => void> = new Set();
  #closed = false;
  #seq = 2_000_000_000;

  constructor(transport: Transport) {
    this.transport = transport;
    void transport.closed.then(() => {
      this.#closed = true;
      this.#wake();
    });
    transport.start({
      data: (chunk) => {
        this.#decoder.push(chunk, (packet) => this.inbox.push(packet));
        this.#wake();
      },
      end: () => {
        this.ended = true;
        this.#wake();
      },
      drain: () => {},
    });
  }

  /** Connects, and says nothing. */
  static async connect(
    url: string,
    { network = systemNetwork(), tls }: WireClientOptions = {},
  ): Promise<WireClient> {
    const { protocol, hostname, port, pathname } = new URL(url);
    const host = hostname.replace(/^\[|\]$/g, "");
    const target = protocol === "eventmesh+unix:"
      ? { path: decodeURIComponent(pathname) }
      : { host, port: Number(port), ...(protocol === "eventmesh+tls:" ? { tls: tls ?? {} } : {}) };
    return new WireClient(await network.dial(target, {}));
  }

  /** Connects and says hello as a publisher or a subscriber. */
  static async open(url: string, who: Partial<UserAgent>, options?: WireClientOptions): Promise<WireClient> {
    const client = await WireClient.connect(url, options);
    const answer = await client.hello(who);
    if (answer.code !== 0) throw new Error(`Refused: ${answer.description}`);
    return client;
  }

  /** A publisher that has said hello. */
  static publisher(url: string, options?: WireClientOptions): Promise<WireClient> {
    return WireClient.open(url, { group: "publishers", purpose: "pub" }, options);
  }

  /** A subscriber that listens. A topic alone is subscribed to for messages, shared with its group. */
  static async subscriber(
    url: string,
    group: string,
    items: readonly (SubscriptionItem | string)[],
    options?: WireClientOptions,
  ): Promise<WireClient> {
    const client = await WireClient.open(url, { group, purpose: "sub" }, options);
    await client.subscribe(items);
    await client.request("LISTEN_REQUEST");
    return client;
  }

  /** The transport is gone. */
  get closed(): boolean {
    return this.#closed;
  }

  nextSeq(): string {
    return String(++this.#seq);
  }

  /** Sends one frame. */
  send(header: Header, body?: string | Uint8Array): void {
    const writer = new FrameWriter();
    writer.frame(header, body);
    this.transport.write(writer.take());
  }

  /** Sends bytes, whatever they are. */
  sendBytes(bytes: Uint8Array | string): void {
    this.transport.write(typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes);
  }

  /** Sends a request of its own number and waits for the answer. */
  request(cmd: Command, body?: string | Uint8Array, properties?: Header["properties"]): Promise<Packet> {
    const seq = this.nextSeq();
    this.send({ cmd, seq, properties }, body);
    return this.expect((packet) => packet.seq === seq);
  }

  hello(who: Partial<UserAgent> = {}): Promise<Packet> {
    return this.request("HELLO_REQUEST", encodeUserAgent({ ...agent, ...who }));
  }

  async subscribe(items: readonly (SubscriptionItem | string)[]): Promise<Packet> {
    const list = items.map((item) => typeof item === "string" ? { topic: item } : item);
    return await this.request("SUBSCRIBE_REQUEST", encodeSubscription(list));
  }

  /** Publishes and waits for the confirmation. */
  publish(topic: string, data: string, properties: Readonly<Record<string, string>> = {}): Promise<Packet> {
    return this.message("ASYNC_MESSAGE_TO_SERVER", topic, data, { properties });
  }

  /** Sends a message and waits for what has its number. */
  message(
    cmd: Command,
    topic: string,
    data: string,
    { protocol = "eventmeshmessage", properties = {} }: {
      protocol?: EventProtocol;
      properties?: Readonly<Record<string, string>>;
    } = {},
  ): Promise<Packet> {
    const body = encodeEvent(protocol, { topic, data, id: "id", properties });
    return this.request(cmd, body, SELECTORS[protocol]);
  }

  /** Acknowledges a push. */
  ack(push: Packet, body?: string): void {
    this.send({ cmd: `${push.command}_ACK` as Command, seq: push.seq }, body);
  }

  /** Answers a request with a text, under a number of its own. */
  respond(push: Packet, data: string, change: Readonly<Record<string, unknown>> = {}): void {
    const message = push.json() as { properties: Record<string, unknown> };
    const body = { ...message, properties: { ...message.properties, ...change }, body: data };
    this.send(
      { cmd: "RESPONSE_TO_SERVER", seq: this.nextSeq(), properties: SELECTORS.eventmeshmessage },
      JSON.stringify(body),
    );
  }

  /** Takes the first packet that is wanted, and waits for it. Fails after 5 s, and at the end of the server. */
  async expect(wanted: Wanted, timeout = 5_000): Promise<Packet> {
    const fits = typeof wanted === "string" ? ({ command }: Packet) => command === wanted : wanted;
    const take = (): Packet | undefined => {
      const at = this.inbox.findIndex(fits);
      return at < 0 ? undefined : this.inbox.splice(at, 1)[0];
    };
    await this.#until(() => this.inbox.some(fits) || this.ended || this.#closed, timeout, String(wanted));
    const packet = take();
    if (packet === undefined) throw new Error(`Waited in vain for ${wanted}: the connection is gone`);
    return packet;
  }

  /** Everything that has come so far: what the server wrote before it answered a heartbeat is here. */
  async settled(): Promise<readonly Packet[]> {
    const answer = await this.request("HEARTBEAT_REQUEST");
    if (answer.code !== 0) throw new Error(`No heartbeat: ${answer.description}`);
    return this.inbox;
  }

  /** Waits for the FIN of the server, or the loss of the connection. */
  async untilEnded(timeout?: number): Promise<void> {
    await this.#until(() => this.ended || this.#closed, timeout, "the end of the server");
  }

  /** Says goodbye and leaves in order. */
  async goodbye(): Promise<void> {
    await this.request("CLIENT_GOODBYE_REQUEST");
    await this.end();
  }

  /** Sends FIN and waits for the server's. */
  async end(): Promise<void> {
    this.transport.end();
    await this.transport.closed;
  }

  /** Leaves without a word. */
  async destroy(): Promise<void> {
    this.transport.destroy();
    await this.transport.closed;
  }

  async #until(condition: () => boolean, timeout = 5_000, what = "it"): Promise<void> {
    if (condition()) return;
    await new Promise<void>((resolve, reject) => {
      const look = (): void => {
        if (!condition()) return;
        leave();
        resolve();
      };
      const timer = setTimeout(() => {
        leave();
        reject(
          new Error(
            `Waited ${timeout} ms in vain for ${what}; there are ${this.inbox.map(({ name }) => name)}`,
          ),
        );
      }, timeout);
      const leave = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(look);
      };
      this.#waiting.add(look);
    });
  }

  #wake(): void {
    for (const look of [...this.#waiting]) look();
  }
}

/** The data of a message. */
export function dataOf(packet: Packet): string {
  const message = packet.json() as { body?: string; data?: unknown };
  return message.body ?? JSON.stringify(message.data);
}
