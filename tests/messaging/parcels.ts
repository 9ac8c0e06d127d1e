import type { MessageFate, MessageSource } from "../../lib/messaging/message.ts";

/** A message as a protocol brings it, with a book of what was done to it. */
export interface Parcel extends MessageSource {
  readonly acks: number;
  readonly replies: readonly (string | Uint8Array)[];
  readonly fates: readonly MessageFate[];
}

export interface ParcelOptions {
  readonly size?: number;
  readonly wantsReply?: boolean;
  /** The connection that delivered it is gone. */
  readonly gone?: boolean;
  readonly text?: string;
  /** Thrown by `respond`. */
  readonly refuse?: unknown;
}

/** Makes a message for a test. */
export function parcel(id: string, options: ParcelOptions = {}): Parcel {
  const replies: (string | Uint8Array)[] = [];
  const fates: MessageFate[] = [];
  let acks = 0;
  return {
    topic: "orders",
    id,
    properties: { key: id },
    wantsReply: options.wantsReply ?? false,
    redelivered: false,
    raw: undefined,
    size: options.size ?? 1,
    replies,
    fates,
    get acks() {
      return acks;
    },
    data: () => new TextEncoder().encode(options.text ?? id),
    acknowledge() {
      if (options.gone === true) return false;
      acks++;
      return true;
    },
    respond(data) {
      if ("refuse" in options) throw options.refuse;
      replies.push(data);
    },
    settled: (fate) => void fates.push(fate),
  };
}

/** Makes messages with the numbers from `first` on. */
export function parcels(count: number, options: ParcelOptions = {}, first = 0): Parcel[] {
  return Array.from({ length: count }, (_, i) => parcel(String(first + i), options));
}
