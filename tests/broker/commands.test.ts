import { describe, expect, it } from "vitest";
import { COMMANDS, encodeSubscription } from "../../lib/eventmesh/wire/mod.ts";
import { leakGate } from "../support/leak.ts";
import { until } from "../support/until.ts";
import { dataOf } from "../support/wire_client.ts";
import { SUCCESS, useBroker } from "./fixture.ts";

leakGate();

const mesh = useBroker();

const handled: readonly string[] = [
  "HELLO_REQUEST",
  "RECOMMEND_REQUEST",
  "HEARTBEAT_REQUEST",
  "SUBSCRIBE_REQUEST",
  "UNSUBSCRIBE_REQUEST",
  "LISTEN_REQUEST",
  "ASYNC_MESSAGE_TO_SERVER",
  "BROADCAST_MESSAGE_TO_SERVER",
  "REQUEST_TO_SERVER",
  "RESPONSE_TO_SERVER",
  "ASYNC_MESSAGE_TO_CLIENT_ACK",
  "BROADCAST_MESSAGE_TO_CLIENT_ACK",
  "REQUEST_TO_CLIENT_ACK",
  "RESPONSE_TO_CLIENT_ACK",
  "CLIENT_GOODBYE_REQUEST",
  "SERVER_GOODBYE_RESPONSE",
];

describe("a command", () => {
  it("that is a heartbeat is answered", async () => {
    await mesh.start();
    const client = await mesh.open();
    expect(await client.request("HEARTBEAT_REQUEST")).toMatchObject({
      command: "HEARTBEAT_RESPONSE",
      ...SUCCESS,
    });
  });

  it("that has no handler is refused by its own name", async () => {
    await mesh.start();
    const client = await mesh.open();
    for (const { name } of COMMANDS) {
      if (handled.includes(name)) continue;
      expect(await client.request(name)).toMatchObject({
        command: name,
        code: 1,
        description: "java.lang.NullPointerException",
      });
    }
    await client.settled();
  });

  it("that only a server sends is refused by its own name before hello, too", async () => {
    await mesh.start();
    const client = await mesh.connect();
    for (const { name } of COMMANDS) {
      if (handled.includes(name)) continue;
      expect(await client.request(name)).toMatchObject({
        command: name,
        code: 1,
        description: "java.lang.Exception: no session is found",
      });
    }
  });

  it("RECOMMEND is refused as without a registry, before and after hello", async () => {
    await mesh.start();
    const refusal = {
      command: "RECOMMEND_RESPONSE",
      code: 1,
      description: "java.lang.Exception: registry enable config is false, not support",
    };
    const client = await mesh.connect();
    expect(await client.request("RECOMMEND_REQUEST", "{}")).toMatchObject(refusal);
    await client.hello();
    expect(await client.request("RECOMMEND_REQUEST", "{}")).toMatchObject(refusal);
  });

  it("without a sequence number is answered without one", async () => {
    await mesh.start();
    const client = await mesh.open();
    client.send({ cmd: "HEARTBEAT_REQUEST" });
    expect((await client.expect("HEARTBEAT_RESPONSE")).seq).toBe(undefined);
  });
});

