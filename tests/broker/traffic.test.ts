import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Broker, startBroker } from "../../lib/broker/mod.ts";
import { memoryNetwork, type Network } from "../../lib/net/mod.ts";
import { leakGate } from "../support/leak.ts";
import { dataOf, WireClient } from "../support/wire_client.ts";

leakGate();

/** A client that does as it likes until it is told to stop. */
interface Actor {
  stop(how: "goodbye" | "kill"): Promise<void>;
}

/** Publishes one message after the other, and knows which ones were confirmed. */
async function publisher(
  broker: Broker,
  network: Network,
  name: string,
  confirmed: Set<string>,
): Promise<Actor> {
  const client = await WireClient.publisher(broker.url, { network });
  let running = true;
  const work = (async () => {
    for (let i = 0; running && i < 10_000; i++) {
      const text = `${name}-${i}`;
      const answer = await client.publish("t", text);
      if (answer.code === 0) confirmed.add(text);
    }
  })().catch(() => {});
  return {
    async stop(how) {
      running = false;
      if (how === "kill") await client.destroy();
      await work;
      if (how === "goodbye") await client.goodbye();
    },
  };
}

/** Acknowledges what it gets, and notes it. */
async function subscriber(
  broker: Broker,
  network: Network,
  group: string,
  seen: Set<string>,
): Promise<Actor> {
  const client = await WireClient.subscriber(broker.url, group, ["t"], { network });
  let running = true;
  const work = (async () => {
    for (let i = 0; running && i < 100_000; i++) {
      const push = await client.expect("ASYNC_MESSAGE_TO_CLIENT", 60_000);
      if (!running) break;
      seen.add(dataOf(push));
      client.ack(push);
    }
  })().catch(() => {});
  return {
    async stop(how) {
      running = false;
      if (how === "goodbye") await client.goodbye();
      else await client.destroy();
      await work;
    },
  };
}

/** Requests, and responders that answer every other one. */
async function requester(broker: Broker, network: Network): Promise<Actor> {
  const client = await WireClient.publisher(broker.url, { network });
  let running = true;
  const work = (async () => {
    for (let i = 0; running && i < 10_000; i++) {
      await client.message("REQUEST_TO_SERVER", "r", `question ${i}`, { properties: { ttl: "20" } });
    }
  })().catch(() => {});
  return {
    async stop(how) {
      running = false;
      if (how === "kill") await client.destroy();
      await work;
      if (how === "goodbye") await client.goodbye();
    },
  };
}

async function responder(broker: Broker, network: Network): Promise<Actor> {
  const client = await WireClient.subscriber(broker.url, "responders", [{ topic: "r", type: "SYNC" }], {
    network,
  });
  const work = (async () => {
    for (let i = 0; i < 100_000; i++) {
      const push = await client.expect("REQUEST_TO_CLIENT", 60_000);
      if (i % 3 > 0) client.ack(push);
      if (i % 2 > 0) client.respond(push, "answer");
    }
  })().catch(() => {});
  return {
    async stop(how) {
      if (how === "goodbye") await client.goodbye();
      else await client.destroy();
      await work;
    },
  };
}

const ends = fc.array(fc.constantFrom("goodbye" as const, "kill" as const), { minLength: 7, maxLength: 7 });

describe("a broker in random traffic with kills", () => {
  it("has a ledger that balances, and a member that stays sees every confirmed message", async () => {
    await fc.assert(
      fc.asyncProperty(
        ends,
        fc.integer({ min: 1, max: 40 }),
        fc.constantFrom(0, 100, 2_000),
        async (how, turns, grace) => {
          const network = memoryNetwork();
          const broker = await startBroker({ network, port: 0 });
          const confirmed = new Set<string>();
          const seen = { stable: new Set<string>(), shaky: new Set<string>() };
          const stable = await subscriber(broker, network, "stable", seen.stable);
          const actors = [
            await subscriber(broker, network, "stable", seen.stable),
            await subscriber(broker, network, "shaky", seen.shaky),
            await subscriber(broker, network, "shaky", seen.shaky),
            await publisher(broker, network, "a", confirmed),
            await publisher(broker, network, "b", confirmed),
            await requester(broker, network),
            await responder(broker, network),
          ];
          for (const [i, actor] of actors.entries()) {
            for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
            await actor.stop(how[i]!);
          }
          // Everything that is left for the group goes to its last member.
          for (let i = 0; i < 10_000 && [...confirmed].some((text) => !seen.stable.has(text)); i++) {
            await new Promise((resolve) => setImmediate(resolve));
          }
          expect([...confirmed].filter((text) => !seen.stable.has(text))).toEqual([]);
          const leaving = broker.goodbye({ grace });
          await stable.stop("kill");
          const { connections, messages, residue } = await leaving;
          expect(messages.published).toBe(messages.confirmed + messages.rejected + messages.unconfirmed);
          expect(messages.received).toBe(messages.acked + messages.returned + messages.dropped);
          expect(messages.confirmed).toBeGreaterThanOrEqual(confirmed.size);
          expect(residue).toEqual({ sockets: 0, timers: 0, listeners: 0 });
          expect(connections.opened).toBe(8);
          expect(network.open()).toMatchObject({ sockets: 0, listeners: 0 });
        },
      ),
      { numRuns: 12 },
    );
  });
});
