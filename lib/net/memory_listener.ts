import { toError } from "./thrown.ts";
import type { ListenAddress, Listener, ListenHandler, Transport } from "./transport.ts";

/** A place in a network in memory where streams arrive. */
export class MemoryListener implements Listener {
  readonly address: ListenAddress;
  /** Whether both ends must have asked for TLS. */
  readonly tls: boolean;
  readonly closed: Promise<undefined>;
  readonly #handler: ListenHandler;
  readonly #leave: () => void;
  #settle!: (error: undefined) => void;
  #ending: Promise<void> | undefined = undefined;

  /** `leave` takes the listener out of its network. */
  constructor(address: ListenAddress, tls: boolean, handler: ListenHandler, leave: () => void) {
    this.address = address;
    this.tls = tls;
    this.#handler = handler;
    this.#leave = leave;
    this.closed = new Promise((resolve) => this.#settle = resolve);
  }

  /** A stream has arrived; too late for a listener that has been closed since it was dialled. */
  accept(transport: Transport): void {
    if (this.#ending !== undefined) {
      transport.reset();
      this.#handler.refused?.();
      return;
    }
    try {
      this.#handler.connection(transport);
    } catch (error) {
      transport.destroy(toError(error));
      this.#handler.handshakeError(toError(error));
    }
  }

  close(): Promise<void> {
    if (this.#ending !== undefined) return this.#ending;
    this.#leave();
    this.#settle(undefined);
    this.#ending = Promise.resolve();
    return this.#ending;
  }
}
