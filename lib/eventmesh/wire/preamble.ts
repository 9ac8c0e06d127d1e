import { ProtocolError } from "../../errors.ts";
import { HEADER_AT, HEADER_LENGTH_AT, LENGTH_AT, MIN_LENGTH, PREFIX, UNCOUNTED } from "./limits.ts";

const prefix = new TextEncoder().encode(PREFIX);
const words = new DataView(prefix.buffer);
const word0 = words.getInt32(0);
const word4 = words.getInt32(4);
const word8 = words.getInt32(8);
const word9 = words.getInt32(9);

/** Writes everything before the header of a frame at `at`: prefix, length and header length. */
export function writePreamble(bytes: Uint8Array, at: number, header: number, body: number): void {
  bytes.set(prefix, at);
  writeLengths(bytes, at, header, body);
}

/** Writes the two length fields of the frame at `at`. */
export function writeLengths(bytes: Uint8Array, at: number, header: number, body: number): void {
  writeInt(bytes, at + LENGTH_AT, MIN_LENGTH + header + body);
  writeInt(bytes, at + HEADER_LENGTH_AT, header);
}

/**
 * Size in bytes of the frame that begins at `at`, of which at least the first 21 bytes are in `view`; -1 when they are
 * wrong, and {@linkcode preambleError} knows why.
 */
export function frameSize(view: DataView, at: number, limit: number): number {
  if (
    view.getInt32(at) !== word0 || view.getInt32(at + 4) !== word4 || view.getInt32(at + 8) !== word8 ||
    view.getInt32(at + 9) !== word9
  ) return -1;
  const length = view.getInt32(at + LENGTH_AT);
  if (length < MIN_LENGTH || length > limit - UNCOUNTED) return -1;
  const header = view.getInt32(at + HEADER_LENGTH_AT);
  return header < 0 || header > length - MIN_LENGTH ? -1 : length + UNCOUNTED;
}

/** What is wrong with the first `have` bytes of the frame at `at`, as far as they tell; undefined when nothing is. */
export function preambleError(
  bytes: Uint8Array,
  at: number,
  have: number,
  limit: number,
): ProtocolError | undefined {
  for (let i = 0; i < have && i < prefix.length; i++) {
    if (bytes[at + i] !== prefix[i]) {
      return new ProtocolError(
        `Cannot decode a frame: byte ${i} is 0x${hex(bytes[at + i]!)}, must be 0x${
          hex(prefix[i]!)
        } of "${PREFIX}"`,
        { offset: i },
      );
    }
  }
  if (have < HEADER_LENGTH_AT) return undefined;
  const length = readInt(bytes, at + LENGTH_AT);
  if (length < MIN_LENGTH || length > limit - UNCOUNTED) {
    return new ProtocolError(
      `Cannot decode a frame: its length field is ${length}, must be from ${MIN_LENGTH} to ${
        limit - UNCOUNTED
      }`,
      { offset: LENGTH_AT },
    );
  }
  if (have < HEADER_AT) return undefined;
  const header = readInt(bytes, at + HEADER_LENGTH_AT);
  if (header < 0 || header > length - MIN_LENGTH) {
    return new ProtocolError(
      `Cannot decode a frame: its header length is ${header}, must be from 0 to ${length - MIN_LENGTH}`,
      { offset: HEADER_LENGTH_AT },
    );
  }
  return undefined;
}

/** Reads a signed big-endian 32-bit integer. */
export function readInt(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
}

function writeInt(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

function hex(byte: number): string {
  return byte.toString(16).padStart(2, "0");
}
