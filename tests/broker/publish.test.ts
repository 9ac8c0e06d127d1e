import { describe, expect, it } from "vitest";
import { encodeEvent, type HeaderProperties, SELECTORS } from "../../lib/eventmesh/wire/mod.ts";
import { leakGate } from "../support/leak.ts";
import { dataOf } from "../support/wire_client.ts";
import { SUCCESS, useBroker } from "./fixture.ts";

leakGate();

const mesh = useBroker();
const selectors = SELECTORS.eventmeshmessage;
const event = { topic: "t", id: "1", data: '{"a":1}', properties: { keys: "k" } };
const npe = "java.lang.NullPointerException";

describe("a publish", () => {
  it.each(
    [
      ["ASYNC_MESSAGE_TO_SERVER", "ASYNC_MESSAGE_TO_SERVER_ACK"],
      ["BROADCAST_MESSAGE_TO_SERVER", "BROADCAST_MESSAGE_TO_SERVER_ACK"],
    ] as const,
  )("%s is confirmed, and its subscribers decide how it is delivered", async (command, ack) => {
    await mesh.start();
    const items = [
      { topic: "t" },
      { topic: "t", type: "SYNC" as const },
      { topic: "t", mode: "BROADCASTING" as const },
      { topic: "t", mode: "BROADCASTING" as const, type: "SYNC" as const },
    ];
    const commands = [
      "ASYNC_MESSAGE_TO_CLIENT",
      "REQUEST_TO_CLIENT",
      "BROADCAST_MESSAGE_TO_CLIENT",
      "BROADCAST_MESSAGE_TO_CLIENT",
    ];
    const subscribers = await Promise.all(items.map((item, i) => mesh.subscriber(`g${i}`, item)));
    const publisher = await mesh.publisher();
    expect(await publisher.message(command, "t", "hello")).toMatchObject({
      command: ack,
      ...SUCCESS,
      bodyLength: 0,
    });
    const pushes = await Promise.all(subscribers.map(async (client) => (await client.settled())[0]!));
    expect(pushes.map((push) => push.command)).toEqual(commands);
    for (const push of pushes) {
      expect(push).toMatchObject({
        code: 0,
        description: undefined,
        properties: { protocoltype: "eventmeshmessage" },
      });
      expect(push.seq).toMatch(/^[0-9]{10}$/);
    }
    expect(new Set(pushes.map(({ seq }) => seq)).size).toBe(4);
  });

  it.each(["eventmeshmessage", "cloudevents"] as const)(
    "of %s arrives byte by byte as it was",
    async (protocol) => {
      await mesh.start();
      const [client, publisher] = [await mesh.subscriber("g", "t"), await mesh.publisher()];
      const body = encodeEvent(protocol, event).replace(/^\{/, '{ "extra" : [1.50, "\\u0041"] , ');
      expect(await publisher.request("ASYNC_MESSAGE_TO_SERVER", body, SELECTORS[protocol])).toMatchObject(
        SUCCESS,
      );
      const push = await client.expect("ASYNC_MESSAGE_TO_CLIENT");
      expect(push.text()).toBe(body);
      expect(push.properties).toEqual({ protocoltype: protocol });
    },
  );

  it("that nobody subscribes to is confirmed, and leaves nothing behind", async () => {
    await mesh.start();
    expect(await (await mesh.publisher()).publish("nobody", "hello")).toMatchObject(SUCCESS);
    expect(mesh.broker.inspect()).toMatchObject({
      topics: [],
      memory: 0,
      counters: { confirmed: 1, received: 0 },
    });
  });

  it("may come from a session with purpose sub, and be its own", async () => {
    await mesh.start();
    const client = await mesh.subscriber("g", "t");
    expect(await client.publish("t", "mine")).toMatchObject(SUCCESS);
    expect((await client.settled()).map(dataOf)).toEqual(["mine"]);
  });

  it("in several frames of one chunk is confirmed in one write, in order", async () => {
    await mesh.start();
    const [client, publisher] = [await mesh.subscriber("g", "t"), await mesh.publisher()];
    const acks = await Promise.all(Array.from({ length: 50 }, (_, i) => publisher.publish("t", `m${i}`)));
    expect(acks.every(({ code }) => code === 0)).toBe(true);
    expect((await client.settled()).map(dataOf)).toEqual(Array.from({ length: 50 }, (_, i) => `m${i}`));
  });

  const without = (name: string): HeaderProperties => ({ ...selectors, [name]: undefined });
  it.each<[string, HeaderProperties, string]>([
    ["no protocoltype", without("protocoltype"), `${npe}: property protocoltype is missing`],
    ["no protocolversion", without("protocolversion"), `${npe}: property protocolversion is missing`],
    ["no protocoldesc", without("protocoldesc"), `${npe}: property protocoldesc is missing`],
    ["no properties", {}, `${npe}: property protocoltype is missing`],
    ["openmessage", { ...selectors, protocoltype: "openmessage" }, "java.lang.Exception: event is null"],
    [
      "an unknown protocol",
      { ...selectors, protocoltype: "amqp" },
      "java.lang.IllegalArgumentException: Cannot find the Protocol adaptor: amqp",
    ],
    [
      "an unknown version",
      { ...selectors, protocolversion: "2.0" },
      "org.apache.eventmesh.protocol.api.exception.ProtocolHandleException: Unsupported protocolVersion: 2.0",
    ],
    [
      "another transport",
      { ...selectors, protocoldesc: "http" },
      "java.lang.Exception: property protocoldesc is http, must be tcp",
    ],
  ])("with %s is refused", async (_, properties, description) => {
    await mesh.start();
    const publisher = await mesh.publisher();
    const answer = await publisher.request(
      "ASYNC_MESSAGE_TO_SERVER",
      encodeEvent("eventmeshmessage", event),
      properties,
    );
    expect(answer).toMatchObject({ command: "ASYNC_MESSAGE_TO_SERVER_ACK", code: 1, description });
    expect(mesh.broker.inspect().counters).toMatchObject({ published: 1, rejected: 1 });
  });

  it("with version 0.3 is accepted", async () => {
    await mesh.start();
    const properties = { ...selectors, protocolversion: "0.3" };
    const publisher = await mesh.publisher();
    const body = encodeEvent("eventmeshmessage", event);
    expect(await publisher.request("ASYNC_MESSAGE_TO_SERVER", body, properties)).toMatchObject(SUCCESS);
  });

  it("without a sequence number is refused without one", async () => {
    await mesh.start();
    const publisher = await mesh.publisher();
    publisher.send(
      { cmd: "ASYNC_MESSAGE_TO_SERVER", properties: selectors },
      encodeEvent("eventmeshmessage", event),
    );
    const answer = await publisher.expect("ASYNC_MESSAGE_TO_SERVER_ACK");
    expect(answer).toMatchObject({ code: 1, seq: undefined, description: `${npe}: seq is missing` });
  });

  it.each(
    [
      ["an empty body", "eventmeshmessage", undefined, /not a JSON object/],
      ["a body that is not JSON", "eventmeshmessage", '{"topic":"t","body":tru}', /not a JSON object/],
      ["no topic", "eventmeshmessage", '{"body":"x"}', /topic is missing/],
      ["a blank topic", "eventmeshmessage", '{"topic":" ","body":"x"}', /topic is missing/],
      [
        "a topic without end",
        "eventmeshmessage",
        `{"topic":"${"t".repeat(1_025)}","body":"x"}`,
        /longer than 1024/,
      ],
      ["no data", "eventmeshmessage", '{"topic":"t"}', /body is missing/],
      ["data that is null", "eventmeshmessage", '{"topic":"t","body":null}', /body is missing/],
      [
        "no subject",
        "cloudevents",
        '{"specversion":"1.0","id":"1","source":"/","type":"x","data":1}',
        /subject is missing/,
      ],
      [
        "no id",
        "cloudevents",
        '{"specversion":"1.0","source":"/","type":"x","subject":"t","data":1}',
        /id is missing/,
      ],
      [
        "no event data",
        "cloudevents",
        '{"specversion":"1.0","id":"1","source":"/","type":"x","subject":"t"}',
        /data is missing/,
      ],
    ] as const,
  )("with %s is refused", async (_, protocol, body, reason) => {
    await mesh.start();
    const [client, publisher] = [await mesh.subscriber("g", "t"), await mesh.publisher()];
    const answer = await publisher.request("ASYNC_MESSAGE_TO_SERVER", body, SELECTORS[protocol]);
    expect(answer.code).toBe(1);
    expect(answer.description).toMatch(reason);
    expect(await client.settled()).toEqual([]);
  });

  it("is not read beyond its topic when the broker was told so", async () => {
    await mesh.start({ validate: false });
    const [client, publisher] = [await mesh.subscriber("g", "t"), await mesh.publisher()];
    const body = '{"topic":"t","body":tru}';
    expect(await publisher.request("ASYNC_MESSAGE_TO_SERVER", body, selectors)).toMatchObject(SUCCESS);
    expect((await client.settled()).map((push) => push.text())).toEqual([body]);
    expect(await publisher.request("ASYNC_MESSAGE_TO_SERVER", "{}", selectors)).toMatchObject({
      code: 1,
      description: `${npe}: topic is missing`,
    });
  });

  it("that is too large is refused with the limit", async () => {
    await mesh.start({ limits: { maxMessageSize: 200 } });
    const publisher = await mesh.publisher();
    expect(await publisher.publish("t", "x".repeat(200))).toMatchObject({
      code: 1,
      description: "java.lang.Exception: event size exceeds the limit: 200",
    });
    expect(await publisher.publish("t", "x".repeat(100))).toMatchObject(SUCCESS);
  });

  it("to a full group is refused as too fast, and to a full broker as overload", async () => {
    await mesh.start({ limits: { queue: 2, memory: 20_000 } });
    const [client, publisher] = [await mesh.subscriber("g", "t"), await mesh.publisher()];
    for (const text of ["1", "2"]) expect(await publisher.publish("t", text)).toMatchObject(SUCCESS);
    expect(await publisher.publish("t", "3")).toMatchObject({
      code: 1,
      description: "java.lang.Exception: SEND_TOO_FAST",
    });
    for (const push of await client.settled()) client.ack(push);
    await client.settled();
    expect(await publisher.publish("t", "x".repeat(30_000))).toMatchObject({
      code: 1,
      description: "Tps overload, global flow control",
    });
    expect(await publisher.publish("t", "4")).toMatchObject(SUCCESS);
  });
});

describe("an acknowledgement", () => {
  it.each(
    [
      "ASYNC_MESSAGE_TO_CLIENT_ACK",
      "BROADCAST_MESSAGE_TO_CLIENT_ACK",
      "REQUEST_TO_CLIENT_ACK",
      "RESPONSE_TO_CLIENT_ACK",
    ] as const,
  )("may be %s, with any body", async (cmd) => {
    await mesh.start();
    const [client, publisher] = [await mesh.subscriber("g", "t"), await mesh.publisher()];
    await publisher.publish("t", "x".repeat(100_000));
    const push = await client.expect("ASYNC_MESSAGE_TO_CLIENT");
    client.send({ cmd, seq: push.seq }, JSON.stringify(push.text()));
    await client.settled();
    expect(mesh.broker.inspect()).toMatchObject({
      inFlight: 0,
      memory: 0,
      counters: { acked: 1, strayAcks: 0 },
    });
  });

  it("of nothing is counted, and changes nothing", async () => {
    await mesh.start();
    const [client, other, publisher] = [
      await mesh.subscriber("g", "t"),
      await mesh.subscriber("h", "t"),
      await mesh.publisher(),
    ];
    await publisher.publish("t", "hello");
    const push = await client.expect("ASYNC_MESSAGE_TO_CLIENT");
    for (const seq of [undefined, "", "x", "12", "99999999999999999999"]) {
      client.send({ cmd: "ASYNC_MESSAGE_TO_CLIENT_ACK", seq });
    }
    other.ack(push);
    publisher.ack(push);
    await Promise.all([client.settled(), other.settled(), publisher.settled()]);
    expect(mesh.broker.inspect()).toMatchObject({ inFlight: 2, counters: { acked: 0, strayAcks: 7 } });
  });

  it("that does not come has the message pushed again, with its count", async () => {
    await mesh.start({ ackTimeout: 30 });
    const [client, publisher] = [await mesh.subscriber("g", "t"), await mesh.publisher()];
    await publisher.publish("t", "hello");
    const first = await client.expect("ASYNC_MESSAGE_TO_CLIENT");
    const second = await client.expect("ASYNC_MESSAGE_TO_CLIENT");
    expect([first.properties, second.properties]).toEqual([
      { protocoltype: "eventmeshmessage" },
      { protocoltype: "eventmeshmessage", deliverycount: "2" },
    ]);
    expect(second.text()).toBe(first.text());
    client.ack(second);
    await client.settled();
    expect(mesh.broker.inspect().counters).toMatchObject({
      pushed: 2,
      redelivered: 1,
      returned: 1,
      acked: 1,
    });
  });
});

describe("retained messages", () => {
  it("are given to who comes later", async () => {
    await mesh.start({ retain: 2 });
    const publisher = await mesh.publisher();
    for (const text of ["1", "2", "3"]) await publisher.publish("t", text);
    const client = await mesh.subscriber("g", "t");
    expect((await client.settled()).map(dataOf)).toEqual(["2", "3"]);
  });
});
