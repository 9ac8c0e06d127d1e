import { expect, it } from "vitest";
import { until } from "../support/until.ts";
import type { RuntimeSession } from "./runtime_admin.ts";
import { gather, gathered, Load } from "./runtime_load.ts";
import { strayAcks, unacknowledged } from "./runtime_tap.ts";
import { type Client, freshName, type World } from "./runtime_world.ts";

/** Clients that a runtime says goodbye to, or sends to another one, under load. */
export function guidance(world: () => World, other: () => World): void {
  it("comes back when its publishing connection is rejected; every publish is confirmed", async () => {
    const client = await world().connect();
    const topic = freshName("topic");
    const texts = gather(await client.connection.subscribe(topic));
    const load = new Load(client, topic);
    for (let round = 0; round < 3; round++) {
      await load.confirms(50);
      const [publishing] = await purpose(world(), client, "pub");
      await world().admin.reject(publishing!);
      await until(async () => {
        const [now] = await purpose(world(), client, "pub");
        return now !== undefined && now.port !== publishing!.port;
      }, { timeout: 10_000, what: "the publishing session to be another one" });
    }
    await load.confirms(50);
    const ledger = await load.stop();
    await gathered([texts], load.of("confirmed"));
    const farewell = await client.leave();
    ledger.check(farewell);
    expect(ledger.confirmed.size).toBe(ledger.started);
    expect(farewell.connections).toMatchObject({ opened: 5, clean: 5 });
    await world().lists(client.group, 0);
  });

  it("comes back when a subscription is rejected; another member has what it could not take", async () => {
    const client = await world().connect();
    const topic = freshName("topic");
    // Without a second member the topic would be gone for ever with the session.
    const staying = gather(await client.connection.subscribe(topic));
    const moving = gather(await client.connection.subscribe(topic));
    const load = new Load(client, topic);
    await load.confirms(50);
    // The third stream of the client, after those for publishing and of the other subscription.
    const port = Number(client.network.streams[2]!.local.split(":").at(-1));
    await world().admin.reject({ host: "127.0.0.1", port });
    await until(async () => {
      const ports = (await purpose(world(), client, "sub")).map((session) => session.port);
      return ports.length === 2 && !ports.includes(port);
    }, { timeout: 10_000, what: "the subscription to have another session" });
    moving.length = 0;
    await until(() => moving.length > 20, { timeout: 10_000, what: "messages on the new session" });
    const ledger = await load.stop();
    expect(ledger.confirmed.size).toBe(ledger.started);
    ledger.check(await client.leave());
    for (const stream of client.network.streams) {
      expect(unacknowledged(stream)).toEqual([]);
      expect(strayAcks(stream)).toEqual([]);
    }
    for (const text of [...staying, ...moving]) expect(ledger.fates.get(text), text).toBe("confirmed");
  });

  it("goes to the next server of its list when it is rejected", async () => {
    const client = await world().connect({ urls: [world().url, other().url] });
    const [publishing] = await world().lists(client.group, 1);
    await world().admin.reject(publishing!);
    await other().lists(client.group, 1);
    await world().lists(client.group, 0);
    const topic = freshName("topic");
    const texts = gather(await client.connection.subscribe(topic));
    await other().lists(client.group, 2);
    await client.connection.publish(topic, "there");
    await gathered([texts], ["there"]);
    const { connections } = await client.leave();
    expect(connections).toMatchObject({ opened: 3, clean: 3 });
  });

  it("follows a redirect with all its subscriptions; nothing is left open by it", async () => {
    const client = await world().connect();
    const { connection, network, group } = client;
    const topics = [freshName("topic"), freshName("topic")];
    const subscriptions = [await connection.subscribe(topics[0]!), await connection.subscribe(topics[1]!)];
    const lists = subscriptions.map(gather);
    const loads = topics.map((topic) => new Load(client, topic));
    await Promise.all(loads.map((load) => load.confirms(30)));
    const { port } = other().runtime;
    for (const session of await world().lists(group, 3)) {
      await world().admin.redirect(session, { host: "127.0.0.1", port });
    }
    await other().lists(group, 3);
    await world().lists(group, 0);
    for (const list of lists) list.length = 0;
    await Promise.all(loads.map((load) => load.confirms(30)));
    await until(() => lists.every((list) => list.length > 20), {
      what: "messages through the second runtime",
    });
    const ledgers = await Promise.all(loads.map((load) => load.stop()));
    const farewell = await client.leave();
    // The publishes that were on their way while a topic was at the one and not yet at the other are refused.
    for (const { fates, strange } of ledgers) {
      expect(strange).toEqual([]);
      const others = [...fates].filter(([, fate]) => fate !== "confirmed" && fate !== "rejected");
      expect(others).toEqual([]);
    }
    expect(farewell.messages.unconfirmed).toBe(0);
    expect(farewell.messages.acked).toBe(farewell.messages.received - farewell.messages.returned);
    expect(farewell.connections).toMatchObject({ opened: 6, clean: 6 });
    expect(client.events.filter(({ type }) => type === "redirect")).toMatchObject([{
      target: `127.0.0.1:${port}`,
    }]);
    for (const stream of network.streams) {
      expect(unacknowledged(stream)).toEqual([]);
      expect(strayAcks(stream)).toEqual([]);
    }
    await other().lists(group, 0);
  });
}

async function purpose(
  world: World,
  { group }: Client,
  purpose: RuntimeSession["purpose"],
): Promise<RuntimeSession[]> {
  return (await world.sessions(group)).filter((session) => session.purpose === purpose);
}
