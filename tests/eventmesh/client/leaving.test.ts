import { describe, expect, it } from "vitest";
import { memoryNetwork } from "../../../lib/net/mod.ts";
import { turns, until } from "../../support/until.ts";
import {
  balanced,
  client,
  clientGate,
  failure,
  fake,
  holdTime,
  pair,
  partClean,
  pass,
  texts,
} from "./kit.ts";

clientGate();

describe("a session that is left", () => {
  it("is cut 2 s after its goodbye when that is not answered, and the next one is sought", async () => {
    holdTime();
    const { server, connection } = await pair();
    const left = server.last("pub");
    server.hold("CLIENT_GOODBYE_REQUEST");
    left.goodbye();
    await pass(1_900);
    expect([connection.state, left.open, left.of("CLIENT_GOODBYE_REQUEST").length]).toEqual([
      "reconnecting",
      true,
      1,
    ]);
    server.off("CLIENT_GOODBYE_REQUEST");
    await pass(300);
    expect([connection.state, left.open, server.sessions.length]).toEqual(["open", false, 2]);
    const farewell = balanced(await connection.goodbye());
    expect(farewell.connections).toMatchObject({ opened: 2, clean: 1, forced: 1 });
  });

  it("stays until what came with its goodbye is acknowledged", async () => {
    const { left, other, finish, started, connection } = await lastMinute();
    await started();
    await other.saw("LISTEN_REQUEST");
    await turns(20);
    expect([left.open, left.peerEnded]).toEqual([true, false]);
    finish();
    await left.saw("BROADCAST_MESSAGE_TO_CLIENT_ACK");
    await until(() => left.peerEnded, { what: "the end of the session" });
    expect((await partClean(connection)).messages).toMatchObject({ received: 1, acked: 1 });
  });

  it("does not stay longer than 2 s for that", async () => {
    holdTime();
    const { left, finish, connection } = await lastMinute();
    await pass(1_900);
    expect(left.open).toBe(true);
    await pass(300);
    expect(left.open).toBe(false);
    finish();
    expect(balanced(await connection.goodbye()).messages).toMatchObject({ received: 1, dropped: 1 });
    expect(left.of("BROADCAST_MESSAGE_TO_CLIENT_ACK")).toEqual([]);
  });

  it("does not delay a goodbye of our own when its server was told and does not end", async () => {
    holdTime();
    const [one, two] = [await fake(), await fake()];
    const connection = await client([one, two]);
    const left = one.last("pub");
    left.fins = false;
    left.goodbye();
    await until(() => left.peerEnded, { what: "the end of our side" });
    const farewell = balanced(await connection.goodbye());
    expect(farewell).toMatchObject({ outcome: "clean", duration: 0, connections: { opened: 2, clean: 2 } });
  });

  it("does not hold up the next one when its peer reads no more", async () => {
    holdTime();
    const network = memoryNetwork({ highWaterMark: 2_000 });
    const [one, two] = [await fake({ network }), await fake({ network })];
    const connection = await client([one, two], { network, window: 100 });
    const left = one.last("pub");
    left.freeze();
    const written = Array.from(
      { length: 20 },
      (_, i) => failure(connection.publish("orders", `${i}`.padEnd(200), { timeout: 60_000 })),
    );
    await turns(5);
    left.goodbye();
    // Its own goodbye, after 20 s, meets a transport that is full.
    await pass(21_000);
    expect(left.open).toBe(true);
    await connection.publish("orders", "goes on");
    expect(texts(two)).toContain("goes on");
    const ending = connection.goodbye();
    await pass(4_000);
    balanced(await ending);
    await Promise.all(written);
  });
});

describe("a goodbye", () => {
  it("reads on until the server has ended, which so never sees a reset", async () => {
    const { server, connection } = await pair();
    const session = server.last("pub");
    server.on("CLIENT_GOODBYE_REQUEST", async (request) => {
      session.fins = false;
      request.reply();
      await until(() => session.peerEnded, { what: "the end of the client" });
      for (let i = 0; i < 3; i++) {
        session.push("orders", "late");
        await turns(3);
      }
      session.transport.end();
    });
    await partClean(connection);
    await until(() => session.end !== undefined, { what: "the end of the stream" });
    expect(session.end).toEqual({ error: undefined });
  });
});

/** A subscription that is redirected, and gets a message for every member of its group with the goodbye. */
async function lastMinute() {
  const [one, other] = [await fake(), await fake()];
  const connection = await client(one);
  const subscription = await connection.subscribe("news", { mode: "broadcasting" });
  const left = one.last("sub");
  let finish = (): void => {};
  let running = false;
  void subscription.consume(() => {
    running = true;
    return new Promise<void>((resolve) => finish = resolve);
  });
  one.on("CLIENT_GOODBYE_REQUEST", (request) => {
    if (request.session === left) {
      left.push("news", "last minute", { command: "BROADCAST_MESSAGE_TO_CLIENT" });
    }
    request.reply();
  });
  left.redirect(other);
  return {
    left,
    other,
    connection,
    finish: () => finish(),
    started: () => until(() => running, { what: "a running handler" }),
  };
}
