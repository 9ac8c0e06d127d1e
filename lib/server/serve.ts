import type { ConnectionHandler } from "./connection.ts";
import { checkHandler, checkServeOptions, type ServeOptions } from "./options.ts";
import { RunningServer } from "./running.ts";
import type { Server } from "./server.ts";

/**
 * Listens, and calls `handler` for every connection. Resolves when the server accepts connections.
 *
 * Create-or-nothing: it rejects with `signal.reason` itself after an abort, with a ConnectError when the address cannot
 * be had, and nothing is left then. After success the abort of `signal` begins the graceful goodbye of the server, and a
 * listener that dies by itself ends the server in order, with cause `listener-error` and the error as reason: a server
 * that nobody can reach must not look alive.
 *
 * @example An echo server
 * ```ts
 * import { serve } from "gracewire/server";
 *
 * const server = await serve(async (connection) => {
 *   for await (const chunk of connection.readable) await connection.write(chunk);
 * }, { port: 7 });
 * console.log(server.url); // tcp://127.0.0.1:7
 *
 * const farewell = await server.goodbye();
 * console.log(farewell.outcome); // clean
 * ```
 *
 * @throws {TypeError | RangeError} as a rejection, for options that are wrong.
 */
export async function serve(handler: ConnectionHandler, options: ServeOptions = {}): Promise<Server> {
  checkHandler(handler);
  const settings = checkServeOptions(options);
  if (settings.signal?.aborted) throw settings.signal.reason;
  const server = new RunningServer(settings, { serve: (connection) => connection.serve(handler) });
  await server.listen();
  return server;
}
