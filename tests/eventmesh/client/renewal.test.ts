import { describe, expect, it } from "vitest";
import { ConnectionLostError, TimeoutError } from "../../../lib/errors.ts";
import type { EventMeshConnection } from "../../../lib/eventmesh/mod.ts";
import type { FakeServer } from "../../support/fake_server.ts";
import { until } from "../../support/until.ts";
import {
  balanced,
  clientGate,
  failure,
  holdTime,
  loud,
  pair,
  partClean,
  pass,
  settled,
  texts,
  watch,
} from "./kit.ts";

clientGate();

// What the runtime does to a client that is not alone: some acknowledgements go to other clients.

describe("a server that acknowledges some publishes never", () => {
  it("gets a fresh session when those hold half of the window, and what waits goes out on it", async () => {
    const { server, connection } = await pair({ window: 4 });
    let unanswered = 2;
    server.on("ASYNC_MESSAGE_TO_SERVER", (request) => {
      if (unanswered-- <= 0) request.reply();
    });
    const never = ["a", "b"].map((text) => failure(connection.publish("orders", text, { timeout: 1_500 })));
    for (let i = 0; i < 60; i++) await connection.publish("orders", `answered ${i}`);
    await until(() => server.sessions.length === 2, { what: "a fresh session" });
    await connection.publish("orders", "on the fresh session");
    expect(server.last("pub").of("ASYNC_MESSAGE_TO_SERVER").at(-1)!.text).toBe("on the fresh session");
    for (const error of await Promise.all(never)) {
      expect((error as TimeoutError).outcome).toBe("unknown");
    }
    const { messages, connections } = await partClean(connection);
    expect(messages).toMatchObject({ published: 63, confirmed: 61, unconfirmed: 2 });
    expect(connections).toMatchObject({ opened: 2, clean: 2 });
  });

  it("keeps its session when no fresh one can be had", async () => {
    const { server, connection } = await pair({ window: 4 });
    let unanswered = 2;
    server.on("ASYNC_MESSAGE_TO_SERVER", (request) => {
      if (unanswered-- <= 0) request.reply();
    });
    server.refuse("HELLO_REQUEST", "server state is not running, maybe deploying...");
    const never = ["a", "b"].map((text) => failure(connection.publish("orders", text, { timeout: 1_500 })));
    for (let i = 0; i < 60; i++) await connection.publish("orders", `answered ${i}`);
    await server.saw("HELLO_REQUEST", 2);
    await connection.publish("orders", "on the only session");
    expect(connection.state).toBe("open");
    await Promise.all(never);
    const { connections } = await partClean(connection);
    expect(connections).toMatchObject({ opened: 1, clean: 1 });
  });
});

describe("a renewal that fails", () => {
  it("is tried again after 10 s, not before", async () => {
    holdTime();
    const { server, connection } = await pair({ window: 4 });
    server.refuse("HELLO_REQUEST", "server state is not running, maybe deploying...");
    const never = await overtaken(server, connection, 15_000);
    await answered(connection, 100);
    await pass(9_000);
    await answered(connection, 100);
    expect(server.of("HELLO_REQUEST")).toHaveLength(2);
    await pass(1_100);
    await answered(connection, 16);
    await pass(100);
    expect(server.of("HELLO_REQUEST")).toHaveLength(3);
    await pass(5_000);
    for (const error of await Promise.all(never)) expect(error).toBeInstanceOf(TimeoutError);
    const { errors } = await partClean(connection);
    expect(errors).toHaveLength(2);
  });
});

