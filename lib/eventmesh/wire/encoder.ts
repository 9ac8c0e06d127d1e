import { MessageTooLargeError } from "../../errors.ts";
import type { Command } from "./commands.ts";
import { bodyBound, bodyText, type EventBody, type OutgoingBody } from "./event_body.ts";
import { encodeHeader, type Header } from "./header.ts";
import { frameLimit, HEADER_AT, MAX_SEQ, SEQ_DIGITS } from "./limits.ts";
import { writeString } from "./plain.ts";
import { writeLengths, writePreamble } from "./preamble.ts";
import { ShapedBody } from "./shape.ts";
import { INITIAL, type SpareBuffers } from "./spare.ts";
import type { FrameTemplate } from "./template.ts";
import { textLength, writeText } from "./text.ts";

/** Options of a {@linkcode FrameWriter}. */
export interface FrameWriterOptions {
  /** Largest frame in bytes. @default {4194304} */
  readonly maxFrame?: number | undefined;
  /** Where buffers come from and go to when nothing is written. @default {each writer keeps its own} */
  readonly spare?: SpareBuffers | undefined;
}

/** A body as it can be given to a {@linkcode FrameWriter}. */
export type FrameBody = string | Uint8Array | OutgoingBody;

/** Bytes that a buffer of one's own begins with. */
const LEAST = 4_096;

/** A buffer that grew beyond this is not kept for reuse. */
const KEPT = 1_048_576;

const NOTHING = new Uint8Array(0);
const NO_VIEW = new DataView(NOTHING.buffer);

/**
 * Writes frames one behind the other into a buffer that grows, so that many of them become one write.
 *
 * A call that throws leaves the writer as it was.
 *
 * @example
 * ```ts
 * const writer = new FrameWriter();
 * writer.frame({ cmd: "HEARTBEAT_REQUEST", seq: "1000000001" });
 * socket.write(writer.take());
 * ```
 */
export class FrameWriter {
  readonly #limit: number;
  readonly #spare: SpareBuffers | undefined;
  #bytes: Uint8Array = NOTHING;
  /** Onto the same memory; made anew where that has changed. */
  #view: DataView = NO_VIEW;
  #length = 0;
  /** How large the buffer had become, or becomes at once: most writers of a connection only ever say little. */
  #usual = LEAST;

  constructor({ maxFrame, spare }: FrameWriterOptions = {}) {
    this.#limit = frameLimit(maxFrame);
    this.#spare = spare;
  }

  /** Bytes that are written and neither taken nor cleared. */
  get length(): number {
    return this.#length;
  }

