import type { EndpointState } from "../lifecycle/endpoint.ts";
import type { Purpose } from "../eventmesh/wire/mod.ts";
import type { Core } from "./core.ts";
import type { DropCause } from "./ledger.ts";
import type { Session } from "./session.ts";

/** What {@linkcode Broker.inspect} tells. Plain data. */
export interface BrokerInspection {
  readonly name: string;
  readonly state: EndpointState;
  readonly url: string;
  /** Connections that have said hello. */
  readonly sessions: readonly SessionInspection[];
  readonly groups: readonly GroupInspection[];
  /** Topics that anybody subscribes to or anything is held for. */
  readonly topics: readonly TopicInspection[];
  /** Copies of messages in queues. */
  readonly queued: number;
  /** Copies that were pushed and are not acknowledged. */
  readonly inFlight: number;
  /** Requests that wait for their reply. */
  readonly requests: number;
  /** Bytes that held messages take. */
  readonly memory: number;
  readonly counters: BrokerCounters;
}

/** One session of a {@linkcode BrokerInspection}. */
export interface SessionInspection {
  /** Unique within the broker, and never changes. */
  readonly id: number;
  readonly group: string;
  readonly purpose: Purpose;
  readonly subsystem: string;
  readonly remote: string;
  readonly state: EndpointState;
  readonly topics: readonly string[];
  /** Messages are pushed to it. */
  readonly listening: boolean;
  /** Pushes that it has not acknowledged. */
  readonly unacked: number;
  /** Requests of its own that wait for their reply. */
  readonly requests: number;
}

/** One group of a {@linkcode BrokerInspection}. */
export interface GroupInspection {
  readonly name: string;
  /** Its sessions that may subscribe. */
  readonly sessions: number;
}

/** One topic of a {@linkcode BrokerInspection}. */
export interface TopicInspection {
  readonly name: string;
  readonly subscribers: number;
  readonly queued: number;
  readonly inFlight: number;
  /** Messages that are kept for late subscribers. */
  readonly retained: number;
  /** Requests that wait for their reply. */
  readonly requests: number;
}

/** What has happened since the start of the broker. */
export interface BrokerCounters {
  /** Publishes and requests. */
  readonly published: number;
  /** Publishes that were accepted and requests that were answered. */
  readonly confirmed: number;
  /** Publishes that were refused, and requests that were refused or timed out. */
  readonly rejected: number;
  /** Requests whose requester was gone before there was an answer. */
  readonly unconfirmed: number;
  /** Copies put into queues; one that comes back is counted again. */
  readonly received: number;
  readonly acked: number;
  readonly returned: number;
  readonly dropped: number;
  /** The dropped ones by their causes. */
  readonly drops: Readonly<Record<DropCause, number>>;
  /** Pushes that were written. */
  readonly pushed: number;
  /** Of those, the ones of a message that had been pushed before. */
  readonly redelivered: number;
  /** Acknowledgements and replies that belong to nothing, mostly because they came too late. */
  readonly strayAcks: number;
  readonly strayReplies: number;
}

/** Looks at a session. */
export function inspectSession(
  { connection, id, identity, pending, subscriber }: Session,
): SessionInspection {
  const { group = "", purpose = "pub", subsystem = "" } = identity ?? {};
  return {
    id,
    group,
    purpose,
    subsystem,
    remote: connection.remote,
    state: connection.state,
    topics: subscriber?.topics ?? [],
    listening: subscriber?.listening ?? false,
    unacked: subscriber?.consumer.unacked.length ?? 0,
    requests: pending,
  };
}

/** Looks at everything but the sessions. */
export function inspectCore(
  { groups, inFlight, ledger, memory, requests, topics }: Core,
): Omit<BrokerInspection, "name" | "state" | "url" | "sessions"> {
  const seen = [...topics].map((topic): TopicInspection => {
    const lanes = [...topic.lanes, ...topic.responders];
    return {
      name: topic.name,
      subscribers: topic.subscribers,
      queued: lanes.reduce((sum, { queue }) => sum + queue.length, 0),
      inFlight: lanes.reduce((sum, { flying }) => sum + flying, 0),
      retained: topic.retained.length,
      requests: topic.pending.size,
    };
  });
  const { pushed, redelivered, strayAcks, strayReplies } = ledger;
  return {
    groups: [...groups].map(({ name, sessions }) => ({ name, sessions })),
    topics: seen,
    queued: seen.reduce((sum, { queued }) => sum + queued, 0),
    inFlight,
    requests: requests.size,
    memory: memory.used,
    counters: {
      ...ledger.counts(),
      drops: { ...ledger.drops },
      pushed,
      redelivered,
      strayAcks,
      strayReplies,
    },
  };
}
