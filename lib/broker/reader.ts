import { BACKSLASH, CLOSE, COMMA, OPEN, QUOTE } from "../eventmesh/wire/ascii.ts";
import { CORRELATION_ID, type EventProtocol, REPLY_TO } from "../eventmesh/wire/mod.ts";
import { decodeText } from "../eventmesh/wire/text.ts";
import type { Blocks } from "./blocks.ts";
import { type Words, words } from "../eventmesh/wire/words.ts";
import { attributes } from "./envelope.ts";
import { equals, Names } from "./names.ts";
import { JsonSyntax } from "./syntax.ts";

/** A property that an {@linkcode EnvelopeReader} finds. */
export type LookedProperty = typeof CORRELATION_ID | typeof REPLY_TO | "ttl" | "cluster";

/** Properties that the broker looks at, or replaces in requests. */
const looked: readonly LookedProperty[] = [CORRELATION_ID, REPLY_TO, "ttl", "cluster"];

/** What a byte is in a name: 0 for letters and digits of a property, 1 for what may stand in others, 2 for all else. */
const kinds = new Uint8Array(256).fill(1, 0x20, 0x7f).fill(0, 0x30, 0x3a).fill(0, 0x61, 0x7b);
kinds.fill(2, 0, 0x20).fill(2, 0x7f);
kinds[QUOTE] = kinds[BACKSLASH] = 2;

const idStart = new TextEncoder().encode(`"${CORRELATION_ID}":"`);

/** Bits for the attributes that a CloudEvent must have. */
const allAttributes = 0b11111;
const dataBit = 0b100000;

/** The members of an EventMeshMessage that matter, and bits for them. */
const members: readonly string[] = ["topic", "body", "properties", "headers"];
const neededMembers = 0b11;
const propertiesBit = 0b100;

/**
 * Reads the bodies of messages where they lie: checks all of a body, finds its topic and the properties that matter to
 * the broker, and makes nothing else of it. It says yes to a body that is as nearly all of them are, and of which
 * `readEnvelope` would find the same; with all others it leaves the verdict to that.
 *
 * One serves all sessions: what it has found is true until it reads the next body, or is closed.
 */
export class EnvelopeReader {
  /** The topic of the body. */
  topic = "";
  readonly #syntax: JsonSyntax = new JsonSyntax();
  readonly #names: Names = new Names();
  /** Where the values of the looked-at properties are, without their quotes; 0 for the start of one that is missing. */
  readonly #starts: Int32Array = new Int32Array(looked.length);
  readonly #ends: Int32Array = new Int32Array(looked.length);
  /** Offsets of members that stay when those properties are replaced, in pairs; neighbours are one. */
  #kept: number[] = [];
  #keptCount = 0;
  #together = false;
  /** The object that has the properties. */
  #open = 0;
  #close = 0;
  /** The body. */
  #start = 0;
  #end = 0;
  #beginning: Beginning | undefined = undefined;
  #misses = 0;
  /** What the last request was enclosed in. */
  #address = "";
  #ttl = "";
  #cluster = "";
  #tail: Uint8Array = idStart;

