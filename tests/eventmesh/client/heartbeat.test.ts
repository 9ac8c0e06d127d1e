import { describe, expect, it } from "vitest";
import type { PeerError, TimeoutError } from "../../../lib/errors.ts";
import { turns } from "../../support/until.ts";
import { balanced, clientGate, holdTime, pair, partClean, pass, watch } from "./kit.ts";

clientGate();

describe("heartbeats", () => {
  it("go out every 20 s on every connection, whatever else is sent", async () => {
    holdTime();
    const { server, connection } = await pair();
    const subscription = await connection.subscribe("orders");
    for (let second = 0; second < 61; second++) {
      await connection.publish("orders", "x");
      await pass(1_000);
    }
    expect(server.last("pub").of("HEARTBEAT_REQUEST")).toHaveLength(3);
    expect(server.last("sub").of("HEARTBEAT_REQUEST")).toHaveLength(3);
    expect(subscription.state).toBe("open");
    await partClean(connection);
  });

  it("go out at the interval of the option, and not at all when it is Infinity", async () => {
    holdTime();
    const often = await pair({ heartbeat: 1_000 });
    const never = await pair({ heartbeat: Infinity });
    await pass(10_100);
    expect(often.server.of("HEARTBEAT_REQUEST")).toHaveLength(10);
    expect(never.server.of("HEARTBEAT_REQUEST")).toEqual([]);
    expect(balanced(await never.connection.goodbye()).outcome).toBe("clean");
  });

  it("stop with the goodbye", async () => {
    holdTime();
    const { server, connection } = await pair({ heartbeat: 1_000 });
    await pass(1_100);
    await partClean(connection);
    await pass(10_000);
    expect(server.of("HEARTBEAT_REQUEST")).toHaveLength(1);
  });

  it("find a server that is silent, after two that were not answered", async () => {
    holdTime();
    const { server, connection } = await pair({ heartbeat: 1_000 });
    const events = watch(connection);
    server.hold("HEARTBEAT_REQUEST");
    await pass(2_900);
    expect(server.of("HEARTBEAT_REQUEST")).toHaveLength(2);
    expect(connection.state).toBe("open");
    expect(server.sessions).toHaveLength(1);
    await pass(300);
    expect(server.sessions).toHaveLength(2);
    expect(server.open).toHaveLength(1);
    const lost = events.find((event) => event.type === "lost") as unknown as { error: Error };
    expect((lost.error.cause as TimeoutError).code).toBe("ERR_TIMEOUT");
    expect(lost.error.message).toBe(
      `The connection to 127.0.0.1:${server.port} was lost: Cannot reach 127.0.0.1:${server.port}: ` +
        "2 heartbeats were not answered, 2 may not be",
    );
    expect(connection.state).toBe("open");
  });

  it("allow as many unanswered ones as the option says", async () => {
    holdTime();
    const { server } = await pair({ heartbeat: 1_000, missedHeartbeats: 5 });
    server.hold("HEARTBEAT_REQUEST");
    await pass(5_900);
    expect(server.sessions).toHaveLength(1);
    await pass(300);
    expect(server.sessions).toHaveLength(2);
  });

  it("are not missed while anything else comes", async () => {
    holdTime();
    const { server, connection } = await pair({ heartbeat: 1_000 });
    server.hold("HEARTBEAT_REQUEST");
    for (let second = 0; second < 20; second++) {
      await pass(1_000);
      await connection.publish("orders", "a sign of life");
    }
    expect(server.sessions).toHaveLength(1);
    await partClean(connection);
  });

  it("find a peer that is frozen on a subscription too", async () => {
    holdTime();
    const { server, connection } = await pair({ heartbeat: 1_000 });
    const subscription = await connection.subscribe("orders");
    const frozen = server.last("sub");
    frozen.freeze();
    await pass(3_300);
    expect(server.last("sub")).not.toBe(frozen);
    expect(subscription.state).toBe("open");
    expect(connection.state).toBe("open");
  });

  it("bring the session back when the server does not know it any longer", async () => {
    holdTime();
    const { server, connection } = await pair({ heartbeat: 1_000 });
    const events = watch(connection);
    server.on("HEARTBEAT_REQUEST", (request) => {
      if (request.session.number === 1) request.refuse("java.lang.Exception: no session is found");
      else request.reply();
    });
    await pass(1_300);
    expect(server.sessions).toHaveLength(2);
    await pass(5_000);
    expect(server.sessions).toHaveLength(2);
    const lost = events.find((event) => event.type === "lost") as unknown as { error: Error };
    const cause = lost.error.cause as PeerError;
    expect(cause.message).toBe(
      `Cannot keep the session with 127.0.0.1:${server.port}: the server answered HEARTBEAT_RESPONSE with status 1: ` +
        "no session is found",
    );
    await connection.publish("orders", "x");
    await partClean(connection);
  });
});

describe("heartbeats while reading is paused", () => {
  it("go out, and silence is no death", async () => {
    holdTime();
    const { server, connection } = await pair({ heartbeat: 1_000 });
    const subscription = await connection.subscribe("orders", { capacity: 1 });
    const session = server.last("sub");
    session.push("orders", "1");
    await turns(10);
    await pass(30_000);
    expect(session.of("HEARTBEAT_REQUEST")).toHaveLength(30);
    expect(session.open).toBe(true);
    expect(subscription.state).toBe("open");
    // Paused for real: not even the answers were read.
    expect(session.transport.buffered).toBeGreaterThan(0);
    const seen: string[] = [];
    void subscription.consume((message) => void seen.push(message.text()));
    session.push("orders", "2");
    await pass(3_000);
    expect(seen).toEqual(["1", "2"]);
    expect(session.of("ASYNC_MESSAGE_TO_CLIENT_ACK")).toHaveLength(2);
    expect(server.sessions).toHaveLength(2);
    await partClean(connection);
  });

  it("count again from the moment reading goes on", async () => {
    holdTime();
    const { server, connection } = await pair({ heartbeat: 1_000 });
    const subscription = await connection.subscribe("orders", { capacity: 1 });
    const session = server.last("sub");
    session.push("orders", "1");
    await turns(10);
    // Dead meanwhile, and nobody could see it.
    session.freeze();
    await pass(10_500);
    void subscription.consume(() => {});
    await pass(2_000);
    expect(server.last("sub")).toBe(session);
    await pass(1_500);
    expect(server.last("sub")).not.toBe(session);
    expect(subscription.state).toBe("open");
  });
});
