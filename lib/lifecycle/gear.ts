import type { AbortLink } from "./abort.ts";
import type { Deferred } from "./deferred.ts";
import type { EventHub } from "./events.ts";
import type { Farewell, FarewellBuilder } from "./farewell.ts";
import type { LateSignal } from "./late_signal.ts";
import type { Budget } from "./phases.ts";
import type { LifecycleInput } from "./reducer.ts";
import type { RunningPhase } from "./running.ts";

/**
 * What a lifecycle holds besides its state, each made when it is needed. Of the thousands of endpoints of a server, few
 * need any of it before they end.
 */
export class Gear {
  hub: EventHub | undefined = undefined;
  farewell: FarewellBuilder | undefined = undefined;
  soft: LateSignal | undefined = undefined;
  hard: LateSignal | undefined = undefined;
  closed: Deferred<Farewell> | undefined = undefined;
  /** What `closed` resolves with, whenever somebody asks for it. */
  ended: Farewell | undefined = undefined;
  links: AbortLink[] | undefined = undefined;
  inputs: LifecycleInput[] | undefined = undefined;
  reason: unknown = undefined;
  /** The first reason of a force: that of an end which has none of its own. */
  forced: { readonly reason: unknown } | undefined = undefined;
  startedAt = 0;
  start = 0;
  budget: Budget | undefined = undefined;
  running: RunningPhase | undefined = undefined;
}
