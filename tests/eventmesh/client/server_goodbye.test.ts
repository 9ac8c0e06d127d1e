import { describe, expect, it } from "vitest";
import { PeerError } from "../../../lib/errors.ts";
import { turns, until } from "../../support/until.ts";
import {
  balanced,
  client,
  clientGate,
  failure,
  fake,
  holdTime,
  loud,
  pair,
  partClean,
  pass,
  texts,
  watch,
} from "./kit.ts";

clientGate();

describe("a server that says goodbye", () => {
  it("is left in order, and only then sought again, when it is the only one", async () => {
    const { server, connection } = await pair();
    const events = watch(connection);
    server.hold("ASYNC_MESSAGE_TO_SERVER");
    const written = connection.publish("orders", "written");
    await server.saw("ASYNC_MESSAGE_TO_SERVER");
    const [left] = server.sessions;
    left!.goodbye();
    await until(() => connection.state === "reconnecting", { what: "reconnecting" });
    const waiting = connection.publish("orders", "waiting");
    await turns(10);
    // What it has is settled there first.
    expect(left!.of("CLIENT_GOODBYE_REQUEST")).toEqual([]);
    let openAtDial = -1;
    server.onAccept = () => openAtDial = server.open.filter((session) => session === left).length;
    server.release("ASYNC_MESSAGE_TO_SERVER");
    await Promise.all([written, waiting]);
    expect(openAtDial).toBe(0);
    expect(left!.commands).toEqual(["HELLO_REQUEST", "ASYNC_MESSAGE_TO_SERVER", "CLIENT_GOODBYE_REQUEST"]);
    expect(left!.peerEnded).toBe(true);
    expect(texts(server)).toEqual(["written", "waiting"]);
    const farewell = await partClean(connection);
    expect(farewell.connections).toMatchObject({ opened: 2, clean: 2, lost: 0, forced: 0 });
    expect(loud(events)).toEqual([]);
  });

  it("is left once, however often it says so", async () => {
    const { server, connection } = await pair();
    const [left] = server.sessions;
    left!.goodbye();
    left!.goodbye();
    await left!.saw("CLIENT_GOODBYE_REQUEST");
    left!.goodbye();
    await until(() => server.sessions.length === 2 && connection.state === "open", { what: "open again" });
    await connection.publish("orders", "x");
    expect(left!.of("CLIENT_GOODBYE_REQUEST")).toHaveLength(1);
    expect(server.sessions).toHaveLength(2);
    await partClean(connection);
  });

  it("is left when its successor is there, where there is a list", async () => {
    const [one, two] = [await fake(), await fake()];
    const connection = await client([one, two]);
    const events = watch(connection);
    two.hold("HELLO_REQUEST");
    one.last("pub").goodbye();
    await two.saw("HELLO_REQUEST");
    const publishing = connection.publish("orders", "x");
    await turns(10);
    expect(one.of("CLIENT_GOODBYE_REQUEST")).toEqual([]);
    two.release("HELLO_REQUEST");
    await publishing;
    expect(texts(two)).toEqual(["x"]);
    await one.saw("CLIENT_GOODBYE_REQUEST");
    await one.holds(0);
    const farewell = await partClean(connection);
    expect(farewell.connections).toMatchObject({ opened: 2, clean: 2 });
    expect(events.filter(({ type }) => type === "state").map((event) => "state" in event && event.state)).not
      .toContain(
        "reconnecting",
      );
    expect(loud(events)).toEqual([]);
  });

  it("is told as a fault when its goodbye carries an error", async () => {
    const { server, connection } = await pair();
    const events = watch(connection);
    server.last("pub").goodbye("the incoming message does not have a header.", 1);
    await until(() => server.sessions.length === 2 && connection.state === "open", { what: "open again" });
    const fault = events.find((event) => event.type === "fault") as unknown as { error: PeerError };
    expect(fault.error).toBeInstanceOf(PeerError);
    expect(fault.error.message).toBe(
      `The server 127.0.0.1:${server.port} said goodbye with status 1: the incoming message does not have a header.`,
    );
    await partClean(connection);
  });

  it("is heard when the goodbye comes with the answer to hello", async () => {
    const [one, two] = [await fake(), await fake()];
    one.on("HELLO_REQUEST", (request) => {
      request.reply();
      request.session.goodbye();
    });
    const connection = await client([one, two]);
    await two.holds(1);
    await one.holds(0);
    await connection.publish("orders", "x");
    expect(texts(two)).toEqual(["x"]);
    await partClean(connection);
  });

  it("is given up after 20 s when it does not settle what it has", async () => {
    holdTime();
    const [one, two] = [await fake(), await fake()];
    const connection = await client([one, two]);
    const events = watch(connection);
    one.hold("ASYNC_MESSAGE_TO_SERVER");
    const publishing = failure(connection.publish("orders", "x", { timeout: 60_000 }));
    await one.saw("ASYNC_MESSAGE_TO_SERVER");
    one.last("pub").goodbye();
    await pass(19_000);
    expect(two.open).toHaveLength(1);
    expect(one.open).toHaveLength(1);
    await pass(1_500);
    expect(await publishing).toMatchObject({ code: "ERR_CONNECTION_LOST", outcome: "unknown" });
    expect(one.of("CLIENT_GOODBYE_REQUEST")).toHaveLength(1);
    await one.holds(0);
    expect(loud(events)).toEqual(["fault"]);
  });

  it("ends the connection in order where it may not reconnect", async () => {
    const { server, connection } = await pair({ reconnect: false });
    const subscription = await connection.subscribe("orders");
    const seen: string[] = [];
    const loop = (async () => {
      for await (const message of subscription) seen.push(message.text());
    })();
    server.hold("ASYNC_MESSAGE_TO_SERVER");
    const publishing = connection.publish("orders", "x");
    await server.saw("ASYNC_MESSAGE_TO_SERVER");
    server.last("sub").push("orders", "last");
    server.last("pub").goodbye();
    await until(() => connection.state === "draining", { what: "draining" });
    server.release("ASYNC_MESSAGE_TO_SERVER");
    await publishing;
    await loop;
    expect(seen).toEqual(["last"]);
    const farewell = balanced(await connection.closed);
    expect(farewell).toMatchObject({ cause: "peer-goodbye", outcome: "clean" });
    expect((farewell.reason as Error).message).toBe(`The server 127.0.0.1:${server.port} said goodbye`);
    await server.holds(0);
  });

  it("does not disturb a goodbye of our own", async () => {
    const { server, connection } = await pair();
    server.on("CLIENT_GOODBYE_REQUEST", (request) => {
      request.session.goodbye();
      request.reply();
    });
    await partClean(connection);
    expect(server.sessions).toHaveLength(1);
  });

  it("does not send us on while we drain", async () => {
    const [one, other] = [await fake(), await fake()];
    const connection = await client([one, other]);
    const subscription = await connection.subscribe("orders");
    let go = (): void => {};
    void subscription.consume(async (message) => {
      await new Promise<void>((resolve) => go = resolve);
      await connection.publish("log", message.text());
    });
    one.last("sub").push("orders", "x");
    await until(() => one.last("sub").transport.buffered === 0, { what: "a running handler" });
    await turns(3);
    const ending = connection.goodbye();
    for (const session of one.open) session.goodbye();
    await turns(10);
    go();
    expect(balanced(await ending)).toMatchObject({
      outcome: "clean",
      connections: { opened: 2, clean: 2 },
      messages: { published: 1, confirmed: 1, received: 1, acked: 1 },
    });
    expect(other.sessions).toEqual([]);
    expect(one.of("CLIENT_GOODBYE_REQUEST")).toHaveLength(2);
  });

  it("may end in place of an answer to our goodbye", async () => {
    const { server, connection } = await pair({ reconnect: false });
    server.on("CLIENT_GOODBYE_REQUEST", (request) => request.session.transport.end());
    server.last("pub").goodbye();
    const farewell = balanced(await connection.closed);
    expect(farewell).toMatchObject({ cause: "peer-goodbye", outcome: "clean", connections: { clean: 1 } });
  });
});