describe("a session that is left for a fresh one", () => {
  it("keeps what is never answered until its own time limit, and that is no fault", async () => {
    holdTime();
    const { server, connection } = await pair({ window: 4 });
    const events = watch(connection);
    const never = await overtaken(server, connection, 25_000);
    await pass(22_000);
    expect(server.sessions).toHaveLength(2);
    expect(server.open).toHaveLength(2);
    expect(await settled(Promise.race(never))).toBe(false);
    await pass(4_000);
    for (const error of await Promise.all(never)) expect(error).toBeInstanceOf(TimeoutError);
    expect(server.open).toHaveLength(1);
    expect(loud(events)).toEqual([]);
    const { errors, connections } = await partClean(connection);
    expect(errors).toEqual([]);
    expect(connections).toMatchObject({ opened: 2, clean: 2 });
  });

  it("is the only one of its kind: the next renewal waits for it, 20 s at most", async () => {
    holdTime();
    const { server, connection } = await pair({ window: 4 });
    const events = watch(connection);
    const first = await overtaken(server, connection, 60_000);
    await pass(100);
    const second = await overtaken(server, connection, 60_000);
    await pass(19_000);
    expect(server.sessions).toHaveLength(2);
    await pass(2_000);
    for (const error of await Promise.all(first)) {
      expect(error).toBeInstanceOf(ConnectionLostError);
      expect((error as ConnectionLostError).outcome).toBe("unknown");
    }
    expect(server.sessions).toHaveLength(3);
    expect(server.open).toHaveLength(2);
    await pass(60_000);
    for (const error of await Promise.all(second)) expect(error).toBeInstanceOf(TimeoutError);
    expect(loud(events)).toEqual([]);
    expect((await partClean(connection)).connections).toMatchObject({ opened: 3, clean: 3 });
  });

  it("takes nothing with it of what is written on the fresh one, whose window may be larger", async () => {
    const { server, connection } = await pair({}, { advertised: { publishwindow: "4" } });
    server.hold("HELLO_REQUEST");
    const never = await overtaken(server, connection, 60_000);
    await server.saw("HELLO_REQUEST", 2);
    server.hold("ASYNC_MESSAGE_TO_SERVER");
    const old = ["c", "d"].map((text) => failure(connection.publish("orders", text)));
    const fresh = Array.from({ length: 10 }, (_, i) => connection.publish("orders", `fresh ${i}`));
    await until(() => texts(server).at(-1) === "d", { what: "a full window" });
    server.held("HELLO_REQUEST")[0]!.reply({ properties: { publishwindow: "8" } });
    await until(() => server.last("pub").of("ASYNC_MESSAGE_TO_SERVER").length > 0, {
      what: "a fresh session",
    });
    expect(await settled(Promise.race(fresh))).toBe(false);
    expect(server.last("pub").of("ASYNC_MESSAGE_TO_SERVER")).toHaveLength(8);
    server.sessions[0]!.transport.destroy();
    for (const error of await Promise.all([...never, ...old])) {
      expect(error).toBeInstanceOf(ConnectionLostError);
    }
    server.release("ASYNC_MESSAGE_TO_SERVER");
    await Promise.all(fresh);
    await partClean(connection);
  });
});

describe("a session that is lost while a fresh one is sought", () => {
  it("leaves the connection reconnecting at once, until there is the fresh one", async () => {
    const { server, connection } = await pair({ window: 4 });
    server.hold("HELLO_REQUEST");
    const never = await overtaken(server, connection, 60_000);
    await server.saw("HELLO_REQUEST", 2);
    server.sessions[0]!.transport.destroy();
    for (const error of await Promise.all(never)) expect(error).toBeInstanceOf(ConnectionLostError);
    expect(connection.state).toBe("reconnecting");
    server.release("HELLO_REQUEST");
    await connection.publish("orders", "on the fresh session");
    expect(connection.state).toBe("open");
    expect((await partClean(connection)).connections).toMatchObject({ opened: 2, clean: 1, lost: 1 });
  });

  it("is the reason of the reconnect when the fresh one cannot be had", async () => {
    const { server, connection } = await pair({ window: 4 });
    const events = watch(connection);
    server.hold("HELLO_REQUEST");
    const never = await overtaken(server, connection, 60_000);
    await server.saw("HELLO_REQUEST", 2);
    server.sessions[0]!.transport.destroy();
    await Promise.all(never);
    server.held("HELLO_REQUEST")[0]!.refuse("server state is not running, maybe deploying...");
    server.off("HELLO_REQUEST");
    await connection.publish("orders", "on the fresh session");
    const lost = events.find(({ type }) => type === "lost") as { error?: unknown } | undefined;
    const retry = events.find(({ type }) => type === "retry") as { error?: unknown } | undefined;
    expect(lost!.error).toBeInstanceOf(ConnectionLostError);
    expect(retry!.error).toBe(lost!.error);
    await partClean(connection);
  });

  it("ends a connection that may not reconnect, with the reason of its loss", async () => {
    const { server, connection } = await pair({ window: 4, reconnect: false });
    server.hold("HELLO_REQUEST");
    const never = await overtaken(server, connection, 60_000);
    await server.saw("HELLO_REQUEST", 2);
    server.sessions[0]!.transport.destroy();
    const [error] = await Promise.all(never) as ConnectionLostError[];
    const farewell = balanced(await connection.closed);
    expect(farewell.cause).toBe("lost");
    expect(farewell.reason).toBe(error!.cause);
    expect(server.held("HELLO_REQUEST")).toHaveLength(1);
  });
});

/** Two publishes that are never answered, overtaken by as many as it takes to be noticed; their failures. */
async function overtaken(
  server: FakeServer,
  connection: EventMeshConnection,
  timeout: number,
): Promise<Promise<unknown>[]> {
  let unanswered = 2;
  server.on("ASYNC_MESSAGE_TO_SERVER", (request) => {
    if (unanswered-- <= 0) request.reply();
  });
  const never = ["a", "b"].map((text) => failure(connection.publish("orders", text, { timeout })));
  await answered(connection, 48);
  return never;
}

async function answered(connection: EventMeshConnection, count: number): Promise<void> {
  for (let i = 0; i < count; i++) await connection.publish("orders", `answered ${i}`);
}
