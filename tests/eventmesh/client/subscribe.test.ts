import { describe, expect, it } from "vitest";
import { ConnectionLostError, PeerError, TimeoutError } from "../../../lib/errors.ts";
import type { EventMeshHeader } from "../../../lib/eventmesh/mod.ts";
import type { Message, Subscription } from "../../../lib/messaging/mod.ts";
import { abortReasons, countedAbort } from "../../support/signals.ts";
import { turns, until } from "../../support/until.ts";
import { balanced, failure, holdTime, openStreams, pair, partClean, pass, watch } from "./kit.ts";

/** Takes so many messages off a subscription. */
async function take(subscription: Subscription, count: number): Promise<Message[]> {
  const iterator = subscription[Symbol.asyncIterator]();
  const messages: Message[] = [];
  while (messages.length < count) {
    const { value, done } = await iterator.next();
    if (done === true) break;
    messages.push(value);
  }
  return messages;
}

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

describe("a responder", () => {
  const correlation = {
    correlation99id: "c1",
    reply99to99client: "r1",
    cluster: "DefaultCluster",
    ttl: "3000",
  };
  /** As the runtime adds them; longer than what may be published. */
  const stamps = {
    reqeventmesh2mqtimestamp: "1767000000002",
    rsp0sys: "5034",
    protocoltype: "eventmeshmessage",
  };

  it.each(["eventmeshmessage", "cloudevents"] as const)(
    "replies with what its handler returns, and all that ties it to the request (%s)",
    async (protocol) => {
      const { server, connection } = await pair();
      const subscription = await connection.subscribe("questions", { type: "sync" });
      void subscription.consume((message) => `re: ${message.text()}`);
      const session = server.last("sub");
      const seq = session.push("questions", '"six"', {
        command: "REQUEST_TO_CLIENT",
        protocol,
        properties: { ...correlation, ...(protocol === "cloudevents" ? {} : { msgid: "m1" }) },
      });
      const [reply] = await server.saw("RESPONSE_TO_SERVER");
      const [ack] = server.of("REQUEST_TO_CLIENT_ACK");
      expect(ack!.seq).toBe(seq);
      expect(server.received.indexOf(ack!)).toBeLessThan(server.received.indexOf(reply!));
      expect(reply!.seq).not.toBe(seq);
      expect(reply!.packet.properties).toMatchObject({
        protocoltype: protocol,
        protocolversion: "1.0",
        protocoldesc: "tcp",
      });
      expect(reply!.text).toBe('re: "six"');
      expect(reply!.event.topic).toBe("questions");
      expect(reply!.event.properties).toEqual(correlation);
      await partClean(connection);
      expect(server.of("REQUEST_TO_CLIENT_ACK")).toHaveLength(1);
    },
  );

  it("returns properties that are longer than what may be published", async () => {
    const { server, connection } = await pair();
    const subscription = await connection.subscribe("questions", { type: "sync" });
    void subscription.consume(() => "yes");
    server.last("sub").send(
      { cmd: "REQUEST_TO_CLIENT", seq: "9", properties: { protocoltype: "eventmeshmessage" } },
      JSON.stringify({
        topic: "questions",
        properties: { ...correlation, ...stamps },
        headers: {},
        body: "x",
      }),
    );
    const [reply] = await server.saw("RESPONSE_TO_SERVER");
    expect(reply!.event.properties).toMatchObject({
      ...correlation,
      reqeventmesh2mqtimestamp: "1767000000002",
    });
    await partClean(connection);
  });

  it("replies from a loop too, once", async () => {
    const { server, connection } = await pair();
    const subscription = await connection.subscribe("questions", { type: "sync" });
    server.last("sub").push("questions", "x", { command: "REQUEST_TO_CLIENT", properties: correlation });
    const [message] = await take(subscription, 1);
    expect(message!.wantsReply).toBe(true);
    await message!.respond("yes");
    expect(await failure(message!.respond("no"))).toBeInstanceOf(TypeError);
    expect((await server.saw("RESPONSE_TO_SERVER"))[0]!.text).toBe("yes");
    await partClean(connection);
  });

  it("sends neither reply nor acknowledgement when the reply is too large", async () => {
    const { server, connection } = await pair({ maxFrame: 2_048 });
    const subscription = await connection.subscribe("questions", { type: "sync" });
    const events = watch(subscription);
    void subscription.consume((message) => message.text() === "small" ? "ok" : "x".repeat(5_000));
    const session = server.last("sub");
    session.push("questions", "large", { command: "REQUEST_TO_CLIENT", properties: correlation });
    session.push("questions", "small", { command: "REQUEST_TO_CLIENT", properties: correlation });
    expect((await server.saw("RESPONSE_TO_SERVER"))[0]!.text).toBe("ok");
    expect(server.of("REQUEST_TO_CLIENT_ACK").map(({ seq }) => seq)).toEqual(["2"]);
    const fault = events.find((event) => event.type === "fault") as unknown as { error: Error };
    expect(fault.error.message).toMatch(
      /^Cannot respond to a message of "questions": \d+ bytes.* limit of \d+ bytes$/,
    );
    const { messages } = await partClean(connection);
    expect(messages).toMatchObject({ received: 2, acked: 1, returned: 1 });
  });

  it("tells of a reply that the server refuses", async () => {
    const { server, connection } = await pair();
    const subscription = await connection.subscribe("questions", { type: "sync" });
    const events = watch(subscription);
    void subscription.consume(() => "yes");
    server.on("RESPONSE_TO_SERVER", (request) => request.refuse("Tps overload, global flow control"));
    server.last("sub").push("questions", "x", { command: "REQUEST_TO_CLIENT", properties: correlation });
    await until(() => events.some(({ type }) => type === "fault"), { what: "a fault" });
    const fault = events.find((event) => event.type === "fault") as unknown as { error: Error };
    expect(fault.error.message).toBe(
      'Cannot respond to a message of "questions": the server answered RESPONSE_TO_SERVER with status 1: ' +
        "Tps overload, global flow control",
    );
  });

  it("cannot respond once the connection that brought the message is gone", async () => {
    const { server, connection } = await pair();
    const subscription = await connection.subscribe("questions", { type: "sync" });
    server.last("sub").push("questions", "x", { command: "REQUEST_TO_CLIENT", properties: correlation });
    const [message] = await take(subscription, 1);
    server.last("sub").transport.reset();
    await until(() => server.sessions.length === 3, { what: "a new session" });
    const error = await failure(message!.respond("yes")) as ConnectionLostError;
    expect(error).toBeInstanceOf(ConnectionLostError);
    expect(error.outcome).toBe("not-sent");
    expect(error.message).toContain('respond to a message of "questions"');
  });
});

