import process from "node:process";
import { afterEach, beforeEach } from "vitest";
import type { Counted } from "../../lib/net/mod.ts";
import { openSockets } from "./descriptors.ts";
import { runtime } from "./env.ts";
import { type Unhandled, watchUnhandled } from "./unhandled.ts";
import { turns, until } from "./until.ts";

/** The leak gate of a test file. */
export interface LeakGate {
  /** Holds a network of the running test to its own book: nothing may be open after it. */
  watch<T extends Counted>(network: T): T;
}

/**
 * Proves after every test of a file that nothing of it is left: the sockets of the process as the system counts them,
 * streams as the runtime counts them, timers, what watched networks say of themselves, and no error that nobody has
 * looked after. Call it once, before any `afterEach` of the file and its kit: hooks run in reverse, and it looks last.
 */
export function leakGate(): LeakGate {
  const networks: Counted[] = [];
  let unhandled: Unhandled | undefined;
  let sockets: number | undefined;
  let resources: ReadonlyMap<string, number> = new Map();
  let timers: TimerBook | undefined;

  beforeEach(() => {
    networks.length = 0;
    unhandled = watchUnhandled();
    sockets = openSockets();
    resources = activeResources();
    timers = bookTimers();
  });

  afterEach(async () => {
    try {
      // Rejections that nobody has looked after are told at the end of a turn.
      await turns(2);
      await until(() => timers?.set.size === 0, {
        timeout: 2_000,
        what: () => `no timers, but ${[...timers!.set.values()]} ms`,
      });
      await until(() => held(networks).length === 0, {
        timeout: 2_000,
        what: () => `no ${held(networks).join(", ")}`,
      });
      await until(() => moreThan(resources).length === 0, {
        timeout: 2_000,
        what: () => `no more than before of ${moreThan(resources).join(", ")}`,
      });
      if (sockets !== undefined) {
        const before = sockets;
        await until(() => openSockets()! <= before, {
          timeout: 2_000,
          what: () => `${before} sockets, there are ${openSockets()}`,
        });
      }
    } finally {
      unhandled?.end();
      timers?.end();
    }
    const [first] = unhandled?.errors ?? [];
    if (unhandled !== undefined && unhandled.errors.length > 0) {
      throw new Error(`${unhandled.errors.length} errors were not looked after`, { cause: first });
    }
  });

  return {
    watch(network) {
      networks.push(network);
      return network;
    },
  };
}

function held(networks: readonly Counted[]): string[] {
  return networks.flatMap((network) =>
    Object.entries(network.open()).filter(([, count]) => count > 0).map(([kind, count]) => `${count} ${kind}`)
  );
}

interface TimerBook {
  /** Delays of the timers that are set, by number. */
  readonly set: ReadonlyMap<number, number>;
  /** Books no more. */
  end(): void;
}

/** Books what is set with `setTimeout`: the runner has its own, taken before. */
function bookTimers(): TimerBook {
  const set = new Map<number, number>();
  const { setTimeout: start, clearTimeout: cancel } = globalThis;
  const booked = (callback: (...args: unknown[]) => void, delay = 0, ...args: unknown[]): unknown => {
    const handle: unknown = start(() => {
      set.delete(Number(handle));
      callback(...args);
    }, delay);
    set.set(Number(handle), delay);
    return handle;
  };
  const taken = (handle: Parameters<typeof clearTimeout>[0]): void => {
    if (handle !== undefined && handle !== null) set.delete(Number(handle));
    cancel(handle);
  };
  globalThis.setTimeout = booked as typeof setTimeout;
  globalThis.clearTimeout = taken as typeof clearTimeout;
  return {
    set,
    end() {
      // Somebody else may have put theirs in the place of ours, and puts ours back later.
      if (globalThis.setTimeout === booked as unknown) globalThis.setTimeout = start;
      if (globalThis.clearTimeout === taken as unknown) globalThis.clearTimeout = cancel;
    },
  };
}

/** What keeps a process alive, by kind, as far as the runtime tells: Bun lists nothing. */
function activeResources(): Map<string, number> {
  const counts = new Map<string, number>();
  if (runtime === "bun") return counts;
  for (const kind of process.getActiveResourcesInfo()) {
    if (leakable.test(kind)) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  return counts;
}

/** Streams and servers; not what the runner itself does with files, and with timers of its own. */
const leakable = /TCP|TLS|Pipe|UDP/;

function moreThan(before: ReadonlyMap<string, number>): string[] {
  return [...activeResources()].filter(([kind, count]) => count > (before.get(kind) ?? 0)).map(([kind]) =>
    kind
  );
}
