import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { frame, type FrameParts, FrameReader, type Received } from "./frames.ts";

/** Something that a script did, and everything that a server answered to it. */
export interface Exchange {
  readonly label: string;
  readonly answers: Received[];
}

/** What a server will do in a script, as far as is known: it is given more time for that than for what it never does. */
export interface Forecast {
  /** Frames that answer an exchange, or are pushed, by label. */
  answers(label: string): number;
  /** Whether the server ends the connection, by label. */
  ends(label: string): boolean;
}

/** When to stop waiting. */
export interface Patience {
  /** The end of the connection is waited for, too: its label. */
  readonly end?: string | undefined;
  /** Pushes are waited for, too: so many, counted from the beginning. */
  readonly pushes?: number | undefined;
  /** The connection that heartbeats go over. @default {the one that is silent} */
  readonly probe?: Line | undefined;
}

/** How the connection stands at the end of a script. */
export type End = "open" | "closed" | "reset";

/**
 * One connection of a script: a bare socket. What comes is kept by what it answers: frames with the `seq` of a frame that
 * was sent stand with that, all others are pushes. So the order in which a server carries out pipelined commands makes no
 * difference; scripts that mean an order wait for each answer.
 */
export class Line {
  readonly name: string;
  readonly exchanges: Exchange[] = [];
  readonly pushes: Received[] = [];
  end: End = "open";
  /** How it stood when a script looked, by label. */
  readonly noted: Map<string, End> = new Map();
  readonly #socket: Socket;
  readonly #reader = new FrameReader();
  readonly #asked = new Map<string, Exchange>();
  readonly #waiting = new Set<() => void>();
  readonly #probes = new Set<string>();
  /** Pushes that the script has asked for. */
  #taken = 0;
  /** Far from what servers count pushes with. */
  #seq = 5_000_000_000;
  /** Exchanges before this belong to the setting, not to the script. */
  #begin = 0;
  #setting = false;
  readonly #counts = new Map<string, number>();
  /** Our side has been ended. */
  #finished = false;
  readonly #forecast: Forecast | undefined;

