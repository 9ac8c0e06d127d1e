import { describe, expect, it } from "vitest";
import { encodeEvent, SELECTORS } from "../../lib/eventmesh/wire/mod.ts";
import { leakGate } from "../support/leak.ts";
import { until } from "../support/until.ts";
import { dataOf } from "../support/wire_client.ts";
import { useBroker } from "./fixture.ts";

leakGate();

const mesh = useBroker();
const sync = { topic: "t", type: "SYNC" as const };

/** A request of which only the number is needed. */
function ask(client: Awaited<ReturnType<typeof mesh.publisher>>, ttl: string, topic = "t"): string {
  const seq = client.nextSeq();
  const body = encodeEvent("eventmeshmessage", { topic, data: "question", properties: { ttl } });
  client.send({ cmd: "REQUEST_TO_SERVER", seq, properties: SELECTORS.eventmeshmessage }, body);
  return seq;
}

describe("a request", () => {
  it("reaches a responder with what its reply needs, and the reply the requester", async () => {
    await mesh.start();
    const [responder, requester] = [await mesh.subscriber("g", sync), await mesh.publisher()];
    const answer = requester.message("REQUEST_TO_SERVER", "t", "question", { properties: { keys: "k" } });
    const push = await responder.expect("REQUEST_TO_CLIENT");
    const { properties, ...rest } = push.json() as { properties: Record<string, string> };
    expect(rest).toEqual({ topic: "t", headers: {}, body: "question" });
    expect(properties).toMatchObject({
      keys: "k",
      ttl: "3000",
      cluster: "gracewire",
      reply99to99client: "session-2",
    });
    expect(properties.correlation99id).toMatch(/^[0-9a-f]{16}\d+$/);
    responder.ack(push);
    responder.respond(push, "answer");
    const reply = await answer;
    expect(reply).toMatchObject({
      command: "RESPONSE_TO_CLIENT",
      code: 0,
      description: undefined,
      properties: { protocoltype: "eventmeshmessage" },
    });
    expect(dataOf(reply)).toBe("answer");
    requester.send({ cmd: "RESPONSE_TO_CLIENT_ACK", seq: reply.seq });
    await requester.settled();
    expect(mesh.broker.inspect()).toMatchObject({
      requests: 0,
      inFlight: 0,
      memory: 0,
      counters: { confirmed: 1, strayAcks: 0 },
    });
  });

  it("as a CloudEvent gets the same as extensions, and may be answered in the other protocol", async () => {
    await mesh.start();
    const [responder, requester] = [await mesh.subscriber("g", sync), await mesh.publisher()];
    const answer = requester.message("REQUEST_TO_SERVER", "t", '{"a":1.0}', {
      protocol: "cloudevents",
      properties: { ttl: "5000", cluster: "mine" },
    });
    const push = await responder.expect("REQUEST_TO_CLIENT");
    expect(push.text()).toContain('"data":{"a":1.0}');
    const { correlation99id, ...event } = push.json() as { correlation99id: string };
    expect(event).toMatchObject({
      subject: "t",
      ttl: "5000",
      cluster: "mine",
      reply99to99client: "session-2",
    });
    const body = encodeEvent("eventmeshmessage", { topic: "t", data: "answer", properties: {} });
    responder.send({
      cmd: "RESPONSE_TO_SERVER",
      seq: "1",
      properties: { ...SELECTORS.eventmeshmessage, correlation99id },
    }, body);
    expect(await answer).toMatchObject({ code: 0, properties: { protocoltype: "eventmeshmessage" } });
  });

  it("may be replied to over another connection than it came by", async () => {
    await mesh.start();
    const [responder, requester] = [await mesh.subscriber("g", sync), await mesh.publisher()];
    const answer = requester.message("REQUEST_TO_SERVER", "t", "question");
    const push = await responder.expect("REQUEST_TO_CLIENT");
    responder.ack(push);
    (await mesh.publisher()).respond(push, "answer");
    expect(dataOf(await answer)).toBe("answer");
  });

  it.each(["eventmeshmessage", "cloudevents"] as const)(
    "of %s that nobody answers is refused after its time, with a body that can be read",
    async (protocol) => {
      await mesh.start();
      const requester = await mesh.publisher();
      const answer = await requester.message("REQUEST_TO_SERVER", "t", "{}", {
        protocol,
        properties: { ttl: "20" },
      });
      expect(answer).toMatchObject({
        command: "RESPONSE_TO_CLIENT",
        code: 1,
        description: 'java.lang.Exception: request to "t" timed out after 20 ms: no responder',
        properties: { protocoltype: protocol },
      });
      const body = answer.json();
      if (protocol === "cloudevents") {
        const attributes = {
          specversion: "1.0",
          subject: "t",
          datacontenttype: "application/cloudevents+json",
        };
        expect(body).toMatchObject({ ...attributes, data: {} });
      } else {
        expect(body).toEqual({ topic: "t", properties: {}, headers: {}, body: "{}" });
      }
      expect(mesh.broker.inspect().counters).toMatchObject({ published: 1, rejected: 1 });
    },
  );

  it("waits the default time when it does not say", async () => {
    await mesh.start({ requestTtl: 30 });
    const requester = await mesh.publisher();
    const answer = await requester.message("REQUEST_TO_SERVER", "t", "question");
    expect(answer.description).toMatch(/after 30 ms/);
  });

  it.each(["soon", "-1", "0", "1.5", ""])("whose ttl is %j is refused", async (ttl) => {
    await mesh.start();
    const requester = await mesh.publisher();
    const answer = await requester.message("REQUEST_TO_SERVER", "t", "question", { properties: { ttl } });
    expect(answer).toMatchObject({ command: "RESPONSE_TO_CLIENT", code: 1 });
    expect(answer.description).toMatch(/^java\.lang\.NumberFormatException/);
  });

  it("is refused like a publish, in the answer's command and with a body", async () => {
    await mesh.start({ limits: { maxMessageSize: 300 } });
    const requester = await mesh.publisher();
    const large = await requester.message("REQUEST_TO_SERVER", "t", "x".repeat(300));
    expect(large).toMatchObject({ command: "RESPONSE_TO_CLIENT", code: 1 });
    expect(large.description).toMatch(/event size exceeds the limit: 300/);
    const bare = await requester.request("REQUEST_TO_SERVER");
    expect(bare).toMatchObject({ command: "RESPONSE_TO_CLIENT", code: 1 });
    expect([dataOf(large), dataOf(bare)]).toEqual(["{}", "{}"]);
  });

  it("waits for a responder that comes in time", async () => {
    await mesh.start();
    const requester = await mesh.publisher();
    const answer = requester.message("REQUEST_TO_SERVER", "t", "question");
    await requester.settled();
    const responder = await mesh.subscriber("g", sync);
    responder.respond(await responder.expect("REQUEST_TO_CLIENT"), "answer");
    expect(dataOf(await answer)).toBe("answer");
  });

  it("gets one reply: later ones, and those without a name, go nowhere", async () => {
    await mesh.start();
    const [one, other] = [await mesh.subscriber("one", sync), await mesh.subscriber("other", sync)];
    const requester = await mesh.publisher();
    const answer = requester.message("REQUEST_TO_SERVER", "t", "question");
    const pushes = [await one.expect("REQUEST_TO_CLIENT"), await other.expect("REQUEST_TO_CLIENT")];
    one.respond(pushes[0]!, "first");
    expect(dataOf(await answer)).toBe("first");
    other.respond(pushes[1]!, "second");
    other.respond(pushes[1]!, "unknown", { correlation99id: "nonsense" });
    other.respond(pushes[1]!, "none", { correlation99id: undefined });
    other.send({ cmd: "RESPONSE_TO_SERVER", seq: "9" }, "{");
    await other.settled();
    expect(await requester.settled()).toEqual([]);
    expect(other.inbox).toEqual([]);
    expect(mesh.broker.inspect().counters.strayReplies).toBe(4);
  });

  it("is found by its whole name, written as it was given out", async () => {
    await mesh.start();
    const [responder, requester] = [await mesh.subscriber("g", sync), await mesh.publisher()];
    const answer = requester.message("REQUEST_TO_SERVER", "t", "question");
    const push = await responder.expect("REQUEST_TO_CLIENT");
    const { properties: { correlation99id: id } } = push.json() as {
      properties: { correlation99id: string };
    };
    const [prefix, number] = [id.slice(0, 16), id.slice(16)];
    const other = `${prefix[0] === "0" ? "1" : "0"}${prefix.slice(1)}`;
    const wrong = [
      `${other}${number}`,
      `${prefix}0${number}`,
      `${prefix}${number}0`,
      `${id}x`,
      prefix,
      number,
    ];
    for (const correlation99id of wrong) responder.respond(push, "guessed", { correlation99id });
    await responder.settled();
    expect(mesh.broker.inspect()).toMatchObject({ requests: 1, counters: { strayReplies: wrong.length } });
    responder.respond(push, "answer");
    expect(dataOf(await answer)).toBe("answer");
  });

  it("whose reply is too large is refused with the limit", async () => {
    await mesh.start({ limits: { maxMessageSize: 500 } });
    const [responder, requester] = [await mesh.subscriber("g", sync), await mesh.publisher()];
    const answer = requester.message("REQUEST_TO_SERVER", "t", "question");
    responder.respond(await responder.expect("REQUEST_TO_CLIENT"), "x".repeat(500));
    expect(await answer).toMatchObject({
      code: 1,
      description: "java.lang.Exception: event size exceeds the limit: 500",
    });
  });

  it("is forgotten when its requester leaves", async () => {
    await mesh.start();
    const [responder, requester] = [await mesh.subscriber("g", sync), await mesh.publisher()];
    ask(requester, "60000");
    const push = await responder.expect("REQUEST_TO_CLIENT");
    await requester.destroy();
    await until(() => mesh.broker.inspect().sessions.length === 1);
    responder.ack(push);
    responder.respond(push, "answer");
    await responder.settled();
    const { counters, memory, requests } = mesh.broker.inspect();
    expect({ memory, requests }).toEqual({ memory: 0, requests: 0 });
    expect(counters).toMatchObject({ published: 1, confirmed: 0, strayReplies: 1 });
  });
});
