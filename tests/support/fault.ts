/** What a peer does wrong. */
export type FaultMode =
  /** Nothing. */
  | "healthy"
  /** Reads everything and never answers. */
  | "silent"
  /** Says hello, and is silent from then on. */
  | "connect-and-idle"
  /** Refuses every request for now: it is busy. */
  | "busy"
  /** Sends its answers in pieces, one per turn of the event loop. */
  | "slow"
  /** Reads no more, and does not answer. */
  | "never-read"
  /** Answers, and never ends its side of the stream. */
  | "never-fin"
  /** Is gone without a word: neither reads nor answers nor ends. */
  | "half-open"
  /** Ends its side in place of an answer, and reads on. */
  | "half-closed"
  /** Resets the stream in place of an answer. */
  | "rst-on-goodbye"
  /** Answers and resets the stream then, as the Java runtime does. */
  | "rst-after-goodbye"
  /** Resets the stream after so many bytes. */
  | "rst-at-byte-n"
  /** Answers with bytes that are not of the protocol. */
  | "garbage"
  /** Sends one half of its answer and ends. */
  | "partial-frame"
  /** Sends frames that nobody asked for, as fast as they are taken, its answers in between, and never ends. */
  | "flood";

/** A mode that every victim has to stand. */
export type RequiredMode = Exclude<FaultMode, "silent" | "half-closed" | "rst-after-goodbye" | "garbage">;

/** All of them: a table of what they lead to must have each. */
export const requiredModes: readonly RequiredMode[] = [
  "healthy",
  "busy",
  "slow",
  "never-read",
  "never-fin",
  "half-open",
  "rst-on-goodbye",
  "rst-at-byte-n",
  "flood",
  "partial-frame",
  "connect-and-idle",
];

/** When a fault begins: as soon as a stream is accepted, or when a command arrives. */
export type FaultTrigger =
  | "accept"
  | "connect"
  | "subscribe"
  | "publish"
  | "request"
  | "goodbye"
  | "heartbeat";

/** One fault of a peer. */
export interface Fault {
  readonly mode: FaultMode;
  /** @default {"accept"} */
  readonly at?: FaultTrigger;
  /**
   * `rst-at-byte-n`: bytes of the answer to the trigger that are still sent, or bytes received from the start on.
   * `slow`: bytes of a piece. @default {1}
   */
  readonly bytes?: number;
  /** @default {"sent"} */
  readonly direction?: "sent" | "received";
  /** Streams that are left alone before the fault strikes. @default {0} */
  readonly spare?: number;
}