describe("subscribe and listen", () => {
  it("are answered, and LISTEN every time, though a message comes once", async () => {
    await mesh.start();
    const client = await mesh.open({ group: "g" });
    expect(await client.subscribe(["t"])).toMatchObject({ command: "SUBSCRIBE_RESPONSE", ...SUCCESS });
    for (let i = 0; i < 3; i++) {
      expect(await client.request("LISTEN_REQUEST")).toMatchObject({
        command: "LISTEN_RESPONSE",
        ...SUCCESS,
      });
    }
    await (await mesh.publisher()).publish("t", "once");
    expect((await client.settled()).map(dataOf)).toEqual(["once"]);
  });

  it("work in the other order, too", async () => {
    await mesh.start();
    const client = await mesh.open({ group: "g" });
    await client.request("LISTEN_REQUEST");
    await client.subscribe(["t"]);
    await (await mesh.publisher()).publish("t", "hello");
    expect((await client.settled()).map(dataOf)).toEqual(["hello"]);
  });

  it("take a number for the name of a topic", async () => {
    await mesh.start();
    const client = await mesh.open({ group: "g" });
    expect(await client.request("SUBSCRIBE_REQUEST", '{"topicList":[{"topic":42}]}')).toMatchObject(SUCCESS);
    await client.request("LISTEN_REQUEST");
    await (await mesh.publisher()).publish("42", "hello");
    expect((await client.settled()).map(dataOf)).toEqual(["hello"]);
  });

  it("are refused for a session whose purpose is pub", async () => {
    await mesh.start();
    const client = await mesh.publisher();
    const description = "java.lang.Exception: client purpose config is not sub";
    expect(await client.request("LISTEN_REQUEST")).toMatchObject({
      command: "LISTEN_RESPONSE",
      code: 1,
      description,
    });
    expect(await client.subscribe(["t"])).toMatchObject({
      command: "SUBSCRIBE_RESPONSE",
      code: 1,
      description,
    });
  });

  it.each([
    ["no body", undefined, "java.lang.NullPointerException: subscriptionInfo is missing"],
    [
      "a blank topic",
      encodeSubscription([{ topic: "a" }]).replace('"a"', '" "'),
      "java.lang.Exception: topic to subscribe to is blank",
    ],
    [
      "an unknown mode",
      '{"topicList":[{"topic":"a","mode":"clustering"}]}',
      /must be a mode by its exact name/,
    ],
    ["an unknown type", '{"topicList":[{"topic":"a","type":"sync"}]}', /must be a type by its exact name/],
    ["topics as plain texts", '{"topicList":["a"]}', /topicList\.0 must be an object/],
    ["one topic of several that is wrong", '{"topicList":[{"topic":"a"},{"topic":""}]}', /blank/],
    [
      "a topic without end",
      JSON.stringify({ topicList: [{ topic: "t".repeat(1_025) }] }),
      /longer than 1024/,
    ],
  ])("SUBSCRIBE with %s subscribes to nothing, and the connection stays", async (_, body, reason) => {
    await mesh.start();
    const client = await mesh.open();
    const answer = await client.request("SUBSCRIBE_REQUEST", body);
    expect(answer).toMatchObject({ command: "SUBSCRIBE_RESPONSE", code: 1 });
    expect(answer.description).toMatch(reason);
    expect(mesh.broker.inspect()).toMatchObject({ topics: [], sessions: [{ topics: [] }] });
    await client.settled();
  });

  it("SUBSCRIBE takes several topics, or none when there are too many", async () => {
    await mesh.start({ limits: { topics: 3 } });
    const client = await mesh.open();
    expect(await client.subscribe(["a", "b"])).toMatchObject(SUCCESS);
    expect(await client.subscribe(["c", "d"])).toMatchObject({
      code: 1,
      description: "java.lang.Exception: too many topics",
    });
    expect(await client.subscribe(["c", "a", "c"])).toMatchObject(SUCCESS);
    expect(mesh.broker.inspect().sessions[0]!.topics).toEqual(["a", "b", "c"]);
  });

  it("UNSUBSCRIBE drops all topics of the session, which then gets nothing and may subscribe again", async () => {
    await mesh.start();
    const [client, publisher] = [await mesh.subscriber("g", "a", "b"), await mesh.publisher()];
    expect(await client.request("UNSUBSCRIBE_REQUEST", encodeSubscription([{ topic: "a" }]))).toMatchObject({
      command: "UNSUBSCRIBE_RESPONSE",
      ...SUCCESS,
    });
    expect(await publisher.publish("b", "nobody")).toMatchObject(SUCCESS);
    await client.subscribe(["b"]);
    await publisher.publish("b", "again");
    expect((await client.settled()).map(dataOf)).toEqual(["again"]);
  });

  it("messages between SUBSCRIBE and LISTEN are not delivered", async () => {
    await mesh.start();
    const [client, publisher] = [await mesh.open({ group: "g" }), await mesh.publisher()];
    await client.subscribe(["t"]);
    await publisher.publish("t", "early");
    await client.request("LISTEN_REQUEST");
    await publisher.publish("t", "late");
    expect((await client.settled()).map(dataOf)).toEqual(["late"]);
  });
});

