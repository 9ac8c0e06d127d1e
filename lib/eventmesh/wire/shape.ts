import { CLOSE } from "./ascii.ts";
import { quote } from "./json.ts";
import { writeString } from "./plain.ts";

/**
 * The body of an `eventmeshmessage` on its way out, of which only the texts are its own: all else stands in bytes that
 * it shares with those before it.
 *
 * ```
 *   {"topic":"orders","properties":{   "kind":  "order"  ,"tenant":  "seven"   },"headers":{},"body":  "text"  }
 *   '---------- opening ----------'    parts     value     parts     value             parts            text
 * ```
 */
export class ShapedBody {
  /** Bytes that it takes at most, without a look at its texts. */
  readonly bound: number;
  readonly #opening: Uint8Array | undefined;
  readonly #topic: string;
  readonly #parts: readonly Uint8Array[];
  readonly #values: readonly string[];
  readonly #text: string;

  /** `opening`: the bytes up to the properties; undefined to write them from the topic. */
  constructor(
    opening: Uint8Array | undefined,
    topic: string,
    parts: readonly Uint8Array[],
    values: readonly string[],
    text: string,
  ) {
    this.#opening = opening;
    this.#topic = topic;
    this.#parts = parts;
    this.#values = values;
    this.#text = text;
    let units = topic.length + text.length;
    let bytes = START.length + MIDDLE.length + CLOSING;
    for (let i = 0; i < values.length; i++) {
      units += values[i]!.length;
      bytes += parts[i]!.length + QUOTES;
    }
    // A UTF-16 unit is six bytes when it has to be escaped.
    this.bound = bytes + parts[values.length]!.length + units * 6;
  }

  /** Writes it at `at`, where `bound` bytes must be free, and returns the offset behind it. */
  write(bytes: Uint8Array, view: DataView, at: number): number {
    const parts = this.#parts;
    const values = this.#values;
    if (this.#opening === undefined) {
      at = writeString(bytes, view, copy(bytes, at, START), this.#topic);
      at = copy(bytes, at, MIDDLE);
    } else {
      at = copy(bytes, at, this.#opening);
    }
    for (let i = 0; i < values.length; i++) {
      at = writeString(bytes, view, copy(bytes, at, parts[i]!), values[i]!);
    }
    at = writeString(bytes, view, copy(bytes, at, parts[values.length]!), this.#text);
    bytes[at] = CLOSE;
    return at + 1;
  }

  /** The same as one string. */
  toString(): string {
    let members = "";
    this.#values.forEach((value, i) => members += decoder.decode(this.#parts[i]) + quote(value));
    const end = decoder.decode(this.#parts[this.#values.length]);
    return `${opening(this.#topic)}${members}${end}${quote(this.#text)}}`;
  }
}

/** Properties of the same names in the same order, which have been checked. */
interface Shape {
  /** Those of the caller. */
  readonly names: readonly string[];
  /** One more name, behind them. */
  readonly own: string | undefined;
  readonly parts: readonly Uint8Array[];
}

/** Shapes that are remembered. */
const SLOTS = 8;
/** After this many in a row that were new, only one in as many is remembered: they may all be different. */
const PATIENCE = 16;

/** Remembers what bodies have in common, as most are like one before. */
export class BodyShapes {
  readonly #shapes: Shape[] = [];
  #last = 0;
  #oldest = 0;
  #misses = 0;
  /** The last one; empty where that cannot be sent. */
  #topic = "";
  /** Made when a topic comes for the second time in a row. */
  #opening: Uint8Array | undefined = undefined;

  /**
   * The body of a message, `own` being the name and `value` the value of one more property; undefined where properties
   * of these names have not been learnt, or the message has something that cannot be sent.
   */
  body(
    topic: string,
    properties: Readonly<Record<string, string>>,
    text: string,
    own?: string,
    value?: string,
  ): ShapedBody | undefined {
    if (topic === this.#topic && topic !== "") this.#opening ??= encoder.encode(opening(topic));
    else if (!this.#turn(topic)) return undefined;
    const shapes = this.#shapes;
    for (let i = 0; i < shapes.length; i++) {
      const slot = (this.#last + i) % shapes.length;
      const { names, own: known, parts } = shapes[slot]!;
      if (known !== own) continue;
      const values = valuesOf(properties, names);
      if (values === undefined) continue;
      if (value !== undefined) values.push(value);
      this.#last = slot;
      this.#misses = 0;
      return new ShapedBody(this.#opening, topic, parts, values, text);
    }
    return undefined;
  }

  /** Remembers properties that can be sent. */
  learn(properties: Readonly<Record<string, string>>, own?: string): void {
    if (++this.#misses > PATIENCE && this.#misses % PATIENCE !== 0) return;
    const names: string[] = [];
    for (const name in properties) names.push(name);
    const parts = (own === undefined ? names : [...names, own]).map((name, i) =>
      encoder.encode(`${i === 0 ? "" : ","}"${name}":`)
    );
    const shape: Shape = { names, own, parts: [...parts, END] };
    if (this.#shapes.length < SLOTS) {
      this.#last = this.#shapes.push(shape) - 1;
    } else {
      this.#last = this.#oldest;
      this.#shapes[this.#oldest] = shape;
      this.#oldest = (this.#oldest + 1) % SLOTS;
    }
  }

  /** Another topic; false for one that cannot be sent. */
  #turn(topic: string): boolean {
    this.#opening = undefined;
    this.#topic = typeof topic === "string" && topic.trim() !== "" ? topic : "";
    return this.#topic !== "";
  }
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const START: Uint8Array = encoder.encode('{"topic":');
const MIDDLE: Uint8Array = encoder.encode(',"properties":{');
const END: Uint8Array = encoder.encode('},"headers":{},"body":');
const QUOTES = 2;
/** The quotes of topic and text, and the brace behind all. */
const CLOSING = 2 * QUOTES + 1;

function opening(topic: string): string {
  return `{"topic":${quote(topic)},"properties":{`;
}

/** The values of properties that have these names and no others; undefined where they have not, or one is no string. */
function valuesOf(
  properties: Readonly<Record<string, string>>,
  names: readonly string[],
): string[] | undefined {
  const values: string[] = [];
  for (const name in properties) {
    if (name !== names[values.length]) return undefined;
    const value = properties[name];
    if (typeof value !== "string") return undefined;
    values.push(value);
  }
  return values.length === names.length ? values : undefined;
}

/** Up to this length a loop is faster than a call of `set`. */
const FEW = 24;

function copy(bytes: Uint8Array, at: number, part: Uint8Array): number {
  const { length } = part;
  if (length > FEW) bytes.set(part, at);
  else for (let i = 0; i < length; i++) bytes[at + i] = part[i]!;
  return at + length;
}
