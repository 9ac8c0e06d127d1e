import { describe, expect, it } from "vitest";
import type { EventMeshHeader } from "../../../lib/eventmesh/mod.ts";
import { balanced, clientGate, pair, partClean, take, watch } from "./kit.ts";

clientGate();

describe("subscribe", () => {
  it("uses a connection of its own: hello, subscribe, listen, each after the answer to the one before", async () => {
    const { server, connection } = await pair({ group: "billing" });
    for (const command of ["HELLO_REQUEST", "SUBSCRIBE_REQUEST", "LISTEN_REQUEST"] as const) {
      server.hold(command);
    }
    const subscribing = connection.subscribe(["orders", "returns", "orders"]);
    await server.saw("HELLO_REQUEST", 2);
    const session = server.sessions[1]!;
    expect(session.commands).toEqual(["HELLO_REQUEST"]);
    server.release("HELLO_REQUEST");
    await session.saw("SUBSCRIBE_REQUEST");
    expect(session.commands).toEqual(["HELLO_REQUEST", "SUBSCRIBE_REQUEST"]);
    server.release("SUBSCRIBE_REQUEST");
    await session.saw("LISTEN_REQUEST");
    server.release("LISTEN_REQUEST");
    const subscription = await subscribing;
    expect(session.commands).toEqual(["HELLO_REQUEST", "SUBSCRIBE_REQUEST", "LISTEN_REQUEST"]);
    expect(session.agent).toMatchObject({ purpose: "sub", group: "billing" });
    expect(session.items).toEqual([
      { topic: "orders", mode: "CLUSTERING", type: "ASYNC" },
      { topic: "returns", mode: "CLUSTERING", type: "ASYNC" },
    ]);
    expect(subscription.topics).toEqual(["orders", "returns"]);
    await partClean(connection);
  });

  it("asks for the mode, the type and the group of the options", async () => {
    const { server, connection } = await pair();
    await connection.subscribe("orders", { mode: "broadcasting", type: "sync", group: "other" });
    expect(server.last("sub").items).toEqual([{ topic: "orders", mode: "BROADCASTING", type: "SYNC" }]);
    expect(server.last("sub").agent!.group).toBe("other");
    await partClean(connection);
  });

  it("gives a message its header, and acknowledges it in its own words", async () => {
    const { server, connection } = await pair();
    const subscription = await connection.subscribe("orders");
    const seq = server.last("sub").push("orders", "seven", {
      properties: { color: "red", msgid: "m1" },
      header: { deliverycount: "2", extra: 5 },
    });
    const [message] = await take(subscription, 1);
    expect(message!.text()).toBe("seven");
    expect(message).toMatchObject({ topic: "orders", id: "m1", wantsReply: false, redelivered: true });
    expect(message!.properties).toEqual({ color: "red", msgid: "m1" });
    expect(message!.raw as EventMeshHeader).toEqual({
      command: "ASYNC_MESSAGE_TO_CLIENT",
      code: 0,
      description: undefined,
      seq,
      properties: { protocoltype: "eventmeshmessage", deliverycount: "2", extra: 5 },
      protocol: "eventmeshmessage",
      source: undefined,
      type: undefined,
      contentType: undefined,
    });
    message!.ack();
    message!.ack();
    const [ack] = await server.saw("ASYNC_MESSAGE_TO_CLIENT_ACK");
    expect(ack!.seq).toBe(seq);
    expect(ack!.packet.code).toBe(0);
    // Echoed, and nothing else.
    expect(ack!.packet.properties).toEqual({
      protocoltype: "eventmeshmessage",
      deliverycount: "2",
      extra: 5,
    });
    expect(ack!.packet.bodyLength).toBe(0);
    await partClean(connection);
    expect(server.of("ASYNC_MESSAGE_TO_CLIENT_ACK")).toHaveLength(1);
  });

  it("echoes in each acknowledgement what the header of its own message says", async () => {
    const { server, connection } = await pair();
    const subscription = await connection.subscribe("orders");
    void subscription.consume(() => {});
    for (const extra of ["one", "two", "one"]) server.last("sub").push("orders", "x", { header: { extra } });
    const acks = await server.saw("ASYNC_MESSAGE_TO_CLIENT_ACK", 3);
    expect(acks.map(({ seq, packet }) => [seq, packet.properties["extra"]])).toEqual([
      ["1", "one"],
      ["2", "two"],
      ["3", "one"],
    ]);
    await partClean(connection);
  });

  it("reads each message in the protocol of its publisher", async () => {
    const { server, connection } = await pair();
    const subscription = await connection.subscribe("orders");
    const session = server.last("sub");
    session.push("orders", "plain");
    session.push("orders", '{"a":1}', { protocol: "cloudevents" });
    session.push("orders", new Uint8Array([0, 255, 1]), { protocol: "cloudevents" });
    session.push("orders", new Uint8Array([0, 255, 2]));
    const messages = await take(subscription, 4);
    expect(messages[0]!.text()).toBe("plain");
    expect(messages[1]!.json()).toEqual({ a: 1 });
    expect([...messages[2]!.data]).toEqual([0, 255, 1]);
    expect([...messages[3]!.data]).toEqual([0, 255, 2]);
    expect(messages.map(({ raw }) => (raw as EventMeshHeader).protocol)).toEqual([
      "eventmeshmessage",
      "cloudevents",
      "cloudevents",
      "eventmeshmessage",
    ]);
    expect(messages[1]!.id).toBe("event-2");
  });

  it("acknowledges each kind of push with its own command", async () => {
    const { server, connection } = await pair();
    const subscription = await connection.subscribe("orders");
    void subscription.consume(() => {});
    const session = server.last("sub");
    session.push("orders", "1");
    session.push("orders", "2", { command: "BROADCAST_MESSAGE_TO_CLIENT" });
    session.push("orders", "3", { command: "REQUEST_TO_CLIENT" });
    expect((await server.saw("ASYNC_MESSAGE_TO_CLIENT_ACK"))[0]!.seq).toBe("1");
    expect((await server.saw("BROADCAST_MESSAGE_TO_CLIENT_ACK"))[0]!.seq).toBe("2");
    expect((await server.saw("REQUEST_TO_CLIENT_ACK"))[0]!.seq).toBe("3");
    // Nobody waits for a reply to a request that cannot be tied to anybody.
    await partClean(connection);
    expect(server.of("RESPONSE_TO_SERVER")).toEqual([]);
  });

  it("takes a push without seq, as the 2.x servers send it, and echoes its deliveryId", async () => {
    const { server, connection } = await pair();
    const subscription = await connection.subscribe("orders");
    void subscription.consume(() => {});
    for (const deliveryId of ["d-1", "d-2"]) {
      server.last("sub").push("orders", deliveryId, { noSeq: true, header: { deliveryId } });
    }
    const acks = await server.saw("ASYNC_MESSAGE_TO_CLIENT_ACK", 2);
    expect(acks.map(({ seq }) => seq)).toEqual([undefined, undefined]);
    expect(acks.map(({ packet }) => packet.property("deliveryId"))).toEqual(["d-1", "d-2"]);
    await partClean(connection);
  });

  it("does not acknowledge while a handler runs, and others go on", async () => {
    const { server, connection } = await pair();
    const [slow, fast] = [await connection.subscribe("slow"), await connection.subscribe("fast")];
    let go = (): void => {};
    void slow.consume(() => new Promise<void>((resolve) => go = resolve));
    void fast.consume(() => {});
    const [one, other] = [server.sessions[1]!, server.sessions[2]!];
    one.push("slow", "1");
    other.push("fast", "2");
    await other.saw("ASYNC_MESSAGE_TO_CLIENT_ACK");
    expect(one.of("ASYNC_MESSAGE_TO_CLIENT_ACK")).toEqual([]);
    go();
    await one.saw("ASYNC_MESSAGE_TO_CLIENT_ACK");
    await partClean(connection);
  });
});

