import type { Head } from "./header.ts";
import { Members } from "./json.ts";
import { equal, type Words, words } from "./words.ts";

/** Sequence numbers of up to this many digits are exact as numbers. */
const DIGITS = 15;

/** Bytes of a header that is remembered: a peer must not be able to make a connection keep more. */
const LONGEST = 1_024;

/** Headers that are remembered: a connection alternates between few, such as confirmations and pushes. */
const SLOTS = 4;

/** After this many headers in a row that were new, only one in as many is remembered: they may all be different. */
const PATIENCE = 16;

/**
 * Recognises headers that equal an earlier one but for the digits of `seq`, which is nearly all of them. Every other byte
 * is compared, so a hit is as good as parsing.
 */
export class HeaderCache {
  /** The sequence number of the last hit, and how many digits it was written with. */
  seqNumber = 0;
  digits = 0;

  readonly #known: Known[] = [];
  #last = 0;
  #oldest = 0;
  #misses = 0;

  /** Returns what the header at `start` to `end` says, if an equal one was learnt, and sets `seqNumber` and `digits`. */
  find(view: DataView, start: number, end: number): Head | undefined {
    const known = this.#known;
    let slot = this.#last;
    for (let tries = known.length; tries > 0; tries--) {
      const candidate = known[slot]!;
      if (this.#matches(candidate, view, start, end)) {
        this.#last = slot;
        this.#misses = 0;
        return candidate.head;
      }
      if (++slot === known.length) slot = 0;
    }
    return undefined;
  }

  /** Remembers a header that was parsed, if it is of a form that can be recognised. */
  learn(bytes: Uint8Array, start: number, end: number, head: Head, seq: string | undefined): void {
    if (end - start > LONGEST || seq === undefined || seq.length > DIGITS || !/^[0-9]+$/.test(seq)) return;
    if (++this.#misses > PATIENCE && this.#misses % PATIENCE !== 0) return;
    // An escape makes a seq longer than its digits, and what is shared must not be changeable.
    if (bytes.subarray(start, end).includes(0x5c) || Object.values(head.properties).some(isMutable)) return;
    const members = new Members(bytes, start, end);
    let at = -1;
    while (members.next()) {
      if (!members.is("seq")) continue;
      if (members.string !== seq) return;
      at = members.valueStart + 1;
    }
    const suffix = at + seq.length;
    if (at - start < 4 || end - suffix < 4) return;
    const known: Known = { head, prefix: words(bytes, start, at), suffix: words(bytes, suffix, end) };
    if (this.#known.length < SLOTS) {
      this.#last = this.#known.push(known) - 1;
    } else {
      this.#last = this.#oldest;
      this.#known[this.#oldest] = known;
      this.#oldest = (this.#oldest + 1) % SLOTS;
    }
  }

  #matches(known: Known, view: DataView, start: number, end: number): boolean {
    const seqStart = start + known.prefix.length;
    const seqEnd = end - known.suffix.length;
    const digits = seqEnd - seqStart;
    if (digits < 1 || digits > DIGITS) return false;
    if (!equal(known.prefix, view, start) || !equal(known.suffix, view, seqEnd)) return false;
    let seq = 0;
    for (let at = seqStart; at < seqEnd; at++) {
      const digit = view.getUint8(at) - 0x30;
      if (digit < 0 || digit > 9) return false;
      seq = seq * 10 + digit;
    }
    this.seqNumber = seq;
    this.digits = digits;
    return true;
  }
}

/** A learnt header: what it says, and its bytes around the digits. */
interface Known {
  readonly head: Head;
  readonly prefix: Words;
  readonly suffix: Words;
}

function isMutable(value: unknown): boolean {
  return typeof value === "object" && value !== null;
}
