import { atTickEnd } from "../lifecycle/tick.ts";
import type { Link } from "./link.ts";

/** What was written between two PINGs. */
interface Batch {
  /** The last number in it. */
  readonly last: number;
  readonly bytes: number;
  readonly runs: readonly Run[];
}

/** Messages that nobody waits for, one behind the other to the same subject. */
interface Run {
  readonly topic: string;
  /** How many of them are not known to be rejected. */
  count: number;
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
  readonly unconfirmed: { published: number; confirmed: number; rejected: number; lost: number } = {
    published: 0,
    confirmed: 0,
    rejected: 0,
    lost: 0,
  };
  readonly #link: () => Link;
  readonly #handler: ConfirmationHandler;
  #confirmed = 0;
  #last = 0;
  #batchBytes = 0;
  #runs: Run[] = [];
  /** Those whose answer is still to come. */
  readonly #asked: Set<Batch> = new Set();
  #scheduled = false;
  #epoch = 0;

  constructor(link: () => Link, handler: ConfirmationHandler) {
    this.#link = link;
    this.#handler = handler;
  }

  /** A message was written under this number, as a frame of so many bytes. */
  written(seq: number, bytes: number): void {
    this.#last = seq;
    this.#add(bytes);
  }

  /** A message was written that nobody waits for. */
  unawaited(topic: string, bytes: number): void {
    this.unconfirmed.published++;
    const run = this.#runs.at(-1);
    if (run?.topic === topic) run.count++;
    else this.#runs.push({ topic, count: 1 });
    this.#add(bytes);
  }

  /** The user may not publish there. Returns how many messages that nobody waits for are rejected with it. */
  denied(topic: string): number {
    let count = 0;
    for (const runs of [...this.#asked].map((batch) => batch.runs).concat([this.#runs])) {
      for (const run of runs) {
        if (run.topic !== topic) continue;
        count += run.count;
        run.count = 0;
      }
    }
    this.unconfirmed.rejected += count;
    return count;
  }

  #add(bytes: number): void {
    this.bytes += bytes;
    this.#batchBytes += bytes;
    if (this.#scheduled) return;
    this.#scheduled = true;
    // When all promises of the tick have had their turn: one PING serves them all. The wire asks earlier where it writes
    // at the end of this tick anyway; it does not where it has written all of it already.
    atTickEnd(end, this);
  }

  /** The connection is gone. */
  lost(): void {
    const { published, confirmed, rejected } = this.unconfirmed;
    this.unconfirmed.lost = published - confirmed - rejected;
    this.#epoch++;
    this.#confirmed = this.#last;
    this.bytes = 0;
    this.#batchBytes = 0;
    this.#runs = [];
    this.#asked.clear();
  }

  /** Asks for the confirmation of what was written since it asked last. */
  ask(): void {
    const link = this.#link();
    if (this.#batchBytes === 0 || !link.up) return;
    const batch: Batch = {
      last: this.#last,
      bytes: this.#batchBytes,
      runs: this.#runs,
    };
    this.#batchBytes = 0;
    this.#runs = [];
    this.#asked.add(batch);
    const epoch = this.#epoch;
    link.ping({
      resolve: () => {
        if (epoch === this.#epoch) this.#settle(batch);
      },
      reject() {},
    });
  }

  /** The tick is over. */
  ended(): void {
    this.#scheduled = false;
    this.ask();
  }

  #settle(batch: Batch): void {
    const { last, bytes, runs } = batch;
    const from = this.#confirmed + 1;
    this.#asked.delete(batch);
    this.#confirmed = last;
    this.bytes -= bytes;
    for (const { count } of runs) this.unconfirmed.confirmed += count;
    if (last >= from) this.#handler.confirmed(from, last);
    this.#handler.room();
  }
}

function end(confirmations: Confirmations): void {
  confirmations.ended();
}
