import { CLOSE } from "./ascii.ts";
import type { WrittenBody } from "./event_body.ts";
import { quote } from "./json.ts";
import { writeString } from "./plain.ts";
import type { FrameTemplate } from "./template.ts";

/**
 * The body of an `eventmeshmessage` on its way out, of which only the texts are its own: all else stands in bytes that
 * it shares with those before it, at its beginning even with the header of its frame.
 *
 * ```
 *   {"topic":"orders","properties":{"kind":  "order"  ,"tenant":  "seven"  },"headers":{},"body":  "text"  }
 *   '------------- beginning --------------'  value     part       value             part             text
 * ```
 */
export class ShapedBody implements WrittenBody {
  readonly bound: number;
  readonly #shape: Shape;
  readonly #beginning: Beginning | undefined;
  readonly #topic: string;
  readonly #values: readonly string[];
  readonly #text: string;

  /** `beginning`: undefined to write it from the topic. */
  constructor(
    shape: Shape,
    beginning: Beginning | undefined,
    topic: string,
    values: readonly string[],
    text: string,
  ) {
    this.#shape = shape;
    this.#beginning = beginning;
    this.#topic = topic;
    this.#values = values;
    this.#text = text;
    let units = topic.length + text.length;
    for (let i = 0; i < values.length; i++) units += values[i]!.length;
    // A UTF-16 unit is six bytes when it has to be escaped.
    this.bound = shape.size + units * 6;
  }

  /** The bytes of a frame made from `template` up to the first value, if they are known. */
  beginning(template: FrameTemplate): Uint8Array | undefined {
    return this.#beginning?.template === template ? this.#beginning.bytes : undefined;
  }

  write(bytes: Uint8Array, view: DataView, at: number, begun = 0): number {
    const { parts } = this.#shape;
    const values = this.#values;
    if (begun === 0) {
      at = writeString(bytes, view, copy(bytes, at, START), this.#topic);
      at = copy(bytes, copy(bytes, at, MIDDLE), parts[0]!);
    }
    at += begun;
    for (let i = 0; i < values.length; i++) {
      at = copy(bytes, writeString(bytes, view, at, values[i]!), parts[i + 1]!);
    }
    at = writeString(bytes, view, at, this.#text);
    bytes[at] = CLOSE;
    return at + 1;
  }

  /** The same with another value of its last property. */
  with(value: string): ShapedBody {
    const values = [...this.#values.slice(0, -1), value];
    return new ShapedBody(this.#shape, this.#beginning, this.#topic, values, this.#text);
  }

  toString(): string {
    const { parts } = this.#shape;
    let members = "";
    this.#values.forEach((value, i) => members += decoder.decode(parts[i]) + quote(value));
    const end = decoder.decode(parts[this.#values.length]);
    return `${opening(this.#topic)}${members}${end}${quote(this.#text)}}`;
  }
}

/** What frames of one template to one topic begin with: the bytes up to the first value. */
interface Beginning {
  readonly template: FrameTemplate;
  readonly bytes: Uint8Array;
}

/** Properties of the same names in the same order, which have been checked. */
class Shape {
  /** Those of the caller. */
  readonly names: readonly string[];
  /** One more name, behind them. */
  readonly own: string | undefined;
  /** What stands in front of each value, and of the text. */
  readonly parts: readonly Uint8Array[];
  /** Bytes of a body beside its texts. */
  readonly size: number;
  /** Of the last body. */
  #topic = "";
  #template: FrameTemplate | undefined = undefined;
  #beginning: Beginning | undefined = undefined;

  constructor(names: readonly string[], own: string | undefined) {
    this.names = names;
    this.own = own;
    const all = own === undefined ? names : [...names, own];
    this.parts = [...all.map((name, i) => encoder.encode(`${i === 0 ? "" : ","}"${name}":`)), END];
    this.size = START.length + MIDDLE.length + CLOSING + QUOTES * all.length +
      this.parts.reduce((sum, { length }) => sum + length, 0);
  }

  /** Made when a topic comes for the second time in a row. */
  begin(template: FrameTemplate, topic: string): Beginning | undefined {
    if (topic === this.#topic && template === this.#template) {
      return this.#beginning ??= {
        template,
        bytes: this.#join(template.bytes, encoder.encode(opening(topic))),
      };
    }
    this.#topic = topic;
    this.#template = template;
    return this.#beginning = undefined;
  }

  #join(header: Uint8Array, opening: Uint8Array): Uint8Array {
    const part = this.parts[0]!;
    const bytes = new Uint8Array(header.length + opening.length + part.length);
    bytes.set(header);
    bytes.set(opening, header.length);
    bytes.set(part, header.length + opening.length);
    return bytes;
  }
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

  /**
   * The body of a message that is to be sent with `template`, `own` being the name and `value` the value of one more
   * property; undefined where properties of these names have not been learnt, or the message has something that cannot be
   * sent.
   */
  body(
    template: FrameTemplate,
    topic: string,
    properties: Readonly<Record<string, string>>,
    text: string,
    own?: string,
    value?: string,
  ): ShapedBody | undefined {
    if ((topic !== this.#topic || topic === "") && !this.#turn(topic)) return undefined;
    const shapes = this.#shapes;
    for (let i = 0; i < shapes.length; i++) {
      const slot = (this.#last + i) % shapes.length;
      const shape = shapes[slot]!;
      const { names } = shape;
      if (shape.own !== own) continue;
      const values = valuesOf(properties, names, value === undefined ? 0 : 1);
      if (values === undefined) continue;
      if (value !== undefined) values[names.length] = value;
      this.#last = slot;
      this.#misses = 0;
      return new ShapedBody(shape, shape.begin(template, topic), topic, values, text);
    }
    return undefined;
  }

  /** Remembers properties that can be sent. */
  learn(properties: Readonly<Record<string, string>>, own?: string): void {
    if (++this.#misses > PATIENCE && this.#misses % PATIENCE !== 0) return;
    const names: string[] = [];
    for (const name in properties) names.push(name);
    const shape = new Shape(names, own);
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

/**
 * The values of properties that have these names and no others, with room for `more`; undefined where they have not, or one
 * is no string.
 */
function valuesOf(
  properties: Readonly<Record<string, string>>,
  names: readonly string[],
  more: 0 | 1,
): string[] | undefined {
  // Of its length at once: the first push takes memory for seventeen.
  const values = new Array<string>(names.length + more);
  let count = 0;
  for (const name in properties) {
    if (name !== names[count]) return undefined;
    const value = properties[name];
    if (typeof value !== "string") return undefined;
    values[count++] = value;
  }
  return count === names.length ? values : undefined;
}

/** Up to this length a loop is faster than a call of `set`. */
const FEW = 24;

function copy(bytes: Uint8Array, at: number, part: Uint8Array): number {
  const { length } = part;
  if (length > FEW) bytes.set(part, at);
  else for (let i = 0; i < length; i++) bytes[at + i] = part[i]!;
  return at + length;
}
