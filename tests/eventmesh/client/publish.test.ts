import { describe, expect, it } from "vitest";
import { MessageTooLargeError, PeerError } from "../../../lib/errors.ts";
import { clientGate, failure, pair, partClean, settled } from "./kit.ts";

clientGate();

describe("publish", () => {
  it("resolves when the server has confirmed, and not before", async () => {
    const { server, connection } = await pair();
    server.hold("ASYNC_MESSAGE_TO_SERVER");
    const publishing = connection.publish("orders", "seven");
    await server.saw("ASYNC_MESSAGE_TO_SERVER");
    expect(await settled(publishing)).toBe(false);
    server.release("ASYNC_MESSAGE_TO_SERVER");
    expect(await publishing).toBeUndefined();
    const { messages } = await partClean(connection);
    expect(messages).toMatchObject({ published: 1, confirmed: 1 });
  });

  it("writes what the runtime needs in the frame", async () => {
    const { server, connection } = await pair();
    await connection.publish("orders", "seven", {
      properties: { color: "red" },
      contentType: "text/plain",
      id: "m1",
    });
    const [request] = server.of("ASYNC_MESSAGE_TO_SERVER");
    expect(request!.seq).toMatch(/^\d{10}$/);
    expect(request!.packet.properties).toEqual({
      protocoltype: "eventmeshmessage",
      protocolversion: "1.0",
      protocoldesc: "tcp",
    });
    expect(request!.packet.json()).toEqual({
      topic: "orders",
      properties: { color: "red", msgid: "m1" },
      headers: { datacontenttype: "text/plain" },
      body: "seven",
    });
  });

  it("writes each message as its own call says, whatever the one before was", async () => {
    const { server, connection } = await pair();
    const calls = [
      ["orders", "1", {}],
      ["orders", "2", {}],
      ["returns", "3", {}],
      ["returns", "4", { properties: { color: "red" } }],
      ["returns", "5", { contentType: "text/plain" }],
      ["returns", "6", {}],
      ["orders", new TextEncoder().encode("7"), {}],
    ] as const;
    for (const [topic, data, options] of calls) await connection.publish(topic, data, options);
    const bodies = server.of("ASYNC_MESSAGE_TO_SERVER").map(({ packet }) => packet.json());
    const headers = { datacontenttype: "text/plain" };
    expect(bodies).toEqual([
      { topic: "orders", properties: {}, headers: {}, body: "1" },
      { topic: "orders", properties: {}, headers: {}, body: "2" },
      { topic: "returns", properties: {}, headers: {}, body: "3" },
      { topic: "returns", properties: { color: "red" }, headers: {}, body: "4" },
      { topic: "returns", properties: {}, headers, body: "5" },
      { topic: "returns", properties: {}, headers: {}, body: "6" },
      { topic: "orders", properties: {}, headers: {}, body: "7" },
    ]);
  });

  it("writes CloudEvents when asked to, with an id of their own", async () => {
    const { server, connection } = await pair({ protocol: "cloudevents" });
    await connection.publish("orders", '{"a":1}', {
      source: "/shop",
      type: "order",
      properties: { ttl: "5" },
    });
    const [request] = server.of("ASYNC_MESSAGE_TO_SERVER");
    expect(request!.packet.property("protocoltype")).toBe("cloudevents");
    expect(request!.packet.json()).toEqual({
      specversion: "1.0",
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      source: "/shop",
      type: "order",
      subject: "orders",
      datacontenttype: "application/cloudevents+json",
      ttl: "5",
      data: { a: 1 },
    });
  });

  it("has a sibling that broadcasts, and waits for its confirmation too", async () => {
    const { server, connection } = await pair();
    server.hold("BROADCAST_MESSAGE_TO_SERVER");
    const broadcasting = connection.broadcast("news", "now");
    await server.saw("BROADCAST_MESSAGE_TO_SERVER");
    expect(await settled(broadcasting)).toBe(false);
    server.release("BROADCAST_MESSAGE_TO_SERVER");
    await broadcasting;
    server.refuse("BROADCAST_MESSAGE_TO_SERVER", "no such topic");
    expect(await failure(connection.broadcast("news", "now"))).toBeInstanceOf(PeerError);
    await partClean(connection);
  });

  it("keeps the order of the calls, window or not", async () => {
    const { server, connection } = await pair({ window: 3 });
    const publishes = Array.from({ length: 50 }, (_, number) => connection.publish("orders", String(number)));
    await Promise.all(publishes);
    expect(server.of("ASYNC_MESSAGE_TO_SERVER").map(({ text }) => Number(text))).toEqual([
      ...Array(50).keys(),
    ]);
  });

  it("ignores answers that nobody waits for", async () => {
    const { server, connection } = await pair();
    server.on("ASYNC_MESSAGE_TO_SERVER", (request) => {
      request.reply({ seq: "4711" });
      request.reply({ seq: undefined });
      request.reply();
      request.reply();
    });
    await connection.publish("orders", "1");
    await connection.publish("orders", "2");
    await partClean(connection);
  });
});