  constructor(name: string, socket: Socket, forecast?: Forecast) {
    this.name = name;
    this.#socket = socket;
    this.#forecast = forecast;
    socket.on("data", (chunk: Uint8Array) => {
      for (const received of this.#reader.push(chunk)) this.#sort(received);
      this.#wake();
    });
    socket.on("end", () => this.#over("closed"));
    socket.on("close", () => this.#over("closed"));
    socket.on("error", () => this.#over("reset"));
  }

  static async dial(name: string, port: number, forecast?: Forecast): Promise<Line> {
    const socket = connect({ host: "127.0.0.1", port, allowHalfOpen: true, noDelay: true });
    await once(socket, "connect");
    return new Line(name, socket, forecast);
  }

  /** A label of this line, in a script that has several. */
  label(label: string): string {
    return this.name === "" ? label : `${this.name} ${label}`;
  }

  /** Plays what the script presupposes: it has to succeed, and is not compared. */
  async setting(scene: () => Promise<void>): Promise<void> {
    this.#setting = true;
    await scene();
    for (const { answers, label } of this.exchanges.slice(this.#begin)) {
      const [answer] = answers;
      if (answer?.header.code !== 0) {
        throw new Error(`Setting failed at ${label}: ${JSON.stringify(answers)}`);
      }
    }
    this.#begin = this.exchanges.length;
    this.#counts.clear();
    this.#setting = false;
  }

  /** What is compared. */
  get script(): readonly Exchange[] {
    return this.exchanges.slice(this.#begin);
  }

  /** Opens an exchange for frames that have this number. */
  expect(seq: string, label: string): Exchange {
    const exchange = this.#open(label);
    this.#asked.set(seq, exchange);
    return exchange;
  }

  /** Sends a frame without waiting for anything. The header gets a number, unless it brings one, or null for none. */
  send(
    cmd: string,
    parts: Omit<FrameParts, "header"> = {},
    header: Readonly<Record<string, unknown>> = {},
  ): Exchange {
    this.bytes(this.compose(cmd, parts, header));
    return this.exchanges.at(-1)!;
  }

  /** The bytes of a frame, whose answers belong to an exchange of their own. */
  compose(
    cmd: string,
    parts: Omit<FrameParts, "header"> = {},
    header: Readonly<Record<string, unknown>> = {},
  ): Uint8Array {
    const given = header.seq;
    if (given === undefined || given === null) {
      const seq = String(++this.#seq);
      this.expect(seq, cmd);
      header = { ...header, seq: given === null ? undefined : seq };
    } else {
      this.expect(String(given), cmd);
    }
    return frame({ header: { cmd, code: 0, properties: {}, command: cmd, ...header }, ...parts });
  }

  bytes(bytes: Uint8Array | string): void {
    if (this.#socket.writable) this.#socket.write(bytes);
  }

  /** Sends a frame and waits for its answer, for the end, or until it is certain that there will be none. */
  async say(
    cmd: string,
    body?: string | Uint8Array,
    header?: Readonly<Record<string, unknown>>,
  ): Promise<Received | undefined> {
    const { answers } = this.send(cmd, { body }, header);
    await this.until(() => answers.length > 0);
    return answers[0];
  }

  /** The next push, or undefined when there is none. */
  async push(): Promise<Received | undefined> {
    const pushes = this.#taken + 1;
    await this.until(() => this.pushes.length >= pushes, { pushes });
    return this.pushes[this.#taken++];
  }

  /** Ends our side and waits for the end of the other. */
  async finish(): Promise<void> {
    this.#finished = true;
    this.#socket.end();
    await this.#wait(() => this.end !== "open", 10_000);
  }

  /** Waits for the end of the other side, which is certain to come. */
  async over(): Promise<void> {
    await this.#wait(() => this.end !== "open", 10_000);
  }

  /**
   * Waits for a condition, for the end, or for silence: {@linkcode rounds} heartbeats one after the other bring nothing.
   * Heartbeats slow down with the server, and come after what was sent before. A silence lasts {@linkcode pause} ms at
   * least, and {@linkcode patience} ms where the forecast says that the server will break it. Without a forecast the
   * server is ours, which does one thing after the other, and is silent when a few heartbeats have come back.
   */
  async until(condition: () => boolean, { probe = this, ...expected }: Patience = {}): Promise<void> {
    await this.#wait(condition, 3);
    const start = performance.now();
    const [turns, quiet] = this.#forecast === undefined ? [3, 20] : [rounds, pause];
    for (let turn = 0;; turn++) {
      if (condition() || this.end !== "open" || this.#finished) return;
      const least = this.#expects(expected) ? patience : quiet;
      if (turn >= turns && performance.now() - start >= least) return;
      await probe.probe();
    }
  }

  /** Waits until what was sent before has been read, and what was answered in that time is here. */
  async quiesce(): Promise<void> {
    for (let turn = 0; turn < 3; turn++) if (this.end === "open" && !this.#finished) await this.probe();
  }

  /** Takes down how the connection stands. */
  note(label: string): void {
    this.noted.set(this.label(label), this.end);
  }

  /** One heartbeat there and back. */
  async probe(): Promise<void> {
    const seq = String(++this.#seq);
    this.#probes.add(seq);
    const cmd = "HEARTBEAT_REQUEST";
    this.bytes(frame({ header: { cmd, code: 0, seq, properties: {}, command: cmd } }));
    await this.#wait(() => !this.#probes.has(seq) || this.end !== "open", 10_000);
    if (this.#probes.has(seq) && this.end === "open") throw new Error(`No heartbeat on ${this.name}`);
    // A server may be busy with what it was sent before: give it the processor.
    await sleep(1);
  }

  /** Leaves without a word. */
  async destroy(): Promise<void> {
    if (this.#socket.destroyed) return;
    const closed = once(this.#socket, "close");
    this.#socket.destroy();
    await closed;
  }

  #expects({ end, pushes }: Patience): boolean {
    const forecast = this.#forecast;
    if (this.#setting) return true;
    if (forecast === undefined) return false;
    return end !== undefined && forecast.ends(this.label(end)) ||
      pushes !== undefined && forecast.answers(this.label("pushes")) >= pushes ||
      this.script.some(({ answers, label }) => answers.length < forecast.answers(label));
  }

  #open(label: string): Exchange {
    const count = (this.#counts.get(label) ?? 0) + 1;
    this.#counts.set(label, count);
    const exchange = { label: this.label(count > 1 ? `${label} ${count}` : label), answers: [] };
    this.exchanges.push(exchange);
    return exchange;
  }

  #sort(received: Received): void {
    const { cmd, seq } = received.header;
    if (cmd === "HEARTBEAT_RESPONSE" && this.#probes.delete(String(seq))) return;
    const exchange = seq === undefined ? undefined : this.#asked.get(String(seq));
    if (exchange !== undefined) exchange.answers.push(received);
    else this.pushes.push(received);
  }

  #over(end: End): void {
    if (this.end === "open") this.end = end;
    this.#wake();
  }

  #wake(): void {
    for (const look of [...this.#waiting]) look();
  }

  #wait(condition: () => boolean, timeout: number): Promise<void> {
    const done = (): boolean => condition() || this.end !== "open";
    if (done()) return Promise.resolve();
    return new Promise((resolve) => {
      const look = (): void => {
        if (!done()) return;
        leave();
      };
      const leave = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(look);
        resolve();
      };
      const timer = setTimeout(leave, timeout);
      this.#waiting.add(look);
    });
  }
}

/** Heartbeats without anything else that make a silence. */
const rounds = 20;
/** The least that a silence lasts, in milliseconds, where nothing else is expected. */
const pause = 100;
/** The least that it lasts where it is not expected. */
const patience = 10_000;
