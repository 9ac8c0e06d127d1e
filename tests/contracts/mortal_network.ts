import type { Counted, Listener, Network } from "../../lib/net/mod.ts";

/** A network whose listeners can stop by themselves, as those of a system do that is out of something. */
export interface MortalNetwork extends Network, Counted {
  /** Stops every listener with this error. */
  die(error: Error): void;
}

/** Wraps a network. */
export function mortalNetwork(inner: Network & Counted): MortalNetwork {
  const deaths: ((error: Error) => void)[] = [];
  return {
    dial: inner.dial,
    open: () => inner.open(),
    die(error) {
      for (const death of deaths) death(error);
    },
    async listen(target, handler, options): Promise<Listener> {
      const listener = await inner.listen(target, handler, options);
      const closed = new Promise<Error | undefined>((resolve) => {
        deaths.push(resolve);
        void listener.closed.then(resolve);
      });
      return { address: listener.address, closed, close: () => listener.close() };
    },
  };
}
