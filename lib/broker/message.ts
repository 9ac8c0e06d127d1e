import type { EventProtocol } from "../eventmesh/wire/mod.ts";
import { Blocks } from "./blocks.ts";
import type { Copy } from "./copy.ts";
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
  /** A copy of it is on its way to a responder. */
  taken(copy: Copy): void;
  /** The copy came back from a responder that did not acknowledge it. */
  returned(copy: Copy): void;
}

/** What has the body of a message: a packet makes a view of its bytes when somebody wants it. */
export interface BodySource {
  readonly body: Uint8Array;
}

/** A message as its publisher has sent it. It counts its holders, and counts as memory as long as it has any. */
export class Message {
  /** Rises with every message of the broker: its place in every queue. */
  readonly order: number;
  readonly topic: string;
  /** How its body is encoded; subscribers get it in the same way. */
  readonly protocol: EventProtocol;
  /** Set by the one that a request is. */
  ask: Ask | undefined = undefined;
  readonly #memory: Memory;
  #body: Uint8Array;
  /** Bytes of the block of its own that the body lies in, 0 when it lies in none. */
  #block: number;
  #chunk: Chunk | undefined = undefined;
  #holders = 0;

  /** `moved`: the body was taken from the blocks of this memory, and goes back there. */
  constructor(
    memory: Memory,
    order: number,
    topic: string,
    protocol: EventProtocol,
    body: Uint8Array,
    moved = false,
  ) {
    this.#memory = memory;
    this.order = order;
    this.topic = topic;
    this.protocol = protocol;
    this.#body = body;
    this.#block = moved ? Blocks.sizeFor(body.length) : 0;
  }

  /** The bytes of the publisher, untouched. To be looked at as long as the message is held. */
  get body(): Uint8Array {
    return this.#body;
  }

  /** Whether it can be held, and so many copies of it. */
  fits(copies: number): boolean {
    return this.#block > 0 ? this.#memory.fitsIn(this.#block, copies) : this.#memory.fits(this.#body, copies);
  }

  /** One more copy of it exists. */
  hold(): void {
    if (this.#holders++ > 0) return this.#memory.add(COPY_COST);
    this.#memory.add(COPY_COST + MESSAGE_COST + this.#block);
    if (this.#block === 0) this.#chunk = this.#memory.keep(this.#body);
  }

  /** A copy of it is gone. */
  release(): void {
    if (--this.#holders > 0) return this.#memory.free(COPY_COST);
    this.#memory.free(COPY_COST + MESSAGE_COST + this.#block);
    if (this.#chunk !== undefined) {
      this.#memory.leave(this.#chunk);
      this.#chunk = undefined;
    } else if (this.#block > 0) {
      this.#memory.blocks.give(this.#body);
      this.#body = nothing;
      this.#block = 0;
    }
  }

  /**
   * It has to wait. A small body does not keep a large chunk alive for that: it moves into memory of its own. What is
   * delivered at once is never copied.
   */
  settle(): void {
    const chunk = this.#chunk;
    if (chunk === undefined) return;
    const size = Blocks.sizeFor(this.#body.length);
    // The chunk may have other users, and stay.
    if (size * 2 > chunk.buffer.byteLength || !this.#memory.hasRoomFor(size)) return;
    this.#body = this.#memory.blocks.copy(this.#body);
    this.#block = size;
    this.#memory.add(size);
    this.#memory.leave(chunk);
    this.#chunk = undefined;
  }
}

const nothing = new Uint8Array(0);
