import { abortable } from "../lifecycle/abort.ts";
import { type Deferred, deferred } from "../lifecycle/deferred.ts";
import type { WheelTimer } from "../lifecycle/wheel.ts";

/** Whether a transport takes more at the moment, and who waits until it does. */
export class Room {
  readonly #watch: () => WheelTimer;
  #full = false;
  #waiters: Deferred<void> | undefined = undefined;
  #timer: WheelTimer | undefined = undefined;

  /** `watch` begins to wait for the peer, when somebody waits for room: cancelled when there is some. */
  constructor(watch: () => WheelTimer) {
    this.#watch = watch;
  }

  get full(): boolean {
    return this.#full;
  }

  /** The transport asks to wait. */
  fill(): void {
    this.#full = true;
  }

  /** It has room again; or it is gone, and there is nothing to wait for. */
  free(): void {
    this.#full = false;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#waiters?.resolve();
    this.#waiters = undefined;
  }

  /** Resolves when it was freed: look again then, as others have waited too. */
  async freed(signal: AbortSignal): Promise<void> {
    this.#timer ??= this.#watch();
    this.#waiters ??= deferred();
    await abortable(this.#waiters.promise, signal);
  }
}
