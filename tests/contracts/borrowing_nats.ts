import { Buffer } from "node:buffer";
import { connect, type NatsConnection } from "../../lib/nats/mod.ts";
import { type Counted, type Network, systemNetwork } from "../../lib/net/mod.ts";
import { type FakeNats, startFakeNats } from "../nats/server.ts";
import type { FakeSession } from "../nats/session.ts";
import type { LeakGate } from "../support/leak.ts";
import { until } from "../support/until.ts";
import type { BorrowingWorld } from "./borrowing.ts";
import type { NamedBorrowing } from "./borrowing_fixtures.ts";
import type { Ground } from "./grounds.ts";

/** A subscription lives on a stream of its own, or on that of its connection. Its goodbye is UNSUB. */
export function natsSubscriptionBorrowing(gate: LeakGate, ground: Ground): NamedBorrowing {
  return {
    name: `NATS subscription over ${ground.name}`,
    fixture: { shares: true, cuts: true, open: () => openSubscriptions(gate.watch(ground.network())) },
  };
}

/** A client of NATS says no goodbye: it unsubscribes, waits for the answer to a PING, and goes. */
export function natsNetworkBorrowing(gate: LeakGate): NamedBorrowing {
  return {
    name: "NATS connection and its network",
    fixture: {
      lends: "network",
      shares: true,
      mute: true,
      open: () => openConnections(gate.watch(systemNetwork())),
    },
  };
}

async function openSubscriptions(network: Network & Counted): Promise<BorrowingWorld> {
  const server = await startFakeNats({ network });
  const lender = await connect(server.url, { network });
  const ears = new Ears(server, (line) => /^UNSUB \d+$/.test(line));
  return {
    session: (whose) => lender.subscribe("orders", { overflow: whose === "owned" ? "pause" : "drop-oldest" }),
    works: () => worksStill(lender),
    heard: () => ears.heard(),
    held: () =>
      server.open.flatMap(({ number, subjects }) => subjects.map((subject) => `${subject} on ${number}`)),
    // A server of NATS does not mind.
    warnings: () => [],
    async end() {
      await lender.goodbye();
      await server.close();
    },
  };
}

async function openConnections(shared: Network & Counted): Promise<BorrowingWorld> {
  const server = await startFakeNats({ network: shared });
  const companion = await connect(server.url, { network: shared });
  const ears = new Ears(server, () => false);
  return {
    session: (whose) => connect(server.url, whose === "owned" ? {} : { network: shared }),
    works: () => worksStill(companion),
    heard: () => ears.heard(),
    held: () => server.open.slice(1).map(({ number }) => `stream ${number}`),
    // A server of NATS does not mind.
    warnings: () => [],
    async end() {
      await companion.goodbye();
      await until(() => server.open.length === 0);
      await server.close();
    },
  };
}

async function worksStill(connection: NatsConnection): Promise<void> {
  await connection.publish("elsewhere", "still there");
  expectOpen(connection);
}

function expectOpen({ state }: NatsConnection): void {
  if (state !== "open") throw new Error(`It has not survived: ${state}`);
}

/** What a server hears of goodbyes and ends. */
class Ears {
  readonly #server: FakeNats;
  readonly #isGoodbye: (line: string) => boolean;
  /** How much of each stream was told. */
  readonly #told: Map<FakeSession, { commands: number; end: boolean }> = new Map();

  constructor(server: FakeNats, isGoodbye: (line: string) => boolean) {
    this.#server = server;
    this.#isGoodbye = isGoodbye;
  }

  /** Since the last call. The number of a subscription is not of its goodbye. */
  heard(): string[] {
    return this.#server.sessions.flatMap((session) => {
      const told = this.#told.get(session) ?? { commands: 0, end: false };
      const { commands, gone } = session;
      const lines = commands.slice(told.commands).filter(this.#isGoodbye)
        .map((line) => Buffer.from(line.replace(/\d+/, "0")).toString("hex"));
      const ends = gone && !told.end ? ["end"] : [];
      this.#told.set(session, { commands: commands.length, end: gone });
      return [...lines, ...ends];
    });
  }
}
