import { Buffer } from "node:buffer";
import type { OnReadOpts } from "node:net";
import process from "node:process";

/** Bun gains nothing by them. */
export const hasInlets: boolean = process.versions["bun"] === undefined;

/**
 * How a socket that is yet to be connected is read: into memory of its own, which spares it new memory for each read and
 * a turn of the stream machinery. That is a good part of a short round trip.
 *
 * What `take` gets belongs to it. A short read is copied, so that who keeps a view of it keeps no more than a few
 * kilobytes; of a long one the memory itself is handed over, which is at most four times as much.
 */
export function inlet(take: (chunk: Uint8Array) => void): OnReadOpts {
  let memory = Buffer.allocUnsafeSlow(readSize);
  return {
    buffer: () => memory,
    callback(length) {
      const read = memory.subarray(0, length);
      if (length > longestCopy) {
        memory = Buffer.allocUnsafeSlow(readSize);
        take(read);
      } else {
        const chunk = Buffer.allocUnsafe(length);
        chunk.set(read);
        take(chunk);
      }
      return true;
    },
  };
}

/** Bytes of one read, at most. */
const readSize = 65_536;
const longestCopy = 16_384;
