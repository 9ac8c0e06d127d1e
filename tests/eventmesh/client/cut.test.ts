import { describe, expect, it } from "vitest";
import { ConnectError } from "../../../lib/errors.ts";
import { client, clientGate, failure, fake, openStreams, pair, partClean, quick } from "./kit.ts";

clientGate();

/** Bytes of an answer of the fake server, about. */
const answerSize = 150;

describe.each(["end", "reset"] as const)("a server that does %s after byte n", (how) => {
  it("of the answer to hello makes connect reject, and leaves nothing", async () => {
    const server = await fake();
    let connected = 0;
    for (let bytes = 0; bytes < answerSize; bytes++) {
      server.onAccept = (session) => session.cutAfter(bytes, how);
      const outcome = await client(server, { reconnect: false }).then(
        (connection) => ({ connection }),
        (error: unknown) => ({ error }),
      );
      if ("error" in outcome) {
        expect(outcome.error).toBeInstanceOf(ConnectError);
        expect(openStreams()).toBe(0);
      } else {
        connected++;
        await outcome.connection.goodbye();
      }
    }
    expect(connected).toBeGreaterThan(10);
    expect(connected).toBeLessThan(60);
    await server.holds(0);
  });

  it("of a confirmation leaves the outcome of the publish open, and the connection comes back", async () => {
    const { server, connection } = await pair();
    let confirmed = 0;
    for (let bytes = 0; bytes < answerSize; bytes += 7) {
      server.last("pub").cutAfter(bytes, how);
      const error = await connection.publish("orders", "x").then(
        () => undefined,
        (reason: unknown) => reason,
      );
      if (error === undefined) confirmed++;
      else expect(error).toMatchObject({ code: "ERR_CONNECTION_LOST", outcome: "unknown" });
      await connection.publish("orders", "y", { retry: "unknown" });
    }
    expect(confirmed).toBeLessThan(5);
    await partClean(connection);
  });

  it("of the answers to a subscription makes subscribe reject, and leaves nothing of it", async () => {
    const { server, connection } = await pair();
    let subscribed = 0;
    for (let bytes = 0; bytes < 3 * answerSize; bytes += 11) {
      server.onAccept = (session) => session.cutAfter(bytes, how);
      const outcome = await connection.subscribe("orders").then(
        (subscription) => ({ subscription }),
        (error: unknown) => ({ error }),
      );
      if ("error" in outcome) {
        expect(outcome.error).toBeInstanceOf(ConnectError);
        expect(openStreams()).toBe(1);
      } else {
        subscribed++;
        await outcome.subscription.goodbye({ grace: 0 });
      }
    }
    expect(subscribed).toBeLessThan(20);
    server.onAccept = () => {};
    await partClean(connection);
  });
});

describe("bytes that come one by one", () => {
  it("are as good as any", async () => {
    const server = await fake();
    server.onAccept = (session) => {
      const write = session.write.bind(session);
      session.write = (bytes) => {
        for (const byte of bytes) write(Uint8Array.of(byte));
      };
    };
    const connection = await client(server, { reconnect: quick });
    const subscription = await connection.subscribe("orders");
    server.last("sub").push("orders", "seven");
    await connection.publish("orders", "x");
    for await (const message of subscription) {
      expect(message.text()).toBe("seven");
      break;
    }
    await partClean(connection);
  });
});

describe("a server that sends what it should not", () => {
  it.each([
    { what: "another protocol", bytes: "HTTP/1.1 400 Bad Request\r\n\r\n" },
    { what: "another version", bytes: "EventMesh0001\0\0\0\x10\0\0\0\x02{}" },
    { what: "a length beyond all limits", bytes: "EventMesh0000\x7f\xff\xff\xff\0\0\0\0" },
    { what: "a header that is no JSON", bytes: "EventMesh0000\0\0\0\x10\0\0\0\x03{x}" },
  ])("loses this one connection, and nothing else: $what", async ({ bytes }) => {
    const { server, connection } = await pair();
    const subscription = await connection.subscribe("orders");
    const loss = failure(connection.request("questions", "x"));
    server.on(
      "REQUEST_TO_SERVER",
      ({ session }) => session.write(Uint8Array.from(bytes, (unit) => unit.charCodeAt(0))),
    );
    await server.saw("REQUEST_TO_SERVER");
    const error = await loss as Error;
    expect(error).toMatchObject({ code: "ERR_CONNECTION_LOST", outcome: "unknown" });
    expect((error.cause as Error).cause).toMatchObject({ code: "ERR_PROTOCOL" });
    await connection.publish("orders", "x");
    expect(subscription.state).toBe("open");
    expect(server.last("sub").open).toBe(true);
    await partClean(connection);
  });

  it("is not heard any more behind the first bad byte", async () => {
    const { server, connection } = await pair();
    server.on("ASYNC_MESSAGE_TO_SERVER", (request) => {
      request.session.write(new TextEncoder().encode("garbage......"));
      request.reply();
    });
    expect(await failure(connection.publish("orders", "x"))).toMatchObject({ code: "ERR_CONNECTION_LOST" });
  });

  it("may say things that nobody knows", async () => {
    const { server, connection } = await pair();
    const session = server.last("pub");
    session.send({ cmd: "SYS_LOG_TO_LOGSERVER", seq: "1" });
    session.send({ cmd: "HELLO_REQUEST" });
    session.send({ cmd: "LISTEN_RESPONSE", seq: "77" });
    session.send({ cmd: "ASYNC_MESSAGE_TO_CLIENT", seq: "78" }, "{}");
    session.send({ cmd: "HEARTBEAT_RESPONSE", seq: "no number", code: 1 });
    // Neither header nor body.
    session.write(Uint8Array.from("EventMesh0000\0\0\0\x0d\0\0\0\0", (unit) => unit.charCodeAt(0)));
    await connection.publish("orders", "x");
    expect(server.sessions).toHaveLength(1);
    await partClean(connection);
  });
});
