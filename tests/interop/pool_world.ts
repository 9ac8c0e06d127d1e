import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { connect, type NatsConnection } from "../../lib/nats/mod.ts";
import { systemNetwork } from "../../lib/net/mod.ts";
import { coldNetwork } from "../contracts/cold_network.ts";
import { connectionWorld } from "../contracts/pool_connections.ts";
import type { PoolWorld } from "../contracts/pool_kit.ts";
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
  let { url } = main;
  let [gone, locked] = [false, false];
  const lock = async (value: boolean): Promise<void> => {
    if (value === locked) return;
    locked = value;
    const file = join(main.folder, "nats.conf");
    const text = await readFile(file, "utf8");
    const [from, to] = value ? [password, "another one"] : ["another one", password];
    await writeFile(file, text.replace(from, to));
    if (gone) return;
    const reloads = (): number => (main.process.stdout + main.process.stderr).split("Reloaded server").length;
    const before = reloads();
    process.kill(main.process.pid, "SIGHUP");
    await until(() => reloads() > before, { what: "the server to read its configuration" });
  };
  return connectionWorld(network, {
    options,
    get url() {
      return url;
    },
    connect: (there, how) => connect(there, { ...options, ...how }),
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
    async leave(members) {
      ({ url } = spare);
      gone = true;
      process.kill(main.process.pid, "SIGUSR2");
      const isLeaving = (member: object): boolean => (member as NatsConnection).leaving;
      await until(() => members.every(isLeaving), { what: "the announcement" });
    },
    lock,
    async end() {
      await lock(false);
      if (gone) await main.restart();
    },
  });
}
