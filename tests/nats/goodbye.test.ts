import { describe, expect, it } from "vitest";
import { ClosedError, PeerError } from "../../lib/errors.ts";
import { formatFarewell } from "../../lib/lifecycle/mod.ts";
import { leakGate } from "../support/leak.ts";
import { turns, until } from "../support/until.ts";
import { places, rejection, watch } from "./kit.ts";

const gate = leakGate();
const place = places(gate);
const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const zero = { sockets: 0, timers: 0, listeners: 0 };

describe.each(["pause", "drop-oldest"] as const)(
  "a goodbye with a subscription of overflow %s",
  (overflow) => {
    it("waits for running handlers, whose replies and publishes still get through", async () => {
      const there = await place();
      const connection = await there.connect();
      const other = await there.connect();
      const results: string[] = [];
      void (await other.subscribe("results")).consume((message) => void results.push(message.text()));
      const subscription = await connection.subscribe("questions", { overflow });
      let running = 0;
      void subscription.consume(async (message, { draining }) => {
        running++;
        await until(() => draining.aborted);
        await connection.publish("results", message.text());
        return `reply to ${message.text()}`;
      }, { concurrency: 20 });
      const replies = range(20).map((i) => other.request("questions", `${i}`));
      await until(() => running === 20);
      const farewell = await connection.goodbye();
      expect(farewell.outcome, formatFarewell(farewell)).toBe("clean");
      expect((await Promise.all(replies)).map((reply) => reply.text())).toEqual(
        range(20).map((i) => `reply to ${i}`),
      );
      await until(() => results.length === 20);
      expect(farewell.messages).toMatchObject({ received: 20, acked: 20, published: 20, confirmed: 20 });
    });

    it("unsubscribes before it stops to take messages: none that the server has sent is lost", async () => {
      const there = await place();
      const connection = await there.connect();
      const publisher = await there.connect();
      const subscription = await connection.subscribe("orders", { overflow, queue: "workers" });
      const texts: string[] = [];
      void subscription.consume((message) => void texts.push(message.text()));
      const published = Promise.all(range(200).map((i) => publisher.publish("orders", `${i}`)));
      const ending = subscription.goodbye();
      await published;
      const { messages } = await ending;
      expect(messages.dropped).toBe(0);
      expect(messages.acked).toBe(messages.received);
      expect(texts).toEqual(range(texts.length).map(String));
    });

    it("returns in time when the server has frozen", async () => {
      const { network, ...there } = await place();
      const connection = await there.connect();
      await connection.subscribe("orders", { overflow });
      for (const transport of network.accepted) transport.pause();
      const pending = rejection(connection.publish("orders", "x"));
      const farewell = await connection.goodbye({ grace: 300, reason: "no time" });
      expect(farewell.outcome).not.toBe("clean");
      expect(farewell.duration).toBeLessThan(6_300);
      expect(farewell.residue).toEqual(zero);
      expect(await pending).toBeInstanceOf(ClosedError);
    });

    it("returns at once when the server is gone", async () => {
      const { network, server, ...there } = await place();
      const connection = await there.connect();
      await connection.subscribe("orders", { overflow });
      const events = watch(connection);
      await server.listener.close();
      for (const transport of network.dialled) transport.reset();
      await until(() => events.some(({ type }) => type === "retry"));
      const farewell = await connection.goodbye();
      expect(farewell.outcome).toBe("failed");
      expect(farewell.duration).toBeLessThan(3_000);
      expect(farewell.residue).toEqual(zero);
    });
  },
);

