import type { EventLevel } from "../lifecycle/events.ts";
import { now } from "../lifecycle/timer.ts";

/** Events above level `info` about the connections of a server, in one second. */
const limit = 20;

/**
 * Keeps a thousand connections that fail at once from being a thousand warnings: what is more than twenty in a second is
 * told at level `debug`. Nothing is lost by that; whoever counts has the counters of the server.
 */
export class Loudness {
  #since = -Infinity;
  #count = 0;

  /** How loud an event may be. */
  of(level: EventLevel): EventLevel {
    if (level === "debug" || level === "info") return level;
    if (now() - this.#since >= 1_000) {
      this.#since = now();
      this.#count = 0;
    }
    return ++this.#count > limit ? "debug" : level;
  }
}
