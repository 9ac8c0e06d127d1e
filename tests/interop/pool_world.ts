import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { connect, type NatsConnection } from "../../lib/nats/mod.ts";
import { type Network, systemNetwork, type Transport } from "../../lib/net/mod.ts";
import { coldNetwork } from "../contracts/cold_network.ts";
import type { AnyMember, OpenMember, PoolWorld } from "../contracts/pool_kit.ts";
import type { LeakGate } from "../support/leak.ts";
import { until } from "../support/until.ts";
import { type NatsServer, type NatsVersion, startNats } from "./peers/nats.ts";

/** Two real servers, which all tests of a file share. */
export interface NatsPair {
  readonly main: NatsServer;
  /** Takes the place of the other one when that leaves. */
  readonly spare: NatsServer;
}

const password = "the right one";
const config = `
  authorization { user: pool, password: "${password}" }
  lame_duck_grace_period: "3s"
  lame_duck_duration: "30s"
`;

export async function startPair(version: NatsVersion): Promise<NatsPair> {
  const [main, spare] = await Promise.all([startNats({ version, config }), startNats({ version, config })]);
  return { main, spare };
}

/** NATS connections to a real server, killed and stopped as processes are. */
export function openNatsWorld(gate: LeakGate, { main, spare }: NatsPair): PoolWorld {
  const network = coldNetwork(gate.watch(systemNetwork()));
  const options = {
    user: "pool",
    pass: password,
    name: "pooled",
    reconnect: { min: 5, max: 5 },
    discover: false,
  };
  const members = new Map<AnyMember, MutableTransport>();
  let current = main.url;
  let [gone, locked] = [false, false];
  const others: NatsConnection[] = [];
  const connectPlain = async (): Promise<NatsConnection> => {
    const connection = await connect(main.url, { ...options, network, reconnect: false });
    others.push(connection);
    return connection;
  };

  return {
    options,
    async open(signal: AbortSignal, { reconnect = false }: OpenMember = {}) {
      let latest: MutableTransport | undefined;
      const dial: Network["dial"] = async (target, how) => {
        latest = mutable(await network.dial(target, how));
        if (member !== undefined) members.set(member, latest);
        return latest;
      };
      let member: AnyMember | undefined = undefined;
      const changed = reconnect ? options : { ...options, reconnect: false as const };
      member = await connect(current, { ...changed, network: { ...network, dial }, signal });
      members.set(member, latest!);
      return member;
    },
    use: (member) => (member as NatsConnection).publish("pool", "at work"),
    connections: () => network.dialled.size - others.filter(({ state }) => state !== "closed").length,
    peak: () => network.peak,
    dials: () => network.dials,
    async kill() {
      gone = true;
      await main.kill();
    },
    async restart() {
      await main.restart();
      gone = false;
    },
    freeze: () => main.freeze(),
    thaw: () => main.thaw(),
    cool: () => main.freeze(),
    warm: () => main.thaw(),
    async swallow(member) {
      const subscription = await (member as NatsConnection).subscribe("deliveries", {
        overflow: "drop-oldest",
      });
      let received = 0;
      void subscription.consume(() => void received++);
      const publisher = await connectPlain();
      members.get(member)!.mute = true;
      void (async () => {
        while (publisher.state === "open" && subscription.state === "open") {
          await publisher.publish("deliveries", "still here").catch(() => {});
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
        await publisher.goodbye();
      })();
      return { received: () => received };
    },
    async leave() {
      current = spare.url;
      gone = true;
      process.kill(main.process.pid, "SIGUSR2");
      const isLeaving = (member: AnyMember): boolean => (member as NatsConnection).leaving;
      await until(() => [...members.keys()].every(isLeaving), { what: "the announcement" });
    },
    async lock(value) {
      if (value === locked) return;
      locked = value;
      const file = join(main.folder, "nats.conf");
      const text = await readFile(file, "utf8");
      await writeFile(
        file,
        value ? text.replace(password, "another one") : text.replace("another one", password),
      );
      if (gone) return;
      const reloads = (): number =>
        (main.process.stdout + main.process.stderr).split("Reloaded server").length;
      const before = reloads();
      process.kill(main.process.pid, "SIGHUP");
      await until(() => reloads() > before, { what: "the server to read its configuration" });
    },
    lose: (member) => members.get(member)!.reset(),
    async end() {
      await Promise.all(others.map((connection) => connection.goodbye({ grace: 0 })));
      await this.lock(false);
      if (gone) await main.restart();
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
