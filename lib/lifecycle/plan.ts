import type { GoodbyeOptions } from "./endpoint.ts";
import type { EndpointNews, EventHub, EventLevel } from "./events.ts";
import type { Farewell, FarewellParts } from "./farewell.ts";
import type { PhaseLimits } from "./phases.ts";
import type { EndCause, Phase } from "./reducer.ts";
import type { RunningPhase } from "./running.ts";

/** What an endpoint does in one phase of its end. */
export interface Step {
  readonly phase: Phase;
  /** Why the endpoint ends. */
  readonly reason: unknown;
  /** Aborts when the phase is cut, by its deadline or by force: nobody waits for the step any longer. */
  readonly signal: AbortSignal;
  /** Milliseconds left of the phase. */
  remaining(): number;
}

/**
 * The work of each phase; a phase that is left out takes no time. A step may throw: that is an error of the Farewell. What
 * takes time returns a promise, or the phase itself and calls its `done` later.
 */
export type LifecycleSteps<Owner = void> = {
  readonly [phase in Phase]?: (step: RunningPhase, owner: Owner) => unknown;
};

/**
 * What a {@linkcode Lifecycle} is made of. Endpoints that come by the thousand share one of these, and are told apart by
 * their `owner`.
 */
export interface LifecycleOptions<Owner = void> {
  /** What it is, for people: `broker`, `eventmesh connection`. */
  readonly name: string | ((owner: Owner) => string);
  /** The one that it ends with; those who watch the events can tell. */
  readonly parent?: { readonly hub: EventHub } | undefined;
  readonly steps: LifecycleSteps<Owner>;
  /** The end has begun, and `draining` is about to abort. It must not throw. */
  readonly onEnding?: (owner: Owner) => void;
  /** The counters of the endpoint when it is closed. */
  readonly report?: (owner: Owner) => FarewellParts;
  /** It is closed. It must not throw. */
  readonly onClosed?: (farewell: Farewell, owner: Owner) => void;
  /** The most each phase may take, in milliseconds, where it differs from {@linkcode phaseLimits}. */
  readonly limits?: Partial<PhaseLimits> | undefined;
  /** @default {14_000} */
  readonly grace?: number;
  /** How loud an event is, for one of many endpoints. */
  readonly level?: (news: EndpointNews, level: EventLevel, owner: Owner) => EventLevel;
}

/** How an end begins. */
export interface EndOptions extends GoodbyeOptions {
  readonly cause: EndCause;
  /** Skips everything before force. */
  readonly forced?: boolean;
  /** There is no peer to tell. */
  readonly lost?: boolean;
  /** What the signals carry when there is no reason: the error of the owner, where making one for each is too much. */
  readonly why?: unknown;
  /** The most each phase may take, in place of what the endpoint was made with. Only the first call counts. */
  readonly limits?: Partial<PhaseLimits> | undefined;
}
