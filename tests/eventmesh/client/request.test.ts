import { describe, expect, it } from "vitest";
import { ConnectionLostError, MessageTooLargeError, PeerError, TimeoutError } from "../../../lib/errors.ts";
import type { EventMeshHeader } from "../../../lib/eventmesh/mod.ts";
import { answerRequest } from "../../support/fake_request.ts";
import { clientGate, failure, holdTime, pair, partClean, pass, settled } from "./kit.ts";

clientGate();

describe("request", () => {
  it("resolves with the reply, and acknowledges it", async () => {
    const { server, connection } = await pair();
    const reply = await connection.request("questions", "six times nine");
    expect(reply.text()).toBe("re: six times nine");
    expect(reply.topic).toBe("questions");
    expect(reply.wantsReply).toBe(false);
    const [request] = server.of("REQUEST_TO_SERVER");
    const [ack] = await server.saw("RESPONSE_TO_CLIENT_ACK");
    expect(ack!.seq).toBe(request!.seq);
    const raw = reply.raw as EventMeshHeader;
    expect(raw).toMatchObject({
      command: "RESPONSE_TO_CLIENT",
      code: 0,
      seq: request!.seq,
      protocol: "eventmeshmessage",
      properties: { protocoltype: "eventmeshmessage" },
    });
    await partClean(connection);
  });

  it("reads a reply in the protocol it is written in", async () => {
    const { server, connection } = await pair();
    server.on(
      "REQUEST_TO_SERVER",
      (request) => answerRequest(request, '{"a":1}', { protocol: "cloudevents" }),
    );
    const reply = await connection.request("questions", "x");
    expect(reply.json()).toEqual({ a: 1 });
    expect((reply.raw as EventMeshHeader).protocol).toBe("cloudevents");
  });

  it("gives each request its own reply, in whatever order they come", async () => {
    const { server, connection } = await pair();
    server.hold("REQUEST_TO_SERVER");
    const replies = ["a", "b", "c"].map((data) => connection.request("questions", data));
    const requests = await server.saw("REQUEST_TO_SERVER", 3);
    for (const request of [...requests].reverse()) {
      answerRequest(request, `re: ${request.text}`);
    }
    expect((await Promise.all(replies)).map((reply) => reply.text())).toEqual(["re: a", "re: b", "re: c"]);
  });

  it("tells the server how long it waits", async () => {
    holdTime();
    const { server, connection } = await pair();
    await connection.request("questions", "x");
    await connection.request("questions", "x", { timeout: 1_234.5 });
    await connection.request("questions", "x", { timeout: Infinity });
    const ttls = server.of("REQUEST_TO_SERVER").map(({ event }) => event.properties["ttl"]);
    expect(ttls).toEqual(["5000", expect.stringMatching(/^123[45]$/), "2147483647"]);
  });

  it("tells the server what is left of that when it had to wait", async () => {
    holdTime();
    const { server, connection } = await pair();
    server.refuse("HELLO_REQUEST", "not now");
    server.last("pub").transport.destroy();
    await pass(50);
    expect(connection.state).toBe("reconnecting");
    const asking = connection.request("questions", "x", { timeout: 10_000, properties: { color: "red" } });
    await pass(3_000);
    expect(server.of("REQUEST_TO_SERVER")).toEqual([]);
    server.off("HELLO_REQUEST");
    await pass(1_000);
    await asking;
    const { ttl, color } = server.of("REQUEST_TO_SERVER")[0]!.event.properties;
    expect(Number(ttl)).toBeLessThan(7_100);
    expect(Number(ttl)).toBeGreaterThan(5_000);
    expect(color).toBe("red");
  });

  it("times out after 5 s, and drops the reply that comes later", async () => {
    holdTime();
    const { server, connection } = await pair();
    server.hold("REQUEST_TO_SERVER");
    const asking = failure(connection.request("questions", "x"));
    await pass(5_100);
    const error = await asking as TimeoutError;
    expect(error).toBeInstanceOf(TimeoutError);
    expect(error).toMatchObject({ timeout: 5_000, outcome: "unknown" });
    expect(error.message).toBe('Cannot request an answer of "questions": no reply within 5000 ms');
    const next = connection.request("questions", "y");
    await server.saw("REQUEST_TO_SERVER", 2);
    const [late, current] = server.held("REQUEST_TO_SERVER");
    answerRequest(late!, "too late");
    expect(await settled(next)).toBe(false);
    answerRequest(current!, "in time");
    expect((await next).text()).toBe("in time");
  });

  it("rejects with the reason of its signal, and drops the reply that comes later", async () => {
    const { server, connection } = await pair();
    server.hold("REQUEST_TO_SERVER");
    const abort = new AbortController();
    const asking = failure(connection.request("questions", "x", { signal: abort.signal }));
    const [late] = await server.saw("REQUEST_TO_SERVER");
    abort.abort(0);
    expect(await asking).toBe(0);
    server.release("REQUEST_TO_SERVER");
    answerRequest(late!, "once more");
    expect((await connection.request("questions", "y")).text()).toBe("re: y");
    const { messages } = await partClean(connection);
    expect(messages).toMatchObject({ published: 2, confirmed: 1, unconfirmed: 1 });
  });

  it("rejects with the words of a server that fails, body or not", async () => {
    const { server, connection } = await pair();
    server.refuse("REQUEST_TO_SERVER", "java.lang.NullPointerException");
    const error = await failure(connection.request("questions", "x")) as PeerError;
    expect(error).toBeInstanceOf(PeerError);
    expect(error).toMatchObject({ status: 1, description: "java.lang.NullPointerException" });
    expect(error.message).toBe(
      'Cannot request an answer of "questions": the server answered RESPONSE_TO_CLIENT with status 1: ' +
        "java.lang.NullPointerException",
    );
    await server.saw("RESPONSE_TO_CLIENT_ACK");
    server.on("REQUEST_TO_SERVER", (request) => request.reply({ code: 1, desc: undefined }, "{}"));
    expect((await failure(connection.request("questions", "x")) as Error).message).toMatch(/with status 1$/);
  });

  it.each(["", "no JSON", "[]"])("rejects when the reply cannot be read: %j", async (body) => {
    const { server, connection } = await pair();
    server.on("REQUEST_TO_SERVER", (request) => request.reply({}, body));
    const error = await failure(connection.request("questions", "x")) as PeerError;
    expect(error).toBeInstanceOf(PeerError);
    expect(error.message).toMatch(
      /^Cannot request an answer of "questions": RESPONSE_TO_CLIENT cannot be read: Cannot decode/,
    );
    expect(error.cause).toMatchObject({ code: "ERR_PROTOCOL" });
    server.off("REQUEST_TO_SERVER");
    expect((await connection.request("questions", "y")).text()).toBe("re: y");
  });

  it("rejects when the reply is of an unknown protocol", async () => {
    const { server, connection } = await pair();
    server.on(
      "REQUEST_TO_SERVER",
      (request) => request.reply({ properties: { protocoltype: "openmessage" } }, "{}"),
    );
    const error = await failure(connection.request("questions", "x")) as PeerError;
    expect(error.message).toContain('protocol "openmessage": expected "eventmeshmessage" or "cloudevents"');
  });

  it("is tried again while the server is busy", async () => {
    const { server, connection } = await pair();
    let refusals = 0;
    server.on("REQUEST_TO_SERVER", (request) => {
      if (++refusals < 3) request.refuse("java.lang.Exception: SEND_TOO_FAST");
      else answerRequest(request, "at last");
    });
    expect((await connection.request("questions", "x")).text()).toBe("at last");
  });

  it("has an unknown outcome when the transport is lost, and is not sent again", async () => {
    const { server, connection } = await pair();
    server.hold("REQUEST_TO_SERVER");
    const asking = failure(connection.request("questions", "x"));
    await server.saw("REQUEST_TO_SERVER");
    server.last("pub").transport.reset();
    const error = await asking as ConnectionLostError;
    expect(error).toBeInstanceOf(ConnectionLostError);
    expect(error.outcome).toBe("unknown");
    server.release("REQUEST_TO_SERVER");
    await connection.request("questions", "y");
    expect(server.of("REQUEST_TO_SERVER").map(({ text }) => text)).toEqual(["x", "y"]);
  });

  it("is refused here when it is too large", async () => {
    const { server, connection } = await pair({ maxFrame: 2_048 });
    const error = await failure(connection.request("questions", "x".repeat(2_000)));
    expect(error).toBeInstanceOf(MessageTooLargeError);
    expect((error as Error).message).toMatch(
      /^Cannot request an answer of "questions": \d+ bytes.* limit of \d+ bytes$/,
    );
    expect(server.of("REQUEST_TO_SERVER")).toEqual([]);
  });
});

