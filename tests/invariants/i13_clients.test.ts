import { describe, expect, it } from "vitest";
import type { BrokerOptions } from "../../lib/broker/mod.ts";
import { startBroker } from "../../lib/broker/mod.ts";
import { connect, type EventMeshConnection } from "../../lib/eventmesh/mod.ts";
import { formatFarewell } from "../../lib/lifecycle/mod.ts";
import { memoryNetwork, type Network } from "../../lib/net/mod.ts";
import { startBadClient } from "../support/bad_client.ts";
import { leakGate } from "../support/leak.ts";
import { turns, until } from "../support/until.ts";
import { WireClient } from "../support/wire_client.ts";

const gate = leakGate();

interface World {
  readonly network: Network;
  readonly url: string;
  readonly target: { readonly host: string; readonly port: number };
  /** Publishes and asks, and has to get what it wants. */
  exchange(): Promise<void>;
}

/** A broker with a bystander, whom nothing may happen to, and a body of which nothing may be left. */
async function withBystander(options: BrokerOptions, body: (world: World) => Promise<void>): Promise<void> {
  const network = gate.watch(memoryNetwork());
  const broker = await startBroker({ port: 0, network, ...options });
  const { host, port } = broker.address as { host: string; port: number };
  const bystander = await connect(broker.url, { network, group: "bystander", reconnect: false });
  const received: string[] = [];
  const sent: string[] = [];
  const over = [
    (await bystander.subscribe("news")).consume((message) => void received.push(message.text())),
    (await bystander.subscribe("ask", { type: "sync" })).consume((message) => `re: ${message.text()}`),
  ];
  const exchange = async (): Promise<void> => {
    for (let i = 0; i < 5; i++) {
      sent.push(`news ${sent.length}`);
      await bystander.publish("news", sent.at(-1)!);
      expect((await bystander.request("ask", "what")).text()).toBe("re: what");
    }
    await until(() => received.length === sent.length);
    expect(received).toEqual(sent);
  };
  await exchange();
  await body({ network, url: broker.url, target: { host, port }, exchange });
  await exchange();
  expect(broker.state).toBe("open");
  const farewell = await bystander.goodbye();
  expect(farewell.outcome, formatFarewell(farewell)).toBe("clean");
  expect(farewell.connections).toMatchObject({ opened: 3, clean: 3 });
  expect((await Promise.all(over)).map(({ outcome }) => outcome)).toEqual(["clean", "clean"]);
  const end = await broker.goodbye();
  expect(end.outcome, formatFarewell(end)).toBe("clean");
}

/** A client of its own for those who go wrong. */
async function withClient(
  { url, network }: World,
  body: (connection: EventMeshConnection) => Promise<void>,
): Promise<void> {
  const connection = await connect(url, { network, group: "bad" });
  await body(connection);
  await connection.goodbye();
}

describe("I13 containment: at a broker", () => {
  it.each(["garbage", "garbage-later", "oversize", "partial-frame"] as const)(
    "%s on one connection ends that connection",
    (mode) =>
      withBystander({}, async ({ exchange, network, target }) => {
        const clients = [];
        for (let i = 0; i < 5; i++) {
          clients.push(await startBadClient({ network, target, mode, topic: "news" }));
          await exchange();
        }
        await Promise.all(clients.map(({ transport }) => transport.closed));
      }),
  );

  it.each(["throws", "rejects", "hangs"])(
    "an authenticate that %s refuses its client and no other",
    (way) =>
      withBystander({
        helloTimeout: 200,
        authenticate: ({ group }) => {
          if (group !== "bad") return true;
          if (way === "throws") throw new Error("a hook");
          return way === "rejects" ? Promise.reject(new Error("a hook")) : new Promise<boolean>(() => {});
        },
      }, async ({ exchange, network, url }) => {
        const client = await WireClient.connect(url, { network });
        const answer = client.hello({ group: "bad" }).then(({ code }) => code, () => "gone");
        await exchange();
        expect(await answer).toSatisfy((code: unknown) => code === "gone" || code !== 0);
        await client.destroy();
      }),
  );

  it("a body that nobody can read is refused, and its client goes on", () =>
    withBystander({}, async ({ exchange, network, url }) => {
      const client = await WireClient.publisher(url, { network });
      const answer = await client.request("ASYNC_MESSAGE_TO_SERVER", "{", {
        protocoltype: "eventmeshmessage",
      });
      expect(answer.code).not.toBe(0);
      await exchange();
      expect((await client.publish("elsewhere", "fine")).code).toBe(0);
      await client.goodbye();
    }));
});

describe("I13 containment: at a client", () => {
  const awaits = [0, 1, 2, 3];

  it.each(awaits)(
    "a handler that throws after %i awaits harms no other message and no other subscription",
    (count) =>
      withBystander({ ackTimeout: 60_000 }, (world) =>
        withClient(world, async (connection) => {
          const error = new Error("a handler");
          const handled: string[] = [];
          const bad = await connection.subscribe("work");
          const good = await connection.subscribe("work", { group: "good" });
          const seen: string[] = [];
          const over = [
            bad.consume(async (message) => {
              handled.push(message.text());
              for (let i = 0; i < count; i++) await turns(1);
              if (message.text() === "bad") throw error;
            }),
            good.consume((message) => void seen.push(message.text())),
          ];
          for (const text of ["one", "bad", "two"]) await connection.publish("work", text);
          await world.exchange();
          await until(() => seen.length === 3 && handled.length === 3);
          expect(handled).toEqual(["one", "bad", "two"]);
          expect([bad.state, good.state, connection.state]).toEqual(["open", "open", "open"]);
          const farewells = [await bad.goodbye(), await good.goodbye()];
          expect(farewells.map(({ errors }) => errors)).toEqual([[error], []]);
          expect(farewells.map(({ messages }) => [messages.acked, messages.returned])).toEqual([[2, 1], [
            3,
            0,
          ]]);
          await Promise.all(over);
        })),
  );

  it.each(["throws in its loop", "breaks its loop", "aborts"])(
    "a subscriber that %s ends its subscription only",
    (way) =>
      withBystander({}, (world) =>
        withClient(world, async (connection) => {
          const controller = new AbortController();
          const bad = await connection.subscribe("work", { signal: controller.signal });
          const good = await connection.subscribe("work", { group: "good" });
          const seen: string[] = [];
          const over = good.consume((message) => void seen.push(message.text()));
          const error = new Error("a body");
          const loop = (async () => {
            for await (const _ of bad) {
              if (way === "breaks its loop") break;
              if (way === "throws in its loop") throw error;
              controller.abort(error);
            }
          })().catch((thrown: unknown) => thrown);
          await connection.publish("work", "one");
          expect(await loop).toBe(way === "breaks its loop" ? undefined : error);
          await bad.closed;
          await world.exchange();
          await connection.publish("work", "two");
          await until(() => seen.length === 2);
          expect([good.state, connection.state]).toEqual(["open", "open"]);
          await good.goodbye();
          await over;
        })),
  );
});
