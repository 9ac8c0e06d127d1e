import type { MessageCounts } from "../lifecycle/farewell.ts";

/** Why a copy of a message was thrown away. */
export type DropCause =
  /** Its queue was full. */
  | "overflow"
  /** It was delivered as often as it may be, and never acknowledged. */
  | "deliveries"
  /** Its group stayed away for too long. */
  | "absence"
  /** It was for one session, and that session is gone. */
  | "session"
  /** It was a request that has been answered or has timed out. */
  | "request"
  /** The broker ended. */
  | "end";

/**
 * Counts what becomes of messages. When nothing is pending and nothing is held, `published = confirmed + rejected +
 * unconfirmed` and `received = acked + returned + dropped`; a copy that returns into its queue is received once more.
 */
export class Ledger {
  /** Publishes and requests that came in. */
  published = 0;
  /** Publishes that were accepted, requests that were answered. */
  confirmed = 0;
  /** Publishes that were refused, requests that were refused or timed out. */
  rejected = 0;
  /** Requests whose requester was gone before there was an answer. */
  unconfirmed = 0;
  /** Copies put into queues. */
  received = 0;
  acked = 0;
  /** Copies that went back into their queue without an acknowledgement. */
  returned = 0;
  readonly drops: Record<DropCause, number> = {
    overflow: 0,
    deliveries: 0,
    absence: 0,
    session: 0,
    request: 0,
    end: 0,
  };
  /** Pushes that were written, redeliveries included. */
  pushed = 0;
  redelivered = 0;
  /** Acknowledgements that belong to no outstanding push. */
  strayAcks = 0;
  /** Replies that belong to no pending request. */
  strayReplies = 0;

  get dropped(): number {
    const { overflow, deliveries, absence, session, request, end } = this.drops;
    return overflow + deliveries + absence + session + request + end;
  }

  /** The part that goes into a Farewell. */
  counts(): MessageCounts {
    const { published, confirmed, rejected, unconfirmed, received, acked, returned, dropped } = this;
    return { published, confirmed, rejected, unconfirmed, received, acked, returned, dropped };
  }
}