describe("a subscribe that fails", () => {
  it.each(["SUBSCRIBE_REQUEST", "LISTEN_REQUEST"] as const)(
    "rejects with the words of a server that refuses %s, and leaves nothing",
    async (command) => {
      const { server, connection } = await pair();
      server.refuse(command, "java.lang.Exception: client purpose config is not sub");
      const error = await failure(connection.subscribe(["orders", "returns"])) as PeerError;
      expect(openStreams()).toBe(1);
      expect(error).toBeInstanceOf(PeerError);
      expect(error.message).toBe(
        `Cannot subscribe to "orders, returns": the server answered ${
          command.replace("REQUEST", "RESPONSE")
        } ` +
          "with status 1: java.lang.Exception: client purpose config is not sub",
      );
      await server.holds(1);
      // There was a session: it is told.
      await server.saw("CLIENT_GOODBYE_REQUEST");
      server.off(command);
      await connection.subscribe("orders");
      await partClean(connection);
    },
  );

  it.each(["HELLO_REQUEST", "SUBSCRIBE_REQUEST", "LISTEN_REQUEST"] as const)(
    "rejects with the reason of an abort while %s is not answered, and leaves nothing",
    async (command) => {
      const { server, connection } = await pair();
      server.hold(command);
      for (const make of abortReasons) {
        const abort = countedAbort();
        const before = server.of(command).length;
        const subscribing = failure(connection.subscribe("orders", { signal: abort.signal }));
        await server.saw(command, before + 1);
        abort.abort(make());
        expect(Object.is(await subscribing, abort.signal.reason)).toBe(true);
        expect(openStreams()).toBe(1);
        expect(abort.listeners()).toBe(0);
      }
      await server.holds(1);
      await partClean(connection);
    },
  );

  it("rejects with a TimeoutError that names the topic", async () => {
    holdTime();
    const { server, connection } = await pair();
    server.hold("LISTEN_REQUEST");
    const subscribing = failure(connection.subscribe("orders", { timeout: 1_000 }));
    await pass(1_100);
    const error = await subscribing as TimeoutError;
    expect(error).toBeInstanceOf(TimeoutError);
    expect(error.message).toBe('Cannot subscribe to "orders": 1000 ms have passed');
    await server.holds(1);
  });

  it("does nothing at all when the signal has aborted before", async () => {
    const { server, connection } = await pair();
    expect(await failure(connection.subscribe("orders", { signal: AbortSignal.abort(null) }))).toBe(null);
    expect(server.sessions).toHaveLength(1);
  });

  it.each([
    { topics: "", text: /expected topics that are not blank, got ""/ },
    { topics: [], text: /expected one or more topics, got an empty list/ },
    { topics: ["orders", " "], text: /expected topics that are not blank, got " "/ },
    { topics: 5, text: /expected a topic or a list of topics, got 5/ },
  ])("is a TypeError for topics $topics", async ({ topics, text }) => {
    const { connection } = await pair();
    const error = await failure(connection.subscribe(topics as string)) as Error;
    expect(error).toBeInstanceOf(TypeError);
    expect(error.message).toMatch(text);
  });
});

