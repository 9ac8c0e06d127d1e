import { describe, expect, it } from "vitest";
import { PeerError } from "../../../lib/errors.ts";
import type { FakeRequest } from "../../support/fake_request.ts";
import type { FakeServer } from "../../support/fake_server.ts";
import { until } from "../../support/until.ts";
import { client, clientGate, failure, fake, pair, partClean, settled } from "./kit.ts";

clientGate();

// What the runtime does when publishes overlap, on one connection or on two: `seq` is that of the latest publish,
// and the body is the event that was stored.

const protocols = ["eventmeshmessage", "cloudevents"] as const;

describe.each(protocols)("the acknowledgement of one of several publishes, of protocol %s", (protocol) => {
  it("confirms the publish that its body names, when its seq is that of another", async () => {
    const { server, connection } = await pair({ protocol });
    const publishes = ["a", "b", "c"].map((text) => connection.publish("orders", text));
    const [a, b, c] = await held(server, 3);
    for (const stored of [a!, b!, c!]) acknowledge(stored, c!);
    await Promise.all(publishes);
    const { messages } = await partClean(connection);
    expect(messages).toMatchObject({ published: 3, confirmed: 3, unconfirmed: 0 });
  });

  it("leaves open what becomes of the publish whose seq it has", async () => {
    const { server, connection } = await pair({ protocol });
    const [publishingA, publishingB] = ["a", "b"].map((text) => connection.publish("orders", text));
    const [a, b] = await held(server, 2);
    acknowledge(a!, b!);
    await publishingA;
    expect(await settled(publishingB!)).toBe(false);
    acknowledge(b!, b!, { code: 1, desc: "Send message error" });
    const error = await failure(publishingB!) as PeerError;
    expect(error).toBeInstanceOf(PeerError);
    expect(error.description).toBe("Send message error");
    await partClean(connection);
  });

  it("refuses the publish that its body names, and no other", async () => {
    const { server, connection } = await pair({ protocol });
    const [publishingA, publishingB] = ["a", "b"].map((text) => connection.publish("orders", text));
    const [a, b] = await held(server, 2);
    acknowledge(a!, b!, { code: 1, desc: "Send message error" });
    expect(await failure(publishingA!)).toBeInstanceOf(PeerError);
    acknowledge(b!, b!);
    await publishingB;
    const { messages } = await partClean(connection);
    expect(messages).toMatchObject({ published: 2, confirmed: 1, rejected: 1 });
  });

  it("confirms nothing when its body names the publish of another client", async () => {
    const { server, connection } = await pair({ protocol });
    server.hold("ASYNC_MESSAGE_TO_SERVER");
    const first = connection.publish("orders", "a");
    const [a] = await server.saw("ASYNC_MESSAGE_TO_SERVER");
    acknowledge(a!, a!);
    await first;
    const second = connection.publish("orders", "b");
    const [, b] = await server.saw("ASYNC_MESSAGE_TO_SERVER", 2);
    b!.reply({}, stored(protocol === "cloudevents" ? "8a2f1c" : "1234567890"));
    expect(await settled(second)).toBe(false);
    acknowledge(b!, b!);
    await second;
    await partClean(connection);
  });

  it("confirms nothing of another client on a session that is left, nor on the fresh one", async () => {
    const { server, connection } = await pair({ protocol, window: 4 });
    const never: FakeRequest[] = [];
    server.on("ASYNC_MESSAGE_TO_SERVER", (request) => {
      if (never.length < 2) never.push(request);
      else acknowledge(request, request);
    });
    server.hold("HELLO_REQUEST");
    const publishes = ["a", "b"].map((text) => connection.publish("orders", text));
    for (let i = 0; i < 48; i++) await connection.publish("orders", `answered ${i}`);
    await server.saw("HELLO_REQUEST", 2);
    server.release("HELLO_REQUEST");
    await until(() => server.sessions.length === 2 && connection.state === "open", {
      what: "a fresh session",
    });
    await connection.ping();
    await confirmsNoForeign(protocol, never[0]!, publishes[0]!);
    server.hold("ASYNC_MESSAGE_TO_SERVER");
    const fresh = connection.publish("orders", "c");
    await until(() => server.of("ASYNC_MESSAGE_TO_SERVER").at(-1)!.text === "c", {
      what: "the last publish",
    });
    const c = server.last("pub").of("ASYNC_MESSAGE_TO_SERVER").at(-1)!;
    await confirmsNoForeign(protocol, c, fresh);
    for (const request of [...never, c]) acknowledge(request, request);
    await Promise.all([...publishes, fresh]);
    await partClean(connection);
  });

  it("judges a session that is left for another server by what is known of its own", async () => {
    const [one, other] = [await fake(), await fake()];
    const connection = await client(one, { protocol });
    const publishes = ["a", "b"].map((text) => connection.publish("orders", text));
    const [a, b] = await held(one, 2);
    acknowledge(a!, a!);
    await publishes[0];
    one.last("pub").redirect(other);
    await other.saw("HELLO_REQUEST");
    await until(async () => {
      await connection.ping();
      return other.of("HEARTBEAT_REQUEST").length > 0;
    }, { what: "moved" });
    await connection.publish("orders", "stored there without an id");
    expect(other.of("ASYNC_MESSAGE_TO_SERVER")).toHaveLength(1);
    await confirmsNoForeign(protocol, b!, publishes[1]!);
    acknowledge(b!, b!);
    await publishes[1];
    await partClean(connection);
  });

  it("tells two publishes apart that have one id", async () => {
    const { server, connection } = await pair({ protocol });
    const publishes = ["a", "b"].map((text) => connection.publish("orders", text, { id: "one" }));
    const [a, b] = await held(server, 2);
    acknowledge(b!, b!);
    await publishes[1];
    expect(await settled(publishes[0]!)).toBe(false);
    acknowledge(a!, b!);
    await publishes[0];
    await partClean(connection);
  });

  it("finds nobody when the publish that its body names has been given up", async () => {
    const { server, connection } = await pair({ protocol });
    const abort = new AbortController();
    const publishingA = connection.publish("orders", "a", { signal: abort.signal });
    const publishingB = connection.publish("orders", "b");
    const [a, b] = await held(server, 2);
    abort.abort("enough");
    expect(await failure(publishingA)).toBe("enough");
    acknowledge(a!, b!);
    expect(await settled(publishingB)).toBe(false);
    acknowledge(b!, b!);
    await publishingB;
    await partClean(connection);
  });

  it.each([
    ["ids of its own", stored("made by the server")],
    ["no id", '{"data":{}}'],
    ["an id that is no text", '{"id":7}'],
    ["no JSON", "stored"],
    ["nothing in it", undefined],
  ])("is for the publish with its seq when the body has %s", async (_, body) => {
    const { server, connection } = await pair({ protocol });
    const publishes = ["a", "b"].map((text) => connection.publish("orders", text));
    for (const request of await held(server, 2)) request.reply({}, body);
    await Promise.all(publishes);
    await partClean(connection);
  });
});

