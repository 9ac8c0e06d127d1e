import { now } from "../lifecycle/timer.ts";
import type { TimerWheel } from "../lifecycle/wheel.ts";
import type { Wire } from "./wire.ts";

/** How the connections of a server are watched for silence. */
export interface IdleOptions {
  readonly wheel: TimerWheel;
  /** Milliseconds without a byte of the peer; `Infinity` watches nothing. */
  readonly idleTimeout: number;
}

/** Milliseconds until the peer has been silent for too long. Time in which nobody reads is no silence. */
export function patienceWith(wire: Wire, idleTimeout: number): number {
  return wire.paused ? idleTimeout : idleTimeout - (now() - wire.lastByte);
}
