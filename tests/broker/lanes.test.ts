import { describe, expect, it } from "vitest";
import { bodyOf, Model } from "./model.ts";

const texts = (count: number, from = 1): string[] => Array.from({ length: count }, (_, i) => `m${from + i}`);

function publishAll(model: Model, topic: string, list: readonly string[]): void {
  for (const text of list) expect(model.publish(topic, text)).toBe(undefined);
}

describe("a group", () => {
  it("gets a copy of its own for every message", () => {
    const model = new Model();
    const one = model.listener("one", "t");
    const other = model.listener("other", "t");
    publishAll(model, "t", texts(3));
    expect([one.texts, other.texts]).toEqual([texts(3), texts(3)]);
  });

  it("shares its messages evenly among members that are equally busy", () => {
    const model = new Model();
    const members = [1, 2, 3].map(() => model.listener("g", "t"));
    publishAll(model, "t", texts(9));
    expect(members.map(({ texts }) => texts)).toEqual([["m1", "m4", "m7"], ["m2", "m5", "m8"], [
      "m3",
      "m6",
      "m9",
    ]]);
  });

  it("gives a message to the member with the least outstanding", () => {
    const model = new Model();
    const [slow, fast] = [model.listener("g", "t"), model.listener("g", "t")];
    publishAll(model, "t", texts(4));
    fast.ackAll();
    publishAll(model, "t", ["m5", "m6"]);
    expect(fast.texts).toEqual(["m2", "m4", "m5", "m6"]);
    expect(slow.texts).toEqual(["m1", "m3"]);
  });

  it("pushes no member more than it may have outstanding, and goes on when it acknowledges", () => {
    const model = new Model({ unackedPerSession: 2 });
    const member = model.listener("g", "t");
    publishAll(model, "t", texts(5));
    expect(member.texts).toEqual(["m1", "m2"]);
    member.ack();
    expect(member.texts).toEqual(["m1", "m2", "m3"]);
    member.ackAll();
    expect(member.texts).toEqual(texts(5));
    expect(model.held).toBe(0);
  });

  it("does not wait for a member that takes nothing", () => {
    const model = new Model();
    const [stuck, lively] = [model.listener("g", "t"), model.listener("g", "t")];
    stuck.block();
    publishAll(model, "t", texts(4));
    expect([stuck.texts, lively.texts]).toEqual([[], texts(4)]);
  });

  it("lets a session that takes several topics have them in turns", () => {
    const model = new Model({ unackedPerSession: 16 });
    const session = model.session("g");
    session.subscribe("a");
    session.subscribe("b");
    session.listen().block();
    publishAll(model, "a", texts(100));
    publishAll(model, "b", texts(100));
    session.unblock();
    for (let i = 0; i < 64; i++) session.ack();
    const count = (topic: string): number => session.pushes.filter((push) => push.topic === topic).length;
    expect(Math.abs(count("a") - count("b"))).toBeLessThanOrEqual(16);
  });

  it("refuses the publisher when it is full, and takes more when something is acknowledged", () => {
    const model = new Model({ queue: 3, unackedPerSession: 1 });
    const member = model.listener("g", "t");
    const bystander = model.listener("other", "t");
    publishAll(model, "t", texts(3));
    expect(model.publish("t", "m4")).toBe("java.lang.Exception: SEND_TOO_FAST");
    bystander.ackAll();
    expect(model.publish("t", "m4")).toBe("java.lang.Exception: SEND_TOO_FAST");
    expect(bystander.texts).toEqual(texts(3));
    member.ack();
    expect(model.publish("t", "m4")).toBe(undefined);
  });

  it("gets nothing from before it listens", () => {
    const model = new Model();
    const session = model.session("g");
    session.subscribe("t");
    expect(model.publish("t", "m1")).toBe(undefined);
    session.listen();
    expect(model.publish("t", "m2")).toBe(undefined);
    expect(session.texts).toEqual(["m2"]);
  });
});

