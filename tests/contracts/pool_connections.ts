import type { MessageConnection } from "../../lib/messaging/mod.ts";
import type { Network, Transport } from "../../lib/net/mod.ts";
import { until } from "../support/until.ts";
import type { ColdNetwork } from "./cold_network.ts";
import type { AnyMember, OpenMember, PoolWorld } from "./pool_kit.ts";

/** The part of a {@linkcode PoolWorld} that each kind of server has its own way for. */
export interface PoolServer
  extends
    Pick<PoolWorld, "options" | "kill" | "restart" | "freeze" | "thaw" | "cool" | "warm" | "lock" | "end"> {
  /** Where members connect now. */
  readonly url: string;
  /** Connects as a member does. */
  connect(url: string, options: MemberOptions): Promise<MessageConnection>;
  /** The server announces that it will go; `url` is that of the one that takes its place. */
  leave(members: readonly AnyMember[]): Promise<unknown> | void;
}

/** What is told of a member besides the options of all. */
export interface MemberOptions {
  readonly network: Network;
  readonly signal?: AbortSignal | undefined;
  readonly reconnect?: false;
}

/** Connections of a client to a server that can misbehave. */
export function connectionWorld(network: ColdNetwork, server: PoolServer): PoolWorld {
  /** The stream that a member publishes on. */
  const own = new Map<AnyMember, MutableTransport>();
  const others: MessageConnection[] = [];
  const ended: Promise<unknown>[] = [];
  return {
    options: server.options,
    async open(signal: AbortSignal, { reconnect = false }: OpenMember = {}) {
      let member: AnyMember | undefined = undefined;
      let latest: MutableTransport | undefined;
      const dial: Network["dial"] = async (target, how) => {
        const transport = mutable(await network.dial(target, how));
        // Behind the first one come the streams of subscriptions.
        if (member === undefined || own.get(member)!.destroyed) latest = transport;
        if (member !== undefined) own.set(member, latest!);
        return transport;
      };
      member = await server.connect(server.url, {
        network: { ...network, dial },
        signal,
        ...(reconnect ? {} : { reconnect }),
      });
      own.set(member, latest!);
      return member;
    },
    use: (member) => (member as MessageConnection).publish("pool", "at work"),
    connections: () => network.dialled.size - others.filter(({ state }) => state !== "closed").length,
    peak: () => network.peak,
    dials: () => network.dials,
    kill: () => server.kill(),
    restart: () => server.restart(),
    freeze: () => server.freeze(),
    thaw: () => server.thaw(),
    cool: () => server.cool(),
    warm: () => server.warm(),
    async swallow(member) {
      const subscription = await (member as MessageConnection).subscribe("deliveries", {
        overflow: "drop-oldest",
      });
      let received = 0;
      void subscription.consume(() => void received++);
      const publisher = await server.connect(server.url, { network, reconnect: false });
      others.push(publisher);
      own.get(member)!.mute = true;
      const publishing = until(async () => {
        if (publisher.state !== "open" || subscription.state !== "open") return true;
        await publisher.publish("deliveries", "still here", { timeout: 1_000 }).catch(() => {});
        return false;
      }, { timeout: 60_000, what: "the end of the subscription" }).finally(() => publisher.goodbye());
      // Told at the end.
      publishing.catch(() => {});
      ended.push(publishing);
      return { received: () => received };
    },
    leave: () => server.leave([...own.keys()]),
    lock: (locked) => server.lock(locked),
    lose: (member) => own.get(member)!.reset(),
    async end() {
      await Promise.all(ended);
      await server.end();
    },
  };
}

interface MutableTransport extends Transport {
  /** What is written gets lost on the way. */
  mute: boolean;
}

function mutable(below: Transport): MutableTransport {
  return {
    mute: false,
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
    start: (handler) => below.start(handler),
    write(bytes) {
      return this.mute || below.write(bytes);
    },
    end: () => below.end(),
    pause: () => below.pause(),
    resume: () => below.resume(),
    destroy: (error) => below.destroy(error),
    reset: () => below.reset(),
  };
}
