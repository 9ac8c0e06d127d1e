import { isIP, Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { abortable } from "../lifecycle/abort.ts";
import { checkTransportTarget, formatAddress, targetText } from "./address.ts";
import { connectError } from "./failure.ts";
import { hasInlets, inlet } from "./inlet.ts";
import { type Attempt, raceAttempts } from "./race.ts";
import type { Registry } from "./registry.ts";
import { resolveHost } from "./resolve.ts";
import { tlsOptions } from "./secure.ts";
import { arrived, type SocketFacts, socketTransport } from "./socket.ts";
import type { Dial, TlsConnectOptions, Transport, TransportTarget } from "./transport.ts";

/** Makes the `dial` of one network: tcp, tls and unix sockets of the system. */
export function systemDial(registry: Registry, highWaterMark: number): Dial {
  return async (target, { signal, plain = false }) => {
    checkTransportTarget(target);
    if (signal?.aborted) throw signal.reason;
    const attempts = await attemptsFor(target, plain, signal);
    const kind = "path" in target ? "unix" : target.tls === undefined ? "tcp" : "tls";
    const take = (socket: Socket): Transport => {
      const { local, remote } = addressesOf(socket, kind, target);
      return socketTransport(socket, remote, { kind, local, highWaterMark, plain: plain && kind !== "tls" });
    };
    const outcome = await raceAttempts(attempts, { signal, registry, take });
    if ("transport" in outcome) return outcome.transport;
    if ("reason" in outcome) throw outcome.reason;
    throw connectError("connect to", targetText(target), outcome.errors);
  };
}

async function attemptsFor(
  target: TransportTarget,
  plain: boolean,
  signal: AbortSignal | undefined,
): Promise<Attempt[]> {
  if ("path" in target) return [{ ready: "connect", open: () => openClear({ path: target.path }, plain) }];
  const { host, port, tls } = target;
  const resolved = isIP(host) === 0 ? await abortable(resolveHost(host), signal) : { addresses: [host] };
  if ("error" in resolved) throw connectError("connect to", targetText(target), [resolved.error]);
  return resolved.addresses.map((address): Attempt =>
    tls === undefined
      ? { ready: "connect", open: () => openClear({ host: address, port }, plain) }
      : { ready: "secureConnect", open: () => openTls(host, address, port, tls) }
  );
}

/** Paused from the start: the runtimes begin to read as soon as a socket is connected. */
function openClear(where: { path: string } | { host: string; port: number }, plain: boolean): Socket {
  const onread = plain && hasInlets ? inlet((chunk) => arrived(socket, chunk)) : undefined;
  const socket: Socket = new Socket({ allowHalfOpen: true, ...(onread === undefined ? {} : { onread }) });
  socket.pause();
  return socket.connect(where);
}

function openTls(host: string, address: string, port: number, tls: TlsConnectOptions): Socket {
  const socket = connectTls({ ...tlsOptions(host, tls), host: address, port });
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
