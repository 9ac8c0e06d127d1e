import { abortable } from "../lifecycle/abort.ts";
import { limited } from "../lifecycle/limit.ts";
import { now } from "../lifecycle/timer.ts";

/** When something began: in the order of all that a pool does, and in milliseconds of `now`. */
export interface Moment {
  readonly turn: number;
  readonly time: number;
}

/** What a {@linkcode Prover} is made of. */
export interface ProverOptions {
  /** Asks the member; rejects or throws when it does not answer as it should. */
  probe(signal: AbortSignal): unknown;
  /** Milliseconds for one probe. */
  readonly timeout: number;
  /** What a probe does, for the message of a TimeoutError. */
  readonly action: string;
  /** Gives up a probe that is under way. */
  readonly owner: AbortSignal;
  moment(): Moment;
}

/**
 * Proves that a member answers. An answer proves it for everybody who asked before the question was sent, and for nobody
 * else: who asks while a probe is under way waits for the next one, and shares it with all who have asked by then.
 *
 * ```
 *   ask  ask           ask ask ask
 *      | probe ------->|          | probe ------->|
 *   one tick            all that came meanwhile
 * ```
 */
export class Prover {
  readonly #options: ProverOptions;
  /** When the last question that was answered had been sent. */
  #proven: Moment;
  #running: Promise<void> | undefined = undefined;
  #next: Promise<void> | undefined = undefined;
  /** Probes that were sent. */
  probes = 0;

  /** `proven`: when a question was sent that it has answered before. */
  constructor(options: ProverOptions, proven: Moment) {
    this.#options = options;
    this.#proven = proven;
  }

  /** When the last question that was answered had been sent. */
  get proven(): Moment {
    return this.#proven;
  }

  /** Resolves when a probe that begins after this call was answered, and rejects with what was wrong. */
  prove(): Promise<void> {
    this.#next ??= this.#probe(this.#running);
    return this.#next;
  }

  async #probe(before: Promise<void> | undefined): Promise<void> {
    // Without one before, the rest of this tick may still ask for the same.
    const failed = await before?.then(() => undefined, (error: unknown) => ({ error }));
    const own = this.#next;
    this.#next = undefined;
    if (failed !== undefined) throw failed.error;
    this.#running = own;
    const { action, moment, owner, probe, timeout } = this.#options;
    const sent = moment();
    this.probes++;
    try {
      await limited({ timeout, action, owner }, (signal) => abortable(ask(probe, signal), signal));
      this.#proven = sent;
    } finally {
      if (this.#running === own) this.#running = undefined;
    }
  }

  /** The last question that was answered had been sent after that moment. */
  answeredAfter(asked: Moment): boolean {
    return this.#proven.turn > asked.turn;
  }

  /** The last question that was answered had been sent no longer ago than so many milliseconds. */
  answeredWithin(limit: number): boolean {
    return now() - this.#proven.time <= limit;
  }
}

async function ask(probe: (signal: AbortSignal) => unknown, signal: AbortSignal): Promise<void> {
  await probe(signal);
}
