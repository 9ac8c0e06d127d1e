/**
 * The embedded broker: publish and subscribe, groups, broadcasts and requests over the TCP protocol of Apache EventMesh,
 * in this process and in memory. Clients of this library and the Java SDK talk to it as to an EventMesh runtime.
 *
 * - A message is confirmed when every group with listening sessions holds it. What cannot be held is refused.
 * - Every group of a topic gets a copy; within the group one session gets it, or, where it subscribes with
 *   `BROADCASTING`, each session. A topic exists as soon as somebody names it.
 * - A push that is not acknowledged in time, or whose session ends, is pushed again, to another session if possible.
 * - A request goes to one responder of each group that subscribes with type `SYNC`; the first reply wins. While there is
 *   no responder it waits for one until its time is over.
 * - Everything is bounded: see {@linkcode BrokerLimits}.
 *
 * @example
 * ```ts
 * import { startBroker } from "gracewire/broker";
 *
 * const broker = await startBroker({ port: 0, retain: 10 });
 * console.log(broker.url, broker.inspect().sessions.length);
 * await broker.goodbye();
 * ```
 *
 * @module
 */

export type { Broker, SessionSelector } from "./broker.ts";
export type {
  BrokerCounters,
  BrokerInspection,
  GroupInspection,
  SessionInspection,
  TopicInspection,
} from "./inspect.ts";
export type { DropCause } from "./ledger.ts";
export type { Authenticate, BrokerLimits, BrokerOptions } from "./options.ts";
export { startBroker } from "./start.ts";