describe("the signal of subscribe", () => {
  it.each(abortReasons.map((make, index) => ({ make, index })))(
    "ends the subscription at once after success, and its loop throws the reason (reason $index)",
    async ({ make }) => {
      const { server, connection } = await pair();
      const abort = countedAbort();
      const subscription = await connection.subscribe("orders", { signal: abort.signal });
      const session = server.last("sub");
      const next = failure(subscription[Symbol.asyncIterator]().next());
      abort.abort(make());
      expect(Object.is(await next, abort.signal.reason)).toBe(true);
      const farewell = balanced(await subscription.closed);
      expect(farewell).toMatchObject({ cause: "aborted", outcome: "forced" });
      expect(Object.is(farewell.reason, abort.signal.reason)).toBe(true);
      expect(abort.listeners()).toBe(0);
      await session.saw("CLIENT_GOODBYE_REQUEST");
      expect(connection.state).toBe("open");
      // What became of one subscription says nothing about the connection.
      await partClean(connection);
    },
  );
});

describe("overflow", () => {
  it("stops reading when the buffer is full and goes on when there is room", async () => {
    const { server, connection } = await pair();
    const subscription = await connection.subscribe("orders", { capacity: 10 });
    const session = server.last("sub");
    // Far more than the transport takes at once.
    const text = "x".repeat(20_000);
    for (let number = 0; number < 300; number++) session.push("orders", `${number} ${text}`);
    await until(() => session.transport.buffered > 0, { what: "a peer that waits" });
    let expected = 0;
    void subscription.consume((message) => {
      if (Number(message.text().split(" ")[0]) === expected) expected++;
    });
    await session.saw("ASYNC_MESSAGE_TO_CLIENT_ACK", 300);
    expect(expected).toBe(300);
    await partClean(connection);
  });

  it("stays stopped on the next session when the one before was lost meanwhile", async () => {
    const { server, connection } = await pair();
    const subscription = await connection.subscribe("orders", { capacity: 2 });
    const lost = server.last("sub");
    for (const text of ["1", "2"]) lost.push("orders", text);
    await until(() => lost.transport.buffered === 0, { what: "two messages in the buffer" });
    lost.transport.reset();
    await until(() => server.last("sub") !== lost && server.last("sub").of("LISTEN_REQUEST").length > 0);
    const next = server.last("sub");
    await until(() => subscription.state === "open", { what: "an open subscription" });
    next.push("orders", "3");
    await turns(20);
    expect(next.transport.buffered).toBeGreaterThan(0);
    const seen: string[] = [];
    void subscription.consume((message) => void seen.push(message.text()));
    const [ack] = await next.saw("ASYNC_MESSAGE_TO_CLIENT_ACK");
    expect(seen).toEqual(["1", "2", "3"]);
    expect(ack!.seq).toBe("3");
    expect(lost.of("ASYNC_MESSAGE_TO_CLIENT_ACK")).toEqual([]);
    const { messages } = await partClean(connection);
    // What the lost session had brought cannot be acknowledged anywhere.
    expect(messages).toMatchObject({ received: 3, acked: 1, returned: 2 });
  });
});
