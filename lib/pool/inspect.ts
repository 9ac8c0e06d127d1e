import type { Endpoint, EndpointState } from "../lifecycle/endpoint.ts";
import { now } from "../lifecycle/timer.ts";
import type { Desk } from "./desk.ts";

/** What {@linkcode Pool.inspect} tells. Plain data, but for `failure`. */
export interface PoolInspection {
  readonly name: string;
  readonly state: EndpointState;
  readonly min: number;
  readonly max: number;
  /** Members in the order in which they were opened, then those that are being opened. */
  readonly members: readonly MemberInspection[];
  /** Calls of `acquire` that wait for a member. */
  readonly waiting: number;
  /** Leases that are out. */
  readonly leased: number;
  /** Attempts to open a member that have failed in a row. */
  readonly failures: number;
  /** The last of these failures. */
  readonly failure: unknown;
  /** It was terminal: there are no attempts until `retry()`. */
  readonly refused: boolean;
  readonly counters: PoolCounters;
}

/** One member of a {@linkcode PoolInspection}. */
export interface MemberInspection {
  readonly id: number;
  /**
   * `ready`: can be handed out; `down`: has no connection for now; `retired`: is handed out no more, and waits for its
   * leases; `ending`: says its goodbye.
   */
  readonly status: "opening" | "ready" | "down" | "retired" | "ending";
  readonly leases: number;
  readonly exclusive: boolean;
  /** Milliseconds since it was opened. */
  readonly age: number;
  /** Milliseconds since the last question was sent that it has answered. */
  readonly proven: number;
}

/** What has happened since the pool was made. */
export interface PoolCounters {
  readonly opened: number;
  readonly closed: number;
  /** Attempts to open a member that have failed. */
  readonly failed: number;
  /** Members that were replaced because they did not answer. */
  readonly unanswered: number;
  /** Probes that were sent. */
  readonly probes: number;
  /** Leases that were handed out: as many as `released` and `leased` together. */
  readonly acquired: number;
  /** Leases that are over: given back, or taken by the end of the pool. */
  readonly released: number;
  /** Calls of `acquire` that their signal has ended. */
  readonly aborted: number;
  /** Calls of `acquire` whose time was over. */
  readonly expired: number;
  /** Calls of `acquire` that were refused: by the end of the pool, by a full line, or by the failure that they got. */
  readonly refused: number;
}

/** Looks at a pool. */
export function inspectPool<T extends Endpoint>(
  name: string,
  state: EndpointState,
  desk: Desk<T>,
): PoolInspection {
  const { line, roster: { counts, members, opener }, settings: { max, min } } = desk;
  const time = now();
  const open = members.map((member): MemberInspection => ({
    id: member.id,
    status: member.status,
    leases: member.leases.size,
    exclusive: member.exclusive,
    age: time - member.since,
    proven: time - member.prover.proven.time,
  }));
  const opening = opener.ids.map((id): MemberInspection => (
    { id, status: "opening", leases: 0, exclusive: false, age: 0, proven: Infinity }
  ));
  return {
    name,
    state,
    min,
    max,
    members: [...open, ...opening],
    waiting: line.size,
    leased: desk.leased,
    failures: opener.failures,
    failure: opener.failure,
    refused: opener.refused !== undefined,
    counters: {
      ...counts,
      ...desk.counts,
      probes: members.reduce((sum, { prover }) => sum + prover.probes, counts.probes),
    },
  };
}
