import { quote } from "./json.ts";

/** The body of an event on its way out: JSON around a text, which is not quoted before it is written into its frame. */
export interface EventBody {
  /** What stands in front of the text. */
  readonly head: string;
  /** What is written as a JSON string; undefined where `head` holds all of it. */
  readonly text: string | undefined;
  /** What stands behind it. */
  readonly tail: string;
  readonly write?: undefined;
}

/** A body of which most stands in bytes already. */
export interface WrittenBody {
  /** Bytes that it takes at most, without a look at its texts. */
  readonly bound: number;
  /**
   * Writes it at `at`, where `bound` bytes must be free, and returns the offset behind it. `begun`: bytes of it that are
   * there already.
   */
  write(bytes: Uint8Array, view: DataView, at: number, begun: number): number;
  /** The same as one string. */
  toString(): string;
}

/** A body in either form. */
export type OutgoingBody = EventBody | WrittenBody;

/** The same as one string. */
export function bodyText(body: OutgoingBody): string {
  if (body.write !== undefined) return body.toString();
  const { head, text, tail } = body;
  return text === undefined ? head + tail : head + quote(text) + tail;
}

/** Bytes that the body takes at most, without a look at its text. */
export function bodyBound(body: OutgoingBody): number {
  if (body.write !== undefined) return body.bound;
  const { head, text, tail } = body;
  // A UTF-16 unit is three bytes at most, and six when it has to be escaped.
  return (head.length + tail.length) * 3 + (text === undefined ? 0 : text.length * 6 + 2);
}