describe("a client's goodbye", () => {
  it("is answered; nothing is pushed any more, and what it has not acknowledged goes to another", async () => {
    await mesh.start();
    const [client, publisher] = [await mesh.subscriber("g", "t"), await mesh.publisher()];
    await publisher.publish("t", "one");
    await publisher.publish("t", "two");
    const one = await client.expect("ASYNC_MESSAGE_TO_CLIENT");
    expect(await client.request("CLIENT_GOODBYE_REQUEST")).toMatchObject({
      command: "CLIENT_GOODBYE_RESPONSE",
      ...SUCCESS,
    });
    await publisher.publish("t", "three");
    client.ack(one);
    expect((await client.settled()).map(dataOf)).toEqual(["two"]);
    const other = await mesh.subscriber("g", "t");
    expect((await other.settled()).length).toBe(0);
    await client.end();
    await until(() => mesh.broker.inspect().queued + mesh.broker.inspect().inFlight > 0);
    expect(dataOf(await other.expect("ASYNC_MESSAGE_TO_CLIENT"))).toBe("two");
    expect(mesh.broker.inspect().counters).toMatchObject({ acked: 1, returned: 1 });
  });

  it("is followed by the end of the connection when the client does not leave", async () => {
    await mesh.start({ goodbyeTimeout: 20 });
    const client = await mesh.subscriber("g", "t");
    await client.request("CLIENT_GOODBYE_REQUEST");
    await client.untilEnded();
    expect(client.inbox).toEqual([]);
  });
});

describe("bad bytes", () => {
  it.each([
    ["another protocol", "GET / HTTP/1.1\r\n\r\n"],
    [
      "a frame above the limit",
      new Uint8Array([...new TextEncoder().encode("EventMesh0000"), 0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 1]),
    ],
    [
      "a header that is not JSON",
      new Uint8Array([...new TextEncoder().encode("EventMesh0000"), 0, 0, 0, 15, 0, 0, 0, 2, 0x7b, 0x7b]),
    ],
    ["no header", new Uint8Array([...new TextEncoder().encode("EventMesh0000"), 0, 0, 0, 13, 0, 0, 0, 0])],
  ])("(%s) end their connection with a ProtocolError, and no other", async (_, bytes) => {
    await mesh.start();
    const [bad, good] = [await mesh.subscriber("g", "t"), await mesh.subscriber("g", "t")];
    bad.sendBytes(bytes);
    const goodbye = await bad.expect("SERVER_GOODBYE_REQUEST");
    expect(goodbye).toMatchObject({ code: 1, seq: undefined });
    await bad.end();
    await good.settled();
    await good.goodbye();
    const farewell = await mesh.broker.goodbye();
    expect(farewell.outcome).toBe("clean");
    expect(farewell.errors).toMatchObject([{ code: "ERR_PROTOCOL" }]);
  });

  it("are a command that does not exist, and a number without end", async () => {
    await mesh.start();
    const one = await mesh.open();
    const header = '{"cmd":"FLY_TO_THE_MOON","seq":"1"}';
    one.sendBytes(
      new Uint8Array([
        ...new TextEncoder().encode("EventMesh0000"),
        0,
        0,
        0,
        13 + header.length,
        0,
        0,
        0,
        header.length,
        ...new TextEncoder().encode(header),
      ]),
    );
    expect((await one.expect("SERVER_GOODBYE_REQUEST")).description).toBe(
      'Cannot carry out "FLY_TO_THE_MOON": it is no command',
    );
    const other = await mesh.open();
    other.send({ cmd: "HEARTBEAT_REQUEST", seq: "9".repeat(2_000) });
    expect((await other.expect("SERVER_GOODBYE_REQUEST")).description).toMatch(/seq has 2000 characters/);
  });
});
