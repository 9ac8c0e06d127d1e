import process from "node:process";
import { expect, it } from "vitest";
import { connect, type EventMeshConnection } from "../../lib/eventmesh/mod.ts";
import { type Dice, seeded } from "../invariants/dice.ts";
import { checkBalance } from "../invariants/ledger.ts";
import { turns } from "../support/until.ts";
import { cutInHello, tappedNetwork } from "./runtime_tap.ts";
import { freshName, type World } from "./runtime_world.ts";

const firstSeed = Number(process.env["GRACEWIRE_SEED"] ?? 1);
const runs = 100 * Number(process.env["GRACEWIRE_RUNS"] ?? 1);
const nothing = { sockets: 0, listeners: 0, timers: 0 };

/** What the runtime still knows of clients that were aborted at random moments: nothing, once they are known to it. */
export function aborts(world: () => World): void {
  it(`leaves no session behind when it is aborted, ${runs} times at a random moment`, async () => {
    // It holds the topic, which would be gone for ever with its last subscriber.
    const holder = await world().connect();
    const topic = freshName("topic");
    const subscription = await holder.connection.subscribe(topic);
    void subscription.consume(() => {});
    const deeds = new Set<string>();
    const excused = new Set<string>();
    for (let seed = firstSeed; seed < firstSeed + runs; seed++) {
      await seeded(seed, async (dice) => {
        const network = tappedNetwork();
        const abort = new AbortController();
        const options = { network, group: holder.group, reconnect: false } as const;
        const deed = dice.pick(["connect", "subscribe", "publish", "request", "goodbye"]);
        deeds.add(deed);
        const connecting = deed === "connect"
          ? connect(world().url, { ...options, signal: abort.signal })
          : connect(world().url, options);
        const connection = deed === "connect" ? undefined : await connecting;
        const doing = connection === undefined ? connecting : deedOf[deed]!(connection, topic, abort.signal);
        const outcome = doing.then((value: unknown) => ({ value }), (error: unknown) => ({ error }));
        await aMoment(dice);
        const reason = { seed };
        abort.abort(reason);
        const end = await outcome;
        if ("error" in end && deed !== "request") expect(end.error, deed).toBe(reason);
        const made = connection ?? ("value" in end ? end.value as EventMeshConnection : undefined);
        if (made !== undefined) checkBalance(await made.goodbye(dice.chance(0.5) ? {} : { grace: 0 }));
        expect(network.open()).toEqual(nothing);
        for (const address of cutInHello(network)) excused.add(address);
      });
    }
    expect(deeds.size).toBe(5);
    await world().lists(holder.group, 2, excused);
    await holder.leave();
    await world().lists(holder.group, 0, excused);
  }, 120_000);
}

type Deed = (connection: EventMeshConnection, topic: string, signal: AbortSignal) => Promise<unknown>;

const deedOf: Readonly<Record<string, Deed>> = {
  subscribe: (connection, topic, signal) => connection.subscribe(topic, { signal }),
  publish: (connection, topic, signal) => connection.publish(topic, "aborted", { signal }),
  // Standalone storage refuses it soon; the abort is mostly faster.
  request: (connection, topic, signal) => connection.request(topic, "aborted", { signal }),
  async goodbye(connection, topic, signal) {
    const subscription = await connection.subscribe(topic);
    void subscription.consume(() => turns(2));
    const publishes = Array.from({ length: 10 }, (_, i) => connection.publish(topic, `on its way ${i}`));
    const settled = Promise.allSettled(publishes);
    const farewell = await connection.goodbye({ signal });
    await settled;
    return farewell;
  },
};

/** From at once to some milliseconds: as long as what is aborted takes. */
async function aMoment(dice: Dice): Promise<void> {
  if (dice.chance(0.5)) await turns(dice.below(30));
  else await new Promise((resolve) => setTimeout(resolve, dice.below(12)));
}
