import { describe, expect, it } from "vitest";
import { leakGate } from "../support/leak.ts";
import { until } from "../support/until.ts";
import { dataOf } from "../support/wire_client.ts";
import { SUCCESS, useBroker } from "./fixture.ts";

leakGate();

const mesh = useBroker();
const megabyte = "x".repeat(1_000_000);

describe("a broker under pressure", () => {
  it("keeps its bounds when a subscriber does not read, and goes on when it does", async () => {
    await mesh.start();
    const [stuck, lively, publisher] = [
      await mesh.subscriber("stuck", { topic: "t", mode: "BROADCASTING" }),
      await mesh.subscriber("lively", "t"),
      await mesh.publisher(),
    ];
    stuck.transport.pause();
    for (let i = 0; i < 20; i++) {
      expect(await publisher.publish("t", megabyte)).toMatchObject(SUCCESS);
      lively.ack(await lively.expect("ASYNC_MESSAGE_TO_CLIENT"));
    }
    const { unacked } = mesh.broker.inspect().sessions[0]!;
    expect(unacked).toBeLessThanOrEqual(3);
    stuck.transport.resume();
    for (let i = 0; i < 20; i++) stuck.ack(await stuck.expect("BROADCAST_MESSAGE_TO_CLIENT"));
    await stuck.settled();
    expect(mesh.broker.inspect()).toMatchObject({
      queued: 0,
      inFlight: 0,
      memory: 0,
      counters: { redelivered: 0, dropped: 0 },
    });
  });

  it("gives a group's messages to the member that reads", async () => {
    await mesh.start();
    const [stuck, lively, publisher] = [
      await mesh.subscriber("g", "t"),
      await mesh.subscriber("g", "t"),
      await mesh.publisher(),
    ];
    stuck.transport.pause();
    const texts = new Set<string>();
    for (let i = 0; i < 12; i++) await publisher.publish("t", `${i} ${megabyte}`);
    for (let i = 0; i < 9; i++) {
      const push = await lively.expect("ASYNC_MESSAGE_TO_CLIENT");
      texts.add(dataOf(push));
      lively.ack(push);
    }
    stuck.transport.resume();
    for (const push of await stuck.settled()) texts.add(dataOf(push));
    for (const push of await lively.settled()) texts.add(dataOf(push));
    expect(texts.size).toBe(12);
  });

  it("stops reading a client that asks and never takes its answers, and ends it when that does not change", async () => {
    await mesh.start({ sessionExpiry: 1_500 });
    const [deaf, good] = [await mesh.open(), await mesh.open()];
    deaf.transport.pause();
    const frame = { cmd: "HEARTBEAT_REQUEST", seq: "s".repeat(1_000) } as const;
    await until(async () => {
      await good.settled();
      for (let i = 0; i < 500; i++) deaf.send(frame);
      return deaf.transport.buffered > 3_000_000;
    });
    expect(mesh.broker.inspect().sessions.length).toBe(2);
    await until(async () => {
      await good.settled();
      return mesh.broker.inspect().sessions.length === 1;
    });
  });

  it("ends a client that has not said hello and leaves 64 KiB of answers", async () => {
    await mesh.start();
    const [deaf, good] = [await mesh.connect(), await mesh.open()];
    deaf.transport.pause();
    const frame = { cmd: "HEARTBEAT_REQUEST", seq: "s".repeat(1_000) } as const;
    // Less than what a transport takes before it asks to wait.
    for (let i = 0; i < 800 && !deaf.closed; i++) {
      deaf.send(frame);
      if (i % 10 === 0) await good.settled();
    }
    deaf.transport.resume();
    await deaf.untilEnded();
    const { children } = await mesh.broker.goodbye({ grace: 0 });
    expect(children.map(({ reason }) => reason)).toContainEqual(
      expect.objectContaining({ code: "ERR_OVERFLOW", capacity: 65_536 }),
    );
  });

  it("resets connections above its limit of sessions", async () => {
    await mesh.start({ limits: { sessions: 2 } });
    const [one] = [await mesh.open(), await mesh.open()];
    const third = await mesh.connect();
    await third.untilEnded();
    await one.goodbye();
    await until(() => mesh.broker.inspect().sessions.length === 1);
    await mesh.open();
  });

  it("has events for what it drops: one at once, then a sum", async () => {
    await mesh.start({ ackTimeout: 20, maxDeliveries: 1 });
    const events = mesh.broker.events();
    const [client, publisher] = [await mesh.subscriber("g", "t"), await mesh.publisher()];
    for (let i = 0; i < 5; i++) await publisher.publish("t", "hello");
    await until(() => mesh.broker.inspect().counters.drops.deliveries === 5);
    await client.goodbye();
    await publisher.goodbye();
    await mesh.broker.goodbye();
    const seen: unknown[] = [];
    for await (const event of events) {
      if (event.type === "overflow") seen.push([event.level, event.dropped, event.policy]);
    }
    expect(seen).toEqual([["warn", 1, "max-deliveries"], ["warn", 4, "max-deliveries"]]);
  });
});
