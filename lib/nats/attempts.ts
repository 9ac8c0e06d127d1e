import type { ExchangeCounts } from "../flow/counts.ts";
import type { Outgoing } from "./outgoing.ts";

/** What a message counts as that was written and will not be written again. */
type Verdict = "confirmed" | "rejected" | "unconfirmed";

/** A message that knows whether it has arrived. */
interface Attempted extends Pick<Outgoing, "answers" | "refused" | "seq" | "writes"> {
  readonly receipt: unknown;
}

/**
 * Counts one message once, in an exchange where each attempt to send it is an operation of its own: what the attempts
 * before count as is taken back, and the last one counts as what is known of all of them.
 */
export class Attempts {
  readonly #counts: ExchangeCounts;
  readonly #message: Attempted;
  /** Writes of the attempts before. */
  #writes = 0;
  #counted: Verdict | undefined = undefined;

  constructor(counts: ExchangeCounts, message: Attempted) {
    this.#counts = counts;
    this.#message = message;
  }

  /** The next attempt begins. */
  begin(): void {
    this.#writes = this.#message.writes;
    if (this.#counted === undefined) return;
    this.#counts.published--;
    this.#counts[this.#counted]--;
    this.#counted = undefined;
  }

  /** It has ended without the answer to its last write. */
  end(): void {
    const { refused, seq, writes } = this.#message;
    if (writes === 0) return;
    if (writes > this.#writes) this.#counts[refused === seq ? "rejected" : "unconfirmed"]--;
    else this.#counts.published++;
    this.#counted = this.#verdict();
    this.#counts[this.#counted]++;
  }

  #verdict(): Verdict {
    const { answers, receipt, writes } = this.#message;
    if (receipt !== undefined) return "confirmed";
    return answers === writes ? "rejected" : "unconfirmed";
  }
}
