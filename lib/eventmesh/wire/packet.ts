import { ProtocolError } from "../../errors.ts";
import type { Command } from "./commands.ts";
import type { Head, HeaderProperties } from "./header.ts";
import { parseJson } from "./json.ts";
import { SEQ_DIGITS } from "./limits.ts";
import { decodeText } from "./text.ts";

/**
 * One received frame. Its body is a view onto the bytes it came in: the chunk that was given to the decoder, or a buffer
 * that belongs to this packet alone when the frame came in pieces. Neither is ever written again, so a packet may be kept;
 * it keeps the whole chunk alive with it, and `packet.body.slice()` is a copy for those who mind.
 */
export class Packet {
  /** Offset of the body in the frame. */
  readonly bodyOffset: number;
  /** `seq` as a number when it is a plain decimal integer that a number holds exactly, else NaN. */
  readonly seqNumber: number;
  /** The bytes that the body lies in, at `bodyStart` to `bodyEnd`: for those who look at it and need no view of their own. */
  readonly source: Uint8Array;
  /** Onto the same bytes. */
  readonly view: DataView;
  readonly bodyStart: number;
  readonly bodyEnd: number;

  readonly #head: Head;
  #seq: string | undefined;
  #digits: number;
  #body: Uint8Array | undefined;

  /**
   * The frame lies at `frame` to `end` of `bytes`, which `view` is onto, and its body begins at `start`. `seq` is the text of the sequence number, or
   * the count of digits that `seqNumber` was written with.
   */
  constructor(
    head: Head,
    seq: string | number | undefined,
    seqNumber: number,
    bytes: Uint8Array,
    view: DataView,
    frame: number,
    start: number,
    end: number,
  ) {
    this.bodyOffset = start - frame;
    this.seqNumber = seqNumber;
    this.#head = head;
    this.source = bytes;
    this.view = view;
    this.bodyStart = start;
    this.bodyEnd = end;
    this.#seq = typeof seq === "number" ? undefined : seq;
    this.#digits = typeof seq === "number" ? seq : 0;
    this.#body = undefined;
  }

  /** The command, or undefined when there was none, or none that is known; `name` tells. */
  get command(): Command | undefined {
    return this.#head.command;
  }

  /** The command as received. Empty when the frame had no header, or the header no command. */
  get name(): string {
    return this.#head.name;
  }

  /** False when the frame had no header. */
  get hasHeader(): boolean {
    return this.#head.present;
  }

  /** Status, 0 for success. See {@linkcode OPStatus}. */
  get code(): number {
    return this.#head.code;
  }

  /** The status in the peer's words: text for people. */
  get description(): string | undefined {
    return this.#head.description;
  }

  /** Properties of the header. Frozen, and possibly shared with other packets. */
  get properties(): HeaderProperties {
    return this.#head.properties;
  }

  /** Correlates an answer with its request. */
  get seq(): string | undefined {
    if (this.#digits > 0) {
      this.#seq = String(this.seqNumber).padStart(this.#digits, "0");
      this.#digits = 0;
    }
    return this.#seq;
  }

  /** The same, as the number that {@linkcode FrameWriter.templated} writes in just this way, where there is one. */
  get plainSeq(): number | string | undefined {
    return this.#digits === SEQ_DIGITS ? this.seqNumber : this.seq;
  }

  /** Whether there is a `seq`. */
  get hasSeq(): boolean {
    return this.#digits > 0 || this.#seq !== undefined;
  }

  /** Characters of `seq`; 0 when there is none. */
  get seqLength(): number {
    return this.#digits > 0 ? this.#digits : this.#seq === undefined ? 0 : this.#seq.length;
  }

  /** The body; empty when there is none. */
  get body(): Uint8Array {
    const bytes = this.source;
    return this.#body ??= new Uint8Array(
      bytes.buffer,
      bytes.byteOffset + this.bodyStart,
      this.bodyEnd - this.bodyStart,
    );
  }

  /** Bytes of the body. */
  get bodyLength(): number {
    return this.bodyEnd - this.bodyStart;
  }

  /** Returns a property of the header, if it is a string. */
  property(name: string): string | undefined {
    const { properties } = this.#head;
    const value = Object.hasOwn(properties, name) ? properties[name] : undefined;
    return typeof value === "string" ? value : undefined;
  }

  /** Returns the body as text. Malformed UTF-8 becomes U+FFFD. */
  text(): string {
    return decodeText(this.source, this.bodyStart, this.bodyEnd);
  }

  /** Returns the body parsed as JSON, or undefined when there is none. Throws ProtocolError when it is not JSON. */
  json(): unknown {
    if (this.bodyStart === this.bodyEnd) return undefined;
    const value = parseJson(this.text());
    if (value !== undefined) return value;
    throw new ProtocolError(`Cannot decode the body of ${this.name}: it is not JSON`, {
      offset: this.bodyOffset,
    });
  }
}

/** Makes the packet of a header that was parsed. */
export function parsedPacket(
  { head, seq }: { head: Head; seq: string | undefined },
  bytes: Uint8Array,
  view: DataView,
  frame: number,
  start: number,
  end: number,
): Packet {
  return new Packet(head, seq, seqNumber(seq), bytes, view, frame, start, end);
}

function seqNumber(seq: string | undefined): number {
  const value = seq !== undefined && /^[0-9]+$/.test(seq) ? Number(seq) : NaN;
  return Number.isSafeInteger(value) ? value : NaN;
}
