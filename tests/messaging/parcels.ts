import { DeliveredMessage, type MessageFate } from "../../lib/messaging/message.ts";

export interface ParcelOptions {
  readonly size?: number;
  readonly wantsReply?: boolean;
  /** The connection that delivered it is gone. */
  readonly gone?: boolean;
  readonly text?: string;
  /** The payload, in place of the text. */
  readonly payload?: () => Uint8Array;
  readonly raw?: unknown;
  readonly redelivered?: boolean;
  /** Thrown by `respond`. */
  readonly refuse?: unknown;
}

/** A message as a protocol brings it, with a book of what was done to it. */
export class Parcel extends DeliveredMessage {
  readonly topic = "orders";
  readonly id: string;
  readonly properties: Readonly<Record<string, string>>;
  readonly wantsReply: boolean;
  readonly redelivered: boolean;
  readonly raw: unknown;
  readonly size: number;
  acks = 0;
  readonly replies: (string | Uint8Array)[] = [];
  readonly fates: MessageFate[] = [];
  readonly #options: ParcelOptions;

  constructor(id: string, options: ParcelOptions) {
    super();
    this.#options = options;
    this.id = id;
    this.properties = { key: id };
    this.wantsReply = options.wantsReply ?? false;
    this.redelivered = options.redelivered ?? false;
    this.raw = options.raw;
    this.size = options.size ?? 1;
  }

  protected override payload(): Uint8Array {
    const { payload, text = this.id } = this.#options;
    return payload?.() ?? new TextEncoder().encode(text);
  }

  override acknowledge(): boolean {
    if (this.#options.gone === true) return false;
    this.acks++;
    return true;
  }

  protected override answer(data: string | Uint8Array): void {
    if ("refuse" in this.#options) throw this.#options.refuse;
    this.replies.push(data);
  }

  protected override fated(fate: MessageFate): void {
    this.fates.push(fate);
  }
}

/** Makes a message for a test. */
export function parcel(id: string, options: ParcelOptions = {}): Parcel {
  return new Parcel(id, options);
}

/** Makes messages with the numbers from `first` on. */
export function parcels(count: number, options: ParcelOptions = {}, first = 0): Parcel[] {
  return Array.from({ length: count }, (_, i) => parcel(String(first + i), options));
}
