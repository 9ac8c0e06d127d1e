import type { Subscription } from "../../lib/messaging/mod.ts";

/** Work that goes on until it is released, or told to stop. */
export class Work {
  readonly started: Promise<void>;
  readonly #released: Promise<void>;
  #start!: () => void;
  release!: () => void;

  constructor() {
    this.started = new Promise((resolve) => this.#start = resolve);
    this.#released = new Promise((resolve) => this.release = resolve);
  }

  until(signal: AbortSignal): Promise<void> {
    this.#start();
    if (signal.aborted) this.release();
    else signal.addEventListener("abort", () => this.release());
    return this.#released;
  }
}

/** Gives a subscription a handler that is at work. */
export function hold(subscription: Subscription, work: Work): void {
  void subscription.consume((_message, { signal }) => work.until(signal));
}
