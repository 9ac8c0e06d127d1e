import { describe, expect, it } from "vitest";
import { ConnectionLostError } from "../../../lib/errors.ts";
import { until } from "../../support/until.ts";
import { clientGate, failure, pair, partClean, take, watch } from "./kit.ts";

clientGate();

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