describe("recommend", () => {
  it("resolves with the server that is recommended", async () => {
    const { server, connection } = await pair({ group: "billing" });
    expect(await connection.recommend()).toEqual({ host: "10.0.0.1", port: 10_000 });
    expect(server.of("RECOMMEND_REQUEST")[0]!.packet.json()).toMatchObject({
      group: "billing",
      purpose: "pub",
    });
    server.on("RECOMMEND_REQUEST", (request) => request.reply());
    expect(await connection.recommend()).toBeUndefined();
    const { operations } = await partClean(connection);
    expect(operations.settled).toBe(2);
  });

  it("rejects with the words of a server that cannot recommend", async () => {
    const { server, connection } = await pair();
    server.refuse("RECOMMEND_REQUEST", "registry enable config is false, not support");
    const error = await failure(connection.recommend()) as PeerError;
    expect(error).toBeInstanceOf(PeerError);
    expect(error.message).toBe(
      "Cannot ask for a recommendation: the server answered RECOMMEND_RESPONSE with status 1: " +
        "registry enable config is false, not support",
    );
    server.on("RECOMMEND_REQUEST", (request) => request.reply({}, "nowhere"));
    expect(await failure(connection.recommend())).toBeInstanceOf(PeerError);
    await partClean(connection);
  });

  it("waits for a reconnect as everything else does, and times out", async () => {
    holdTime();
    const { server, connection } = await pair();
    server.refuse("HELLO_REQUEST");
    server.last("pub").transport.reset();
    await pass(100);
    expect(connection.state).toBe("reconnecting");
    const asking = failure(connection.recommend({ timeout: 300 }));
    await pass(400);
    expect(await asking).toMatchObject({
      message: "Cannot ask for a recommendation: no connection within 300 ms",
      outcome: "not-sent",
    });
    const second = connection.recommend();
    server.off("HELLO_REQUEST");
    await pass(100);
    expect(await second).toEqual({ host: "10.0.0.1", port: 10_000 });
  });
});
