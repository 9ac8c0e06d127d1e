import { CORRELATION_ID, REPLY_TO } from "../eventmesh/wire/mod.ts";
import { type Words, words } from "../eventmesh/wire/words.ts";
import type { Blocks } from "./blocks.ts";
import type { JsonSyntax } from "./syntax.ts";

const encoder = new TextEncoder();
const NOTHING: Uint8Array = encoder.encode("");

/** Properties that are given to a request. */
export interface Given {
  /** What its identity begins with; needs no escapes. */
  readonly prefix: string;
  /** The number behind it. */
  readonly number: number;
  /** Who gets the reply. */
  readonly address: string;
  /** Milliseconds; 0 for none. */
  readonly ttl: number;
  /** Empty for none. */
  readonly cluster: string;
  /** There are no others. */
  readonly alone: boolean;
}

/**
 * Writes the bodies of requests with what is given to them, in front of their own properties. What is in front of those is
 * mostly the same as in the last one, but for the digits of its number.
 *
 * ```
 *   {"topic":"orders","properties":{   "correlation99id":"f6f9c52a04af450f  1020  ","reply99to99client":"session-1",
 *   '------------- own ------------'   '-------------------------- added -----------------------------------------'
 * ```
 */
export class Enclosure {
  #added: Uint8Array = NOTHING;
  /** Offset behind the digits. */
  #digitsEnd = 0;
  /** What a body begins with, the same as words, and that with what is added. */
  #own: Uint8Array = NOTHING;
  #words: Words | undefined = undefined;
  #front: Uint8Array | undefined = undefined;
  #prefix = "";
  #digits = 0;
  #address = "";
  #ttl = 0;
  #cluster = "";
  #alone = false;

  /** The body at `start` to `end` with all of it, in memory of these blocks. Its own properties begin `inside`. */
  write(
    syntax: JsonSyntax,
    start: number,
    inside: number,
    end: number,
    given: Given,
    blocks: Blocks,
  ): Uint8Array {
    const own = inside - start;
    this.#take(given, digitsOf(given.number));
    const short = own <= longest;
    if (short && (this.#front === undefined || !this.#isOwn(syntax, start, inside))) {
      this.#learn(syntax.view(start, inside));
    }
    const front = short ? this.#front! : this.#added;
    this.#count(front, this.#digitsEnd + (short ? own : 0), given.number);
    const result = blocks.take(own + this.#added.length + end - inside);
    if (!short) result.set(syntax.view(start, inside));
    result.set(front, short ? 0 : own);
    result.set(syntax.view(inside, end), own + this.#added.length);
    return result;
  }

  #take({ address, alone, cluster, prefix, ttl }: Given, digits: number): void {
    if (
      this.#digits === digits && this.#address === address && this.#ttl === ttl &&
      this.#cluster === cluster &&
      this.#alone === alone && this.#prefix === prefix
    ) return;
    this.#digits = digits;
    this.#address = address;
    this.#ttl = ttl;
    this.#cluster = cluster;
    this.#alone = alone;
    this.#prefix = prefix;
    this.#front = undefined;
    const others = JSON.stringify({
      [REPLY_TO]: address,
      ...(ttl === 0 ? {} : { ttl: String(ttl) }),
      ...(cluster === "" ? {} : { cluster }),
    });
    const id = `"${CORRELATION_ID}":"${prefix}${"0".repeat(digits)}`;
    this.#digitsEnd = id.length;
    this.#added = encoder.encode(`${id}",${others.slice(1, -1)}${alone ? "" : ","}`);
  }

  #isOwn(syntax: JsonSyntax, start: number, inside: number): boolean {
    if (this.#own.length !== inside - start) return false;
    return this.#words === undefined ? syntax.hasAll(this.#own, start) : syntax.has(this.#words, start);
  }

  #learn(own: Uint8Array): void {
    this.#own = own.slice();
    this.#words = own.length < 4 ? undefined : words(own, 0, own.length);
    const front = new Uint8Array(own.length + this.#added.length);
    front.set(own);
    front.set(this.#added, own.length);
    this.#front = front;
  }

  #count(bytes: Uint8Array, digitsEnd: number, number: number): void {
    for (let at = digitsEnd - 1; at >= digitsEnd - this.#digits; at--) {
      const rest = Math.floor(number / 10);
      bytes[at] = 0x30 + number - rest * 10;
      number = rest;
    }
  }
}

/** Digits of a whole number. */
function digitsOf(number: number): number {
  let digits = 1;
  for (let limit = 10; number >= limit; limit *= 10) digits++;
  return digits;
}

/** Bytes in front of the properties that are remembered: the text of the message may be there, too. */
const longest = 256;
