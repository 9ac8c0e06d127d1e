import { createServer, type ListenOptions, type Server } from "node:net";
import { createServer as createTlsServer, type TlsOptions } from "node:tls";
import { abortable } from "../lifecycle/abort.ts";
import { checkDuration } from "../lifecycle/timer.ts";
import { checkListenTarget, targetText } from "./address.ts";
import { connectError } from "./failure.ts";
import { SocketListener } from "./listener.ts";
import type { Registry } from "./registry.ts";
import { resolveHost } from "./resolve.ts";
import type { Listen, ListenTarget, TlsListenOptions } from "./transport.ts";
import { removeDeadSocket } from "./unix.ts";

/** Milliseconds that a peer has for its TLS handshake: 10 s. */
export const defaultHandshakeTimeout = 10_000;

/** Makes the `listen` of one network: tcp, tls and unix sockets of the system. */
export function systemListen(registry: Registry, highWaterMark: number): Listen {
  return async (target, handler, { signal, handshakeTimeout = defaultHandshakeTimeout }) => {
    checkListenTarget(target);
    checkDuration("handshakeTimeout", handshakeTimeout);
    if (signal?.aborted) throw signal.reason;
    const address = targetText(target);
    const kind = "path" in target ? "unix" : target.tls === undefined ? "tcp" : "tls";
    const where = await placeOf(target, signal);
    const options = { kind, handler, registry, highWaterMark, handshakeTimeout } as const;
    for (let last = false;; last = true) {
      if (signal?.aborted) throw signal.reason;
      const listener = new SocketListener(serverFor(target, address), options);
      const error = await listener.bind(where);
      if (signal?.aborted) {
        await listener.close();
        throw signal.reason;
      }
      if (error === undefined) return listener;
      const taken = "path" in target && error.code === "EADDRINUSE";
      if (last || !taken || !await removeDeadSocket(target.path, registry)) {
        if (signal?.aborted) throw signal.reason;
        throw connectError("listen on", address, [error]);
      }
    }
  };
}

async function placeOf(target: ListenTarget, signal: AbortSignal | undefined): Promise<ListenOptions> {
  if ("path" in target) return { path: target.path };
  const resolved = await abortable(resolveHost(target.host), signal);
  if ("error" in resolved) throw connectError("listen on", targetText(target), [resolved.error]);
  return { host: resolved.addresses[0] ?? target.host, port: target.port };
}

function serverFor(target: ListenTarget, address: string): Server {
  // Paused: nothing is read before the transport is started.
  if ("path" in target || target.tls === undefined) {
    return createServer({ allowHalfOpen: true, pauseOnConnect: true });
  }
  try {
    return createTlsServer(tlsOptions(target.tls));
  } catch (error) {
    throw connectError("listen on", address, [error as Error]);
  }
}

function tlsOptions(tls: TlsListenOptions): TlsOptions {
  const { cert, key, ca } = tls;
  const options: TlsOptions = {
    cert,
    key,
    // A peer that hangs up during the handshake has no other half; a stream that is handed out gets it back.
    allowHalfOpen: false,
    pauseOnConnect: true,
    // The runtime's own limit cannot be switched off; ours is shorter in any case.
    handshakeTimeout: 2 ** 31 - 1,
  };
  return ca === undefined ? options : { ...options, ca, requestCert: true, rejectUnauthorized: true };
}
