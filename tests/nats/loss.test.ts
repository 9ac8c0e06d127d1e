import { describe, expect, it } from "vitest";
import { ConnectError, type ConnectionLostError, PeerError } from "../../lib/errors.ts";
import type { EndpointEvent } from "../../lib/lifecycle/mod.ts";
import { systemNetwork } from "../../lib/net/mod.ts";
import { leakGate } from "../support/leak.ts";
import { until } from "../support/until.ts";
import { places, rejection, watch } from "./kit.ts";

const gate = leakGate();
const place = places(gate);
const tcpPlace = places(gate, () => systemNetwork());

function lossIn(events: readonly EndpointEvent[]): string | undefined {
  const lost = events.find(({ type }) => type === "lost") as { error: Error } | undefined;
  return lost?.error.message;
}

describe("why a connection was lost", () => {
  it.each([
    "User Authentication Expired",
    "Account Authentication Expired",
    "Authentication Timeout",
    "Maximum Payload Violation",
    "Stale Connection",
    "Slow Consumer",
  ])("is what the server said: %s", async (words) => {
    const { server, ...there } = await place();
    const connection = await there.connect();
    const events = watch(connection);
    const pending = rejection(connection.request("nobody", "x"));
    await connection.flush();
    const [session] = server.sessions;
    session!.send(`-ERR '${words}'\r\n`);
    session!.transport.end();
    await until(() => connection.epoch === 2);
    expect(lossIn(events)).toContain(`the server said "${words}"`);
    const error = await pending as ConnectionLostError;
    expect((error.cause as Error).message).toContain(`the server said "${words}"`);
  });

  it("is what the server said where it resets the connection behind it", async () => {
    const { server, ...there } = await place();
    const connection = await there.connect();
    const events = watch(connection);
    server.sessions[0]!.send("-ERR 'Slow Consumer'\r\n");
    await until(() => (connection.raw as Raw).protocol.lastError !== undefined);
    server.sessions[0]!.transport.reset();
    await until(() => connection.epoch === 2);
    expect(lossIn(events)).toContain('the server said "Slow Consumer"');
  });

  it("is not what the server complained of before it went on", async () => {
    const { server, ...there } = await place();
    const connection = await there.connect();
    const events = watch(connection);
    server.sessions[0]!.send("-ERR 'Invalid Subject'\r\n");
    await connection.ping();
    server.sessions[0]!.transport.end();
    await until(() => connection.epoch === 2);
    expect(lossIn(events)).toMatch(/was lost: the server ended it$/);
  });

  it("is silence where heartbeats get no answer", async () => {
    const { network, ...there } = await place();
    const connection = await there.connect({ heartbeat: 20, missedHeartbeats: 2 });
    const events = watch(connection);
    for (const transport of network.accepted) transport.pause();
    await until(() => lossIn(events) !== undefined);
    expect(lossIn(events)).toContain("has not answered heartbeats");
  });

  it("is the raw connection where that was told to reconnect", async () => {
    const there = await place();
    const connection = await there.connect();
    const events = watch(connection);
    await (connection.raw as Raw).reconnect();
    await until(() => connection.epoch === 2);
    expect(lossIn(events)).toContain("its raw connection was told to reconnect");
  });
});

interface Raw {
  readonly protocol: { readonly lastError: Error | undefined };
  reconnect(): Promise<void>;
}

describe("a server that finds a login too slow", () => {
  it("is no refusal of the credentials: connect rejects with a ConnectError", async () => {
    const { server, ...there } = await place();
    server.refusal = "Authentication Timeout";
    server.admits = () => false;
    const error = await rejection(there.connect({ user: "me", pass: "sesame" })) as ConnectError;
    expect(error).toBeInstanceOf(ConnectError);
    expect(error.message).toContain('the server said "Authentication Timeout"');
  });

  it("is tried again after a loss, as often as it takes", async () => {
    const { network, server, ...there } = await place();
    const connection = await there.connect({ user: "me", pass: "sesame" });
    server.refusal = "Authentication Timeout";
    let left = 5;
    server.admits = () => left-- <= 0;
    for (const transport of network.dialled) transport.reset();
    await until(() => connection.epoch === 2);
    expect(left).toBeLessThan(0);
    server.refusal = "Authorization Violation";
    server.admits = () => false;
    for (const transport of network.dialled) transport.reset();
    expect((await connection.closed).reason).toBeInstanceOf(PeerError);
  });
});