describe("a push that is not acknowledged", () => {
  it("goes to another member after its time, and tells how often it was pushed", () => {
    const model = new Model({ ackTimeout: 1_000 });
    const one = model.listener("g", "t");
    publishAll(model, "t", ["m1"]);
    const other = model.listener("g", "t");
    model.timers.advance(999);
    expect(other.texts).toEqual([]);
    model.timers.advance(1);
    expect(other.pushes).toMatchObject([{ text: "m1", deliveries: 2 }]);
    one.ack();
    expect(model.core.ledger.acked).toBe(0);
    other.ack();
    expect(model.held).toBe(0);
  });

  it("goes to another member even if that is busier, and its own session is lively", () => {
    const model = new Model({ ackTimeout: 1_000 });
    const lively = model.listener("g", "t");
    publishAll(model, "t", ["m1", "m2"]);
    const busy = model.listener("g", "t");
    model.timers.advance(500);
    publishAll(model, "t", texts(4, 3));
    while (lively.open.length > 1) lively.ack(1);
    expect(busy.open.length).toBeGreaterThan(1);
    model.timers.advance(500);
    expect(busy.pushes.at(-1)).toMatchObject({ text: "m1", deliveries: 2 });
  });

  it("goes to the same session again when it is alone, until it was pushed too often", () => {
    const model = new Model({ ackTimeout: 1_000, maxDeliveries: 3 });
    const member = model.listener("g", "t");
    publishAll(model, "t", ["m1"]);
    model.timers.advance(10_000);
    expect(member.pushes.map(({ deliveries }) => deliveries)).toEqual([1, 2, 3]);
    expect(model.core.ledger.drops.deliveries).toBe(1);
    expect(model.losses).toEqual(["deliveries"]);
  });

  it("costs no message that only waited behind it", () => {
    const model = new Model({ ackTimeout: 1_000, maxDeliveries: 2 });
    for (let crash = 0; crash < 5; crash++) {
      const member = model.listener("g", "t");
      if (crash === 0) publishAll(model, "t", texts(4));
      if (crash === 4) expect(member.texts).toEqual(["m3", "m4"]);
      else member.close(true);
    }
    expect(model.core.ledger.drops.deliveries).toBe(2);
    model.timers.advance(4_000);
    expect(model.core.ledger.drops.deliveries).toBe(4);
  });

  it("counts for a message whose turn has come, whatever is before it", () => {
    const model = new Model({ ackTimeout: 1_000, maxDeliveries: 1 });
    const member = model.listener("g", "t");
    publishAll(model, "t", texts(4));
    member.ack(1);
    model.timers.advance(1_000);
    expect(member.pushes.filter(({ deliveries }) => deliveries > 1).map(({ text }) => text)).toEqual(["m4"]);
    expect(model.core.ledger.drops.deliveries).toBe(2);
  });

  it("does not overtake a slow session that works through what it has", () => {
    const model = new Model({ ackTimeout: 1_000 });
    const member = model.listener("g", "t");
    publishAll(model, "t", texts(20));
    for (let i = 0; i < 20; i++) {
      model.timers.advance(900);
      member.ack();
    }
    expect(model.core.ledger).toMatchObject({ acked: 20, returned: 0 });
  });

  it("is found behind others that are acknowledged", () => {
    const model = new Model({ ackTimeout: 1_000 });
    const member = model.listener("g", "t");
    publishAll(model, "t", ["m1", "m2"]);
    for (let i = 0; i < 5; i++) {
      model.timers.advance(300);
      publishAll(model, "t", [`later${i}`]);
      member.ack(1);
    }
    expect(member.pushes.filter(({ text }) => text === "m1").map(({ deliveries }) => deliveries)).toEqual([
      1,
      2,
    ]);
  });

  it("makes its session the last choice until that acknowledges something, or for as long again", () => {
    const model = new Model({ ackTimeout: 1_000 });
    const hung = model.listener("g", "t");
    publishAll(model, "t", ["m1"]);
    const lively = model.listener("g", "t");
    model.timers.advance(1_000);
    publishAll(model, "t", texts(4, 2));
    lively.ackAll();
    expect(hung.texts).toEqual(["m1"]);
    expect(lively.texts).toEqual(texts(5));
    hung.ack();
    publishAll(model, "t", ["m6", "m7"]);
    expect(hung.texts).toHaveLength(2);
  });

  it("returns everything of a session that hangs after one timeout", () => {
    const model = new Model({ ackTimeout: 1_000 });
    const hung = model.listener("g", "t");
    publishAll(model, "t", texts(50));
    const other = model.listener("g", "t");
    model.timers.advance(1_000);
    expect(other.texts).toEqual(texts(50));
    expect(hung.subscriber.consumer.unacked.length).toBe(0);
  });
});

