import { Buffer } from "node:buffer";
import type { Transport } from "../../lib/net/mod.ts";
import type { RequiredMode } from "./fault.ts";

/** When a client goes wrong: with its first word, in the midst of its work, or when it is told goodbye. */
export type ClientTrigger = "hello" | "work" | "goodbye";

/** What a server says. */
export type ServerWord = "welcome" | "answer" | "goodbye";

/** What client and server speak. */
export interface Language {
  /** What a client says first. */
  readonly hello: Uint8Array;
  /** The next piece of its work. */
  work(): Uint8Array;
  /** Makes a reader of chunks, which tells each word of the server, with the answer of the client if it has one. */
  reader(tell: (word: ServerWord, answer?: Uint8Array) => void): (chunk: Uint8Array) => void;
}

/** What a {@linkcode FaultClient} is made of. */
export interface FaultClientOptions {
  readonly language: Language;
  readonly mode: RequiredMode;
  /** @default {"hello"} */
  readonly at?: ClientTrigger;
  /** Told when the fault strikes, before it does. */
  onStrike?(): void;
}

/** Pieces of work that a client does. */
export const workload = 3;
/** Milliseconds that a busy client takes for everything. */
const busyTime = 50;
/** Bytes of one write of a flood: little, so that others get their turns. */
const floodSize = 4_096;
/** Bytes that are still sent before the reset of `rst-at-byte-n`. */
const bytesBeforeReset = 3;

/** A client that is well behaved until its fault strikes: it says hello, does its work, answers a goodbye. */
export class FaultClient {
  readonly transport: Transport;
  /** Everything the server has said, in its order. */
  readonly heard: ServerWord[] = [];
  /** The server has sent FIN. */
  ended = false;
  closed = false;
  /** The fault has struck. */
  struck = false;
  readonly #options: FaultClientOptions;
  readonly #read: (chunk: Uint8Array) => void;
  readonly #slow: (Uint8Array | "end")[] = [];
  readonly #timers: Set<ReturnType<typeof setTimeout>> = new Set();
  #mode: RequiredMode | "silent" = "healthy";

  constructor(transport: Transport, options: FaultClientOptions) {
    this.transport = transport;
    this.#options = options;
    this.#read = options.language.reader((word, answer) => this.#told(word, answer));
    void transport.closed.then(() => {
      this.closed = true;
      for (const timer of this.#timers) clearTimeout(timer);
    });
    transport.start({
      data: (chunk) => this.#read(chunk),
      end: () => this.#end(),
      drain: () => this.#pour(),
    });
    this.#strike("hello");
    this.#say(options.language.hello);
  }

  /** How often it was told something. */
  count(word: ServerWord): number {
    return this.heard.filter((heard) => heard === word).length;
  }

  /** Does one more piece of work. */
  work(): void {
    this.#say(this.#options.language.work());
  }

  /** Frees it. */
  close(): Promise<unknown> {
    this.transport.destroy();
    return this.transport.closed;
  }

  #strike(trigger: ClientTrigger): void {
    const { at = "hello", mode, onStrike } = this.#options;
    if (this.struck || at !== trigger) return;
    this.#mode = mode;
    this.struck = true;
    onStrike?.();
    if (mode === "never-read" || mode === "half-open") this.transport.pause();
    if (mode === "flood") this.#pour();
  }

  #told(word: ServerWord, answer: Uint8Array | undefined): void {
    this.heard.push(word);
    if (word === "welcome") {
      this.#strike("work");
      for (let i = 0; i < workload; i++) this.work();
    }
    if (word === "goodbye") this.#strike("goodbye");
    if (answer !== undefined) this.#say(answer);
  }

  #end(): void {
    this.ended = true;
    switch (this.#mode) {
      case "never-fin":
      case "never-read":
      case "half-open":
      case "flood":
        return;
      case "rst-on-goodbye":
        return this.transport.reset();
      case "busy":
        return this.#later(() => this.transport.end());
      case "slow":
        return this.#drip("end");
      default:
        this.transport.end();
    }
  }

  /** Says something, as far as the fault lets it. */
  #say(bytes: Uint8Array): void {
    switch (this.#mode) {
      case "silent":
      case "half-open":
      case "connect-and-idle":
        return;
      case "busy":
        return this.#later(() => void this.transport.write(bytes));
      case "slow":
        return this.#drip(bytes);
      case "rst-on-goodbye":
        return this.transport.reset();
      case "rst-at-byte-n":
        this.#mode = "silent";
        this.transport.write(bytes.subarray(0, bytesBeforeReset));
        return this.#resetWhenSent();
      case "partial-frame":
        this.#mode = "silent";
        this.transport.write(bytes.subarray(0, bytes.byteLength >> 1));
        return this.transport.end();
      default:
        this.transport.write(bytes);
    }
  }

  #later(action: () => void): void {
    if (this.closed) return;
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      action();
    }, busyTime);
    this.#timers.add(timer);
  }

  /** One byte at each turn of the event loop. */
  #drip(what: Uint8Array | "end"): void {
    this.#slow.push(what);
    if (this.#slow.length > 1) return;
    let at = 0;
    const step = (): void => {
      const first = this.#slow[0];
      if (first === undefined || this.transport.destroyed) return;
      if (first === "end") return this.transport.end();
      this.transport.write(first.subarray(at, ++at));
      if (at >= first.byteLength) {
        this.#slow.shift();
        at = 0;
      }
      setImmediate(step);
    };
    step();
  }

  /** Writes as long as it is taken. */
  #pour(): void {
    if (this.#mode !== "flood" || this.transport.destroyed) return;
    const frames: Uint8Array[] = [];
    for (let size = 0; size < floodSize; size += frames.at(-1)!.byteLength) {
      frames.push(this.#options.language.work());
    }
    if (this.transport.write(Buffer.concat(frames))) setImmediate(() => this.#pour());
  }

  /** A reset takes with it what the kernel holds: not before the other side has had its chance to read. */
  #resetWhenSent(turns = 10): void {
    if (this.transport.destroyed) return;
    if (turns === 0) this.transport.reset();
    else setImmediate(() => this.#resetWhenSent(turns - 1));
  }
}
