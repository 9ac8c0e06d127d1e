import { now } from "../lifecycle/timer.ts";
import type { TimerWheel, WheelTimer } from "../lifecycle/wheel.ts";
import type { Wire } from "./wire.ts";

/** What an {@linkcode IdleWatch} is made of. */
export interface IdleWatchOptions {
  readonly wheel: TimerWheel;
  /** Milliseconds without a byte of the peer; `Infinity` watches nothing. */
  readonly timeout: number;
  onIdle(): void;
}

/** Tells when a peer has been silent for too long. Time in which nobody reads is no silence. */
export class IdleWatch {
  readonly #wire: Wire;
  readonly #options: IdleWatchOptions;
  #timer: WheelTimer | undefined = undefined;

  constructor(wire: Wire, options: IdleWatchOptions) {
    this.#wire = wire;
    this.#options = options;
  }

  /** It holds a timer. */
  get watching(): boolean {
    return this.#timer !== undefined;
  }

  start(delay: number = this.#options.timeout): void {
    if (delay === Infinity) return;
    this.#timer = this.#options.wheel.add(delay, { onDeadline: () => this.#check() });
  }

  /** Silence means nothing any longer. */
  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #check(): void {
    const { timeout, onIdle } = this.#options;
    const left = this.#wire.paused ? timeout : timeout - (now() - this.#wire.lastByte);
    if (left > 0) return this.start(left);
    this.#timer = undefined;
    onIdle();
  }
}
