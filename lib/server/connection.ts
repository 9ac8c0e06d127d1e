import type { AbortOptions, Endpoint } from "../lifecycle/endpoint.ts";
import type { Step } from "../lifecycle/lifecycle.ts";
import type { Transport } from "../net/transport.ts";

/** The phases of its end that the handler of a connection may take part in. */
export type ConnectionPhase = "intake" | "drain" | "goodbye" | "release";

/**
 * One accepted connection of a server. It is an endpoint of its own: `draining` aborts when its end begins (finish what
 * you have started), `signal` when work must stop.
 *
 * Use either the byte streams ({@linkcode ServerConnection.readable} and {@linkcode ServerConnection.write}) or the
 * transport itself, not both.
 *
 * Its end has the phases of every endpoint. When the server ends, no connection says its goodbye before all of them
 * have drained; otherwise a connection ends on its own, when its handler is done, fails, or calls `goodbye()`.
 */
export interface ServerConnection extends Endpoint {
  /** Unique within the server, rising. */
  readonly id: number;
  /** Address of the peer, for people. */
  readonly remote: string;
  readonly local: string;
  /**
   * The stream below, for protocols that are pushed their bytes: see {@linkcode Transport.start}. What arrives before
   * `start` waits (64 KiB, then the peer feels it) and comes first. When a function of the handler throws, the
   * connection ends as it does when the connection's handler throws.
   *
   * While `drain` and `goodbye` steps run, bytes still arrive, so that acknowledgements and an answer to the goodbye are
   * seen. After the last goodbye step they are discarded.
   */
  readonly transport: Transport;
  /**
   * What the peer sends, chunk by chunk; the peer feels it when nobody reads. Ends at the peer's FIN and when draining
   * begins, after what had arrived before; throws a {@linkcode ConnectionLostError} when the connection is lost. A loop
   * that is left with `break` may be followed by another one, which goes on with the next chunk. One reader at a time.
   */
  readonly readable: AsyncIterable<Uint8Array>;
  /**
   * Sends bytes; resolves when the transport has room for more. The caller may change the bytes once the call has
   * returned.
   *
   * An abort stops the waiting, not the bytes: they are on their way. Rejects with a ClosedError after the goodbye and
   * with a {@linkcode ConnectionLostError} after a loss; a caller that ignores the promise is not punished for either.
   */
  write(bytes: Uint8Array, options?: AbortOptions): Promise<void>;
  /**
   * Takes part in the end of the connection. `intake`: stop taking work. `drain`: resolve when what was started is
   * finished. `goodbye`: say it; FIN follows, then the peer's FIN is waited for. `release`: free what belongs to the
   * connection. Steps of one phase run in the order they were registered; each is bounded by the phase. One that throws
   * is an error of the Farewell and keeps none of the others from running.
   *
   * `drain` also waits for the connection's handler, unless that has started the transport: then it waits for the steps
   * only, and the handler may await `closed`. `goodbye` is left out when there is no peer any longer, or no time;
   * `release` always runs.
   *
   * @throws {ClosedError} when that phase is over. A step of `release` is run nevertheless, so that nothing is left behind.
   */
  onPhase(phase: ConnectionPhase, run: (step: Step) => unknown): void;
}

/**
 * Serves one connection. When it returns or resolves, the connection says its goodbye. When it throws or rejects, the
 * connection ends too, with cause `protocol-error` for a {@linkcode ProtocolError} and `handler-error` for anything
 * else, and the error as its reason; nothing else is harmed.
 *
 * @example Lines in, lines out
 * ```ts
 * import type { ConnectionHandler } from "gracewire/server";
 *
 * const handler: ConnectionHandler = async (connection) => {
 *   for await (const chunk of connection.readable) await connection.write(chunk);
 * };
 * ```
 *
 * @example A protocol that is pushed its bytes
 * ```ts
 * import type { ConnectionHandler } from "gracewire/server";
 *
 * const handler: ConnectionHandler = async (connection) => {
 *   const { transport } = connection;
 *   connection.onPhase("goodbye", () => void transport.write(new TextEncoder().encode("bye\n")));
 *   transport.start({ data: (chunk) => void transport.write(chunk), end: () => void connection.goodbye(), drain() {} });
 *   await connection.closed;
 * };
 * ```
 */
export type ConnectionHandler = (connection: ServerConnection) => unknown;
