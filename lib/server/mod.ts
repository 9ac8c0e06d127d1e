/**
 * A server kit for byte streams: TCP, TLS, unix sockets and memory. The handler of a connection is an async function
 * over a stream; the kit accepts, limits, contains what fails, and ends everything in order and in bounded time, with a
 * report.
 *
 * @example A server that finishes what it has started when the process is told to stop
 * ```ts
 * import { run } from "gracewire/process";
 * import { serve } from "gracewire/server";
 *
 * await run(async (scope) => {
 *   const server = await serve(async (connection) => {
 *     for await (const chunk of connection.readable) await connection.write(chunk);
 *   }, { port: 4222, signal: scope.draining });
 *   scope.use(server);
 *   await server.closed;
 * });
 * ```
 *
 * @module
 */

export type { ConnectionHandler, ConnectionPhase, ServerConnection } from "./connection.ts";
export type { ServeLimits, ServeOptions } from "./options.ts";
export { serve } from "./serve.ts";
export type { ConnectionInspection, Server, ServerInspection } from "./server.ts";
export type { HookContext } from "../lifecycle/hooks.ts";
export type { Step } from "../lifecycle/lifecycle.ts";
export type {
  ListenAddress,
  Network,
  TlsListenOptions,
  Transport,
  TransportHandler,
} from "../net/transport.ts";