describe("a session that ends", () => {
  it("gives what it has not acknowledged back to the head of the queue, in order", () => {
    const model = new Model({ unackedPerSession: 3 });
    const one = model.listener("g", "t");
    publishAll(model, "t", texts(6));
    one.ack(1);
    expect(one.texts).toEqual(["m1", "m2", "m3", "m4"]);
    one.close(true);
    const other = model.listener("g", "t");
    other.ackAll();
    expect(other.pushes.map(({ text, deliveries }) => [text, deliveries])).toEqual([
      ["m1", 2],
      ["m3", 2],
      ["m4", 2],
      ["m5", 1],
      ["m6", 1],
    ]);
  });

  it("loses what was only for itself", () => {
    const model = new Model({ unackedPerSession: 2 });
    const one = model.listener("g", "t", "BROADCASTING");
    publishAll(model, "t", texts(5));
    one.close(true);
    expect(model.core.ledger).toMatchObject({ received: 5, returned: 0, dropped: 5 });
    expect(model.core.topics.size).toBe(0);
  });
});

describe("a group that is away", () => {
  it("keeps what it held for a member that comes back", () => {
    const model = new Model({ groupExpiry: 5_000 });
    model.listener("g", "t").close(false);
    const member = model.listener("g", "t");
    publishAll(model, "t", ["m1", "m2"]);
    member.close(false);
    expect(model.publish("t", "m3")).toBe(undefined);
    model.timers.advance(4_999);
    expect(model.listener("g", "t").texts).toEqual(["m1", "m2"]);
  });

  it("gets new messages meanwhile when its last member was lost, and never refuses a publisher", () => {
    const model = new Model({ groupExpiry: 5_000, queue: 3 });
    const member = model.listener("g", "t");
    publishAll(model, "t", ["m1"]);
    member.close(true);
    publishAll(model, "t", texts(4, 2));
    expect(model.listener("g", "t").texts).toEqual(["m1", "m2", "m3"]);
    expect(model.core.ledger.drops.overflow).toBe(2);
  });

  it("loses it all when it stays away, and is forgotten", () => {
    const model = new Model({ groupExpiry: 5_000 });
    const member = model.listener("g", "t");
    publishAll(model, "t", ["m1", "m2"]);
    member.close(true);
    expect(model.core.groups.size).toBe(1);
    model.timers.advance(5_000);
    expect(model.core.ledger.drops.absence).toBe(2);
    expect([model.core.groups.size, model.core.topics.size, model.timers.size, model.core.memory.used])
      .toEqual([0, 0, 0, 0]);
  });

  it("is forgotten at once when it said goodbye and nothing is held for it", () => {
    const model = new Model();
    const member = model.listener("g", "t");
    publishAll(model, "t", ["m1"]);
    member.ackAll();
    member.close(false);
    expect([model.core.groups.size, model.core.topics.size, model.timers.size]).toEqual([0, 0, 0]);
  });
});

