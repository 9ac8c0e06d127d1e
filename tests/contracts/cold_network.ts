import type { Counted, Network, OpenCounts, Transport } from "../../lib/net/mod.ts";

/** A network whose listening side can stop to read, as that of a process does that is stopped. */
export interface ColdNetwork extends Network, Counted {
  /** Streams that were dialled so far. */
  readonly dials: number;
  /** The most streams that were there, or were being dialled, at a time. */
  readonly peak: number;
  /** Streams that the listening side has. */
  readonly accepted: ReadonlySet<ColdTransport>;
  /** What is dialled and is not gone. */
  readonly dialled: ReadonlySet<Transport>;
  /** New streams are taken, and nothing is read from them. */
  cold: boolean;
  /** Nothing is read from the streams that are there, or from these; new ones too. */
  freeze(which?: (transport: Transport) => boolean): void;
  /** All of them are read again. */
  thaw(): void;
}

interface ColdTransport extends Transport {
  frozen: boolean;
}

/** Wraps a network. */
export function coldNetwork(inner: Network & Counted): ColdNetwork {
  const accepted = new Set<ColdTransport>();
  const dialled = new Set<Transport>();
  let [cold, frozen] = [false, false];
  let [dials, held, peak] = [0, 0, 0];
  const each = (act: (transport: ColdTransport) => void): void => [...accepted].forEach(act);
  return {
    accepted,
    dialled,
    open: (): OpenCounts => inner.open(),
    get dials() {
      return dials;
    },
    get peak() {
      return peak;
    },
    get cold() {
      return cold;
    },
    set cold(value) {
      cold = value;
      if (!cold && !frozen) each((transport) => thawed(transport));
    },
    freeze(which) {
      if (which === undefined) frozen = true;
      each((transport) => {
        if (which?.(transport) === false) return;
        transport.frozen = true;
        transport.pause();
      });
    },
    thaw() {
      frozen = false;
      if (!cold) each((transport) => thawed(transport));
    },
    async dial(target, options) {
      dials++;
      peak = Math.max(peak, ++held);
      try {
        const transport = await inner.dial(target, options);
        dialled.add(transport);
        void transport.closed.then(() => {
          held--;
          dialled.delete(transport);
        });
        return transport;
      } catch (error) {
        held--;
        throw error;
      }
    },
    listen: (target, handler, options) =>
      inner.listen(target, {
        ...handler,
        connection(below) {
          const transport = chilled(below, cold || frozen);
          accepted.add(transport);
          void below.closed.then(() => accepted.delete(transport));
          handler.connection(transport);
        },
      }, options),
  };
}

function thawed(transport: ColdTransport): void {
  if (!transport.frozen) return;
  transport.frozen = false;
  transport.resume();
}

/** The same stream, which does not resume while it is frozen. */
function chilled(below: Transport, frozen: boolean): ColdTransport {
  return {
    frozen,
    kind: below.kind,
    remote: below.remote,
    local: below.local,
    closed: below.closed,
    get buffered() {
      return below.buffered;
    },
    get destroyed() {
      return below.destroyed;
    },
    start(handler) {
      below.start(handler);
      if (this.frozen) below.pause();
    },
    write: (bytes) => below.write(bytes),
    end: () => below.end(),
    pause: () => below.pause(),
    resume() {
      if (!this.frozen) below.resume();
    },
    destroy: (error) => below.destroy(error),
    reset: () => below.reset(),
  };
}
