import type { EventProtocol } from "../eventmesh/wire/mod.ts";
import { type Words, words } from "../eventmesh/wire/words.ts";
import type { Names } from "./names.ts";
import type { JsonSyntax } from "./syntax.ts";

/**
 * What may stand in a hole of a {@linkcode Shape}: a text of JSON. A `topic` and one that is `plain` are ASCII without
 * escapes; `some` and a topic are not empty.
 */
export type HoleKind = "any" | "some" | "plain" | "topic";

/**
 * What the bodies of one kind have in common: all of their bytes but those of some texts. A body that has the same bytes
 * around texts of its own is as right as the one that the shape was made of, and what was found there is at the same places.
 *
 * ```
 *   {"topic":"orders","properties":{"tenant":"one"},"headers":{},"body":"hello"}
 *   [ part 0 ][hole ][       part 1         ][ 2 ][       part 2       ][hole ][tail]
 * ```
 */
export interface Shape {
  readonly protocol: EventProtocol;
  /** In front of each hole. */
  readonly parts: readonly Words[];
  readonly holes: readonly HoleKind[];
  /** Behind the last hole. */
  readonly tail: Uint8Array;
  /** Holes that the reader looks into, in its order; -1 for what is not there. */
  readonly looked: readonly number[];
  /** The part that has the place for more properties, the tail being the last one; -1 for none. */
  readonly part: number;
  /** Where that is, from its beginning on. */
  readonly offset: number;
  /** There are no properties. */
  readonly empty: boolean;
}

/** Takes note of the texts of a body while it is read, for a shape of it. */
export class Sketch {
  readonly #starts: number[] = [];
  readonly #ends: number[] = [];
  readonly #kinds: HoleKind[] = [];
  #count = 0;

  begin(): void {
    this.#count = 0;
  }

  /** There is a text at `start` to `end`, without its quotes. They come in the order in which they stand. */
  hole(start: number, end: number, kind: HoleKind): void {
    const at = this.#count++;
    if (at >= mostHoles) return;
    this.#starts[at] = start;
    this.#ends[at] = end;
    this.#kinds[at] = kind;
  }

  /** The shape of the body at `start` to `end`; undefined when it would be too large. */
  shape(
    protocol: EventProtocol,
    bytes: Uint8Array,
    [start, end]: readonly [number, number],
    looked: readonly number[],
    { inside, empty }: { readonly inside: number; readonly empty: boolean },
  ): Shape | undefined {
    const count = this.#count;
    if (count === 0 || count > mostHoles) return undefined;
    const begins = [start, ...this.#ends.slice(0, count)];
    const size = begins.reduce((sum, begin, at) => sum + (at < count ? this.#starts[at]! : end) - begin, 0);
    if (size > longest) return undefined;
    const part = inside === 0 ? -1 : begins.findLastIndex((begin) => begin <= inside);
    return {
      protocol,
      parts: begins.slice(0, count).map((begin, at) => words(bytes, begin, this.#starts[at]!)),
      holes: this.#kinds.slice(0, count),
      tail: bytes.slice(begins[count], end),
      looked: looked.map((at) => at === 0 ? -1 : this.#starts.indexOf(at)),
      part,
      offset: part < 0 ? 0 : inside - begins[part]!,
      empty,
    };
  }
}

/** Shapes of bodies that have come, to know the next ones again without reading them member by member. */
export class Shapes {
  /** The topic of the last body that had a shape. */
  topic = "";
  /** The same with the quote behind it, if it is not very short. */
  #quoted: Words | undefined = undefined;
  /** Where the parts of that body begin, its tail included. */
  readonly begins: Int32Array = new Int32Array(mostHoles + 1);
  readonly #names: Names;
  readonly #known: Shape[] = [];
  #last = 0;
  #oldest = 0;
  #misses = 0;

  constructor(names: Names) {
    this.#names = names;
  }

  /** The shape of the body at `start` to `end`, if it is a known one. All of the body is looked at. */
  find(protocol: EventProtocol, syntax: JsonSyntax, start: number, end: number): Shape | undefined {
    const known = this.#known;
    let slot = this.#last;
    for (let tries = known.length; tries > 0; tries--) {
      const shape = known[slot]!;
      if (shape.protocol === protocol && this.#fits(shape, syntax, start, end)) {
        this.#last = slot;
        this.#misses = 0;
        return shape;
      }
      if (++slot === known.length) slot = 0;
    }
    return undefined;
  }

  /** Whether the shape of a body that has none is worth remembering: they may all be different. */
  get curious(): boolean {
    return ++this.#misses <= patience || this.#misses % patience === 0;
  }

  learn(shape: Shape): void {
    if (this.#known.length < slots) {
      this.#last = this.#known.push(shape) - 1;
    } else {
      this.#last = this.#oldest;
      this.#known[this.#oldest] = shape;
      this.#oldest = (this.#oldest + 1) % slots;
    }
  }

  #fits({ holes, parts, tail }: Shape, syntax: JsonSyntax, start: number, end: number): boolean {
    const { begins } = this;
    const tailAt = end - tail.length;
    if (!syntax.hasAll(tail, tailAt)) return false;
    let at = start;
    for (let i = 0; i < holes.length; i++) {
      const part = parts[i]!;
      const hole = at + part.length;
      if (hole > tailAt || !syntax.has(part, at)) return false;
      begins[i] = at;
      const kind = holes[i]!;
      at = kind === "topic"
        ? this.#topicEnd(syntax, hole, tailAt)
        : kind === "plain"
        ? syntax.plainEnd(hole, end)
        : syntax.stringEnd(hole, end);
      if (at < hole || (at === hole && kind === "some")) return false;
    }
    begins[holes.length] = at;
    return at === tailAt;
  }

  /** Offset of the quote behind a topic, which is mostly that of the last body; -1 when it has to be parsed to be known. */
  #topicEnd(syntax: JsonSyntax, start: number, tailAt: number): number {
    const quoted = this.#quoted;
    if (quoted !== undefined && start + quoted.length <= tailAt + 1 && syntax.has(quoted, start)) {
      return start + quoted.length - 1;
    }
    const { bytes } = syntax;
    const end = syntax.plainEnd(start, tailAt + 1);
    if (end <= start) return -1;
    this.topic = this.#names.read(bytes, start, end);
    this.#quoted = end - start < 4 ? undefined : words(bytes, start, end + 1);
    return end;
  }
}

/** Shapes that are remembered. */
const slots = 8;
/** Bytes of one, without its texts. */
const longest = 1_024;
/** Texts of one. */
const mostHoles = 32;
/** After this many bodies in a row that had no known shape, one in as many is learnt. */
const patience = 16;
