/** A message as it is in the stream: where its parts are. */
export interface Frame {
  readonly bytes: Uint8Array;
  /** The number of the subscription. */
  readonly sid: number;
  readonly subjectStart: number;
  readonly subjectEnd: number;
  /** The subject that replies go to; empty where nobody waits for one. */
  readonly replyStart: number;
  readonly replyEnd: number;
  /** Bytes of the headers, which the body begins with; -1 for none. */
  readonly headers: number;
  /** Headers and payload. */
  readonly bodyStart: number;
  readonly bodyEnd: number;
}

const [space, carriageReturn, newLine] = [32, 13, 10];
const [letterM, letterS, letterG, letterH] = [77, 83, 71, 72];
const [zero, nine] = [48, 57];
/** What the official client takes, in bytes. */
const largest = 64 * 1_024 * 1_024;
const longestNumber = 15;

/**
 * Finds the frames of a server in a chunk. It knows messages by the bytes that servers write, `MSG subject sid [reply] size`
 * and `HMSG subject sid [reply] headers size` with one space between two of them, and everything else as a line.
 */
export class FrameScanner implements Frame {
  bytes: Uint8Array = new Uint8Array(0);
  /** 0: the last frame was no message. */
  sid = 0;
  subjectStart = 0;
  subjectEnd = 0;
  replyStart = 0;
  replyEnd = 0;
  headers = -1;
  bodyStart = 0;
  bodyEnd = 0;

  /** Returns the end of the frame that begins at `at`; 0: it is not all there, or not as servers write it. */
  scan(bytes: Uint8Array, at: number): number {
    this.sid = 0;
    const first = bytes[at];
    if (first === letterM && isMsg(bytes, at)) return this.#message(bytes, at + 4, 1);
    if (first === letterH && isMsg(bytes, at + 1)) return this.#message(bytes, at + 5, 2);
    return bytes.indexOf(newLine, at) + 1;
  }

  /** `numbers`: how many end the line. A word more than that is where replies go. */
  #message(bytes: Uint8Array, subject: number, numbers: number): number {
    const subjectEnd = endOfWord(bytes, subject);
    const sidEnd = endOfWord(bytes, subjectEnd + 1);
    const sid = numberIn(bytes, subjectEnd + 1, sidEnd);
    let word = sidEnd + 1;
    let end = endOfWord(bytes, word);
    const more = spacesFrom(bytes, end) === numbers;
    this.replyStart = this.replyEnd = word;
    if (more) {
      this.replyEnd = end;
      word = end + 1;
      end = endOfWord(bytes, word);
    }
    let headers = -1;
    if (numbers === 2) {
      headers = numberIn(bytes, word, end);
      if (headers < 0 || bytes[end] !== space) return 0;
      word = end + 1;
      end = endOfWord(bytes, word);
    }
    const size = numberIn(bytes, word, end);
    const body = end + 2;
    const bodyEnd = body + size;
    if (subjectEnd === subject || bytes[subjectEnd] !== space || sid < 0 || bytes[sidEnd] !== space) return 0;
    if (more && this.replyStart === this.replyEnd) return 0;
    if (size < 0 || size > largest || headers > size) return 0;
    if (bytes[end] !== carriageReturn || bytes[end + 1] !== newLine) return 0;
    if (bytes[bodyEnd] !== carriageReturn || bytes[bodyEnd + 1] !== newLine) return 0;
    this.bytes = bytes;
    this.sid = sid;
    this.subjectStart = subject;
    this.subjectEnd = subjectEnd;
    this.headers = headers;
    this.bodyStart = body;
    this.bodyEnd = bodyEnd;
    return bodyEnd + 2;
  }
}

function isMsg(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === letterM && bytes[at + 1] === letterS && bytes[at + 2] === letterG &&
    bytes[at + 3] === space;
}

/** Where a word ends: at the first byte that is a space or less, or at the end of the chunk. */
function endOfWord(bytes: Uint8Array, from: number): number {
  let at = from;
  while (at < bytes.length && bytes[at]! > space) at++;
  return at;
}

/** How many spaces there are in what is left of the line. */
function spacesFrom(bytes: Uint8Array, from: number): number {
  let count = 0;
  for (let at = from; at < bytes.length; at++) {
    if (bytes[at] === space) count++;
    else if (bytes[at]! < space) break;
  }
  return count;
}

/** The number that fills a range; -1: it is none. */
function numberIn(bytes: Uint8Array, from: number, to: number): number {
  if (to <= from || to - from > longestNumber) return -1;
  let number = 0;
  for (let at = from; at < to; at++) {
    const byte = bytes[at]!;
    if (byte < zero || byte > nine) return -1;
    number = number * 10 + byte - zero;
  }
  return number;
}

/** The number that a subject ends with behind a prefix of so many bytes; -1: it ends with something else. */
export function numberBehind({ bytes, subjectStart, subjectEnd }: Frame, prefix: number): number {
  return numberIn(bytes, subjectStart + prefix, subjectEnd);
}
