import { abortable } from "../../lib/lifecycle/abort.ts";
import { type Deferred, deferred } from "../../lib/lifecycle/deferred.ts";
import type { Counted, Listener, Network, Transport } from "../../lib/net/mod.ts";

/** What a {@linkcode LateNetwork} can be late with. */
export type Lateness = "dial" | "bind" | "close";

/** A network that takes its time, and keeps a book of what its users hold. */
export interface LateNetwork extends Network, Counted {
  /** Late with this from now on: it waits for `release`. An abort is never late. */
  late: Lateness | undefined;
  /** What is late does not hear of aborts: it comes about nevertheless. */
  deaf: boolean;
  /** Told when something that was dialled has read a chunk. */
  onRead: () => void;
  /** Dials and listens that were asked for so far. */
  readonly asked: number;
  /** Streams that were dialled, or are being dialled, and are not gone; listeners that are there or to be. */
  readonly held: number;
  /** The most that was ever held when something was asked for, itself included. */
  readonly most: number;
  /** Closes that wait. */
  readonly closing: number;
  /** Lets everything happen that waits. */
  release(): void;
}

/** Wraps a network. */
export function lateNetwork(inner: Network & Counted): LateNetwork {
  const waiting = new Set<Deferred<void>>();
  let [asked, held, most, closing] = [0, 0, 0, 0];
  let late: Lateness | undefined;
  let deaf = false;
  let onRead = (): void => {};

  const wait = async (what: Lateness, signal?: AbortSignal): Promise<void> => {
    if (late !== what) return;
    const gate = deferred();
    waiting.add(gate);
    try {
      await abortable(gate.promise, deaf ? undefined : signal);
    } finally {
      waiting.delete(gate);
    }
  };
  const hold = (): void => {
    asked++;
    most = Math.max(most, ++held);
  };
  const whenClosed = async <T>(closed: Promise<T>): Promise<T> => {
    const value = await closed;
    closing++;
    await wait("close");
    closing--;
    held--;
    return value;
  };

  return {
    get late() {
      return late;
    },
    set late(what) {
      late = what;
    },
    get deaf() {
      return deaf;
    },
    set deaf(value) {
      deaf = value;
    },
    get onRead() {
      return onRead;
    },
    set onRead(listener) {
      onRead = listener;
    },
    get asked() {
      return asked;
    },
    get held() {
      return held;
    },
    get most() {
      return most;
    },
    get closing() {
      return closing;
    },
    release() {
      for (const gate of [...waiting]) gate.resolve();
    },
    open: () => inner.open(),
    async dial(target, options) {
      hold();
      try {
        await wait("dial", options.signal);
        const transport = await inner.dial(target, deaf ? {} : options);
        return watched(transport, whenClosed(transport.closed), () => onRead());
      } catch (error) {
        held--;
        throw error;
      }
    },
    async listen(target, handler, options): Promise<Listener> {
      hold();
      try {
        await wait("bind", options.signal);
        const listener = await inner.listen(
          target,
          handler,
          deaf ? { ...options, signal: undefined } : options,
        );
        void whenClosed(listener.closed);
        return listener;
      } catch (error) {
        held--;
        throw error;
      }
    },
  };
}

/** The same stream, whose end takes longer. */
function watched(below: Transport, closed: Transport["closed"], onRead: () => void): Transport {
  return {
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
    start(handler) {
      below.start({
        data(chunk) {
          handler.data(chunk);
          onRead();
        },
        end: () => handler.end(),
        drain: () => handler.drain(),
      });
    },
    write: (bytes) => below.write(bytes),
    end: () => below.end(),
    pause: () => below.pause(),
    resume: () => below.resume(),
    destroy: (error) => below.destroy(error),
    reset: () => below.reset(),
  };
}
