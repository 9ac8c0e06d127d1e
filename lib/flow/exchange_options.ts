import type { PeerError } from "../errors.ts";
import type { TimerWheel } from "../lifecycle/wheel.ts";
import type { BackoffOptions } from "./backoff.ts";

/** What an {@linkcode Exchange} is made of. */
export interface ExchangeOptions<P> {
  /** Writes a payload under a sequence number. Called in the order of the calls. What it throws rejects the operation. */
  write(seq: number, payload: P): void;
  /** Gives out sequence numbers: positive, rising, never twice. */
  nextSeq(): number;
  /** What an operation does, for messages: `publish to "orders"`. */
  describe(payload: P): string;
  /** What the caller gets to see of a refusal. @default {the refusal} */
  explain?(error: PeerError, payload: P): unknown;
  /** A refusal proves that the peer has done nothing; otherwise it may come from whoever the operation was handed to. @default {false} */
  readonly refusalsProve?: boolean | undefined;
  readonly wheel: TimerWheel;
  /** Operations that may be with the peer at a time. @default {Infinity} */
  readonly window?: number | undefined;
  /** Operations that may wait for their turn at a time; more are refused with an OverflowError. @default {Infinity} */
  readonly maxWaiting?: number | undefined;
  /** Milliseconds after which a reply that nobody waits for any longer is no longer expected. @default {30_000} */
  readonly tombstone?: number | undefined;
  /** Waits before an operation that the peer was too busy for is sent again. */
  readonly busy?: BackoffOptions | undefined;
  /** Half of the window is held by operations that several windows of replies to later ones have overtaken. */
  onOvertaken?(): void;
}
