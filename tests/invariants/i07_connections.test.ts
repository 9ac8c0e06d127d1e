import { describe, expect, it } from "vitest";
import { formatFarewell } from "../../lib/lifecycle/mod.ts";
import { memoryNetwork, type Network, systemNetwork, type Transport } from "../../lib/net/mod.ts";
import { serve, type ServerConnection } from "../../lib/server/mod.ts";
import { leakGate } from "../support/leak.ts";
import { turns, until } from "../support/until.ts";
import { type Dice, seeded } from "./dice.ts";
import { checkBalance } from "./ledger.ts";

const gate = leakGate();
const capacity = 12;

/** What one peer knows of its stream, whether it was accepted or refused. */
class Peer {
  readonly transport: Transport;
  sent = 0;
  echoed = 0;
  ended = false;
  /** It has cut the stream itself. */
  cut = false;
  error: Error | undefined;
  closed = false;

  constructor(transport: Transport) {
    this.transport = transport;
    void transport.closed.then((error) => {
      this.closed = true;
      this.error = error;
    });
    transport.start({
      data: (chunk) => void (this.echoed += chunk.byteLength),
      end: () => {
        this.ended = true;
        transport.end();
      },
      drain() {},
    });
  }

  send(bytes: number): void {
    this.sent += bytes;
    this.transport.write(new Uint8Array(bytes));
  }

  kill(dice: Dice): void {
    this.cut = true;
    if (dice.chance(0.5)) this.transport.reset();
    else this.transport.destroy();
  }
}

/**
 * Peers come, work, leave, and are cut at either end, until the server says goodbye: when all of them have arrived, or in
 * the midst of it. `forgets`: a stream that is reset at once may never reach the listener.
 */
async function connections(dice: Dice, network: Network, settle: boolean, forgets: boolean): Promise<void> {
  const accepted: ServerConnection[] = [];
  const read = new Map<number, number>();
  const server = await serve(async (connection) => {
    accepted.push(connection);
    if (dice.chance(0.05)) throw new Error("a handler");
    for await (const chunk of connection.readable) {
      read.set(connection.id, (read.get(connection.id) ?? 0) + chunk.byteLength);
      await connection.write(chunk);
    }
  }, { network, port: 0, limits: { connections: capacity } });
  const { host, port } = server.address as { host: string; port: number };
  const peers: Peer[] = [];
  const dials: Promise<unknown>[] = [];
  let failed = 0;
  for (let step = 0; step < 150; step++) {
    const way = dice.below(10);
    const live = peers.filter(({ closed, cut }) => !closed && !cut);
    if (way < 4 || live.length === 0) {
      dials.push(
        network.dial({ host, port }, {}).then((transport) => peers.push(new Peer(transport)), () => failed++),
      );
    } else if (way < 7) dice.pick(live).send(1 + dice.below(2_000));
    else if (way === 7) dice.pick(live).transport.end();
    else if (way === 8) dice.pick(live).kill(dice);
    else if (accepted.length > 0) void dice.pick(accepted).goodbye({ grace: dice.pick([0, 50, 1_000]) });
    if (dice.chance(0.5)) await turns(dice.below(3));
  }
  await Promise.all(dials);
  const seen = (): number => server.inspect().accepted + server.inspect().refused;
  // A kernel may forget a stream that was reset before anybody has accepted it.
  const staying = peers.filter(({ cut }) => !cut || !forgets).length;
  if (settle) await until(() => seen() >= staying && server.inspect().state === "open");
  const farewell = await server.goodbye({ grace: settle ? 10_000 : dice.pick([0, 50, 1_000]) });
  await Promise.all(peers.map(({ transport }) => transport.closed));

  const text = formatFarewell(farewell);
  checkBalance(farewell);
  const { opened, refused, clean, forced, lost } = farewell.connections;
  expect(opened, text).toBe(accepted.length);
  expect(farewell.childCount, text).toBe(opened);
  // A stream that reaches a listener after its end is no concern of the server.
  expect(opened + refused, text).toBeLessThanOrEqual(peers.length + failed);
  if (settle) expect(opened + refused, text).toBeGreaterThanOrEqual(staying);
  // A peer that has sent FIN was told, and only one that was cut can have been lost.
  expect(lost, text).toBeLessThanOrEqual(peers.filter(({ cut }) => cut).length);
  const content = peers.filter(({ cut, ended, error }) => ended && !cut && error === undefined).length;
  expect(clean + forced, text).toBeGreaterThanOrEqual(content);
  const bytes = [...read.values()].reduce((sum, count) => sum + count, 0);
  expect(peers.reduce((sum, { echoed }) => sum + echoed, 0)).toBeLessThanOrEqual(bytes);
  expect(bytes).toBeLessThanOrEqual(peers.reduce((sum, { sent }) => sum + sent, 0));
}

describe("I7 conservation: every stream that reaches a server is accepted or refused, and ends in one way", () => {
  it.each([true, false])("in memory; all have arrived when it ends: %s", async (settle) => {
    for (let seed = 1; seed <= 10; seed++) {
      await seeded(seed, (dice) => connections(dice, gate.watch(memoryNetwork()), settle, false));
    }
  });

  it.each([true, false])("over TCP; all have arrived when it ends: %s", async (settle) => {
    for (let seed = 1; seed <= 2; seed++) {
      await seeded(seed, (dice) => connections(dice, gate.watch(systemNetwork()), settle, true));
    }
  });
});
