import { Buffer } from "node:buffer";
import { type AbortLink, onAbort } from "../lifecycle/abort.ts";
import { type Deferred, deferred, ignoreRejection } from "../lifecycle/deferred.ts";
import type { AbortOptions } from "../lifecycle/endpoint.ts";
import type { Transport } from "../net/transport.ts";

interface Waiter {
  readonly room: Deferred<void>;
  link: AbortLink | undefined;
}

/** Writes for callers that wait for room. */
export class ChunkWriter {
  readonly #transport: Transport;
  #waiters: Set<Waiter> | undefined = undefined;
  #refusal: (() => unknown) | undefined = undefined;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Somebody waits for room. */
  get waiting(): boolean {
    return this.#waiters !== undefined && this.#waiters.size > 0;
  }

  /** Always returns a promise; the bytes are queued when it returns, in the order of the calls. */
  write(bytes: Uint8Array, { signal }: AbortOptions = {}): Promise<void> {
    if (!(bytes instanceof Uint8Array)) {
      return Promise.reject(
        new TypeError(`Cannot write to the connection: expected bytes, got ${typeof bytes}`),
      );
    }
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.#refusal !== undefined) return quiet(Promise.reject(this.#refusal()));
    // A copy, as the transport may hold the bytes for longer than this call.
    if (this.#transport.write(Buffer.from(bytes))) return Promise.resolve();
    const waiter: Waiter = { room: deferred(), link: undefined };
    const waiters = this.#waiters ??= new Set();
    waiters.add(waiter);
    if (signal !== undefined) {
      waiter.link = onAbort(signal, (reason) => {
        waiters.delete(waiter);
        waiter.room.reject(reason);
      });
    }
    return quiet(waiter.room.promise);
  }

  /** There is room again. */
  drained(): void {
    for (const { room, link } of this.#takeWaiters()) {
      link?.unlink();
      room.resolve();
    }
  }

  /** No more writes: those that wait, and those to come, get an error each. */
  close(refusal: (outcome: "not-sent" | "unknown") => unknown): void {
    this.#refusal ??= () => refusal("not-sent");
    for (const { room, link } of this.#takeWaiters()) {
      link?.unlink();
      room.reject(refusal("unknown"));
    }
  }

  #takeWaiters(): readonly Waiter[] {
    if (this.#waiters === undefined) return [];
    const waiters = [...this.#waiters];
    this.#waiters.clear();
    return waiters;
  }
}

/** Whoever does not wait for a write still learns of the end, from the connection: it must not end the process. */
function quiet(promise: Promise<void>): Promise<void> {
  ignoreRejection(promise);
  return promise;
}
