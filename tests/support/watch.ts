import type {
  Counted,
  Listener,
  Network,
  OpenCounts,
  Transport,
  TransportHandler,
} from "../../lib/net/mod.ts";

/** A network that tells what happens on it, and knows which end of each stream is still there. */
export interface WatchedNetwork extends Network, Counted {
  /** Streams that were dialled and are not closed. */
  readonly dialled: ReadonlySet<Transport>;
  /** Streams that were accepted and are not closed. */
  readonly accepted: ReadonlySet<Transport>;
}

/**
 * Wraps a network. `onStep` is called before everything that happens at either end of a stream: dials, reads, writes,
 * drains, ends and closes. What it does takes effect there, in the midst of the call.
 */
export function watchNetwork(inner: Network & Counted, onStep: (step: string) => void): WatchedNetwork {
  const dialled = new Set<Transport>();
  const accepted = new Set<Transport>();
  return {
    dialled,
    accepted,
    open: (): OpenCounts => inner.open(),
    async dial(target, options) {
      onStep("client dials");
      const transport = watched(await inner.dial(target, options), "client", onStep, dialled);
      onStep("client has dialled");
      return transport;
    },
    async listen(target, handler, options): Promise<Listener> {
      onStep("server listens");
      const listener = await inner.listen(target, {
        ...handler,
        connection(transport) {
          const seen = watched(transport, "server", onStep, accepted);
          onStep("server accepts");
          handler.connection(seen);
        },
      }, options);
      onStep("server is listening");
      return listener;
    },
  };
}

function watched(
  below: Transport,
  side: string,
  onStep: (step: string) => void,
  live: Set<Transport>,
): Transport {
  const step = (what: string): void => onStep(`${side} ${what}`);
  let ended = false;
  const closed = below.closed.then((error) => {
    live.delete(above);
    step("is closed");
    return error;
  });
  const above: Transport = {
    kind: below.kind,
    remote: below.remote,
    local: below.local,
    closed,
    get buffered() {
      return below.buffered;
    },
    get destroyed() {
      return below.destroyed;
    },
    start(handler: TransportHandler) {
      below.start({
        data(chunk) {
          step(`reads ${chunk.byteLength} bytes`);
          handler.data(chunk);
        },
        end() {
          step("reads the end");
          handler.end();
        },
        drain() {
          step("drains");
          handler.drain();
        },
      });
    },
    write(bytes) {
      if (!ended && !below.destroyed) step(`writes ${bytes.byteLength} bytes`);
      return below.write(bytes);
    },
    end() {
      if (!ended && !below.destroyed) step("ends");
      ended = true;
      below.end();
    },
    pause: () => below.pause(),
    resume: () => below.resume(),
    destroy(error) {
      if (!below.destroyed) step("destroys");
      below.destroy(error);
    },
    reset() {
      if (!below.destroyed) step("resets");
      below.reset();
    },
  };
  if (below.secure !== undefined) {
    above.secure = async (target, options) => {
      step("turns to TLS");
      const secure = await below.secure!(target, options);
      live.delete(above);
      return watched(secure, side, onStep, live);
    };
  }
  live.add(above);
  return above;
}
