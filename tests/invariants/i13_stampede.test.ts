import { describe, expect, it } from "vitest";
import { startBroker } from "../../lib/broker/mod.ts";
import { connect } from "../../lib/eventmesh/mod.ts";
import { formatFarewell } from "../../lib/lifecycle/mod.ts";
import { systemNetwork } from "../../lib/net/mod.ts";
import { fixture, type Peer, rigTest } from "../server/kit.ts";
import { type BadClient, type BadMode, startBadClient } from "../support/bad_client.ts";
import { leakGate } from "../support/leak.ts";
import { turns, until } from "../support/until.ts";
import { type Dice, seeded } from "./dice.ts";
import { checkBalance, Ledger } from "./ledger.ts";
import { listen } from "./noise.ts";

const gate = leakGate();

const crowdSize = 1_000;
/** Those that stay until the goodbye. */
const survivors = 100;
const patience = { timeout: 60_000 };

/** Events above info that a server may be the cause of in so many milliseconds. */
function bound(since: number): number {
  return 20 * (2 + Math.ceil((performance.now() - since) / 1_000));
}

/** Starts something that many do, a hundred at a time: the queue of a listener is no longer than 128 everywhere. */
async function many<T>(count: number, start: (i: number) => Promise<T>): Promise<T[]> {
  const all: T[] = [];
  for (let i = 0; i < count; i += 100) {
    const size = Math.min(100, count - i);
    all.push(...await Promise.all(Array.from({ length: size }, (_, j) => start(i + j))));
  }
  return all;
}

/** Sends one line after the other, each when the one before has come back. */
async function echo(peer: Peer, running: () => boolean): Promise<number> {
  let text = "";
  let count = 0;
  for (; running(); count++) {
    peer.send(`line ${count};`);
    text += `LINE ${count};`;
    await until(() => peer.text.length >= text.length || peer.closed, { ...patience, what: "an echo" });
    expect(peer.text).toBe(text);
  }
  return count;
}

function misbehave(peer: Peer, dice: Dice): void {
  const { transport } = peer;
  switch (dice.below(7)) {
    case 0:
      return transport.destroy();
    case 1:
      return transport.reset();
    case 2:
      return transport.end();
    case 3:
      peer.send("!throw");
      return;
    case 4:
      peer.send("!cut");
      return;
    case 5:
      transport.pause();
      peer.send("!much");
      setImmediate(() => transport.reset());
      return;
    case 6:
      peer.send("one half of a");
      setImmediate(() => transport.reset());
  }
}

