import type { Endpoint, EndpointState } from "../lifecycle/endpoint.ts";
import type { HookContext } from "../lifecycle/hooks.ts";
import type { ListenAddress } from "../net/transport.ts";

/**
 * A server that listens. Its end, however it begins, is one procedure in order and in bounded time:
 *
 * 1. announce: `draining` aborts; connections are still accepted for {@linkcode ServeOptions.announce} milliseconds
 * 2. intake: nothing is accepted any longer, and the address is free
 * 3. drain: every connection finishes what it has started, all of them at the same time
 * 4. goodbye: when all have drained, each says its goodbye, sends FIN, and reads until the FIN of its peer
 * 5. force: what is still open is cut
 * 6. release: the hooks of {@linkcode Server.onRelease}, last-in first-out
 *
 * Its Farewell sums the counters of all connections it ever had. Connections that end with the server decide the outcome
 * too; those that ended on their own before do not.
 *
 * A connection that is lost is an event of level `info`. Connections that fail are told as warnings, twenty of them in a
 * second at most, and the rest at level `debug`.
 */
export interface Server extends Endpoint {
  /** Where it listens: the real port when 0 was asked for. Stays readable after the end. */
  readonly address: ListenAddress;
  /** The address as text: `tcp://127.0.0.1:4222`, `tls://[::1]:4222`, `unix:/run/app.sock`. */
  readonly url: string;
  /** Connections that are open or ending. */
  readonly connections: number;
  /** What it is doing, at this moment. */
  inspect(): ServerInspection;
  /**
   * Runs a hook when the last socket is closed. Hooks run last-in first-out, each with its share of the time; one that
   * throws or hangs makes the outcome `failed` and keeps none of the others from running.
   *
   * @throws {ClosedError} when the server has been released; the hook is run nevertheless.
   */
  onRelease(name: string, hook: (context: HookContext) => unknown): void;
}

/** What {@linkcode Server.inspect} tells. Plain data. */
export interface ServerInspection {
  readonly name: string;
  readonly state: EndpointState;
  readonly url: string;
  readonly connections: readonly ConnectionInspection[];
  /** Connections that were accepted. */
  readonly accepted: number;
  /** Connections that were refused: over a limit, after the end of the intake, or without a complete TLS handshake. */
  readonly refused: number;
  /** Errors that were contained. */
  readonly faults: number;
}

/** One connection of a {@linkcode ServerInspection}. */
export interface ConnectionInspection {
  readonly id: number;
  readonly remote: string;
  readonly state: EndpointState;
  /** Milliseconds since it was accepted. */
  readonly age: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
}
