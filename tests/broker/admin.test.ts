import { describe, expect, it } from "vitest";
import { decodeRedirect } from "../../lib/eventmesh/wire/mod.ts";
import { leakGate } from "../support/leak.ts";
import { until } from "../support/until.ts";
import { dataOf } from "../support/wire_client.ts";
import { useBroker } from "./fixture.ts";

leakGate();

const mesh = useBroker();

describe("inspect", () => {
  it("tells of sessions, groups, topics, queues and memory, as plain data", async () => {
    await mesh.start({ limits: { unackedPerSession: 1 } });
    const [client, publisher] = [await mesh.subscriber("g", "t", "u"), await mesh.publisher()];
    for (const text of ["1", "2", "3"]) await publisher.publish("t", text);
    await publisher.message("REQUEST_TO_SERVER", "t", "x", { properties: { ttl: "1" } });
    const { counters, memory, sessions, ...seen } = mesh.broker.inspect();
    expect(seen).toEqual({
      name: "broker",
      state: "open",
      url: mesh.broker.url,
      groups: [{ name: "g", sessions: 1 }],
      topics: [
        { name: "t", subscribers: 1, queued: 2, inFlight: 1, retained: 0, requests: 0 },
        { name: "u", subscribers: 1, queued: 0, inFlight: 0, retained: 0, requests: 0 },
      ],
      queued: 2,
      inFlight: 1,
      requests: 0,
    });
    expect(sessions).toMatchObject([
      {
        id: 1,
        group: "g",
        purpose: "sub",
        subsystem: "tests",
        state: "open",
        topics: ["t", "u"],
        listening: true,
        unacked: 1,
      },
      { id: 2, group: "publishers", purpose: "pub", topics: [], listening: false, unacked: 0 },
    ]);
    expect(memory).toBeGreaterThan(0);
    expect(counters).toMatchObject({ published: 4, confirmed: 3, rejected: 1, received: 3, pushed: 1 });
    expect(JSON.parse(JSON.stringify(mesh.broker.inspect()))).toEqual(mesh.broker.inspect());
    await client.goodbye();
    await until(() => mesh.broker.inspect().sessions.length === 1);
    expect(mesh.broker.inspect()).toMatchObject({
      queued: 3,
      inFlight: 0,
      groups: [{ name: "g", sessions: 0 }],
    });
  });
});

describe("redirect", () => {
  it("asks the sessions it is told to, which stay what they are until they go", async () => {
    await mesh.start();
    const [one, other, publisher] = [
      await mesh.subscriber("a", "t"),
      await mesh.subscriber("b", "t"),
      await mesh.publisher(),
    ];
    expect(mesh.broker.redirect(({ group }) => group === "a", { ip: "10.0.0.1", port: 10_000 })).toBe(1);
    const redirect = await one.expect("REDIRECT_TO_CLIENT");
    expect(redirect).toMatchObject({ code: 0, seq: undefined });
    expect(decodeRedirect(redirect)).toEqual({ ip: "10.0.0.1", port: 10_000 });
    await publisher.publish("t", "hello");
    expect((await one.settled()).map(dataOf)).toEqual(["hello"]);
    expect((await other.settled()).map(dataOf)).toEqual(["hello"]);
  });

  it("goes to one session by its id, and ends it when it does not go", async () => {
    await mesh.start({ goodbyeTimeout: 20 });
    const [one, other] = [await mesh.subscriber("g", "t"), await mesh.subscriber("g", "t")];
    expect(mesh.broker.redirect(2, { ip: "10.0.0.1", port: 1 })).toBe(1);
    expect(mesh.broker.redirect(99, { ip: "10.0.0.1", port: 1 })).toBe(0);
    await other.expect("REDIRECT_TO_CLIENT");
    await other.untilEnded();
    expect((await one.settled()).length).toBe(0);
  });

  it("refuses a target that is none, and a selection that is none", async () => {
    await mesh.start();
    expect(() => mesh.broker.redirect(() => true, { ip: "", port: 1 })).toThrow(TypeError);
    expect(() => mesh.broker.redirect(() => true, { ip: "x", port: 0 })).toThrow(TypeError);
    expect(() => mesh.broker.redirect("all" as unknown as number, { ip: "x", port: 1 })).toThrow(TypeError);
  });
});

describe("disconnect", () => {
  it("says goodbye to a session, lets it acknowledge, and gives the rest to others", async () => {
    await mesh.start();
    const [one, publisher] = [await mesh.subscriber("g", "t"), await mesh.publisher()];
    for (const text of ["1", "2"]) await publisher.publish("t", text);
    const other = await mesh.subscriber("g", "t");
    const count = mesh.broker.disconnect(1, { grace: 500 });
    one.ack(await one.expect("ASYNC_MESSAGE_TO_CLIENT"));
    await publisher.publish("t", "3");
    expect(dataOf(await other.expect("ASYNC_MESSAGE_TO_CLIENT"))).toBe("3");
    await one.expect("SERVER_GOODBYE_REQUEST");
    await one.goodbye();
    expect(await count).toBe(1);
    expect(dataOf(await other.expect("ASYNC_MESSAGE_TO_CLIENT"))).toBe("2");
    expect(mesh.broker.state).toBe("open");
  });

  it("does not harm others", async () => {
    await mesh.start();
    const clients = [await mesh.open(), await mesh.open(), await mesh.publisher()];
    expect(await mesh.broker.disconnect(({ purpose }) => purpose === "sub", { grace: 0 })).toBe(2);
    await Promise.all([clients[0]!.untilEnded(), clients[1]!.untilEnded()]);
    await clients[2]!.settled();
  });

  it("rejects for options of a wrong type", async () => {
    await mesh.start();
    await mesh.open();
    await expect(mesh.broker.disconnect(1, { grace: -1 })).rejects.toThrow(RangeError);
    await expect(mesh.broker.disconnect({} as unknown as number)).rejects.toThrow(TypeError);
  });
});
