import { BACKSLASH, CLOSE, QUOTE } from "./ascii.ts";
import { CORRELATION_ID, REPLY_TO } from "./extensions.ts";
import { Members } from "./json.ts";
import type { Packet } from "./packet.ts";
import { DATA_ENCODING } from "./payload.ts";
import { isPlain, plainEnd } from "./plain.ts";
import { CONTENT_TYPE, isKept, isPropertyName } from "./properties.ts";
import { equal, type Words, words } from "./words.ts";

/** Bytes between the texts of a body that are remembered: a peer must not be able to make a connection keep more. */
const LONGEST = 1_024;

/** Shapes that are remembered: what comes to one subscription is written by few kinds of publishers. */
const SLOTS = 8;

/** What a hit saves, where the price of a look in vain is 1; it is saved up to the most. */
const GAIN = 4;
const MOST = 128;

/** The price of learning a shape. */
const LESSON = 8;

/** Where looks and lessons have cost more than they have saved, one body in so many is looked at. */
const PATIENCE = 32;

/** How a body is built: all of it but the texts of the topic, of the properties and of the body. */
export interface BodyShape {
  /** The bytes in front of each text, from the quote behind the one before; the text of the body is the last. */
  readonly segments: readonly Words[];
  /** Names of the properties, in their order; undefined for one that only serves the protocol. */
  readonly names: readonly (string | undefined)[];
  readonly contentType: string | undefined;
  /** A property ties a reply to it. */
  readonly tied: boolean;
  /** All in front of the text may stand in a reply as it is. */
  readonly repeatable: boolean;
}

/**
 * Recognises bodies of an `eventmeshmessage` that are built as an earlier one was: the same members in the same order, and
 * other texts. Every byte is looked at, so a hit is as good as parsing.
 */
export class BodyCache {
  /** Where the text of the body begins in the last hit. */
  textStart = 0;
  /** Whether that text stands there as it is: ASCII, and nothing is escaped. */
  plain = false;

  readonly #known: BodyShape[] = [];
  #last = 0;
  #oldest = 0;
  /** What may be spent on looks and lessons: bodies may all be different, and cost next to nothing then. */
  #credit = MOST;
  /** Bodies that were not looked at since one was. */
  #passed = 0;

  /** Returns how the body is built, if one like it was learnt, and sets `textStart` and `plain`. */
  find(packet: Packet): BodyShape | undefined {
    if (this.#credit === 0 && ++this.#passed < PATIENCE) return undefined;
    this.#passed = 0;
    const known = this.#known;
    for (let i = 0; i < known.length; i++) {
      const slot = (this.#last + i) % known.length;
      const shape = known[slot]!;
      if (!this.#matches(shape, packet)) continue;
      this.#last = slot;
      this.#credit = Math.min(this.#credit + GAIN, MOST);
      return shape;
    }
    this.#credit = Math.max(this.#credit - 1, 0);
    return undefined;
  }

  /** Remembers how a body is built that was parsed, if it can be recognised by that. */
  learn({ source, bodyStart, bodyEnd }: Packet, contentType: string | undefined): void {
    // One that has not been looked at is none to learn.
    if (this.#passed > 0 || (this.#credit > 0 && this.#credit < LESSON)) return;
    this.#credit = Math.max(this.#credit - LESSON, 0);
    const shape = shapeOf(source, bodyStart, bodyEnd, contentType);
    if (shape === undefined) return;
    if (this.#known.length < SLOTS) {
      this.#last = this.#known.push(shape) - 1;
    } else {
      this.#last = this.#oldest;
      this.#known[this.#oldest] = shape;
      this.#oldest = (this.#oldest + 1) % SLOTS;
    }
  }

  #matches({ segments }: BodyShape, { source, view, bodyStart, bodyEnd }: Packet): boolean {
    const last = segments.length - 1;
    // The quote behind the last text, and the brace.
    const end = bodyEnd - 2;
    let at = bodyStart;
    for (let i = 0; i < last; i++) {
      const segment = segments[i]!;
      if (at + segment.length > end || !equal(segment, view, at)) return false;
      at = plainEnd(view, at + segment.length, end);
    }
    const segment = segments[last]!;
    const textStart = at + segment.length;
    if (textStart > end || !equal(segment, view, at)) return false;
    if (source[end] !== QUOTE || source[end + 1] !== CLOSE) return false;
    this.textStart = textStart;
    this.plain = isAllPlain(view, textStart, end);
    return true;
  }
}

/** In steps, each as long as all before: what makes a long text not plain mostly stands near its beginning. */
function isAllPlain(view: DataView, start: number, end: number): boolean {
  let at = start;
  for (let step = 64; at + step < end; step *= 2) {
    if (!isPlain(view, at, at + step)) return false;
    at += step;
  }
  return isPlain(view, at, end);
}

/** Undefined where something else than texts may differ, or the text of a property says how to read the body. */
function shapeOf(
  bytes: Uint8Array,
  start: number,
  end: number,
  contentType: string | undefined,
): BodyShape | undefined {
  const names: string[] = [];
  const segments: Words[] = [];
  let repeatable = true;
  let at = start;
  const cut = ({ valueStart, valueEnd }: Members): boolean => {
    // An escape could make something else of a name.
    if (bytes[valueStart] !== QUOTE || bytes.subarray(at, valueStart).includes(BACKSLASH)) return false;
    segments.push(words(bytes, at, valueStart + 1));
    at = valueEnd - 1;
    return true;
  };
  const members = new Members(bytes, start, end);
  for (const field of ["topic", "properties", "headers", "body"]) {
    if (!members.next() || !members.is(field)) return undefined;
    if (field === "headers") {
      repeatable = members.text === "{}";
    } else if (field !== "properties") {
      if (!cut(members)) return undefined;
    } else {
      const properties = new Members(bytes, members.valueStart, members.valueEnd);
      while (properties.next()) {
        const { name } = properties;
        if (name === undefined || !cut(properties)) return undefined;
        if (name === DATA_ENCODING || name === CONTENT_TYPE) return undefined;
        names.push(name);
      }
      if (properties.malformed >= 0) return undefined;
    }
  }
  // Nothing stands behind the body.
  if (at !== end - 2 || bytes[end - 1] !== CLOSE) return undefined;
  if (segments.reduce((sum, { length }) => sum + length, 0) > LONGEST) return undefined;
  repeatable &&= names.every(isPropertyName);
  return {
    segments,
    names: names.map((name) => isKept(name) ? name : undefined),
    contentType,
    tied: names.includes(CORRELATION_ID) || names.includes(REPLY_TO),
    repeatable,
  };
}