describe("the window of publish", () => {
  async function outstanding(
    options: { window?: number },
    advertised?: Record<string, unknown>,
  ): Promise<number> {
    const { server, connection } = await pair(options, advertised === undefined ? {} : { advertised });
    server.hold("ASYNC_MESSAGE_TO_SERVER");
    const publishes = Array.from({ length: 40 }, () => connection.publish("orders", "x"));
    const [first] = await server.saw("ASYNC_MESSAGE_TO_SERVER");
    await connection.request("other", "is not counted");
    const count = server.of("ASYNC_MESSAGE_TO_SERVER").length;
    // One confirmation makes room for one.
    first!.reply();
    await server.saw("ASYNC_MESSAGE_TO_SERVER", Math.min(40, count + 1));
    server.release("ASYNC_MESSAGE_TO_SERVER");
    await Promise.all(publishes);
    return count;
  }

  it("is 20 where nobody says anything", async () => {
    expect(await outstanding({})).toBe(20);
  });

  it("is what the server advertises", async () => {
    expect(await outstanding({}, { publishwindow: "7" })).toBe(7);
    expect(await outstanding({}, { publishwindow: 30 })).toBe(30);
  });

  it("is 20 when what the server advertises makes no sense", async () => {
    expect(await outstanding({}, { publishwindow: "many" })).toBe(20);
    expect(await outstanding({}, { publishwindow: -1 })).toBe(20);
  });

  it("is the option before everything else", async () => {
    expect(await outstanding({ window: 5 }, { publishwindow: "7" })).toBe(5);
    expect(await outstanding({ window: Infinity }, { publishwindow: "7" })).toBe(40);
  });
});

describe("a publish that cannot be sent", () => {
  it("is refused here when it is too large, naming size and limit", async () => {
    const { server, connection } = await pair({ maxFrame: 4_096 });
    const error = await failure(connection.publish("orders", "ä".repeat(2_500))) as MessageTooLargeError;
    expect(error).toBeInstanceOf(MessageTooLargeError);
    expect(error.message).toMatch(
      /^Cannot publish to "orders": \d+ bytes, encoded, exceed the limit of \d+ bytes$/,
    );
    expect(error.message).toContain(`limit of ${error.limit} bytes`);
    expect(error.size).toBeGreaterThan(5_000);
    // The limit is exact: one byte more is too much, and the frame of the largest is as large as allowed.
    const room = error.limit -
      JSON.stringify({ topic: "orders", properties: {}, headers: {}, body: "" }).length;
    expect(await failure(connection.publish("orders", "x".repeat(room + 1)))).toMatchObject({
      message: `Cannot publish to "orders": ${
        error.limit + 1
      } bytes, encoded, exceed the limit of ${error.limit} bytes`,
    });
    await connection.publish("orders", "x".repeat(room));
    expect(server.of("ASYNC_MESSAGE_TO_SERVER")).toHaveLength(1);
    const [largest] = server.of("ASYNC_MESSAGE_TO_SERVER");
    expect(largest!.packet.bodyOffset + largest!.packet.bodyLength).toBe(4_096);
    await partClean(connection);
  });

  it.each([
    { what: "a blank topic", call: [" ", "x"], text: /topic is " ", must be a non-blank string/ },
    {
      what: "data that is none",
      call: ["orders", 5],
      text: /data is of type number, must be a string or bytes/,
    },
    {
      what: "a property with a wrong name",
      call: ["orders", "x", { properties: { "Not-Ok": "1" } }],
      text: /property "Not-Ok"/,
    },
    {
      what: "a property that is no text",
      call: ["orders", "x", { properties: { color: 1 } }],
      text: /property "color": its value is of type number, must be a string/,
    },
  ])("is a TypeError for $what", async ({ call, text }) => {
    const { server, connection } = await pair();
    const [topic, data, options] = call as [string, string, Record<string, never>];
    const error = await failure(connection.publish(topic, data, options)) as Error;
    expect(error).toBeInstanceOf(TypeError);
    expect(error.message).toMatch(text);
    await connection.publish("orders", "ok");
    expect(server.of("ASYNC_MESSAGE_TO_SERVER")).toHaveLength(1);
  });
});
