import type { RedirectInfo } from "../eventmesh/wire/mod.ts";
import type { Endpoint, GoodbyeOptions } from "../lifecycle/endpoint.ts";
import type { ListenAddress } from "../server/mod.ts";
import type { BrokerInspection, SessionInspection } from "./inspect.ts";

/**
 * A broker in this process, which speaks the TCP protocol of EventMesh. It holds messages in memory only: what it still
 * holds when it ends is counted as `dropped` in its Farewell.
 *
 * Its end is that of a server: no new sessions; publishes and requests are refused and nothing more is pushed; what was
 * pushed may still be acknowledged, and requests that a responder has got may still be answered; then every client is
 * told goodbye. Its Farewell counts connections and messages: `published` came from clients and was either `confirmed`,
 * `rejected`, or `unconfirmed` (the requester was gone); copies of messages were `received` into the queues of groups and
 * `acked` by subscribers, `returned` into a queue, or `dropped`.
 */
export interface Broker extends Endpoint {
  /** What clients connect to: `eventmesh://127.0.0.1:10000`, `eventmesh+tls://...`, `eventmesh+unix:///run/mesh.sock`. */
  readonly url: string;
  /** Where it listens: the real port when 0 was asked for. Stays readable after the end. */
  readonly address: ListenAddress;
  /** What it is doing, at this moment. Plain data. */
  inspect(): BrokerInspection;
  /**
   * Asks sessions to move to another server. A session stays what it is until its client leaves, at most for
   * `goodbyeTimeout`. Returns how many were asked.
   *
   * @throws {TypeError} for a target that is no address.
   */
  redirect(select: SessionSelector, target: RedirectInfo): number;
  /**
   * Says goodbye to sessions and ends them, as the end of the broker does. Resolves with how many, when they are closed;
   * never rejects, but for options of a wrong type.
   */
  disconnect(select: SessionSelector, options?: GoodbyeOptions): Promise<number>;
}

/** One session by its id, or those that a function says yes to. */
export type SessionSelector = number | ((session: SessionInspection) => boolean);
