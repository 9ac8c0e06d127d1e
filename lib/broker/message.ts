import type { EventProtocol } from "../eventmesh/wire/mod.ts";
import { type Chunk, COPY_COST, type Memory, MESSAGE_COST } from "./memory.ts";

/** Who has a copy of a message while it is not acknowledged. */
export interface Holder {
  /** Unique within the broker. */
  readonly id: number;
  /** Requests it has got and not answered, which may still be answered. */
  owed: number;
}

/** The request that a message carries, as far as those who deliver it need to know. */
export interface Ask {
  /** It has been answered, has timed out, or nobody waits for it any longer. */
  readonly done: boolean;
  /** It is on its way to a responder. */
  taken(by: Holder): void;
  /** It came back from a responder that did not acknowledge it. */
  returned(by: Holder): void;
}

/** A message as its publisher has sent it. It counts its holders, and counts as memory as long as it has any. */
export class Message {
  /** Rises with every message of the broker: its place in every queue. */
  readonly order: number;
  readonly topic: string;
  /** How its body is encoded; subscribers get it in the same way. */
  readonly protocol: EventProtocol;
  readonly ask: Ask | undefined;
  readonly #memory: Memory;
  #body: Uint8Array;
  #chunk: Chunk | undefined = undefined;
  #holders = 0;

  constructor(
    memory: Memory,
    order: number,
    topic: string,
    protocol: EventProtocol,
    body: Uint8Array,
    ask?: Ask,
  ) {
    this.#memory = memory;
    this.order = order;
    this.topic = topic;
    this.protocol = protocol;
    this.#body = body;
    this.ask = ask;
  }

  /** The bytes of the publisher, untouched. */
  get body(): Uint8Array {
    return this.#body;
  }

  /** One more copy of it exists. */
  hold(): void {
    this.#memory.add(COPY_COST);
    if (this.#holders++ > 0) return;
    this.#memory.add(MESSAGE_COST);
    this.#chunk = this.#memory.keep(this.#body);
  }

  /** A copy of it is gone. */
  release(): void {
    this.#memory.free(COPY_COST);
    if (--this.#holders > 0) return;
    this.#memory.free(MESSAGE_COST);
    if (this.#chunk === undefined) this.#memory.free(this.#body.length);
    else this.#memory.leave(this.#chunk);
    this.#chunk = undefined;
  }

  /**
   * It has to wait. A small body does not keep a large chunk alive for that: it moves into memory of its own. What is
   * delivered at once is never copied.
   */
  settle(): void {
    const chunk = this.#chunk;
    const { length } = this.#body;
    // The chunk may have other users, and stay.
    if (chunk === undefined || length * 2 > chunk.buffer.byteLength || !this.#memory.hasRoomFor(length)) {
      return;
    }
    this.#body = this.#body.slice();
    this.#memory.add(length);
    this.#memory.leave(chunk);
    this.#chunk = undefined;
  }
}
