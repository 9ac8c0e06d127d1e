/**
 * gracewire: messaging clients, a TCP server kit and an embedded broker whose lifecycle is correct by construction, for
 * Node, Bun and Deno.
 *
 * Every asynchronous operation takes an `AbortSignal`, everything that lives is `AsyncDisposable`, and an end is a
 * goodbye: it finishes what was started, tells the peer, frees everything in order in bounded time, and hands back a
 * {@linkcode Farewell} that says what happened.
 *
 * @example
 * ```ts
 * import { connect } from "gracewire";
 * import { startBroker } from "gracewire/broker";
 *
 * await using broker = await startBroker({ port: 0 });
 * await using connection = await connect(broker.url, { signal: AbortSignal.timeout(10_000) });
 * const subscription = await connection.subscribe("greetings");
 * await connection.publish("greetings", "hello");
 * for await (const message of subscription) {
 *   console.log(message.text()); // hello
 *   break;
 * }
 * ```
 *
 * @module
 */

export { type AnyConnection, connect, type ConnectOptions } from "./lib/connect.ts";
export {
  type AnyGracewireError,
  ClosedError,
  ConnectError,
  ConnectionLostError,
  type ErrorCode,
  GracewireError,
  MessageTooLargeError,
  OverflowError,
  PeerError,
  ProcessSignalError,
  ProtocolError,
  type SendOutcome,
  TimeoutError,
  UnsupportedError,
} from "./lib/errors.ts";
export {
  type AbortOptions,
  AsyncDisposableStack,
  createScope,
  DisposableStack,
  type Endpoint,
  type EndpointEvent,
  type EndpointState,
  type Farewell,
  formatFarewell,
  type GoodbyeOptions,
  type Outcome,
  type Scope,
  type ScopeOptions,
} from "./lib/lifecycle/mod.ts";
export type {
  ConsumeOptions,
  HandlerContext,
  Message,
  MessageConnection,
  MessageData,
  MessageHandler,
  OperationOptions,
  OverflowPolicy,
  PublishOptions,
  RequestOptions,
  SubscribeOptions,
  Subscription,
} from "./lib/messaging/mod.ts";
export { VERSION } from "./lib/version.ts";
