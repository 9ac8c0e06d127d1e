import { type Deferred, deferred } from "../lifecycle/deferred.ts";

/** Counts the deliveries of one session that have no fate yet. */
export class Deliveries {
  #count = 0;
  #none: Deferred<void> | undefined = undefined;

  begun(): void {
    this.#count++;
  }

  done(): void {
    if (--this.#count > 0) return;
    this.#none?.resolve();
    this.#none = undefined;
  }

  /** Resolves when every delivery has its fate. */
  none(): Promise<void> {
    if (this.#count === 0) return Promise.resolve();
    this.#none ??= deferred();
    return this.#none.promise;
  }
}