describe("I13 containment: a stampede", { timeout: 120_000 }, () => {
  it(
    "of 1,000 peers that fail in all ways harms no bystander of a server, nor its goodbye",
    rigTest(fixture.tcp, (rig) =>
      seeded(7, async (dice) => {
        const since = performance.now();
        const noise = listen();
        const server = await rig.serve(async (connection) => {
          for await (const chunk of connection.readable) {
            const text = new TextDecoder().decode(chunk);
            if (text === "!throw") throw new Error("a bug");
            if (text === "!cut") return connection.transport.destroy();
            const answer = text === "!much"
              ? new Uint8Array(1_048_576)
              : new TextEncoder().encode(text.toUpperCase());
            await connection.write(answer, { signal: connection.signal });
          }
        });
        const bystanders = [];
        for (let i = 0; i < 4; i++) bystanders.push(await rig.accepted(server));
        let running = true;
        const working = bystanders.map((peer) => echo(peer, () => running));
        const crowd = await many(crowdSize, () => rig.connect(server));
        await until(() => server.inspect().accepted === crowdSize + 4, patience);
        for (const [i, peer] of crowd.slice(survivors).entries()) {
          misbehave(peer, dice);
          if (i % 20 === 0) await turns(1);
        }
        await until(() => server.connections === survivors + 4, patience);
        running = false;
        for (const count of await Promise.all(working)) expect(count).toBeGreaterThan(10);
        const { faults } = server.inspect();
        expect(noise.loud.length).toBeLessThanOrEqual(bound(since));

        // The rest goes on working, or goes wrong, while the server says goodbye.
        for (const peer of [...crowd.slice(0, survivors / 2), ...bystanders]) {
          peer.onData = () => peer.send("more");
          peer.send("some");
        }
        const leaving = server.goodbye({ grace: 10_000 });
        for (const peer of crowd.slice(survivors / 2, survivors)) misbehave(peer, dice);
        const farewell = await leaving;
        for (const peer of bystanders) {
          await until(() => peer.closed, patience);
          expect({ ended: peer.ended, error: peer.error }).toEqual({ ended: true, error: undefined });
        }
        checkBalance(farewell);
        expect(farewell.connections).toMatchObject({ opened: crowdSize + 4, refused: 0 });
        expect(farewell.childCount).toBe(crowdSize + 4);
        expect(server.inspect().faults).toBeGreaterThanOrEqual(faults);
        expect(faults).toBeGreaterThan(0);
        expect(noise.alarms).toEqual([]);
        noise.end();
      })),
  );

  it("of 1,000 clients that fail in all ways harms no bystander of a broker, nor its goodbye", () =>
    seeded(11, async (dice) => {
      const since = performance.now();
      const noise = listen();
      const network = gate.watch(systemNetwork());
      const broker = await startBroker({ port: 0, network });
      const { host, port } = broker.address as { host: string; port: number };
      const options = { network, reconnect: false as const };
      const ledger = new Ledger();
      const publisher = await connect(broker.url, { ...options, group: "publisher" });
      const subscriber = await connect(broker.url, { ...options, group: "subscriber" });
      const received: string[] = [];
      const news = await subscriber.subscribe("news");
      const consuming = news.consume((message) => void received.push(message.text()));
      const answering = (await subscriber.subscribe("ask", { type: "sync", group: "answers" }))
        .consume((message) => `re: ${message.text()}`);
      let running = true;
      const sent: string[] = [];
      const work = async (): Promise<void> => {
        for (; running && publisher.state !== "closed"; await turns(1)) {
          const text = `news ${sent.length}`;
          sent.push(text);
          await ledger.book(text, publisher.publish("news", text));
          await ledger.book(`ask ${text}`, publisher.request("ask", text, { timeout: 60_000 }));
        }
      };
      const working = work();

      const modes: readonly BadMode[] = [
        ...["connect-and-idle", "hello-and-idle", "never-ack", "half-frame", "partial-frame"] as const,
        ...["garbage", "garbage-later", "oversize", "rst-at-byte-n", "never-fin"] as const,
      ];
      const crowd = await many(crowdSize, (i) => {
        const mode = i < survivors ? "never-ack" : dice.pick(modes);
        const target = { host, port };
        return startBadClient({ network, target, mode, topic: "noise", bytes: 1 + dice.below(600) });
      });
      const kill = ({ transport }: BadClient): void => {
        const way = dice.below(3);
        if (way === 0) transport.destroy();
        else if (way === 1) transport.reset();
        else transport.end();
      };
      for (const [i, client] of crowd.slice(survivors).entries()) {
        kill(client);
        if (i % 20 === 0) await turns(1);
      }
      // Some of the survivors are sent away by the broker.
      const chosen = broker.inspect().sessions.filter(({ group }) => group === "bad").slice(0, 20);
      const ids = new Set(chosen.map(({ id }) => id));
      await broker.disconnect(({ id }) => ids.has(id), { grace: 0 });
      await until(() => received.length > 20 && broker.inspect().sessions.length <= survivors + 4, {
        ...patience,
        what: () => `the crowd to be gone, but there are ${broker.inspect().sessions.length} sessions`,
      });
      running = false;
      await working;
      expect(ledger.confirmed.size).toBe(2 * sent.length);
      await until(() => received.length >= sent.length, patience);
      expect(received, "each message once, in order").toEqual(sent);
      expect(noise.loud.length).toBeLessThanOrEqual(bound(since));

      // Everybody goes on while the broker says goodbye.
      running = true;
      const flooding = work();
      const farewell = broker.goodbye({ grace: 5_000 });
      for (const client of crowd.slice(survivors / 2, survivors)) kill(client);
      const end = await farewell;
      running = false;
      const farewells = await Promise.all(
        [publisher, subscriber].map((one) => one.goodbye({ grace: 1_000 })),
      );
      await flooding;
      await Promise.all([consuming, answering]);
      checkBalance(end);
      ledger.check(farewells[0]!);
      expect(end.childCount, formatFarewell(end)).toBe(end.connections.opened);
      expect(end.messages.confirmed).toBeGreaterThanOrEqual(ledger.confirmed.size);
      await Promise.all(crowd.map((client) => client.close()));
      expect(noise.alarms).toEqual([]);
      noise.end();
    }));
});