describe("broadcasting", () => {
  it("gives every session each message, at its own pace", () => {
    const model = new Model({ unackedPerSession: 1 });
    const [slow, fast] = [model.listener("g", "t", "BROADCASTING"), model.listener("g", "t", "BROADCASTING")];
    publishAll(model, "t", texts(4));
    fast.ackAll();
    expect([slow.texts, fast.texts]).toEqual([["m1"], texts(4)]);
    expect(fast.pushes[0]!.command).toBe("BROADCAST_MESSAGE_TO_CLIENT");
  });

  it("drops the oldest for a session that is too slow, and tells", () => {
    const model = new Model({ unackedPerSession: 1, queue: 2 });
    const slow = model.listener("g", "t", "BROADCASTING");
    publishAll(model, "t", texts(6));
    slow.ackAll();
    expect(slow.texts).toEqual(["m1", "m5", "m6"]);
    expect(model.losses).toEqual(["overflow", "overflow", "overflow"]);
  });

  it("lives beside clustering sessions of the same group and topic", () => {
    const model = new Model();
    const all = model.listener("g", "t", "BROADCASTING");
    const some = [model.listener("g", "t"), model.listener("g", "t")];
    publishAll(model, "t", texts(4));
    expect(all.texts).toEqual(texts(4));
    expect(some.flatMap(({ texts }) => texts).sort()).toEqual(texts(4));
  });
});

describe("retained messages", () => {
  it("go to the first member of a group and to every broadcasting session that comes later", () => {
    const model = new Model({ retain: 2 });
    publishAll(model, "t", texts(3));
    expect(model.listener("g", "t").texts).toEqual(["m2", "m3"]);
    expect(model.listener("g", "t").texts).toEqual([]);
    expect(model.listener("g", "t", "BROADCASTING").texts).toEqual(["m2", "m3"]);
  });

  it("make room for what is new", () => {
    const model = new Model({ retain: 1, topics: 2 });
    for (const topic of ["a", "b", "c"]) expect(model.publish(topic, topic)).toBe(undefined);
    expect([...model.core.topics].map(({ name }) => name)).toEqual(["b", "c"]);
    const session = model.session("g");
    expect(session.subscribe("d")).toBe(undefined);
    expect(session.subscribe("e")).toBe(undefined);
    expect(session.subscribe("f")).toBe("java.lang.Exception: too many topics");
    expect(model.publish("g", "nobody has room for it")).toBe("Tps overload, global flow control");
  });
});

describe("memory", () => {
  it("counts a chunk once for all messages in it, until the last of them is gone", () => {
    const model = new Model();
    const member = model.listener("g", "t");
    const [one, other] = [bodyOf("t", "one"), bodyOf("t", "other")];
    const chunk = new Uint8Array(one.length + other.length);
    chunk.set(one);
    chunk.set(other, one.length);
    for (const body of [chunk.subarray(0, one.length), chunk.subarray(one.length)]) {
      expect(model.core.publish("t", "eventmeshmessage", { body })).toBe(undefined);
    }
    const { memory } = model.core;
    expect(memory.used).toBe(chunk.length + 2 * (256 + 128));
    member.ack();
    expect(memory.used).toBe(chunk.length + 256 + 128);
    member.ack();
    expect(memory.used).toBe(0);
  });

  it("does not keep a large chunk for a small message that waits", () => {
    const model = new Model();
    const member = model.listener("g", "t");
    member.block();
    const chunk = new Uint8Array(100_000);
    const body = bodyOf("t", "small");
    chunk.set(body);
    expect(model.core.publish("t", "eventmeshmessage", { body: chunk.subarray(0, body.length) })).toBe(
      undefined,
    );
    // A block of its own.
    expect(body.length).toBe(57);
    expect(model.core.memory.used).toBe(64 + 256 + 128);
    chunk.fill(0);
    member.unblock();
    expect(member.texts).toEqual(["small"]);
  });

  it("refuses the publisher when it is used up", () => {
    const model = new Model({ memory: 1_000 });
    const member = model.listener("g", "t");
    expect(model.publish("t", "x".repeat(100))).toBe(undefined);
    expect(model.publish("t", "x".repeat(800))).toBe("Tps overload, global flow control");
    expect(model.publish("nobody", "x".repeat(800))).toBe(undefined);
    member.ack();
    expect(model.core.memory.used).toBe(0);
  });

  it("gives up retained messages before it refuses a publisher", () => {
    const model = new Model({ memory: 1_200, retain: 1 });
    for (const topic of ["a", "b", "c"]) expect(model.publish(topic, "x".repeat(300))).toBe(undefined);
    expect([...model.core.topics].map(({ name }) => name)).toEqual(["c"]);
  });
});
