import type { EndpointNews } from "../lifecycle/events.ts";
import type { DropCause } from "./ledger.ts";

/** Milliseconds between two events of one cause. */
const interval = 1_000;

const policies: { readonly [cause in DropCause]?: string } = {
  overflow: "drop-oldest",
  deliveries: "max-deliveries",
  absence: "group-expiry",
};

/** Makes few events of many losses: one at once, then the sum of what followed. */
export class LossReport {
  readonly #emit: (news: EndpointNews) => void;
  readonly #now: () => number;
  readonly #counts: Map<DropCause, { count: number; last: number }> = new Map();

  constructor(emit: (news: EndpointNews) => void, now: () => number) {
    this.#emit = emit;
    this.#now = now;
  }

  /** One more copy was dropped. */
  add(cause: DropCause): void {
    let sum = this.#counts.get(cause);
    if (sum === undefined) this.#counts.set(cause, sum = { count: 0, last: -Infinity });
    sum.count++;
    if (this.#now() - sum.last >= interval) this.#tell(cause, sum);
  }

  /** Tells what has not been told. */
  flush(): void {
    for (const [cause, sum] of this.#counts) if (sum.count > 0) this.#tell(cause, sum);
  }

  #tell(cause: DropCause, sum: { count: number; last: number }): void {
    const dropped = sum.count;
    sum.count = 0;
    sum.last = this.#now();
    this.#emit({ type: "overflow", dropped, policy: policies[cause] ?? cause });
  }
}
