import type { Socket } from "node:net";
import { ConnectError, TimeoutError } from "../errors.ts";
import { formatAddress } from "./address.ts";
import type { Registry } from "./registry.ts";

interface Handshake {
  readonly raw: Socket;
  readonly key: string;
  readonly remote: string;
  error: Error | undefined;
  /** Takes off the timer and the 'close' listener. */
  release(): void;
}

/**
 * The TLS handshakes that a server has begun and not finished: each has a time limit, and all can be cut.
 *
 * `tls.Server` tells the beginning with one socket and the end with another one (the same on Bun), so they are matched
 * by the peer's address, which no two streams of one listener can share.
 */
export class Handshakes {
  readonly #registry: Registry;
  readonly #timeout: number;
  readonly #report: (error: Error) => void;
  readonly #pending: Map<string, Handshake> = new Map();

  constructor(registry: Registry, timeout: number, report: (error: Error) => void) {
    this.#registry = registry;
    this.#timeout = timeout;
    this.#report = report;
  }

  /** A TCP stream was accepted. */
  begin(raw: Socket): void {
    this.#registry.systemSocket(raw);
    // The server looks after the errors of a socket only while the handshake runs.
    raw.on("error", () => {});
    const key = keyOf(raw);
    if (key === undefined) {
      raw.destroy();
      return this.#report(handshakeError("an unknown peer", new Error("the peer has closed the connection")));
    }
    const remote = formatAddress(raw.remoteAddress ?? "", raw.remotePort ?? 0);
    const cancelTimer = this.#registry.startTimer(this.#timeout, () => {
      const text = `Cannot complete the TLS handshake with ${remote}: not done within ${this.#timeout} ms`;
      handshake.error ??= new TimeoutError(text, { timeout: this.#timeout });
      raw.destroy();
    });
    const onClose = (): void => {
      handshake.release();
      if (this.#pending.get(key) === handshake) this.#pending.delete(key);
      this.#report(
        handshake.error ?? handshakeError(remote, new Error("the peer has closed the connection")),
      );
    };
    const handshake: Handshake = {
      raw,
      key,
      remote,
      error: undefined,
      release() {
        cancelTimer();
        raw.off("close", onClose);
      },
    };
    this.#pending.set(key, handshake);
    raw.once("close", onClose);
  }

  /** The handshake of this stream is complete. False: it is none of ours, or its peer is gone. */
  complete(secure: Socket): boolean {
    const handshake = this.#find(secure);
    if (handshake === undefined) return false;
    this.#pending.delete(handshake.key);
    handshake.release();
    // Its new owner enters it.
    this.#registry.forget(handshake.raw);
    return true;
  }

  /** Remembers why a handshake failed; it is reported when its stream is closed. */
  fail(error: Error, secure: Socket): void {
    // Deno tells the error when the stream has no address any more, just after having destroyed it.
    const handshake = this.#find(secure) ?? this.#justDestroyed();
    if (handshake === undefined) return;
    handshake.error ??= handshakeError(handshake.remote, error);
    handshake.raw.destroy();
  }

  /** Cuts all of them, and resolves when they are closed. */
  async cut(): Promise<void> {
    await Promise.all([...this.#pending.values()].map(({ raw }) => {
      const closed = new Promise((resolve) => raw.once("close", resolve));
      raw.destroy();
      return closed;
    }));
  }

  #justDestroyed(): Handshake | undefined {
    for (const handshake of this.#pending.values()) {
      if (handshake.raw.destroyed && handshake.error === undefined) return handshake;
    }
    return undefined;
  }

  #find(secure: Socket): Handshake | undefined {
    const key = keyOf(secure);
    return key === undefined ? undefined : this.#pending.get(key);
  }
}

/** Undefined when the peer is gone already: the system knows no address of it then. */
function keyOf(socket: Socket): string | undefined {
  return socket.remotePort === undefined ? undefined : `${socket.remoteAddress}|${socket.remotePort}`;
}

function handshakeError(remote: string, cause: Error): ConnectError {
  const reason = "reason" in cause && typeof cause.reason === "string" ? cause.reason : cause.message;
  return new ConnectError(`Cannot complete the TLS handshake with ${remote}: ${reason}`, {
    cause,
    address: remote,
  });
}
