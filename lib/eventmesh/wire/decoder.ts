import type { ProtocolError } from "../../errors.ts";
import { decodeHeader, type Head } from "./header.ts";
import { HeaderCache } from "./header_cache.ts";
import { frameLimit, HEADER_AT, HEADER_LENGTH_AT } from "./limits.ts";
import { Packet, parsedPacket } from "./packet.ts";
import { frameSize, preambleError, readInt } from "./preamble.ts";

/** Options of a {@linkcode FrameDecoder}. */
export interface FrameDecoderOptions {
  /** Largest frame in bytes. @default {4194304} */
  readonly maxFrame?: number | undefined;
}

/** Memory for a frame that comes in pieces is taken in steps of at least this, and of at most what has already come. */
const STEP = 16_384;

const NOTHING = new Uint8Array(0);

/**
 * Turns a stream of bytes into packets. Chunks may be cut anywhere.
 *
 * Bytes are refused as soon as they are wrong: the prefix byte by byte, a length when its field is complete and before
 * anything of the frame is kept. What a peer can make the decoder hold is bounded by `maxFrame` and by about twice of what
 * it has really sent. A server can begin with a small `maxFrame` and {@linkcode FrameDecoder.raise} it for peers it knows.
 *
 * @example
 * ```ts
 * const decoder = new FrameDecoder();
 * socket.on("data", (chunk) => decoder.push(chunk, (packet) => console.log(packet.name)));
 * ```
 */
export class FrameDecoder {
  #limit: number;
  /** Made for the second header: the first says hello, and a stream that says nothing more needs none. */
  #headers: HeaderCache | undefined = undefined;
  #greeted = false;
  /** The beginning of a frame of which less than the 21 bytes in front of the header are in. */
  #preamble = NOTHING;
  /** The frame that is incomplete, once its size is known. */
  #frame: Uint8Array = NOTHING;
  /** Its size, 0 while unknown. */
  #size = 0;
  /** How much of it is in. */
  #have = 0;
  /** What a push could not hand over because `emit` threw. */
  #rest: Uint8Array | undefined;
  /** How far the chunk at hand is decoded. */
  #at = 0;
  #busy = false;
  #failure: ProtocolError | undefined;

  constructor({ maxFrame }: FrameDecoderOptions = {}) {
    this.#limit = frameLimit(maxFrame);
  }

  /** The error that ended this decoder. */
  get failure(): ProtocolError | undefined {
    return this.#failure;
  }

  /** Bytes of an incomplete frame that are in. Not 0 at the end of a stream: the last frame was cut. */
  get partial(): number {
    return this.#have;
  }

  /** Bytes of memory that the incomplete frame takes. */
  get held(): number {
    return this.#frame.length;
  }

  /**
   * Takes frames of up to `maxFrame` bytes from now on; called inside `emit`, from the very next frame on. Throws
   * RangeError when no frame could ever fit.
   */
  raise(maxFrame: number): void {
    this.#limit = frameLimit(maxFrame);
  }

