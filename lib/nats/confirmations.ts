import process from "node:process";
import type { Link } from "./link.ts";

/** What was written between two PINGs. */
interface Batch {
  /** The last number in it. */
  readonly last: number;
  readonly bytes: number;
  /** Messages that nobody waits for. */
  readonly unconfirmed: number;
}

/** Told when the server has processed what was written. */
export interface ConfirmationHandler {
  /** All numbers up to and including this one. */
  confirmed(from: number, to: number): void;
  /** The window has room again. */
  room(): void;
}

/**
 * Finds out what the server has processed: it answers a PING when it has processed everything before it, so one PING at
 * the end of a tick confirms all that was written in it. An answer counts for the connection that it came on and for no
 * other: what a connection has not confirmed when it is lost, the next one cannot.
 */
export class Confirmations {
  /** Bytes that are written and not confirmed. */
  bytes = 0;
  /** Messages that nobody waits for, by what became of them. */
  readonly unconfirmed: { published: number; confirmed: number; lost: number } = {
    published: 0,
    confirmed: 0,
    lost: 0,
  };
  readonly #link: () => Link;
  readonly #handler: ConfirmationHandler;
  #confirmed = 0;
  #last = 0;
  #batchBytes = 0;
  #batchUnconfirmed = 0;
  #scheduled = false;
  #epoch = 0;

  constructor(link: () => Link, handler: ConfirmationHandler) {
    this.#link = link;
    this.#handler = handler;
  }

  /** A message was written, as a frame of so many bytes. Without a number nobody waits for it. */
  written(seq: number | undefined, bytes: number): void {
    this.bytes += bytes;
    this.#batchBytes += bytes;
    if (seq === undefined) {
      this.unconfirmed.published++;
      this.#batchUnconfirmed++;
    } else {
      this.#last = seq;
    }
    if (this.#scheduled) return;
    this.#scheduled = true;
    // When all promises of the tick have had their turn: one PING serves them all.
    process.nextTick(ask, this);
  }

  /** The connection is gone. */
  lost(): void {
    const { published, confirmed } = this.unconfirmed;
    this.unconfirmed.lost = published - confirmed;
    this.#epoch++;
    this.#confirmed = this.#last;
    this.bytes = 0;
    this.#batchBytes = 0;
    this.#batchUnconfirmed = 0;
  }

  /** The tick is over. */
  ask(): void {
    this.#scheduled = false;
    const link = this.#link();
    if (this.#batchBytes === 0 || !link.up) return;
    const batch: Batch = {
      last: this.#last,
      bytes: this.#batchBytes,
      unconfirmed: this.#batchUnconfirmed,
    };
    this.#batchBytes = 0;
    this.#batchUnconfirmed = 0;
    const epoch = this.#epoch;
    link.ping({
      resolve: () => {
        if (epoch === this.#epoch) this.#settle(batch);
      },
      reject() {},
    });
  }

  #settle({ last, bytes, unconfirmed }: Batch): void {
    const from = this.#confirmed + 1;
    this.#confirmed = last;
    this.bytes -= bytes;
    this.unconfirmed.confirmed += unconfirmed;
    if (last >= from) this.#handler.confirmed(from, last);
    this.#handler.room();
  }
}

function ask(confirmations: Confirmations): void {
  confirmations.ask();
}
