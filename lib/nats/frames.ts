import { Buffer } from "node:buffer";
import type { ByteSource } from "../flow/outbox.ts";

/** What a publish carries besides its subject. */
export interface Frame {
  readonly topic: string;
  /** Subject that replies go to. */
  readonly reply?: string | undefined;
  readonly headers: Uint8Array | undefined;
  readonly data: string | Uint8Array;
  /** Bytes of `data`. */
  readonly length: number;
}

const initial = 16 * 1_024;
/** A buffer that grew beyond this is not kept for reuse. */
const kept = 1_048_576;
const space = 32;
/** Digits of the largest whole number. */
const longestNumber = 16;
const nothing: Buffer = Buffer.alloc(0);

/** Writes what a client sends (PUB, HPUB and PING of the NATS client protocol) into a buffer that grows. */
export class FrameWriter implements ByteSource {
  #bytes: Buffer = nothing;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Appends a message. */
  publish({ topic, reply, headers, data, length }: Frame): void {
    const to = reply === undefined ? topic : `${topic} ${reply}`;
    const command = headers === undefined
      ? `PUB ${to} ${length}\r\n`
      : `HPUB ${to} ${headers.byteLength} ${headers.byteLength + length}\r\n`;
    this.#reserve(command.length * 3 + (headers?.byteLength ?? 0) + length + 2);
    const bytes = this.#bytes;
    let at = this.#length;
    at += bytes.write(command, at);
    if (headers !== undefined) {
      bytes.set(headers, at);
      at += headers.byteLength;
    }
    if (typeof data === "string") {
      bytes.write(data, at);
    } else {
      bytes.set(data, at);
    }
    at += length;
    bytes[at] = 13;
    bytes[at + 1] = 10;
    this.#length = at + 2;
  }

  /**
   * Appends a message without headers whose command begins with these bytes, `PUB subject reply.` for example, and goes on
   * with this number.
   */
  numbered(command: Uint8Array, number: number, data: string | Uint8Array, length: number): void {
    this.#reserve(command.byteLength + 2 * longestNumber + 5 + length);
    this.#bytes.set(command, this.#length);
    this.#digits(this.#length + command.byteLength, number);
    this.#bytes[this.#length++] = space;
    this.#payload(data, length);
  }

  /** Appends a message without headers to the subject that these bytes are. */
  reply(bytes: Uint8Array, from: number, to: number, data: string | Uint8Array, length: number): void {
    this.#reserve(to - from + longestNumber + 9 + length);
    const out = this.#bytes;
    let at = this.#length;
    out[at++] = 80;
    out[at++] = 85;
    out[at++] = 66;
    out[at++] = space;
    for (let i = from; i < to; i++) out[at++] = bytes[i]!;
    out[at++] = space;
    this.#length = at;
    this.#payload(data, length);
  }

  /** The length and the payload, which end a frame. */
  #payload(data: string | Uint8Array, length: number): void {
    this.#digits(this.#length, length);
    const bytes = this.#bytes;
    let at = this.#length;
    bytes[at] = 13;
    bytes[at + 1] = 10;
    at += 2;
    if (typeof data === "string") bytes.write(data, at);
    else bytes.set(data, at);
    at += length;
    bytes[at] = 13;
    bytes[at + 1] = 10;
    this.#length = at + 2;
  }

  /** Writes a number and stands behind it. */
  #digits(start: number, number: number): void {
    let digits = 1;
    for (let left = number; left >= 10; left = Math.floor(left / 10)) digits++;
    const bytes = this.#bytes;
    let rest = number;
    for (let at = start + digits - 1; at >= start; at--) {
      const next = Math.floor(rest / 10);
      bytes[at] = 48 + rest - next * 10;
      rest = next;
    }
    this.#length = start + digits;
  }

  ping(): void {
    this.#reserve(6);
    this.#length += this.#bytes.write("PING\r\n", this.#length, "latin1");
  }

  /** Appends what is a frame already, or several. */
  append(frame: Uint8Array): void {
    this.#reserve(frame.byteLength);
    this.#bytes.set(frame, this.#length);
    this.#length += frame.byteLength;
  }

  view(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  clear(): void {
    this.#length = 0;
    if (this.#bytes.byteLength > kept) this.#bytes = nothing;
  }

  renew(): void {
    this.#bytes = nothing;
    this.#length = 0;
  }

  take(): Uint8Array {
    const taken = Uint8Array.prototype.slice.call(this.#bytes, 0, this.#length);
    this.clear();
    return taken;
  }

  #reserve(size: number): void {
    const wanted = this.#length + size;
    if (wanted <= this.#bytes.byteLength) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(initial, wanted, this.#bytes.byteLength * 2));
    this.#bytes.copy(grown, 0, 0, this.#length);
    this.#bytes = grown;
  }
}

/** Bytes of a payload. */
export function sizeOf(data: string | Uint8Array): number {
  return typeof data === "string" ? Buffer.byteLength(data) : data.byteLength;
}
