import { CLOSE, COMMA, OPEN, QUOTE } from "../eventmesh/wire/ascii.ts";
import { CORRELATION_ID, type EventProtocol, REPLY_TO } from "../eventmesh/wire/mod.ts";
import { decodeText } from "../eventmesh/wire/text.ts";
import type { Blocks } from "./blocks.ts";
import { attributes } from "./envelope.ts";
import { equals, isPropertyName, Names, plainEnd } from "./names.ts";
import { type HoleKind, type Shape, Shapes, Sketch } from "./shape.ts";
import { JsonSyntax } from "./syntax.ts";

/** A property that an {@linkcode EnvelopeReader} finds. */
export type LookedProperty = typeof CORRELATION_ID | typeof REPLY_TO | "ttl" | "cluster";

/** Properties that the broker looks at, or replaces in requests. */
const looked: readonly LookedProperty[] = [CORRELATION_ID, REPLY_TO, "ttl", "cluster"];

const encoder = new TextEncoder();

/** Bits for the attributes that a CloudEvent must have. */
const allAttributes = 0b11111;
const dataBit = 0b100000;
/** What may be in place of their texts: the version has to stay what it is, and a topic is noted by who takes it. */
const attributeHoles: readonly (HoleKind | "none")[] = ["none", "some", "some", "some", "none"];

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
  readonly #shapes: Shapes = new Shapes(this.#names);
  readonly #sketch: Sketch = new Sketch();
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
  /** It has this one, and nobody has asked yet where things are. */
  #shape: Shape | undefined = undefined;
  /** What the last request was enclosed in. */
  #address = "";
  #ttl = "";
  #cluster = "";
  #tail: Uint8Array = encoder.encode("");
  /** What is in front of the number of a request, and the last part of that. */
  #head: Uint8Array = this.#tail;
  #prefix = "";

  /** Reads the body at `start` to `end`. False: ask `readEnvelope`. */
  read(protocol: EventProtocol, bytes: Uint8Array, start: number, end: number): boolean {
    const syntax = this.#syntax;
    syntax.open(bytes);
    this.#start = start;
    this.#end = end;
    const shape = this.#shapes.find(protocol, syntax, start, end);
    this.#shape = shape;
    if (shape !== undefined) {
      this.topic = this.#shapes.topic;
      return true;
    }
    this.#starts.fill(0);
    this.#keptCount = 0;
    this.#together = false;
    this.#sketch.begin();
    const open = syntax.spaceEnd(start, end);
    if (open >= end || bytes[open] !== OPEN) return false;
    const behind = protocol === "cloudevents"
      ? this.#cloudEvent(open + 1, end)
      : this.#message(open + 1, end);
    if (behind < 0 || syntax.spaceEnd(behind, end) !== end) return false;
    if (this.#shapes.curious) this.#learn(protocol);
    return true;
  }

  /** Remembers what this body has in common with others. */
  #learn(protocol: EventProtocol): void {
    // Where properties have no place there is nothing to replace.
    const places = this.extensible ? [this.#open, this.#close, ...this.#kept.slice(0, this.#keptCount)] : [];
    const { bytes } = this.#syntax;
    const shape = this.#sketch.shape(protocol, bytes, [this.#start, this.#end], [...this.#starts], places);
    if (shape !== undefined) this.#shapes.learn(shape);
  }

  /** Finds out where things are in a body that has a known shape. */
  #locate({ looked, parts, places }: Shape): void {
    this.#shape = undefined;
    const { begins } = this.#shapes;
    for (let i = 0; i < looked.length; i++) {
      const hole = looked[i]!;
      this.#starts[i] = hole < 0 ? 0 : begins[hole]! + parts[hole]!.length;
      this.#ends[i] = hole < 0 ? 0 : begins[hole + 1]!;
    }
    const count = places.length / 2;
    this.#open = count === 0 ? 0 : begins[places[0]!]! + places[1]!;
    this.#close = count === 0 ? 0 : begins[places[2]!]! + places[3]!;
    for (let i = 2; i < count; i++) this.#kept[i - 2] = begins[places[2 * i]!]! + places[2 * i + 1]!;
    this.#keptCount = Math.max(0, count - 2);
  }

  /** Lets go of the bytes. */
  close(): void {
    this.#syntax.close();
  }

  /** A property of the body that was read. */
  property(name: LookedProperty): string | undefined {
    if (this.#shape !== undefined) this.#locate(this.#shape);
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
    if (this.#shape !== undefined) this.#locate(this.#shape);
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
    if (this.#shape !== undefined) this.#locate(this.#shape);
    return this.#close > 0;
  }

  /**
   * The body that was read, with these in place of the looked-at properties. They need no escapes. The identity of the
   * request is a number behind a prefix.
   */
  withProperties(
    prefix: string,
    number: number,
    address: string,
    ttl: string,
    cluster: string,
    blocks: Blocks,
  ): Uint8Array {
    if (this.#shape !== undefined) this.#locate(this.#shape);
    const { bytes } = this.#syntax;
    const head = this.#headOf(prefix);
    const tail = this.#tailOf(address, ttl, cluster);
    const digits = digitsOf(number);
    const kept = this.#kept;
    const count = this.#keptCount;
    const before = this.#open - this.#start;
    let size = before + 1 + head.length + digits + tail.length + this.#end - this.#close;
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
    result.set(head, at);
    at += head.length + digits;
    for (let i = 1, rest = number; i <= digits; i++) {
      const next = Math.floor(rest / 10);
      result[at - i] = 0x30 + rest - next * 10;
      rest = next;
    }
    result.set(tail, at);
    copy(bytes, this.#close, this.#end, result, at + tail.length);
    return result;
  }

  /** The beginning of the member that is the identity of a request. */
  #headOf(prefix: string): Uint8Array {
    if (this.#prefix !== prefix || this.#head.length === 0) {
      this.#prefix = prefix;
      this.#head = encoder.encode(`"${CORRELATION_ID}":"${prefix}`);
    }
    return this.#head;
  }

  /** The members behind the identity of a request. They are mostly those of the last one. */
  #tailOf(address: string, ttl: string, cluster: string): Uint8Array {
    if (this.#address !== address || this.#ttl !== ttl || this.#cluster !== cluster) {
      this.#address = address;
      this.#ttl = ttl;
      this.#cluster = cluster;
      const members = JSON.stringify({ [REPLY_TO]: address, ttl, cluster });
      this.#tail = encoder.encode(`",${members.slice(1)}`);
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
      const nameEnd = plainEnd(bytes, name, end);
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
      if (member === 1 && first === QUOTE) this.#sketch.hole(value + 1, at - 1, "any");
      if (member > 1 && first !== OPEN && first !== 0x6e) return -1;
      at = syntax.spaceEnd(at, end);
      if (at < end && bytes[at] === CLOSE) {
        if ((seen & neededMembers) !== neededMembers) return -1;
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
      const nameEnd = plainEnd(bytes, start + 1, end);
      if (nameEnd < 0 || !isPropertyName(bytes, start + 1, nameEnd)) return -1;
      const value = syntax.valueStart(nameEnd, end);
      if (value < 0 || value >= end) return -1;
      const first = bytes[value]!;
      if (first === OPEN || first === 0x5b || first === 0x6e) return -1;
      at = syntax.valueEnd(value, end);
      if (at < 0 || !this.#keep(start, nameEnd, value, at, "any")) return -1;
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
      const nameEnd = plainEnd(bytes, start + 1, end);
      if (nameEnd < 0) return -1;
      const value = syntax.valueStart(nameEnd, end);
      if (value < 0) return -1;
      at = syntax.valueEnd(value, end);
      const attribute = indexOf(attributes, bytes, start + 1, nameEnd);
      if (at < 0 || !this.#keep(start, nameEnd, value, at, attributeHoles[attribute] ?? "any")) return -1;
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

  /** The topic is the string at `start` to `end`; false when it has to be parsed to be known. */
  #takeTopic(start: number, end: number): boolean {
    const { bytes } = this.#syntax;
    if (bytes[start] !== QUOTE || end === start + 2) return false;
    if (plainEnd(bytes, start + 1, end) !== end - 1) return false;
    this.#sketch.hole(start + 1, end - 1, "topic");
    this.topic = this.#names.read(bytes, start + 1, end - 1);
    return true;
  }

  /** Takes note of a member among the properties; false when it has to be parsed to be known. */
  #keep(start: number, nameEnd: number, value: number, end: number, kind: HoleKind | "none"): boolean {
    const { bytes } = this.#syntax;
    const which = indexOf(looked, bytes, start + 1, nameEnd);
    if (bytes[value] === QUOTE && kind !== "none") {
      this.#sketch.hole(value + 1, end - 1, which >= 0 ? "plain" : kind);
    }
    if (which >= 0) {
      this.#together = false;
      if (this.#starts[which] !== 0 || bytes[value] !== QUOTE) return false;
      if (plainEnd(bytes, value + 1, end) !== end - 1) return false;
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

/** Copies what is at `start` to `end`. A view of its own costs more than a few bytes. */
function copy(from: Uint8Array, start: number, end: number, to: Uint8Array, at: number): void {
  if (end - start > 48) to.set(from.subarray(start, end), at);
  else while (start < end) to[at++] = from[start++]!;
}

/** Digits of a whole number. */
function digitsOf(number: number): number {
  let digits = 1;
  for (let limit = 10; number >= limit; limit *= 10) digits++;
  return digits;
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

function isSpecversion(bytes: Uint8Array, start: number, end: number): boolean {
  return equals("1.0", bytes, start, end) || equals("0.3", bytes, start, end);
}