  /**
   * Decodes a chunk and calls `emit` with every frame that it completes, in order. The chunk belongs to the packets from
   * then on and must not be written again.
   *
   * Throws ProtocolError, with the offset of the wrong byte in its frame, when the bytes are not of the protocol: packets in
   * front of it have been emitted, nothing more ever will be, and every later call throws the same error. An error that
   * `emit` throws comes out as it is; the next call, with an empty chunk if need be, goes on behind the packet it was
   * thrown for. Throws TypeError when called from inside `emit`.
   *
   * Frames without a body whose header is like one before, as most confirmations are, are offered to `take` first, with
   * their sequence number: those for which it returns true are not emitted, and cost no packet.
   */
  push(
    chunk: Uint8Array,
    emit: (packet: Packet) => void,
    take?: (head: Head, seqNumber: number) => boolean,
  ): void {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#busy) throw new TypeError("Cannot push into a decoder from inside its own emit");
    if (this.#rest !== undefined) chunk = this.#resumed(this.#rest, chunk);
    this.#busy = true;
    this.#at = 0;
    try {
      if (this.#have > 0) this.#continue(chunk, emit);
      if (this.#at < chunk.length) this.#decode(chunk, emit, take);
    } catch (error) {
      if (this.#failure === undefined && this.#at < chunk.length) this.#rest = chunk.subarray(this.#at);
      throw error;
    } finally {
      this.#busy = false;
    }
  }

  /** Decodes the frames that are complete in the chunk and keeps the beginning of the one that is not. */
  #decode(
    chunk: Uint8Array,
    emit: (packet: Packet) => void,
    take: ((head: Head, seqNumber: number) => boolean) | undefined,
  ): void {
    const end = chunk.length;
    const view = new DataView(chunk.buffer, chunk.byteOffset, end);
    let at = this.#at;
    while (end - at >= HEADER_AT) {
      const size = frameSize(view, at, this.#limit);
      if (size < 0) this.#check(chunk, at, HEADER_AT);
      if (size > end - at) {
        this.#size = size;
        break;
      }
      const start = at;
      const bodyAt = at + HEADER_AT + view.getInt32(at + HEADER_LENGTH_AT);
      const head = this.#headers?.find(view, at + HEADER_AT, bodyAt);
      at += size;
      if (head !== undefined && bodyAt === at && take !== undefined) {
        const { digits, seqNumber } = this.#headers!;
        this.#at = at;
        if (!take(head, seqNumber)) emit(new Packet(head, digits, seqNumber, chunk, view, start, at, at));
        continue;
      }
      const packet = this.#packet(head, chunk, view, start, bodyAt, at);
      this.#at = at;
      emit(packet);
    }
    if (at === end) return;
    this.#at = end;
    if (this.#size > 0) {
      this.#keep(chunk, at, end);
    } else {
      this.#check(chunk, at, end - at);
      if (this.#preamble === NOTHING) this.#preamble = new Uint8Array(HEADER_AT);
      this.#preamble.set(at === 0 ? chunk : chunk.subarray(at));
      this.#have = end - at;
    }
  }

  /** Adds to the frame that is incomplete, and emits it when it is no more. */
  #continue(chunk: Uint8Array, emit: (packet: Packet) => void): void {
    if (this.#size === 0) {
      const taken = Math.min(HEADER_AT - this.#have, chunk.length);
      this.#preamble.set(chunk.subarray(0, taken), this.#have);
      this.#check(this.#preamble, 0, this.#have + taken);
      this.#have += taken;
      this.#at = taken;
      if (this.#have < HEADER_AT) return;
      this.#have = 0;
      this.#size = frameSize(new DataView(this.#preamble.buffer), 0, this.#limit);
      this.#keep(this.#preamble, 0, HEADER_AT);
    }
    const end = Math.min(this.#at + this.#size - this.#have, chunk.length);
    this.#keep(chunk, this.#at, end);
    this.#at = end;
    if (this.#have < this.#size) return;
    const frame = this.#frame;
    const size = this.#size;
    this.#forget();
    const view = new DataView(frame.buffer);
    const bodyAt = HEADER_AT + readInt(frame, HEADER_LENGTH_AT);
    emit(this.#packet(this.#headers?.find(view, HEADER_AT, bodyAt), frame, view, 0, bodyAt, size));
  }

  /** Copies bytes of the frame that is incomplete, into memory that in the end is exactly of its size. */
  #keep(bytes: Uint8Array, start: number, end: number): void {
    const have = this.#have + end - start;
    if (have > this.#frame.length) {
      const larger = new Uint8Array(Math.min(this.#size, Math.max(STEP, have * 2)));
      larger.set(this.#frame.subarray(0, this.#have));
      this.#frame = larger;
    }
    this.#frame.set(bytes.subarray(start, end), this.#have);
    this.#have = have;
  }

  /** `head`: what the header says, if it was known. */
  #packet(
    head: Head | undefined,
    bytes: Uint8Array,
    view: DataView,
    at: number,
    bodyAt: number,
    end: number,
  ): Packet {
    const headers = this.#headers;
    if (headers !== undefined && head !== undefined) {
      return new Packet(head, headers.digits, headers.seqNumber, bytes, view, at, bodyAt, end);
    }
    try {
      const start = at + HEADER_AT;
      const header = decodeHeader(bytes, start, bodyAt);
      if (headers !== undefined) headers.learn(bytes, start, bodyAt, header.head, header.seq);
      else if (this.#greeted) this.#headers = new HeaderCache();
      this.#greeted = true;
      return parsedPacket(header, bytes, view, at, bodyAt, end);
    } catch (error) {
      throw this.#fail(error as ProtocolError);
    }
  }

  #check(bytes: Uint8Array, at: number, have: number): void {
    const error = preambleError(bytes, at, have, this.#limit);
    if (error !== undefined) throw this.#fail(error);
  }

  #fail(error: ProtocolError): ProtocolError {
    this.#failure = error;
    return error;
  }

  #forget(): void {
    this.#frame = NOTHING;
    this.#size = 0;
    this.#have = 0;
  }

  /** What an earlier push left, with the new chunk behind it. */
  #resumed(rest: Uint8Array, chunk: Uint8Array): Uint8Array {
    this.#rest = undefined;
    if (chunk.length === 0) return rest;
    const both = new Uint8Array(rest.length + chunk.length);
    both.set(rest);
    both.set(chunk, rest.length);
    return both;
  }
}