  /** Reads the body at `start` to `end`. False: ask `readEnvelope`. */
  read(protocol: EventProtocol, bytes: Uint8Array, start: number, end: number): boolean {
    const syntax = this.#syntax;
    syntax.open(bytes);
    this.#start = start;
    this.#end = end;
    const starts = this.#starts;
    for (let i = 0; i < starts.length; i++) starts[i] = 0;
    this.#keptCount = 0;
    this.#together = false;
    if (protocol === "eventmeshmessage" && this.#continues(start, end)) return true;
    const open = syntax.spaceEnd(start, end);
    if (open >= end || bytes[open] !== OPEN) return false;
    const behind = protocol === "cloudevents"
      ? this.#cloudEvent(open + 1, end)
      : this.#message(open + 1, end);
    return behind >= 0 && syntax.spaceEnd(behind, end) === end;
  }

  /** Whether an EventMeshMessage is like one before but for its text, which is last. All of it is looked at. */
  #continues(start: number, end: number): boolean {
    const syntax = this.#syntax;
    const beginning = this.#beginning;
    if (beginning === undefined) return false;
    const text = start + beginning.words.length;
    if (text + 2 > end || !syntax.has(beginning.words, start)) return false;
    if (syntax.bytes[end - 1] !== CLOSE || syntax.stringEnd(text, end) !== end - 2) return false;
    this.topic = beginning.topic;
    this.#open = start + beginning.open;
    this.#close = start + beginning.close;
    const { places } = beginning;
    for (let i = 0; i < looked.length; i++) {
      this.#starts[i] = places[2 * i]! === 0 ? 0 : start + places[2 * i]!;
      this.#ends[i] = start + places[2 * i + 1]!;
    }
    this.#keptCount = places.length - 2 * looked.length;
    for (let i = 0; i < this.#keptCount; i++) this.#kept[i] = start + places[2 * looked.length + i]!;
    this.#misses = 0;
    return true;
  }

  /** Remembers how this body begins, now and then: they may all begin in another way. */
  #learn(text: number): void {
    if (this.#misses++ % patience !== 0 || this.#close === 0) return;
    const start = this.#start;
    const length = text - start;
    if (length > longestBeginning) return;
    const { bytes } = this.#syntax;
    const places: number[] = [];
    for (let i = 0; i < looked.length; i++) {
      places.push(this.#starts[i]! === 0 ? 0 : this.#starts[i]! - start, this.#ends[i]! - start);
    }
    for (let i = 0; i < this.#keptCount; i++) places.push(this.#kept[i]! - start);
    this.#beginning = {
      words: words(bytes, start, text),
      topic: this.topic,
      open: this.#open - start,
      close: this.#close - start,
      places,
    };
  }

  /** Lets go of the bytes. */
  close(): void {
    this.#syntax.close();
  }

  /** A property of the body that was read. */
  property(name: LookedProperty): string | undefined {
    const which = looked.indexOf(name);
    const start = this.#starts[which]!;
    if (start === 0) return undefined;
    const { bytes } = this.#syntax;
    const end = this.#ends[which]!;
    // Identities are never the same again.
    return which === 0 ? decodeText(bytes, start, end) : this.#names.read(bytes, start, end);
  }

  /** The number behind `prefix` in a property of the body that was read; NaN when that is not what the property is. */
  numberOf(name: LookedProperty, prefix: string): number {
    const which = looked.indexOf(name);
    const { bytes } = this.#syntax;
    const start = this.#starts[which]!;
    const end = this.#ends[which]!;
    const first = start + prefix.length;
    // Written in the one way that it was given out in.
    if (start === 0 || end <= first || end > first + 15 || bytes[first] === 0x30) return NaN;
    if (!equals(prefix, bytes, start, first)) return NaN;
    let number = 0;
    for (let at = first; at < end; at++) {
      const digit = bytes[at]! - 0x30;
      if (digit < 0 || digit > 9) return NaN;
      number = number * 10 + digit;
    }
    return number;
  }

  /** Whether the body that was read has a place for properties. */
  get extensible(): boolean {
    return this.#close > 0;
  }

  /** The body that was read, with these in place of the looked-at properties. They need no escapes. */
  withProperties(id: string, address: string, ttl: string, cluster: string, blocks: Blocks): Uint8Array {
    const { bytes } = this.#syntax;
    const tail = this.#tailOf(address, ttl, cluster);
    const kept = this.#kept;
    const count = this.#keptCount;
    const before = this.#open - this.#start;
    let size = before + 1 + idStart.length + id.length + tail.length + this.#end - this.#close;
    for (let i = 0; i < count; i += 2) size += kept[i + 1]! - kept[i]! + 1;
    const result = blocks.take(size);
    let at = before;
    copy(bytes, this.#start, this.#open, result, 0);
    result[at++] = OPEN;
    for (let i = 0; i < count; i += 2) {
      copy(bytes, kept[i]!, kept[i + 1]!, result, at);
      at += kept[i + 1]! - kept[i]!;
      result[at++] = COMMA;
    }
    result.set(idStart, at);
    at += idStart.length;
    for (let i = 0; i < id.length; i++) result[at++] = id.charCodeAt(i);
    result.set(tail, at);
    copy(bytes, this.#close, this.#end, result, at + tail.length);
    return result;
  }

  /** The members behind the identity of a request. They are mostly those of the last one. */
  #tailOf(address: string, ttl: string, cluster: string): Uint8Array {
    if (this.#address !== address || this.#ttl !== ttl || this.#cluster !== cluster) {
      this.#address = address;
      this.#ttl = ttl;
      this.#cluster = cluster;
      const members = JSON.stringify({ [REPLY_TO]: address, ttl, cluster });
      this.#tail = new TextEncoder().encode(`",${members.slice(1)}`);
    }
    return this.#tail;
  }

  /** Reads an EventMeshMessage from behind its brace; returns the offset behind it, or -1. */
  #message(at: number, end: number): number {
    const syntax = this.#syntax;
    const { bytes } = syntax;
    this.#close = 0;
    let seen = 0;
    for (;;) {
      at = syntax.spaceEnd(at, end);
      if (at >= end || bytes[at] !== QUOTE) return -1;
      const name = at + 1;
      const nameEnd = this.#nameEnd(name, end);
      if (nameEnd < 0) return -1;
      at = syntax.valueStart(nameEnd, end);
      if (at < 0 || at >= end) return -1;
      const member = indexOf(members, bytes, name, nameEnd);
      if (member >= 0) {
        if ((seen & 1 << member) !== 0) return -1;
        seen |= 1 << member;
      }
      const value = at;
      const first = bytes[value]!;
      at = 1 << member === propertiesBit && first === OPEN
        ? this.#properties(value, end)
        : syntax.valueEnd(value, end);
      if (at < 0) return -1;
      if (member === 0 && !this.#takeTopic(value, at)) return -1;
      // A text, a number or a boolean.
      if (member === 1 && (first === OPEN || first === 0x5b || first === 0x6e)) return -1;
      if (member > 1 && first !== OPEN && first !== 0x6e) return -1;
      at = syntax.spaceEnd(at, end);
      if (at < end && bytes[at] === CLOSE) {
        if ((seen & neededMembers) !== neededMembers) return -1;
        if (member === 1 && first === QUOTE && at === end - 1) this.#learn(value + 1);
        return at + 1;
      }
      if (at >= end || bytes[at] !== COMMA) return -1;
      at++;
    }
  }

  /** Reads the properties of an EventMeshMessage; returns the offset behind them, or -1. */
  #properties(open: number, end: number): number {
    const syntax = this.#syntax;
    const { bytes } = syntax;
    this.#open = open;
    let at = syntax.spaceEnd(open + 1, end);
    if (at < end && bytes[at] === CLOSE) return this.#close = at + 1;
    for (;;) {
      if (at >= end || bytes[at] !== QUOTE) return -1;
      const start = at;
      const nameEnd = this.#nameEnd(start + 1, end);
      if (nameEnd < 0 || !isPropertyName(bytes, start + 1, nameEnd)) return -1;
      const value = syntax.valueStart(nameEnd, end);
      if (value < 0 || value >= end) return -1;
      const first = bytes[value]!;
      if (first === OPEN || first === 0x5b || first === 0x6e) return -1;
      at = syntax.valueEnd(value, end);
      if (at < 0 || !this.#keep(start, nameEnd, value, at)) return -1;
      at = syntax.spaceEnd(at, end);
      if (at < end && bytes[at] === CLOSE) return this.#close = at + 1;
      if (at >= end || bytes[at] !== COMMA) return -1;
      at = syntax.spaceEnd(at + 1, end);
    }
  }

  /** Reads a CloudEvent from behind its brace; returns the offset behind it, or -1. */
  #cloudEvent(at: number, end: number): number {
    const syntax = this.#syntax;
    const { bytes } = syntax;
    this.#open = this.#start;
    this.#close = this.#end;
    let seen = 0;
    for (;;) {
      at = syntax.spaceEnd(at, end);
      if (at >= end || bytes[at] !== QUOTE) return -1;
      const start = at;
      const nameEnd = this.#nameEnd(start + 1, end);
      if (nameEnd < 0) return -1;
      const value = syntax.valueStart(nameEnd, end);
      if (value < 0) return -1;
      at = syntax.valueEnd(value, end);
      if (at < 0 || !this.#keep(start, nameEnd, value, at)) return -1;
      const attribute = indexOf(attributes, bytes, start + 1, nameEnd);
      if (attribute >= 0) {
        // A text that is not empty, once.
        if ((seen & 1 << attribute) !== 0 || bytes[value] !== QUOTE || at === value + 2) return -1;
        seen |= 1 << attribute;
        if (attribute === 0 && !isSpecversion(bytes, value + 1, at - 1)) return -1;
        if (attribute === 4 && !this.#takeTopic(value, at)) return -1;
      } else if (equals("data", bytes, start + 1, nameEnd)) {
        seen |= dataBit;
      } else if (!isPropertyName(bytes, start + 1, nameEnd)) {
        if (!equals("data_base64", bytes, start + 1, nameEnd)) return -1;
        seen |= dataBit;
      }
      at = syntax.spaceEnd(at, end);
      if (at < end && bytes[at] === CLOSE) break;
      if (at >= end || bytes[at] !== COMMA) return -1;
      at++;
    }
    return seen === (allAttributes | dataBit) ? at + 1 : -1;
  }

  /** Offset of the quote that ends a name; -1 for one that has to be parsed to be known. */
  #nameEnd(at: number, end: number): number {
    const { bytes } = this.#syntax;
    while (at < end && kinds[bytes[at]!] !== 2) at++;
    return at < end && bytes[at] === QUOTE ? at : -1;
  }

  /** The topic is the string at `start` to `end`; false when it has to be parsed to be known. */
  #takeTopic(start: number, end: number): boolean {
    const { bytes } = this.#syntax;
    if (bytes[start] !== QUOTE || end === start + 2) return false;
    for (let at = start + 1; at < end - 1; at++) if (kinds[bytes[at]!] === 2) return false;
    this.topic = this.#names.read(bytes, start + 1, end - 1);
    return true;
  }

  /** Takes note of a member among the properties; false when it has to be parsed to be known. */
  #keep(start: number, nameEnd: number, value: number, end: number): boolean {
    const { bytes } = this.#syntax;
    const which = indexOf(looked, bytes, start + 1, nameEnd);
    if (which >= 0) {
      this.#together = false;
      if (this.#starts[which] !== 0 || bytes[value] !== QUOTE) return false;
      for (let at = value + 1; at < end - 1; at++) if (kinds[bytes[at]!] === 2) return false;
      this.#starts[which] = value + 1;
      this.#ends[which] = end - 1;
    } else if (this.#together) {
      this.#kept[this.#keptCount - 1] = end;
    } else {
      this.#kept[this.#keptCount++] = start;
      this.#kept[this.#keptCount++] = end;
      this.#together = true;
    }
    return true;
  }
}

/** How a body begins, up to its text. Offsets are from there. */
interface Beginning {
  readonly words: Words;
  readonly topic: string;
  readonly open: number;
  readonly close: number;
  /** Of each looked-at property its start and end; then what is kept. */
  readonly places: readonly number[];
}

/** One beginning in so many is remembered. */
const patience = 16;
/** Longer ones are not. */
const longestBeginning = 1_024;

/** Copies what is at `start` to `end`. A view of its own costs more than a few bytes. */
function copy(from: Uint8Array, start: number, end: number, to: Uint8Array, at: number): void {
  if (end - start > 48) to.set(from.subarray(start, end), at);
  else while (start < end) to[at++] = from[start++]!;
}

function indexOf(names: readonly string[], bytes: Uint8Array, start: number, end: number): number {
  for (let i = 0; i < names.length; i++) {
    const name = names[i]!;
    if (
      name.length === end - start && name.charCodeAt(0) === bytes[start] && equals(name, bytes, start, end)
    ) {
      return i;
    }
  }
  return -1;
}

function isPropertyName(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (kinds[bytes[at]!] !== 0) return false;
  return end > start;
}

function isSpecversion(bytes: Uint8Array, start: number, end: number): boolean {
  return equals("1.0", bytes, start, end) || equals("0.3", bytes, start, end);
}
