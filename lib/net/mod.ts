/**
 * Byte streams and the places where they arrive: TCP, TLS and unix sockets of the system, and a network in memory that
 * behaves like them. Nothing here knows a packet.
 *
 * Everything is create-or-nothing and says when it is gone: a `dial` or a `listen` that rejects has freed what it had
 * opened, `closed` of a {@linkcode Transport} resolves when its descriptor is gone, `close()` of a {@linkcode Listener}
 * when its address is free. What a peer does to a stream is a value there, never an exception.
 *
 * @example An echo server and a client on one network
 * ```ts
 * import { systemNetwork } from "gracewire/net";
 *
 * const network = systemNetwork();
 * const listener = await network.listen({ host: "127.0.0.1", port: 0 }, {
 *   connection(transport) {
 *     transport.start({ data: (chunk) => void transport.write(chunk), end: () => transport.end(), drain() {} });
 *   },
 *   handshakeError() {},
 *   acceptError() {},
 * }, {});
 *
 * const { port } = listener.address as { port: number };
 * const client = await network.dial({ host: "127.0.0.1", port }, { signal: AbortSignal.timeout(5_000) });
 * client.start({ data: (chunk) => console.log(chunk.byteLength), end() {}, drain() {} });
 * client.write(new Uint8Array(3));
 * client.end();
 * await client.closed;
 * await listener.close();
 * ```
 *
 * @module
 */

export { formatAddress, parseAddress, targetText } from "./address.ts";
export { memoryNetwork } from "./memory.ts";
export type { NetworkOptions } from "./options.ts";
export type { Counted, OpenCounts } from "./registry.ts";
export { systemNetwork } from "./system.ts";
export type {
  Dial,
  Listen,
  ListenAddress,
  Listener,
  ListenHandler,
  ListenTarget,
  Network,
  TlsConnectOptions,
  TlsListenOptions,
  Transport,
  TransportHandler,
  TransportTarget,
} from "./transport.ts";
