/** Largest frame in bytes, everything included, that the EventMesh runtime and its Java client accept: 4 MiB. */
export const MAX_FRAME: number = 4_194_304;

/** What every frame begins with: the magic `EventMesh` and the version `0000`, as ASCII. */
export const PREFIX: string = "EventMesh0000";

/** Offset of the length field, which counts the prefix, the header and the body, but neither of the two length fields. */
export const LENGTH_AT: number = 13;

/** Offset of the header length field. */
export const HEADER_LENGTH_AT: number = 17;

/** Offset of the header: the size of everything that comes before it. */
export const HEADER_AT: number = 21;

/** Bytes of a frame that its length field does not count: the two length fields themselves. */
export const UNCOUNTED: number = 8;

/** Smallest value of the length field: a prefix alone, with neither header nor body. */
export const MIN_LENGTH: number = 13;

/** Digits of a sequence number in a frame made from a template. The Java client writes ten as well. */
export const SEQ_DIGITS: number = 10;

/** Largest sequence number that fits {@linkcode SEQ_DIGITS}. */
export const MAX_SEQ: number = 9_999_999_999;

/** Returns the frame limit of an option, or the default. Throws RangeError when no frame could ever fit. */
export function frameLimit(value: number = MAX_FRAME): number {
  if (!Number.isInteger(value) || value < HEADER_AT || value > 0x7fffffff) {
    throw new RangeError(
      `Cannot use maxFrame ${value}: it must be an integer from ${HEADER_AT} to 2147483647`,
    );
  }
  return value;
}
