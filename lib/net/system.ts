import { systemDial } from "./dial.ts";
import { systemListen } from "./listen.ts";
import { checkHighWaterMark, type NetworkOptions } from "./options.ts";
import { type Counted, Registry } from "./registry.ts";
import type { Network } from "./transport.ts";

/**
 * The sockets of the system: TCP, TLS and unix sockets, behaving alike on Node, Bun and Deno. Every call makes a network
 * with a book of its own: `open()` counts what was opened through it and is still there.
 *
 * @example
 * ```ts
 * import { systemNetwork } from "gracewire/net";
 *
 * const network = systemNetwork();
 * const transport = await network.dial({ host: "127.0.0.1", port: 4222 }, { signal: AbortSignal.timeout(5_000) });
 * transport.destroy();
 * await transport.closed;
 * network.open(); // { sockets: 0, listeners: 0, timers: 0 }
 * ```
 */
export function systemNetwork(options: NetworkOptions = {}): Network & Counted {
  const highWaterMark = checkHighWaterMark(options);
  const registry = new Registry();
  return {
    dial: systemDial(registry, highWaterMark),
    listen: systemListen(registry, highWaterMark),
    open: () => registry.open(),
  };
}