  /**
   * Appends a frame. A string body is written as UTF-8, bytes as they are, an event as JSON.
   *
   * Throws TypeError naming a wrong field of the header, and MessageTooLargeError for a frame above the limit.
   */
  frame(header: Header, body?: FrameBody): void {
    const text = encodeHeader(header);
    const start = this.#length;
    const headerAt = start + HEADER_AT;
    const bodyAt = headerAt + this.#text(text, start, headerAt, header.cmd);
    const end = bodyAt + this.#body(body, start, bodyAt, header);
    writePreamble(this.#bytes, start, bodyAt - headerAt, end - bodyAt);
    this.#length = end;
  }

  /**
   * Appends a frame made from a template. A number as `seq` is written with exactly ten digits; a text, such as the `seq`
   * of a request that is answered, as it is.
   *
   * Throws RangeError for a number that is no integer from 0 to 9999999999, and MessageTooLargeError for a frame above the
   * limit.
   */
  templated(template: FrameTemplate, seq: number | string, body?: FrameBody): void {
    if (typeof seq === "string" && !isPlain(seq)) return this.frame({ ...template.header, seq }, body);
    if (typeof seq === "number" && !(Number.isInteger(seq) && seq >= 0 && seq <= MAX_SEQ)) {
      throw new RangeError(`Cannot encode a frame: seq is ${seq}, must be an integer from 0 to ${MAX_SEQ}`);
    }
    const { seqAt } = template;
    // Of a body that begins like the one before, that is copied with the header.
    const known = typeof seq === "number" && body instanceof ShapedBody
      ? body.beginning(template)
      : undefined;
    const bytes = known ?? template.bytes;
    const start = this.#length;
    const bodyAt = start + template.bytes.length + (typeof seq === "string" ? seq.length - SEQ_DIGITS : 0);
    this.#reserve(Math.max(bytes.length, bodyAt - start), start, start, template.header.cmd);
    const target = this.#bytes;
    target.set(bytes, start);
    if (typeof seq === "number") {
      writeDigits(target, start + seqAt, seq);
    } else {
      for (let i = 0; i < seq.length; i++) target[start + seqAt + i] = seq.charCodeAt(i);
      target.set(bytes.subarray(seqAt + SEQ_DIGITS), start + seqAt + seq.length);
    }
    // The template has the lengths of a frame with ten digits and no body.
    if (body === undefined && typeof seq === "number") {
      this.#length = bodyAt;
      return;
    }
    const begun = known === undefined ? 0 : bytes.length - template.bytes.length;
    const end = bodyAt + this.#body(body, start, bodyAt, template.header, begun);
    writeLengths(this.#bytes, start, bodyAt - start - HEADER_AT, end - bodyAt);
    this.#length = end;
  }

  /** The bytes written so far. Valid until the writer is used again. */
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Hands the bytes over to the caller, for good, and is empty afterwards. */
  take(): Uint8Array {
    const length = this.#length;
    // Few bytes are copied, so that a queue of small writes does not hold a large buffer for each.
    const taken = length * 4 <= this.#bytes.length ? this.#bytes.slice(0, length) : this.view();
    if (taken.buffer !== this.#bytes.buffer) this.#spare?.give(this.#bytes);
    if (taken.buffer === this.#bytes.buffer || this.#spare !== undefined) this.#letGo();
    this.#length = 0;
    return taken;
  }

  /** Forgets the bytes. Their memory is used again, so whoever got them from `view` must be done with them. */
  clear(): void {
    this.#length = 0;
    this.#spare?.give(this.#bytes);
    if (this.#spare !== undefined || this.#bytes.length > KEPT) this.#letGo();
  }

  /** Forgets the bytes and their memory, which whoever got them from `view` may keep. */
  renew(): void {
    this.#length = 0;
    this.#letGo();
  }

  #letGo(): void {
    this.#usual = Math.max(LEAST, Math.min(this.#bytes.length, INITIAL));
    this.#bytes = NOTHING;
    this.#view = NO_VIEW;
  }

  #body(
    body: FrameBody | undefined,
    start: number,
    at: number,
    { cmd }: Omit<Header, "seq">,
    begun = 0,
  ): number {
    if (body === undefined) return 0;
    if (typeof body === "string") return this.#text(body, start, at, cmd);
    if (!(body instanceof Uint8Array)) return this.#event(body, start, at, cmd, begun);
    this.#reserve(body.length, start, at, cmd);
    this.#bytes.set(body, at);
    return body.length;
  }

  /** `begun`: bytes of it that are there already. */
  #event(body: OutgoingBody, start: number, at: number, cmd: Command, begun: number): number {
    const bytes = this.#bytes;
    const room = Math.min(bytes.length, start + this.#limit) - at;
    if (bodyBound(body) > room) return this.#text(bodyText(body), start, at, cmd);
    if (this.#view.buffer !== bytes.buffer) this.#view = new DataView(bytes.buffer);
    if (body.write !== undefined) return body.write(bytes, this.#view, at, begun) - at;
    return writeEvent(body, bytes, this.#view, at) - at;
  }

  #text(text: string, start: number, at: number, cmd: Command): number {
    // Three bytes per UTF-16 unit always suffice; only when they might not be there is the text measured.
    if (at + text.length * 3 > Math.min(this.#bytes.length, start + this.#limit)) {
      this.#reserve(textLength(text), start, at, cmd);
    }
    return writeText(this.#bytes, at, text);
  }

  /** Makes room for `size` bytes at `at` in the frame that begins at `start`, or refuses them. */
  #reserve(size: number, start: number, at: number, cmd: Command): void {
    const frame = at + size - start;
    if (frame > this.#limit) {
      throw new MessageTooLargeError(
        `Cannot encode a frame of ${cmd}: ${frame} bytes exceed the limit of ${this.#limit} bytes`,
        { size: frame, limit: this.#limit },
      );
    }
    if (at + size <= this.#bytes.length) return;
    if (this.#spare !== undefined && this.#bytes === NOTHING && at + size <= INITIAL) {
      this.#bytes = this.#spare.take();
      return;
    }
    const larger = new Uint8Array(Math.max(this.#usual, at + size, this.#bytes.length * 2));
    larger.set(this.#bytes.subarray(0, at));
    this.#bytes = larger;
  }
}

function writeEvent({ head, text, tail }: EventBody, bytes: Uint8Array, view: DataView, at: number): number {
  at += writeText(bytes, at, head);
  if (text !== undefined) at = writeString(bytes, view, at, text);
  return at + writeText(bytes, at, tail);
}

/** Whether a text is written in JSON as it is. */
function isPlain(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x20 || unit > 0x7e || unit === 0x22 || unit === 0x5c) return false;
  }
  return true;
}

/** Writes ten digits, in two halves, because a number above 32 bits is slow to divide. */
function writeDigits(bytes: Uint8Array, at: number, value: number): void {
  const high = Math.floor(value / 100_000);
  writeHalf(bytes, at, high);
  writeHalf(bytes, at + 5, value - high * 100_000);
}

function writeHalf(bytes: Uint8Array, at: number, value: number): void {
  for (let i = 4; i >= 0; i--) {
    const rest = (value / 10) | 0;
    bytes[at + i] = 0x30 + value - rest * 10;
    value = rest;
  }
}
