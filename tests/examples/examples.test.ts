import diagnostics from "node:diagnostics_channel";
import { describe, expect, it } from "vitest";
import { connect, formatFarewell } from "gracewire";
import { startBroker } from "gracewire/broker";
import { connection, publishOrder } from "./shared_connection.ts";
import { main as anyServer } from "./any_server.ts";
import { type Service, startGroup } from "./group_shutdown.ts";

describe("examples", () => {
  it("any_server publishes, asks back for each message, and ends", async () => {
    const broker = await startBroker({ port: 0 });
    try {
      const bills = await anyServer(broker.url, new AbortController().signal);
      expect(bills).toEqual(["bread costs 50", "tea costs 30"]);
      expect(await broker.goodbye()).toMatchObject({
        outcome: "clean",
        messages: { published: 4, returned: 0 },
      });
    } finally {
      await broker.goodbye();
    }
  });

  it("shared_connection opens one connection for many callers, and another after it has ended", async () => {
    const broker = await startBroker({ port: 0 });
    try {
      const { signal } = new AbortController();
      await Promise.all([1, 2, 3].map((id) => publishOrder(broker.url, id, signal)));
      const first = await connection(broker.url);
      expect(await connection(broker.url)).toBe(first);
      await first.goodbye();
      const second = await connection(broker.url);
      expect(second).not.toBe(first);
      await second.goodbye();
    } finally {
      await broker.goodbye();
    }
  });

  it("group_shutdown takes a snapshot, then ends the services, then the driver", async () => {
    const order: string[] = [];
    const service = (name: string): Service => ({
      handle: () => {},
      snapshot: () => Promise.resolve(void order.push(`snapshot of ${name}`)),
    });
    const { group, url } = await startGroup({ orders: service("orders"), payments: service("payments") });
    await using client = await connect(url);
    for (const topic of ["orders", "payments", "orders"]) await client.publish(topic, "1");
    await client.goodbye();
    const farewell = await noting(order, () => group.goodbye());
    expect(farewell.outcome, formatFarewell(farewell)).toBe("clean");
    expect(order).toEqual([
      "snapshot of orders",
      "snapshot of payments",
      'subscription to "payments" clean',
      "eventmesh connection clean",
      'subscription to "orders" clean',
      "eventmesh connection clean",
      "services clean",
      "driver clean",
      "group clean",
    ]);
    expect(farewell).toMatchObject({ hooks: [{ name: "snapshot", ended: "ok" }], childCount: 2 });
  });

  it("group_shutdown ends all in time, whoever hangs, and tells who in one tree of Farewells", async () => {
    const order: string[] = [];
    const hang = (): Promise<never> => new Promise(() => {});
    const good: Service = { handle: () => {}, snapshot: () => Promise.resolve() };
    const { group, url } = await startGroup({ orders: { handle: hang, snapshot: hang }, payments: good }, {
      grace: 2_700,
    });
    await using client = await connect(url);
    await client.publish("orders", "1");
    await client.goodbye();
    const farewell = await noting(order, () => group.goodbye());
    expect(order.slice(-3), formatFarewell(farewell)).toEqual([
      "services forced",
      "driver clean",
      "group failed",
    ]);
    expect(farewell.hooks).toMatchObject([{ name: "snapshot", ended: "timeout" }]);
    const tree = farewell.children.map(({ name, children }) => [name, children.map((child) => child.name)]);
    expect(tree).toEqual([["services", ['subscription to "orders"']]]);
  });
});

/** Notes the Farewell of every endpoint while `act` runs. */
async function noting<T>(order: string[], act: () => Promise<T>): Promise<T> {
  const note = (message: unknown): void => {
    const { endpoint, farewell } = message as { endpoint: string; farewell: { outcome: string } };
    // The driver's connections are the other ends of those of the services.
    if (!endpoint.startsWith("connection")) order.push(`${endpoint} ${farewell.outcome}`);
  };
  diagnostics.subscribe("gracewire:farewell", note);
  try {
    return await act();
  } finally {
    diagnostics.unsubscribe("gracewire:farewell", note);
  }
}
