import { isIP, Socket } from "node:net";
import { connect as connectTls, type ConnectionOptions } from "node:tls";
import { ConnectError } from "../errors.ts";
import { abortable } from "../lifecycle/abort.ts";
import { checkTransportTarget, formatAddress, targetText } from "./address.ts";
import { type Attempt, raceAttempts } from "./race.ts";
import type { Registry } from "./registry.ts";
import { resolveHost } from "./resolve.ts";
import { type SocketFacts, socketTransport } from "./socket.ts";
import type { Dial, TlsConnectOptions, Transport, TransportTarget } from "./transport.ts";

/** Makes the `dial` of one network: tcp, tls and unix sockets of the system. */
export function systemDial(registry: Registry, highWaterMark: number): Dial {
  return async (target, { signal }) => {
    checkTransportTarget(target);
    if (signal?.aborted) throw signal.reason;
    const attempts = await attemptsFor(target, signal);
    const kind = "path" in target ? "unix" : target.tls === undefined ? "tcp" : "tls";
    const take = (socket: Socket): Transport =>
      socketTransport(socket, { ...addressesOf(socket, kind, target), kind, highWaterMark });
    const outcome = await raceAttempts(attempts, { signal, registry, take });
    if ("transport" in outcome) return outcome.transport;
    if ("reason" in outcome) throw outcome.reason;
    throw connectError("connect to", targetText(target), outcome.errors);
  };
}

/** Says what was tried, where, and why it failed; several causes become one AggregateError. */
export function connectError(action: string, address: string, errors: readonly Error[]): ConnectError {
  const reasons = [...new Set(errors.map(reasonOf))].join("; ");
  const cause = errors.length === 1 ? errors[0] : new AggregateError(errors, reasons);
  return new ConnectError(`Cannot ${action} ${address}: ${reasons}`, { cause, address });
}

async function attemptsFor(target: TransportTarget, signal: AbortSignal | undefined): Promise<Attempt[]> {
  if ("path" in target) return [{ ready: "connect", open: () => openPlain({ path: target.path }) }];
  const { host, port, tls } = target;
  const resolved = await abortable(resolveHost(host), signal);
  if ("error" in resolved) throw connectError("connect to", targetText(target), [resolved.error]);
  return resolved.addresses.map((address): Attempt =>
    tls === undefined
      ? { ready: "connect", open: () => openPlain({ host: address, port }) }
      : { ready: "secureConnect", open: () => openTls(host, address, port, tls) }
  );
}

/** Paused from the start: the runtimes begin to read as soon as a socket is connected. */
function openPlain(where: { path: string } | { host: string; port: number }): Socket {
  const socket = new Socket({ allowHalfOpen: true });
  socket.pause();
  return socket.connect(where);
}

function openTls(host: string, address: string, port: number, tls: TlsConnectOptions): Socket {
  const options: ConnectionOptions & { allowHalfOpen: boolean } = {
    host: address,
    port,
    allowHalfOpen: true,
    rejectUnauthorized: tls.rejectUnauthorized ?? true,
  };
  // An address cannot be a server name (RFC 6066 section 3); without one the certificate is checked against it.
  const servername = tls.servername ?? (isIP(host) === 0 ? host : undefined);
  if (servername !== undefined) options.servername = servername;
  if (tls.ca !== undefined) options.ca = tls.ca;
  if (tls.cert !== undefined) options.cert = tls.cert;
  if (tls.key !== undefined) options.key = tls.key;
  const socket = connectTls(options);
  socket.pause();
  return socket;
}

function addressesOf(
  socket: Socket,
  kind: SocketFacts["kind"],
  target: TransportTarget,
): { remote: string; local: string } {
  if (kind === "unix" || "path" in target) return { remote: targetText(target), local: targetText(target) };
  const { remoteAddress = target.host, remotePort = target.port, localAddress = "", localPort = 0 } = socket;
  return { remote: formatAddress(remoteAddress, remotePort), local: formatAddress(localAddress, localPort) };
}

/** OpenSSL puts a line of internals into the message and the useful words into `reason`. */
function reasonOf(error: Error): string {
  const reason = "reason" in error ? error.reason : undefined;
  return typeof reason === "string" && reason !== "" ? reason : error.message || error.name;
}