describe("without heartbeats", () => {
  it("the end of the stream is noticed by an idle connection", async () => {
    const { server, ...there } = await tcpPlace();
    const connection = await there.connect({ heartbeat: Infinity });
    for (const how of ["end", "reset"] as const) {
      const { epoch } = connection;
      server.open[0]!.transport[how]();
      await until(() => connection.epoch === epoch + 1);
    }
  });

  it("it is noticed by a subscription that was paused, once it reads on", async () => {
    const { server, ...there } = await tcpPlace();
    const connection = await there.connect({ heartbeat: Infinity });
    const subscription = await connection.subscribe("orders", { capacity: 1 });
    const iterator = subscription[Symbol.asyncIterator]();
    for (const text of ["1", "2"]) await connection.publish("orders", text);
    server.sessions[1]!.transport.end();
    expect((await iterator.next()).value!.text()).toBe("1");
    expect((await iterator.next()).value!.text()).toBe("2");
    const next = iterator.next();
    await until(() => server.sessions.length === 3 && subscription.state === "open");
    await until(() => server.sessions[2]!.matching("orders").length === 1);
    await connection.publish("orders", "3");
    expect((await next).value!.text()).toBe("3");
  });

  it.each([1, 1_000])("a goodbye to a frozen server keeps its time, with capacity %d", async (capacity) => {
    const { network, ...there } = await place();
    const connection = await there.connect({ heartbeat: Infinity });
    const subscription = await connection.subscribe("orders", { capacity });
    const iterator = subscription[Symbol.asyncIterator]();
    for (const text of ["1", "2"]) await connection.publish("orders", text);
    expect((await iterator.next()).value!.text()).toBe("1");
    for (const transport of network.accepted) transport.pause();
    const farewell = await connection.goodbye({ grace: 300 });
    expect(farewell.duration).toBeLessThan(6_300);
    expect(farewell.residue).toEqual({ sockets: 0, timers: 0, listeners: 0 });
  });
});

describe("a subscription that reads nothing at the moment", () => {
  it("comes back after a loss while it does not read", async () => {
    const { network, server, ...there } = await place();
    const connection = await there.connect({ heartbeat: 20 });
    const subscription = await connection.subscribe("orders", { capacity: 2 });
    const iterator = subscription[Symbol.asyncIterator]();
    for (const text of ["1", "2", "3"]) await connection.publish("orders", text);
    const lost = [...network.dialled][1]!;
    lost.reset();
    await until(() => server.open.some(({ number }) => number === 3), { what: "another connection" });
    await until(() => subscription.state === "open", { what: "the subscription to be back", timeout: 3_000 });
    await until(() => server.sessions[2]!.matching("orders").length === 1);
    // It keeps quiet: the server sends more than it takes.
    for (const text of ["4", "5", "6"]) await connection.publish("orders", text);
    const pings = (): number => server.sessions[2]!.commands.filter((line) => line === "PING").length;
    const before = pings();
    await until(() => pings() > before + 5, { what: "heartbeats of the paused connection" });
    const texts: string[] = [];
    for (let i = 0; i < 5; i++) texts.push((await iterator.next()).value!.text());
    // The third was on its way when the connection was lost: it is the one that may be missing.
    expect([["1", "2", "3", "4", "5"], ["1", "2", "4", "5", "6"]]).toContainEqual(texts);
  });
});

describe("a flush through the raw connection", () => {
  it.each(["a loss", "the end"])("that waits for its answer rejects with %s", async (what) => {
    const { network, server, ...there } = await place();
    const connection = await there.connect();
    server.late = "ping";
    const flushed = rejection((connection.raw as { flush(): Promise<void> }).flush());
    await until(() => server.asked > 0);
    if (what === "the end") await connection.goodbye({ grace: 0 });
    else for (const transport of network.dialled) transport.reset();
    expect(await flushed).toBeInstanceOf(Error);
    server.late = undefined;
  });
});
