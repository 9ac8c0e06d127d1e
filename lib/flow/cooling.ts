import type { TimerWheel, WheelTimer } from "../lifecycle/wheel.ts";
import { backoffDelay, type BackoffOptions } from "./backoff.ts";
import type { Operation } from "./operation.ts";

/** Operations that the peer was too busy for: each comes back a little later, and later from time to time. */
export class Cooling<P, T> {
  readonly #wheel: TimerWheel;
  readonly #busy: BackoffOptions | undefined;
  readonly #back: (operation: Operation<P, T>) => void;
  readonly #timers: Map<Operation<P, T>, WheelTimer> = new Map();

  /** `back` is told of each that has waited long enough. */
  constructor(
    wheel: TimerWheel,
    busy: BackoffOptions | undefined,
    back: (operation: Operation<P, T>) => void,
  ) {
    this.#wheel = wheel;
    this.#busy = busy;
    this.#back = back;
  }

  get size(): number {
    return this.#timers.size;
  }

  [Symbol.iterator](): IterableIterator<Operation<P, T>> {
    return this.#timers.keys();
  }

  add(operation: Operation<P, T>): void {
    operation.state = "cooling";
    const delay = backoffDelay(operation.refusals, { min: 10, max: 1_000, ...this.#busy });
    const timer = this.#wheel.add(delay, {
      onDeadline: () => {
        this.#timers.delete(operation);
        this.#back(operation);
      },
    });
    this.#timers.set(operation, timer);
  }

  /** Takes it out, if it is in. */
  remove(operation: Operation<P, T>): void {
    this.#timers.get(operation)?.cancel();
    this.#timers.delete(operation);
  }
}
