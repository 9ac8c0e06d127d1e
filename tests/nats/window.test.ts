import { describe, expect, it } from "vitest";
import { ConnectionLostError, OverflowError } from "../../lib/errors.ts";
import { memoryNetwork } from "../../lib/net/mod.ts";
import { leakGate } from "../support/leak.ts";
import { turns, until } from "../support/until.ts";
import { places, rejection, watch } from "./kit.ts";

const gate = leakGate();
const place = places(gate);
const narrowPlace = places(gate, () => memoryNetwork({ highWaterMark: 256 }));
const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

describe("a message without a body", () => {
  it("is confirmed", async () => {
    const there = await place();
    const connection = await there.connect();
    await connection.publish("orders", "", { timeout: 5_000 });
    await connection.publish("orders", new Uint8Array(0), { timeout: 5_000 });
    connection.publishUnconfirmed("orders", "");
    await connection.flush();
    expect((await connection.goodbye()).messages).toMatchObject({ confirmed: 3, unconfirmed: 0 });
  });

  it("takes room in the window", async () => {
    const { server, ...there } = await place();
    const connection = await there.connect({ windowBytes: 1_000 });
    server.late = "publish";
    expect(() => {
      for (const _ of range(1_000)) connection.publishUnconfirmed("orders", "");
    }).toThrow(OverflowError);
    server.late = undefined;
    server.answer();
  });
});

describe("a transport that is full", () => {
  it("is written to again when it has room", async () => {
    const { network, ...there } = await narrowPlace();
    const connection = await there.connect();
    for (const transport of network.accepted) transport.pause();
    const first = connection.publish("orders", "x".repeat(1_000));
    await turns(5);
    const second = connection.publish("orders", "x".repeat(1_000));
    await turns(5);
    for (const transport of network.accepted) transport.resume();
    await Promise.all([first, second]);
    for (const i of range(10)) await connection.publish("orders", `${i}`.padEnd(1_000), { timeout: 5_000 });
    expect((await connection.goodbye()).messages).toMatchObject({ published: 12, confirmed: 12 });
  });
});

describe("the window in bytes", () => {
  it("holds after a reconnect", async () => {
    const { network, server, ...there } = await place();
    const connection = await there.connect({ windowBytes: 100 });
    server.late = "publish";
    const publish = (): Promise<unknown>[] =>
      range(30).map((i) => connection.publish("orders", `${i}`.padEnd(100), { retry: "unknown" }));
    const first = publish();
    await until(() => server.asked > 0);
    for (const transport of network.dialled) transport.reset();
    await until(() => connection.epoch === 2 && server.asked > 1);
    const second = publish();
    await turns(5);
    expect(server.sessions[1]!.commands.filter((line) => line.startsWith("HPUB")).length).toBe(1);
    server.late = undefined;
    server.answer();
    await Promise.all([...first, ...second]);
  });
});

describe("those that wait", () => {
  it("are no more than may", async () => {
    const { server, ...there } = await place();
    const connection = await there.connect({ window: 1, maxWaiting: 2 });
    server.late = "publish";
    const taken = range(3).map((i) => connection.publish("orders", `${i}`));
    const error = await rejection(connection.publish("orders", "too many"));
    expect(error).toMatchObject({ name: "OverflowError", capacity: 2 });
    expect((error as Error).message).toBe('Cannot publish to "orders": 2 others wait, no more may');
    await until(() => server.asked > 0);
    server.late = undefined;
    server.answer();
    await Promise.all(taken);
    expect((await connection.goodbye()).operations).toMatchObject({ settled: 3, refused: 1 });
  });
});

describe("a window of one", () => {
  it("lets no unconfirmed message overtake those that wait", async () => {
    const { server, ...there } = await place();
    const connection = await there.connect({ window: 1 });
    server.late = "publish";
    const first = connection.publish("orders", "1");
    connection.publishUnconfirmed("orders", "2");
    const second = connection.publish("orders", "3");
    expect(() => connection.publishUnconfirmed("orders", "4")).toThrow(OverflowError);
    server.late = undefined;
    server.answer();
    await Promise.all([first, second]);
    connection.publishUnconfirmed("orders", "5");
    expect((await connection.goodbye()).messages).toMatchObject({ published: 4, confirmed: 4 });
  });
});

describe("flush", () => {
  it("rejects once when messages were lost since the last one", async () => {
    const { network, server, ...there } = await place();
    const connection = await there.connect();
    server.late = "publish";
    connection.publishUnconfirmed("orders", "x");
    const events = watch(connection);
    await until(() => server.asked > 0);
    for (const transport of network.dialled) transport.reset();
    await until(() => events.some(({ type }) => type === "lost"));
    server.late = undefined;
    await until(() => connection.state === "open");
    const error = await rejection(connection.flush()) as ConnectionLostError;
    expect(error).toBeInstanceOf(ConnectionLostError);
    expect(error.outcome).toBe("unknown");
    connection.publishUnconfirmed("orders", "x");
    await connection.flush();
  });

  it("tells of what was lost with it, and then no more", async () => {
    const { network, server, ...there } = await place();
    const connection = await there.connect();
    server.late = "publish";
    connection.publishUnconfirmed("orders", "x");
    const flushed = rejection(connection.flush());
    await until(() => server.asked > 0);
    for (const transport of network.dialled) transport.reset();
    expect(await flushed).toBeInstanceOf(ConnectionLostError);
    server.late = undefined;
    await until(() => connection.state === "open");
    await connection.flush();
  });
});
