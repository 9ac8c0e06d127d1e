import { isIP, type Socket } from "node:net";
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from "node:tls";
import { type AbortLink, onAbort } from "../lifecycle/abort.ts";
import { connectError } from "./failure.ts";
import type { TlsConnectOptions } from "./transport.ts";

/** What `node:tls` needs to know, but for where the stream leads. */
export function tlsOptions(
  host: string,
  tls: TlsConnectOptions,
): ConnectionOptions & { allowHalfOpen: boolean } {
  const options: ConnectionOptions & { allowHalfOpen: boolean } = {
    allowHalfOpen: true,
    rejectUnauthorized: tls.rejectUnauthorized ?? true,
  };
  // An address cannot be a server name (RFC 6066 section 3); without one the certificate is checked against it.
  const servername = tls.servername ?? (isIP(host) === 0 ? host : undefined);
  if (servername !== undefined) options.servername = servername;
  if (tls.ca !== undefined) options.ca = tls.ca;
  if (tls.cert !== undefined) options.cert = tls.cert;
  if (tls.key !== undefined) options.key = tls.key;
  return options;
}

/** What {@linkcode secureSocket} takes besides the socket and where it leads. */
export interface SecureSocketOptions<T> {
  /** Address for the messages of errors. */
  readonly where: string;
  readonly signal: AbortSignal | undefined;
  /** Ends the handshake as a failure, with the Error that is its reason. */
  readonly cut: AbortSignal;
  /** The socket has told its close already. */
  readonly gone: boolean;
  /** Why there is to be no handshake. */
  readonly refusal: Error | undefined;
  /** Makes the result of the TLS socket. Called as soon as the handshake is done: nothing that happens later is missed. */
  take(secure: TLSSocket): T;
}

/**
 * Makes a TLS handshake, as its client, over a socket that nobody else reads. Create-or-nothing: when it rejects, the
 * socket is closed.
 */
export function secureSocket<T>(
  raw: Socket,
  target: { readonly host: string; readonly tls: TlsConnectOptions },
  { where, signal, cut, gone, refusal, take }: SecureSocketOptions<T>,
): Promise<T> {
  return new Promise((resolve, reject) => {
    let link: AbortLink | undefined;
    let cutLink: AbortLink | undefined = undefined;
    let secure: TLSSocket | undefined;
    let failure: { readonly reason: unknown } | undefined;
    // Not `raw.closed`: that is true while the descriptor is still open.
    let rawClosed = gone;
    const settle = (): void => {
      link?.unlink();
      cutLink?.unlink();
      raw.off("close", onClose);
      secure?.off("error", onError).off("secureConnect", onReady).off("close", onClose);
    };
    const fail = (reason: unknown): void => {
      failure ??= { reason };
      // What a socket that is given up still has to say is heard by nobody.
      secure?.on("error", () => {});
      secure?.destroy();
      raw.destroy();
      if (rawClosed) onClose();
    };
    const onError = (error: Error): void => fail(connectError("secure the connection to", where, [error]));
    const onClose = (): void => {
      if (failure === undefined) onError(new Error("the connection was closed before it was complete"));
      if (!rawClosed) return;
      settle();
      reject(failure!.reason as Error);
    };
    const onReady = (): void => {
      if (failure !== undefined) return;
      settle();
      resolve(take(secure!));
    };
    raw.once("close", () => rawClosed = true);
    raw.on("close", onClose);
    if (signal !== undefined) link = onAbort(signal, fail);
    if (failure !== undefined) return;
    if (refusal !== undefined) return fail(refusal);
    // There would be no answer, and no event to tell of it.
    if (gone || raw.destroyed || raw.readableEnded) return onError(new Error("the connection is closed"));
    cutLink = onAbort(cut, (reason) => onError(reason as Error));
    try {
      secure = connectTls({ ...tlsOptions(target.host, target.tls), host: target.host, socket: raw });
    } catch (error) {
      return onError(error as Error);
    }
    // Not paused: Deno 2.9 would never read from it. Without a listener for its data nothing is told anyway.
    secure.on("error", onError).on("secureConnect", onReady).on("close", onClose);
  });
}
