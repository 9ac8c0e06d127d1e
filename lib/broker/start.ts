import type { Broker } from "./broker.ts";
import { type BrokerOptions, checkOptions, settingsOf } from "./options.ts";
import { RunningBroker } from "./running.ts";

/**
 * Starts a broker in this process. Resolves when it accepts connections.
 *
 * Create-or-nothing: it rejects with `signal.reason` itself after an abort, with a ConnectError when the address cannot
 * be had, and nothing is left then. After success the abort of `signal` begins the graceful goodbye of the broker.
 *
 * @example
 * ```ts
 * import { connect } from "gracewire";
 * import { startBroker } from "gracewire/broker";
 *
 * const broker = await startBroker({ port: 0 });
 * const connection = await connect(broker.url);
 * await connection.publish("orders", "hello");
 * await connection.goodbye();
 *
 * const farewell = await broker.goodbye();
 * console.log(farewell.messages.published); // 1
 * ```
 *
 * @throws {TypeError | RangeError} as a rejection, for options that are wrong.
 */
export async function startBroker(options: BrokerOptions = {}): Promise<Broker> {
  const checked = checkOptions(options);
  const { announce, grace, host, limits, name, network, path, port, sessionExpiry, signal, tls } = checked;
  if (signal?.aborted) throw signal.reason;
  const broker = new RunningBroker(settingsOf(checked), {
    ...(path === undefined ? { host, port, tls } : { path, host, tls, port: options.port }),
    network,
    signal,
    name,
    announce,
    grace,
    limits: {
      connections: limits.sessions,
      perAddress: limits.perAddress,
      idleTimeout: sessionExpiry,
      handshakeTimeout: checked.helloTimeout,
    },
  });
  await broker.listen();
  return broker;
}
