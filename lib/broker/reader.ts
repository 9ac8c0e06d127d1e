import { CLOSE, COMMA, OPEN, QUOTE } from "../eventmesh/wire/ascii.ts";
import { CORRELATION_ID, type EventProtocol, REPLY_TO } from "../eventmesh/wire/mod.ts";
import { decodeText } from "../eventmesh/wire/text.ts";
import { type Words, words } from "../eventmesh/wire/words.ts";
import type { Blocks } from "./blocks.ts";
import { Enclosure } from "./enclosure.ts";
import { attributes } from "./envelope.ts";
import { equals, isPropertyName, Names, plainEnd } from "./names.ts";
import { type HoleKind, type Shape, Shapes, Sketch } from "./shape.ts";
import { JsonSyntax } from "./syntax.ts";

/** A property that an {@linkcode EnvelopeReader} finds. */
export type LookedProperty = typeof CORRELATION_ID | typeof REPLY_TO | "ttl" | "cluster";

/** Properties that the broker looks at, or adds to requests. */
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
  /** Where the members of the object begin that has the properties; 0 when there is none. */
  #inside = 0;
  /** It has no members. */
  #empty = false;
  /** The body. */
  #start = 0;
  #end = 0;
  /** It has this one: that says where things are. */
  #shape: Shape | undefined = undefined;
  readonly #enclosure: Enclosure = new Enclosure();
  /** What identities begin with, and its bytes. */
  #prefix = "";
  #prefixWords: Words | undefined = undefined;

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
    this.#inside = 0;
    this.#empty = false;
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
    const { bytes } = this.#syntax;
    const place = { inside: this.#inside, empty: this.#empty };
    const shape = this.#sketch.shape(protocol, bytes, [this.#start, this.#end], [...this.#starts], place);
    if (shape !== undefined) this.#shapes.learn(shape);
  }

  /** Lets go of the bytes. */
  close(): void {
    this.#syntax.close();
  }

  /** A property of the body that was read. */
  property(name: LookedProperty): string | undefined {
    const which = looked.indexOf(name);
    const start = this.#startOf(which);
    if (start === 0) return undefined;
    const { bytes } = this.#syntax;
    const end = this.#endOf(which);
    // Identities are never the same again.
    return which === 0 ? decodeText(bytes, start, end) : this.#names.read(bytes, start, end);
  }

  /** The number behind `prefix` in the identity of the request that the body is a reply to; NaN when that is not what it is. */
  answered(prefix: string): number {
    const start = this.#startOf(0);
    if (start === 0) return NaN;
    if (this.#prefix !== prefix) {
      this.#prefix = prefix;
      this.#prefixWords = prefix.length < 4 ? undefined : words(encoder.encode(prefix), 0, prefix.length);
    }
    const first = start + prefix.length;
    const end = this.#endOf(0);
    const known = this.#prefixWords;
    if (end < first || (known !== undefined && !this.#syntax.has(known, start))) return NaN;
    if (known === undefined && !equals(prefix, this.#syntax.bytes, start, first)) return NaN;
    return this.#number(first, end);
  }

  /** The time to live of a request, in milliseconds; 0 when it has none, NaN when that is no plain number. */
  get ttl(): number {
    const start = this.#startOf(2);
    return start === 0 ? 0 : this.#number(start, this.#endOf(2));
  }

  /** Whether properties can be added to the body that was read: there is a place for them, and they are not there. */
  get extensible(): boolean {
    if (this.#startOf(0) !== 0 || this.#startOf(1) !== 0) return false;
    return this.#shape === undefined ? this.#inside > 0 : this.#shape.part >= 0;
  }

  /** The whole number at `start` to `end`, when it is written in the one way that we write them. */
  #number(start: number, end: number): number {
    const { bytes } = this.#syntax;
    if (end <= start || end > start + 15 || bytes[start] === 0x30) return NaN;
    let number = 0;
    for (let at = start; at < end; at++) {
      const digit = bytes[at]! - 0x30;
      if (digit < 0 || digit > 9) return NaN;
      number = number * 10 + digit;
    }
    return number;
  }

  /** Where the value of a looked-at property begins, without its quote; 0 for one that is missing. */
  #startOf(which: number): number {
    if (this.#shape === undefined) return this.#starts[which]!;
    const { looked, parts } = this.#shape;
    const hole = looked[which]!;
    return hole < 0 ? 0 : this.#shapes.begins[hole]! + parts[hole]!.length;
  }

  #endOf(which: number): number {
    return this.#shape === undefined
      ? this.#ends[which]!
      : this.#shapes.begins[this.#shape.looked[which]! + 1]!;
  }

  /** The body that was read, as a view. */
  get body(): Uint8Array {
    return this.#syntax.view(this.#start, this.#end);
  }

  /** The body that was read with properties in front of its own; those for `ttl` and `cluster` only where it has none. */
  withProperties(
    prefix: string,
    number: number,
    address: string,
    ttl: number,
    cluster: string,
    blocks: Blocks,
  ): Uint8Array {
    const shape = this.#shape;
    const inside = shape === undefined ? this.#inside : this.#shapes.begins[shape.part]! + shape.offset;
    const given = {
      prefix,
      number,
      address,
      ttl: this.#startOf(2) === 0 ? ttl : 0,
      cluster: this.#startOf(3) === 0 ? cluster : "",
      alone: shape === undefined ? this.#empty : shape.empty,
    };
    return this.#enclosure.write(this.#syntax, this.#start, inside, this.#end, given, blocks);
  }

  /** Reads an EventMeshMessage from behind its brace; returns the offset behind it, or -1. */
  #message(at: number, end: number): number {
    const syntax = this.#syntax;
    const { bytes } = syntax;
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
    this.#inside = open + 1;
    let at = syntax.spaceEnd(open + 1, end);
    this.#empty = at < end && bytes[at] === CLOSE;
    if (this.#empty) return at + 1;
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
      if (at < end && bytes[at] === CLOSE) return at + 1;
      if (at >= end || bytes[at] !== COMMA) return -1;
      at = syntax.spaceEnd(at + 1, end);
    }
  }

  /** Reads a CloudEvent from behind its brace; returns the offset behind it, or -1. */
  #cloudEvent(at: number, end: number): number {
    const syntax = this.#syntax;
    const { bytes } = syntax;
    this.#inside = at;
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
    if (which < 0) return true;
    if (this.#starts[which] !== 0 || bytes[value] !== QUOTE) return false;
    if (plainEnd(bytes, value + 1, end) !== end - 1) return false;
    this.#starts[which] = value + 1;
    this.#ends[which] = end - 1;
    return true;
  }
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
