import { now } from "../lifecycle/timer.ts";
import type { TimerWheel, WheelTarget, WheelTimer } from "../lifecycle/wheel.ts";
import type { Wire } from "./wire.ts";

/** What an {@linkcode IdleWatch} is made of. */
export interface IdleOptions {
  readonly wheel: TimerWheel;
  /** Milliseconds without a byte of the peer; `Infinity` watches nothing. */
  readonly idleTimeout: number;
}

/** Told when the peer has been silent for too long. */
export interface IdleOwner {
  idled(): void;
}

/** Tells when a peer has been silent for too long. Time in which nobody reads is no silence. */
export class IdleWatch implements WheelTarget {
  readonly #wire: Wire;
  readonly #owner: IdleOwner;
  readonly #options: IdleOptions;
  #timer: WheelTimer | undefined = undefined;

  constructor(wire: Wire, owner: IdleOwner, options: IdleOptions) {
    this.#wire = wire;
    this.#owner = owner;
    this.#options = options;
  }

  /** It holds a timer. */
  get watching(): boolean {
    return this.#timer !== undefined;
  }

  start(delay: number = this.#options.idleTimeout): void {
    if (delay === Infinity) return;
    this.#timer = this.#options.wheel.add(delay, this);
  }

  /** Silence means nothing any longer. */
  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  onDeadline(): void {
    const { idleTimeout } = this.#options;
    const left = this.#wire.paused ? idleTimeout : idleTimeout - (now() - this.#wire.lastByte);
    if (left > 0) return this.start(left);
    this.#timer = undefined;
    this.#owner.idled();
  }
}
