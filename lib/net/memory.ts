import { ConnectError } from "../errors.ts";
import { onAbort } from "../lifecycle/abort.ts";
import { checkDuration } from "../lifecycle/timer.ts";
import { checkListenTarget, checkTransportTarget, formatAddress, targetText } from "./address.ts";
import { MemoryListener } from "./memory_listener.ts";
import { memoryPair } from "./memory_stream.ts";
import { checkHighWaterMark, type NetworkOptions } from "./options.ts";
import { type Counted, Registry } from "./registry.ts";
import type { Dial, Listen, ListenAddress, ListenTarget, Network, TransportTarget } from "./transport.ts";
import { Turns } from "./turns.ts";

/**
 * A network inside this process, for tests and for programs whose parts talk to each other: no descriptor, no port, and
 * what TCP does. Bytes arrive in order and never inside the call that wrote them; a stream ends in halves; an end that is
 * destroyed with unread bytes resets the other; a reader that pauses is felt by the writer, whose `buffered` counts the
 * bytes not yet consumed; a dial succeeds before the listener has seen it.
 *
 * Two networks know nothing of each other. Hosts are names without a meaning, except that `localhost`, `127.0.0.1` and
 * `::1` are one, and that a listener on `0.0.0.0` or `::` answers for all of them. Both ends must agree on TLS, which is
 * then left out. Delivery takes no timers, and unlike a socket nothing here keeps the process alive by itself.
 *
 * @example
 * ```ts
 * import { memoryNetwork } from "gracewire/net";
 *
 * const network = memoryNetwork();
 * const listener = await network.listen({ host: "localhost", port: 0 }, {
 *   connection(transport) {
 *     transport.start({ data: (chunk) => void transport.write(chunk), end: () => transport.end(), drain() {} });
 *   },
 *   handshakeError() {},
 *   acceptError() {},
 * }, {});
 * await listener.close();
 * ```
 */
export function memoryNetwork(options: NetworkOptions = {}): Network & Counted {
  const highWaterMark = checkHighWaterMark(options);
  const turns = new Turns();
  const registry = new Registry();
  const listeners = new Map<string, MemoryListener>();
  let ports = 0;
  const nextPort = (): number => firstPort + ports++ % portCount;

  const dial: Dial = async (target, { signal }) => {
    checkTransportTarget(target);
    return await inTurn(turns, signal, () => {
      const address = targetText(target);
      const listener = find(listeners, target);
      if (listener === undefined) {
        const code = "path" in target ? "ENOENT" : "ECONNREFUSED";
        throw connectError("connect to", address, systemError("connect", code, address));
      }
      if (listener.tls !== wantsTls(target)) {
        const text = listener.tls ? "the listener expects TLS" : "the listener does not speak TLS";
        throw connectError("connect to", address, new Error(text));
      }
      const client = "path" in target ? address : formatAddress("127.0.0.1", nextPort());
      const [mine, theirs] = memoryPair({
        turns,
        highWaterMark,
        client,
        server: targetText(listener.address),
      });
      for (const end of [mine, theirs]) void end.closed.then(registry.socket());
      turns.next(() => listener.accept(theirs));
      return mine;
    });
  };

  const listen: Listen = async (target, handler, { signal, handshakeTimeout = 0 }) => {
    checkListenTarget(target);
    checkDuration("handshakeTimeout", handshakeTimeout);
    return await inTurn(turns, signal, () => {
      const address = freeAddress(target, listeners, nextPort);
      const key = keyOf(address);
      if (listeners.has(key)) {
        throw connectError(
          "listen on",
          targetText(address),
          systemError("listen", "EADDRINUSE", targetText(address)),
        );
      }
      const release = registry.listener();
      const listener = new MemoryListener(address, wantsTls(target), handler, () => {
        listeners.delete(key);
        release();
      });
      listeners.set(key, listener);
      return listener;
    });
  };

  return { dial, listen, open: () => registry.open() };
}

/** Acts in the next turn; an abort before it, and nothing later, rejects with the reason of the signal. */
function inTurn<T>(turns: Turns, signal: AbortSignal | undefined, action: () => T): Promise<T> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    let aborted = false;
    const link = signal === undefined ? undefined : onAbort(signal, (reason) => {
      aborted = true;
      reject(reason);
    });
    turns.next(() => {
      if (aborted) return;
      link?.unlink();
      try {
        resolve(action());
      } catch (error) {
        reject(error);
      }
    });
  });
}

/** The place that was asked for, with a port of its own for port 0. */
function freeAddress(
  target: ListenTarget,
  taken: ReadonlyMap<string, MemoryListener>,
  nextPort: () => number,
): ListenAddress {
  if ("path" in target) return { path: target.path };
  const { host } = target;
  let port = target.port === 0 ? nextPort() : target.port;
  for (let tries = 0; target.port === 0 && tries < portCount && taken.has(keyOf({ host, port })); tries++) {
    port = nextPort();
  }
  return { host, port };
}

function wantsTls(target: TransportTarget | ListenTarget): boolean {
  return "host" in target && target.tls !== undefined;
}

function find(
  listeners: ReadonlyMap<string, MemoryListener>,
  target: TransportTarget,
): MemoryListener | undefined {
  const exact = listeners.get(keyOf(target));
  return exact ??
    ("path" in target ? undefined : listeners.get(keyOf({ host: "0.0.0.0", port: target.port })));
}

function keyOf(target: TransportTarget | ListenTarget | ListenAddress): string {
  if ("path" in target) return target.path;
  const { host, port } = target;
  if (host === "localhost" || host === "::1") return formatAddress("127.0.0.1", port);
  return formatAddress(host === "::" ? "0.0.0.0" : host, port);
}

function connectError(action: string, address: string, cause: Error): ConnectError {
  return new ConnectError(`Cannot ${action} ${address}: ${cause.message}`, { cause, address });
}

function systemError(syscall: string, code: string, address: string): Error {
  return Object.assign(new Error(`${syscall} ${code} ${address}`), { code, syscall });
}

/** The ports that systems give away (RFC 6335 section 6). */
const firstPort = 49_152;
const portCount = 16_384;