describe("a subscription", () => {
  it("is refused with a PeerError, and leaves nothing", async () => {
    const { network, server, ...there } = await place();
    const connection = await there.connect();
    server.deniedSubscribes.add("secrets");
    for (const options of [{}, { queue: "q" }, { overflow: "fail" as const }]) {
      const error = await rejection(connection.subscribe(["orders", "secrets"], options)) as PeerError;
      expect(error).toBeInstanceOf(PeerError);
      expect(error.message).toContain("secrets");
    }
    await until(() => network.dialled.size === 1);
    await connection.publish("orders", "still works");
  });

  it("that is refused after a reconnect ends, and nothing else does", async () => {
    const { network, server, ...there } = await place();
    const connection = await there.connect();
    const secrets = await connection.subscribe("secrets", { overflow: "drop-oldest" });
    const orders = await connection.subscribe("orders", { overflow: "drop-oldest" });
    server.deniedSubscribes.add("secrets");
    for (const transport of network.dialled) transport.reset();
    const farewell = await secrets.closed;
    expect(farewell).toMatchObject({ cause: "refused", outcome: "failed" });
    expect(farewell.reason).toBeInstanceOf(PeerError);
    expect([orders.state, connection.state]).toEqual(["open", "open"]);
  });

  it("shares the messages of a queue group", async () => {
    const there = await place();
    const connection = await there.connect();
    const counts = [0, 0, 0];
    for (const i of range(3)) {
      const subscription = await connection.subscribe("orders.*", { queue: "workers" });
      void subscription.consume(() => void counts[i]!++);
    }
    await Promise.all(range(30).map((i) => connection.publish(`orders.${i}`, "x")));
    await until(() => counts[0]! + counts[1]! + counts[2]! === 30);
    expect(counts).toEqual([10, 10, 10]);
  });

  it("that waits for its consumer holds up neither publishes nor another subscription", async () => {
    const there = await place();
    const connection = await there.connect();
    const slow = await connection.subscribe("slow", { capacity: 2 });
    const quick = await connection.subscribe("quick");
    const texts: string[] = [];
    void quick.consume((message) => void texts.push(message.text()));
    let done = 0;
    void slow.consume(async () => {
      await connection.publish("quick", "from a handler");
      done++;
    });
    await Promise.all(range(100).map((i) => connection.publish("slow", `${i}`)));
    await until(() => done === 100 && texts.length === 100);
  });

  it("sends heartbeats while it is paused", async () => {
    const { server, ...there } = await place();
    const connection = await there.connect({ heartbeat: 20 });
    const subscription = await connection.subscribe("orders", { capacity: 1 });
    const iterator = subscription[Symbol.asyncIterator]();
    await connection.publish("orders", "1");
    await connection.publish("orders", "2");
    const pings = (): number => server.sessions[1]!.commands.filter((line) => line === "PING").length;
    const before = pings();
    await until(() => pings() > before + 5, { what: "heartbeats of the paused connection" });
    expect((await iterator.next()).value!.text()).toBe("1");
    expect((await iterator.next()).value!.text()).toBe("2");
    expect(subscription.state).toBe("open");
  });
});

describe("a connection", () => {
  it("tells that its server is about to go", async () => {
    const { network, server, ...there } = await place();
    const connection = await there.connect();
    const events = watch(connection);
    expect(connection.leaving).toBe(false);
    server.lameDuck();
    await until(() => connection.leaving);
    expect(events.filter(({ type }) => type === "leaving").length).toBe(1);
    await connection.publish("orders", "still works");
    for (const transport of network.dialled) transport.reset();
    await until(() => connection.epoch === 2);
    expect(connection.leaving).toBe(false);
  });

  it("gives a server up that does not answer heartbeats", async () => {
    const { network, ...there } = await place();
    const connection = await there.connect({ heartbeat: 20, missedHeartbeats: 2 });
    const events = watch(connection);
    for (const transport of network.accepted) transport.pause();
    await until(() => events.some(({ type }) => type === "lost"));
    await until(() => connection.epoch === 2);
  });

  it("ends when its credentials are refused after a loss", async () => {
    const { network, server, ...there } = await place();
    const connection = await there.connect({ user: "me", pass: "sesame" });
    server.admits = () => false;
    for (const transport of network.dialled) transport.reset();
    const farewell = await connection.closed;
    expect(farewell).toMatchObject({ cause: "refused", outcome: "failed", residue: zero });
    expect(farewell.reason).toBeInstanceOf(PeerError);
  });

  it("goes on with other credentials when those of before have expired", async () => {
    const { network, server, ...there } = await place();
    let password = "old";
    const connection = await there.connect({ authenticator: () => ({ user: "me", pass: password }) });
    server.admits = ({ pass }) => pass === "new";
    password = "new";
    for (const transport of network.dialled) transport.reset();
    await until(() => connection.epoch === 2);
    expect(connection.state).toBe("open");
  });

  it("is lost when the server sends what is not of its protocol, and comes back", async () => {
    const { server, ...there } = await place();
    const connection = await there.connect();
    const events = watch(connection);
    server.sessions[0]!.send("MSG nonsense\r\nand more of it\r\n");
    await until(() => connection.epoch === 2);
    const lost = events.find(({ type }) => type === "lost") as { error: Error } | undefined;
    expect(lost?.error.message).toContain("not of its protocol");
  });

  it("holds nothing when it is over, wherever its time runs out", async () => {
    const there = await place();
    for (let count = 0; count < 60; count++) {
      const connection = await there.connect();
      const ending = connection.goodbye();
      await turns(Math.floor(count / 6));
      for (let i = 0; i < (count % 6) * 4; i++) await undefined;
      await connection.goodbye({ grace: 0 });
      expect((await ending).residue).toEqual(zero);
    }
  });

  it("has one end for all who ask for it", async () => {
    const there = await place();
    const connection = await there.connect();
    const [first, second] = await Promise.all([connection.goodbye(), connection.goodbye()]);
    expect(second).toBe(first);
    expect(await connection.goodbye()).toBe(first);
  });
});
