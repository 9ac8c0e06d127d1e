import { TimeoutError } from "../errors.ts";
import type { TimerWheel, WheelTarget, WheelTimer } from "../lifecycle/wheel.ts";

/** What a {@linkcode Heartbeat} is made of. */
export interface HeartbeatOptions {
  readonly wheel: TimerWheel;
  /** Milliseconds between two of them; `Infinity` for none. */
  readonly interval: number;
  /** How many may stay unanswered, with nothing else received. */
  readonly missed: number;
  /** The server, for people. */
  readonly server: string;
  send(): void;
  /** The server counts as dead. */
  dead(error: TimeoutError): void;
}

/**
 * Sends a heartbeat each interval, whatever else is sent: the runtime counts nothing else as life. In return whatever is
 * received is a sign of life of the server.
 */
export class Heartbeat implements WheelTarget {
  readonly #options: HeartbeatOptions;
  #unanswered = 0;
  #paused = false;
  #timer: WheelTimer | undefined = undefined;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
    this.#arm();
  }

  /** Something was received. */
  heard(): void {
    this.#unanswered = 0;
  }

  /** Reading has stopped: silence says nothing. Heartbeats still go out. */
  pause(): void {
    this.#paused = true;
  }

  /** Reading goes on. */
  resume(): void {
    this.#paused = false;
    this.#unanswered = 0;
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  onDeadline(): void {
    const { interval, missed, server, send, dead } = this.#options;
    if (!this.#paused && this.#unanswered >= missed) {
      const timeout = interval * this.#unanswered;
      const message =
        `Cannot reach ${server}: ${this.#unanswered} heartbeats were not answered, ${missed} may not be`;
      dead(new TimeoutError(message, { timeout, outcome: "unknown" }));
      return;
    }
    this.#unanswered++;
    this.#arm();
    send();
  }

  #arm(): void {
    this.#timer = this.#options.wheel.add(this.#options.interval, this);
  }
}
