import type { Listener, Network, Transport } from "../../lib/net/mod.ts";
import { TestClock } from "../support/clock.ts";

/** A network that tells when its listener has closed, and can keep streams from its listener. */
export interface HeldNetwork extends Network {
  /** New streams are kept until the listener has closed, or {@linkcode HeldNetwork.yield}. */
  hold: boolean;
  /** What is kept. */
  readonly held: Transport[];
  /** Hands the listener what was kept, as an accept loop does that had it in its hands already. */
  yield(): void;
}

/** Wraps a network. `onClosed` is called when the listener has closed. */
export function heldNetwork(inner: Network, onClosed: () => void = () => {}): HeldNetwork {
  let hand = (_transport: Transport): void => {};
  const network: HeldNetwork = {
    hold: false,
    held: [],
    dial: inner.dial,
    async listen(target, handler, options): Promise<Listener> {
      hand = (transport) => handler.connection(transport);
      const connection = (transport: Transport): void => {
        if (network.hold) network.held.push(transport);
        else hand(transport);
      };
      const listener = await inner.listen(target, { ...handler, connection }, options);
      return {
        address: listener.address,
        closed: listener.closed,
        async close() {
          await listener.close();
          onClosed();
          network.yield();
        },
      };
    },
    yield() {
      for (const transport of network.held.splice(0)) hand(transport);
    },
  };
  return network;
}

/**
 * Runs a test in which time passes only when nothing else is left to do; and `turn` milliseconds with each turn of the
 * event loop, where there is always something. Everything in it must be in memory.
 */
export async function inFakeTime(body: (clock: TestClock) => Promise<void>, turn = 0): Promise<void> {
  const clock = new TestClock({ virtual: true, turn });
  clock.install();
  try {
    await body(clock);
  } finally {
    clock.uninstall();
  }
}

/** The soft signal of a connection, as a promise. */
export function untilDraining({ draining }: { readonly draining: AbortSignal }): Promise<void> {
  return new Promise((resolve) => draining.addEventListener("abort", () => resolve(), { once: true }));
}
