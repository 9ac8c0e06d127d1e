import type { Transport } from "../../lib/net/mod.ts";
import type { FakeNats, Late } from "./server.ts";

/** One subscription of a client. */
interface Interest {
  readonly sid: number;
  readonly subject: string;
  readonly queue: string;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** What the server knows of one client. */
export class FakeSession {
  readonly transport: Transport;
  readonly number: number;
  /** Commands as they came, without payloads. */
  readonly commands: string[] = [];
  /** What CONNECT said. */
  connect: Readonly<Record<string, unknown>> | undefined = undefined;
  gone = false;
  echo = true;
  readonly #server: FakeNats;
  readonly #interests: Map<number, Interest> = new Map();
  #bytes: Uint8Array = new Uint8Array(0);
  #subscribed = false;
  #published = false;

  constructor(server: FakeNats, transport: Transport, number: number) {
    this.#server = server;
    this.transport = transport;
    this.number = number;
    void transport.closed.then(() => this.gone = true);
    transport.start({
      data: (chunk) => this.#receive(chunk),
      end: () => {
        this.gone = true;
        transport.destroy();
      },
      drain() {},
    });
  }

  /** What it is subscribed to. */
  get subjects(): string[] {
    return [...this.#interests.values()].map(({ subject }) => subject);
  }

  greet(): void {
    const { greeting } = this.#server;
    this.#server.inTime(this, "info", () => {
      if (greeting === undefined) this.sendInfo({});
      else if (greeting !== "") this.send(greeting);
    });
  }

  sendInfo(more: Readonly<Record<string, unknown>>): void {
    const info = {
      server_id: "FAKE",
      version: "2.15.2",
      proto: 1,
      headers: true,
      max_payload: 1_048_576,
      ...this.#server.info,
      ...more,
    };
    this.send(`INFO ${JSON.stringify(info)}\r\n`);
  }

  send(text: string): void {
    this.transport.write(encoder.encode(text));
  }

  matching(subject: string): Interest[] {
    return [...this.#interests.values()].filter((interest) => matches(interest.subject, subject));
  }

  deliver(
    subject: string,
    sid: number,
    reply: string,
    headers: Uint8Array | undefined,
    data: Uint8Array,
  ): void {
    const to = reply === "" ? "" : ` ${reply}`;
    const head = headers === undefined
      ? `MSG ${subject} ${sid}${to} ${data.length}\r\n`
      : `HMSG ${subject} ${sid}${to} ${headers.length} ${headers.length + data.length}\r\n`;
    this.transport.write(
      concat([encoder.encode(head), headers ?? new Uint8Array(0), data, encoder.encode("\r\n")]),
    );
  }

  #receive(chunk: Uint8Array): void {
    this.#bytes = concat([this.#bytes, chunk]);
    for (;;) {
      const end = this.#bytes.indexOf(10);
      if (end < 1) return;
      const line = decoder.decode(this.#bytes.subarray(0, end - 1));
      const [command = "", ...args] = line.split(" ");
      const size = /^H?PUB$/i.test(command) ? Number(args.at(-1)) + 2 : 0;
      if (this.#bytes.length < end + 1 + size) return;
      const payload = this.#bytes.slice(end + 1, end + 1 + Math.max(0, size - 2));
      this.#bytes = this.#bytes.slice(end + 1 + size);
      this.commands.push(line);
      this.#obey(command.toUpperCase(), args, line, payload);
    }
  }

  #obey(command: string, args: string[], line: string, payload: Uint8Array): void {
    switch (command) {
      case "CONNECT":
        this.connect = JSON.parse(line.slice(8)) as Record<string, unknown>;
        this.echo = this.connect["echo"] !== false;
        this.#server.onConnect();
        break;
      case "PING":
        this.#ping();
        break;
      case "SUB":
        this.#sub(args);
        break;
      case "UNSUB":
        this.#interests.delete(Number(args[0]));
        break;
      case "PUB":
        this.#publish(args[0]!, args.length > 2 ? args[1]! : "", undefined, payload);
        break;
      case "HPUB": {
        const length = Number(args.at(-2));
        const reply = args.length > 3 ? args[1]! : "";
        this.#publish(args[0]!, reply, payload.slice(0, length), payload.slice(length));
        break;
      }
    }
  }

  #ping(): void {
    const hello = this.commands.filter((line) => line === "PING").length === 1;
    const before: Late[] = hello ? ["hello"] : [];
    if (!hello && this.#subscribed) before.push("subscribe");
    if (!hello && this.#published) before.push("publish");
    if (before.length === 0) before.push("ping");
    // It answers all of them at once: whoever is late with one of them is late with the answer.
    const what = before.find((kind) => kind === this.#server.late) ?? before[0];
    this.#subscribed = this.#published = false;
    this.#server.inTime(this, what, () => {
      if (hello && !this.#server.admits(this.connect ?? {})) {
        this.send(`-ERR '${this.#server.refusal}'\r\n`);
        this.transport.end();
      } else {
        this.send("PONG\r\n");
      }
    });
  }

  #sub(args: string[]): void {
    const [subject = "", ...rest] = args;
    const sid = Number(rest.at(-1));
    const queue = rest.length > 1 ? rest[0]! : "";
    this.#subscribed = true;
    if (this.#server.deniedSubscribes.has(subject)) {
      const how = queue === "" ? "" : ` using queue "${queue}"`;
      this.send(`-ERR 'Permissions Violation for Subscription to "${subject}"${how}'\r\n`);
      return;
    }
    this.#interests.set(sid, { sid, subject, queue });
    this.#server.onSubscribe(this, subject, sid);
  }

  #publish(subject: string, reply: string, headers: Uint8Array | undefined, data: Uint8Array): void {
    this.#published = true;
    if (this.#server.deaf) return;
    if (this.#server.deniedPublishes.has(subject)) {
      this.send(`-ERR 'Permissions Violation for Publish to "${subject}"'\r\n`);
      return;
    }
    const receivers = this.#server.route(this, subject, reply, headers, data);
    if (receivers > 0 || reply === "") return;
    const { answers, noResponders } = this.#server;
    for (const { sid } of this.matching(reply)) {
      const deliver = (head: string | undefined, text: string): void =>
        this.deliver(
          reply,
          sid,
          "",
          head === undefined ? undefined : encoder.encode(head),
          encoder.encode(text),
        );
      if (answers !== undefined) deliver(undefined, answers(decoder.decode(data)));
      else if (noResponders) deliver("NATS/1.0 503\r\n\r\n", "");
    }
  }
}

function matches(pattern: string, subject: string): boolean {
  const wanted = pattern.split(".");
  const tokens = subject.split(".");
  for (const [i, token] of wanted.entries()) {
    if (token === ">") return tokens.length > i;
    if (tokens[i] === undefined || (token !== "*" && token !== tokens[i])) return false;
  }
  return tokens.length === wanted.length;
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
