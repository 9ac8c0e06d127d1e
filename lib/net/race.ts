import type { Socket } from "node:net";
import { type AbortLink, onAbort } from "../lifecycle/abort.ts";
import type { Registry } from "./registry.ts";
import type { Transport } from "./transport.ts";

/** One way to reach the target; `open` starts it, the event `ready` completes it. */
export interface Attempt {
  readonly ready: "connect" | "secureConnect";
  open(): Socket;
}

/** How a race ends. Exactly one of them, decided at the moment it happens. */
export type RaceOutcome =
  | { readonly transport: Transport }
  | { readonly reason: unknown }
  | { readonly errors: readonly Error[] };

export interface RaceOptions {
  readonly signal: AbortSignal | undefined;
  readonly registry: Registry;
  /** Makes a transport of the first socket that is ready. */
  take(socket: Socket): Transport;
}

/** Milliseconds before the next address is tried while one is still silent (RFC 8305 section 5). */
const stagger = 250;

/**
 * Tries addresses one after the other, the next one also when the one before has been silent for 250 ms. The first that
 * is ready wins. Settles when every other socket is closed, so that nothing of the race is left; never rejects.
 */
export function raceAttempts(attempts: readonly Attempt[], options: RaceOptions): Promise<RaceOutcome> {
  const { signal, registry } = options;
  return new Promise((resolve) => {
    const live = new Set<Socket>();
    const errors: Error[] = [];
    let next = 0;
    let outcome: RaceOutcome | undefined;
    let link: AbortLink | undefined;
    let cancelStagger = (): void => {};

    const decide = (value: RaceOutcome): void => {
      if (outcome !== undefined) return;
      outcome = value;
      link?.unlink();
      cancelStagger();
      for (const socket of live) socket.destroy();
      finish();
    };
    const finish = (): void => {
      if (outcome !== undefined && live.size === 0) resolve(outcome);
    };
    const openNext = (): void => {
      cancelStagger();
      const attempt = attempts[next++];
      if (outcome !== undefined) return finish();
      if (attempt === undefined) {
        if (live.size === 0) decide({ errors });
        return;
      }
      if (next < attempts.length) cancelStagger = registry.startTimer(stagger, openNext);
      follow(attempt);
    };
    const follow = (attempt: Attempt): void => {
      let socket: Socket;
      try {
        socket = attempt.open();
      } catch (error) {
        errors.push(error as Error);
        return openNext();
      }
      live.add(socket);
      registry.systemSocket(socket);
      let failed = false;
      const onError = (error: Error): void => {
        failed = true;
        errors.push(error);
        socket.destroy();
      };
      const onReady = (): void => {
        if (outcome !== undefined) return;
        live.delete(socket);
        const transport = options.take(socket);
        socket.off("error", onError).off("connect", onConnect).off(attempt.ready, onReady).off(
          "close",
          onClose,
        );
        decide({ transport });
      };
      const onClose = (): void => {
        live.delete(socket);
        if (!failed && outcome === undefined) {
          errors.push(new Error("the connection was closed before it was complete"));
        }
        openNext();
      };
      // A host that answers at all deserves the time its TLS handshake takes.
      const onConnect = (): void => cancelStagger();
      socket.on("error", onError).on("connect", onConnect).on(attempt.ready, onReady).on("close", onClose);
    };

    if (signal !== undefined) link = onAbort(signal, (reason) => decide({ reason }));
    openNext();
  });
}
