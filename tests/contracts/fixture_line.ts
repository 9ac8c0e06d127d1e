import type { Transport } from "../../lib/net/mod.ts";

/** What a word of the fixture protocol may be. A line on the wire is `verb id text`. */
export type Verb = "hello" | "welcome" | "refused" | "ping" | "pong" | "bye";

/** Told what the other end says to one session. */
export interface Listener {
  said(verb: Verb, text: string): void;
  /** The stream is over. Called once. */
  gone(error: Error | undefined): void;
}

/** One stream, and the sessions that share it. It starts the stream and knows which session each line is for. */
export class Line {
  readonly transport: Transport;
  /** Resolves when the stream holds nothing any more. */
  readonly closed: Promise<Error | undefined>;
  /** Told of lines that are for no session of this end. */
  onStranger: (verb: Verb, id: string) => void = () => {};
  /** Told of all bytes as they come. */
  onBytes: (bytes: Uint8Array) => void = () => {};
  /** Told when the other end has ended the stream, or it is lost. */
  onOver: () => void = () => {};
  readonly #listeners: Map<string, Listener> = new Map();
  /** Sessions that were given up before the other end had made them. */
  readonly #abandoned: Set<Promise<void>> = new Set();
  readonly #held: (() => void)[] = [];
  #mute = false;
  #ids = 0;
  #rest = "";
  #over = false;

  constructor(transport: Transport) {
    this.transport = transport;
    this.closed = transport.closed;
    void this.closed.then((error) => this.#end(error));
    transport.start({
      data: (chunk) => {
        this.onBytes(chunk);
        this.#data(new TextDecoder().decode(chunk));
      },
      end: () => {
        this.#end(undefined);
        transport.end();
      },
      drain() {},
    });
  }

  /** The stream carries nothing any more. */
  get over(): boolean {
    return this.#over;
  }

  /** It answers no pings, and all of them later. */
  set mute(mute: boolean) {
    this.#mute = mute;
    if (!mute) { for (const send of this.#held.splice(0)) send(); }
  }

  nextId(): string {
    return String(++this.#ids);
  }

  attach(id: string, listener: Listener): void {
    if (this.#over) listener.gone(undefined);
    else this.#listeners.set(id, listener);
  }

  detach(id: string): void {
    this.#listeners.delete(id);
  }

  send(verb: Verb, id: string, text = ""): void {
    if (this.#mute && verb === "pong") return void this.#held.push(() => this.send(verb, id, text));
    this.transport.write(new TextEncoder().encode(`${`${verb} ${id} ${text}`.trimEnd()}\n`));
  }

  /** Lets what must still be told to the other end run behind the call that has failed. */
  abandon(work: Promise<void>): void {
    const tracked = work.finally(() => this.#abandoned.delete(tracked));
    this.#abandoned.add(tracked);
  }

  /** Resolves when no attempt of before holds anything at the other end, or it was waited for long enough. */
  async quiet(): Promise<void> {
    while (this.#abandoned.size > 0) await Promise.all(this.#abandoned);
  }

  #data(text: string): void {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop()!;
    for (const line of lines) {
      const [verb = "", id = "", ...words] = line.split(" ");
      const listener = this.#listeners.get(id);
      if (listener === undefined) this.onStranger(verb as Verb, id);
      else listener.said(verb as Verb, words.join(" "));
    }
  }

  #end(error: Error | undefined): void {
    if (this.#over) return;
    this.#over = true;
    const listeners = [...this.#listeners.values()];
    this.#listeners.clear();
    for (const listener of listeners) listener.gone(error);
    this.onOver();
  }
}
