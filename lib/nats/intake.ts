import { type Parser, State } from "@nats-io/nats-core/internal";
import { type Frame, FrameScanner } from "./scanner.ts";

/** Who takes frames of one subscription as they are in the stream. */
export interface FrameTaker {
  /** The frame is valid during the call only; what is kept of it is copied out. */
  take(frame: Frame): void;
}

/** The members of the official client's parser that tell where it stands. */
export type OfficialParser = Pick<Parser, "parse" | "state" | "ma" | "msgBuf">;

/** Between two frames, and in a payload. */
const { OP_START: start, MSG_PAYLOAD: payload } = State;
const newLine = 10;

/**
 * The way in: whole messages of our own subscriptions are taken out of the stream as they are, and everything else goes to
 * the parser of the official client, unchanged and in its place. A frame is taken only where that parser stands between two
 * frames; one that is split over two chunks, or is not written as servers write it, goes through it like all others.
 */
export class Intake {
  readonly #parser: OfficialParser;
  readonly #takerOf: (sid: number) => FrameTaker | undefined;
  readonly #scanner: FrameScanner = new FrameScanner();

  /** `takerOf`: whoever takes the frames of a subscription; undefined for those of the official client. */
  constructor(parser: OfficialParser, takerOf: (sid: number) => FrameTaker | undefined) {
    this.#parser = parser;
    this.#takerOf = takerOf;
  }

  /** @throws {Error} what the parser has against the bytes, or a taker against a message. */
  take(chunk: Uint8Array): void {
    const scanner = this.#scanner;
    let at = this.#finish(chunk, 0);
    /** From here on up to `at` are whole frames that nobody has got. */
    let rest = at;
    while (at < chunk.length) {
      const end = scanner.scan(chunk, at);
      if (end === 0) break;
      const taker = scanner.sid === 0 ? undefined : this.#takerOf(scanner.sid);
      if (taker === undefined) {
        at = end;
        continue;
      }
      if (rest < at) {
        // What comes before may end this subscription, and the parser may see other frames in it than we do.
        this.#parser.parse(chunk.subarray(rest, at));
        rest = at;
        if (this.#parser.state !== start) {
          rest = at = this.#finish(chunk, at);
          continue;
        }
        if (this.#takerOf(scanner.sid) !== taker) continue;
      }
      rest = at = end;
      taker.take(scanner);
    }
    if (rest < chunk.length) this.#parser.parse(rest === 0 ? chunk : chunk.subarray(rest));
  }

  /** Gives the parser what is missing of the frame that it has begun. Returns where the next one begins. */
  #finish(chunk: Uint8Array, from: number): number {
    const parser = this.#parser;
    let at = from;
    while (parser.state !== start && at < chunk.length) {
      const missing = parser.state === payload ? parser.ma.size - (parser.msgBuf?.length ?? 0) : 0;
      // Lines end so, and payloads have an end of line behind them.
      const last = chunk.indexOf(newLine, at + missing);
      const end = last === -1 ? chunk.length : last + 1;
      parser.parse(chunk.subarray(at, end));
      at = end;
    }
    return at;
  }
}