/** An acknowledgement for another client, with the `seq` of a publish of ours, says nothing about that one. */
async function confirmsNoForeign(
  protocol: typeof protocols[number],
  request: FakeRequest,
  publishing: Promise<void>,
): Promise<void> {
  request.reply({}, stored(protocol === "cloudevents" ? "8a2f1c" : "1234567890"));
  expect(await settled(publishing)).toBe(false);
}

/** Publishes that wait for their acknowledgement; called in the turn in which they are made. */
function held(server: FakeServer, count: number): Promise<FakeRequest[]> {
  server.hold("ASYNC_MESSAGE_TO_SERVER");
  return server.saw("ASYNC_MESSAGE_TO_SERVER", count);
}

/** Acknowledges one publish with the `seq` of another. */
function acknowledge(
  request: FakeRequest,
  named: FakeRequest,
  header: { readonly code?: number; readonly desc?: string } = {},
): void {
  const { event, seq } = request;
  named.reply(header, stored(event.id ?? seq!));
}

/** The body of an acknowledgement: the runtime's dump of an event, which may well have an id in its data. */
function stored(id: string): string {
  return JSON.stringify({
    data: { node: { id: "1000000001" } },
    id,
    source: "/",
    type: "cloudevents",
    subject: "orders",
    specVersion: "V1",
    extensionNames: ["protocoltype"],
  });
}
