/**
 * The lifecycle contract: endpoints, scopes, goodbyes and their reports. It knows no bytes and no sockets.
 *
 * @module
 */

export { abortable } from "./abort.ts";
export { AsyncDisposableStack } from "./async_stack.ts";
export type { AbortOptions, Endpoint, EndpointState, GoodbyeOptions } from "./endpoint.ts";
export type { EndpointEvent, EndpointNews, EventLevel, EventSource, MemberNews } from "./events.ts";
export type {
  ConnectionCounts,
  Farewell,
  MessageCounts,
  OperationCounts,
  Outcome,
  PhaseReport,
  Residue,
} from "./farewell.ts";
export type { HookReport } from "./hook_list.ts";
export { formatFarewell } from "./format.ts";
export type { EndCause, Phase } from "./reducer.ts";
export { createScope, type Scope, type ScopeOptions } from "./scope.ts";
export { DisposableStack } from "./stack.ts";
export { SuppressedError } from "./suppressed.ts";
