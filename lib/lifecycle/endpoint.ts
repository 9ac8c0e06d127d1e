import type { EndpointEvent } from "./events.ts";
import type { Farewell } from "./farewell.ts";
import { checkNames, checkSignal } from "./option.ts";
import { checkDuration } from "./timer.ts";

/**
 * Where an endpoint stands. The order is monotone, but for `open` and `reconnecting`, which may alternate.
 *
 * ```
 *   opening -> open <-> reconnecting
 *                \         /
 *                 draining  ->  closing  ->  releasing  ->  closed
 *                 (intake       (goodbye,     (sockets,
 *                  stops,        force)        hooks)
 *                  work ends)
 * ```
 */
export type EndpointState =
  | "opening"
  | "open"
  | "reconnecting"
  | "draining"
  | "closing"
  | "releasing"
  | "closed";

/** What every asynchronous operation takes. */
export interface AbortOptions {
  /**
   * Interrupts the operation: it rejects with `signal.reason` itself. A signal that has aborted already refuses the
   * operation before any side effect.
   */
  readonly signal?: AbortSignal | undefined;
}

/** How an endpoint is asked to end. */
export interface GoodbyeOptions {
  /**
   * Forces the end: aborted before or during, the current phase is cut with that reason, and releasing still runs. It
   * never makes `goodbye` reject.
   */
  readonly signal?: AbortSignal | undefined;
  /** Why the endpoint ends; any value, kept by identity. @default {undefined} */
  readonly reason?: unknown;
  /** Milliseconds for everything before force: announce, intake, drain, goodbye. 0 forces. @default {14_000} */
  readonly grace?: number | undefined;
  /**
   * Milliseconds kept for force and release, so that the total is at most `grace + tail`. A parent lowers it to end a
   * child within its own deadline. @default {6_000}
   */
  readonly tail?: number | undefined;
}

/**
 * Anything that lives: a connection, a subscription, a server, a broker, a pool, a scope.
 *
 * Its end is one procedure, however it is asked for: intake stops, pending work settles, the peer is told, everything
 * is freed in order, in bounded time, and a {@linkcode Farewell} says what happened.
 */
export interface Endpoint extends AsyncDisposable {
  readonly state: EndpointState;
  /** Aborts when the end begins; its reason is why. The soft signal: finish what you have started. */
  readonly draining: AbortSignal;
  /** Aborts when work must stop: forced, lost for good, or closed. The hard signal. */
  readonly signal: AbortSignal;
  /** Resolves once, when everything is freed. Never rejects. */
  readonly closed: Promise<Farewell>;
  /**
   * What happens from now on: state changes, faults, retries. Bounded: a reader that falls behind loses the oldest.
   * Ends after the `farewell` event; an abort of `signal` makes it throw the reason.
   */
  events(options?: AbortOptions): AsyncIterableIterator<EndpointEvent>;
  /**
   * Ends the endpoint and resolves with its Farewell, whatever the peer, handlers or hooks do. Never rejects, but for
   * options of a wrong type (TypeError, RangeError). All callers share one end; a later call may only tighten it.
   * Inside a handler of this endpoint use `void endpoint.goodbye()`: awaiting it there waits for that handler, at most
   * for the drain budget.
   */
  goodbye(options?: GoodbyeOptions): Promise<Farewell>;
  /** `goodbye()` with the defaults. Never rejects. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** Checks what a caller of `goodbye` gives: the only thing it may reject for. */
export function checkGoodbyeOptions(options: GoodbyeOptions): void {
  checkNames(options, ["signal", "reason", "grace", "tail"]);
  if (options.grace !== undefined) checkDuration("grace", options.grace);
  if (options.tail !== undefined) checkDuration("tail", options.tail);
  checkSignal(options.signal);
}

/** The signal that a caller of `events` gives. */
export function signalOfEvents(options: AbortOptions | undefined): AbortSignal | undefined {
  if (options === undefined) return undefined;
  checkNames(options, ["signal"]);
  checkSignal(options.signal);
  return options.signal;
}