describe("a push that holds no message", () => {
  it.each([
    {
      what: "a failure without a body",
      header: { code: 1, desc: "[stack trace]" },
      body: "",
      text: /status 1: \[stack/,
    },
    { what: "no JSON", header: {}, body: "hello", text: /Cannot decode an eventmeshmessage/ },
    {
      what: "a protocol that is not known",
      header: { properties: { protocoltype: "http" } },
      body: "{}",
      text: /protocol "http": expected/,
    },
  ])("is told, acknowledged and passed over: $what", async ({ header, body, text }) => {
    const { server, connection } = await pair();
    const subscription = await connection.subscribe("orders");
    const events = watch(subscription);
    const session = server.last("sub");
    session.send({ cmd: "ASYNC_MESSAGE_TO_CLIENT", seq: "77", ...header }, body);
    session.push("orders", "good");
    const [message] = await take(subscription, 1);
    expect(message!.text()).toBe("good");
    expect((await server.saw("ASYNC_MESSAGE_TO_CLIENT_ACK"))[0]!.seq).toBe("77");
    const fault = events.find((event) => event.type === "fault");
    expect((fault as unknown as { error: Error }).error.message).toMatch(text);
    expect(subscription.state).toBe("open");
    message!.ack();
    const farewell = balanced(await subscription.goodbye());
    expect(farewell).toMatchObject({ outcome: "clean", messages: { received: 1, acked: 1 } });
    expect(farewell.errors).toHaveLength(1);
  });
});
