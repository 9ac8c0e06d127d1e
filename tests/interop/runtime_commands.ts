import { expect, it } from "vitest";
import { PeerError } from "../../lib/errors.ts";
import { connect } from "../../lib/eventmesh/mod.ts";
import { VERSION } from "../../lib/version.ts";
import { rejection } from "../contracts/bench.ts";
import { until } from "../support/until.ts";
import { gather, gathered } from "./runtime_load.ts";
import { count, tappedNetwork } from "./runtime_tap.ts";
import { freshName, type World } from "./runtime_world.ts";

/** Everything that a client asks of a runtime but messages: to be let in, to be kept, to be let go. */
export function commands(world: () => World): void {
  it("lets a client in, and knows it by what it says of itself", async () => {
    const client = await world().connect({
      subsystem: "billing",
      idc: "FT",
      env: "TEST",
      path: "/srv/billing",
    });
    const { group } = client;
    const listed = {
      subsystem: "billing",
      idc: "FT",
      env: "TEST",
      url: "/srv/billing",
      group,
      version: VERSION,
    };
    expect(await world().lists(group, 1)).toMatchObject([{ ...listed, purpose: "pub" }]);
    await client.connection.subscribe(freshName("topic"));
    const both = await world().lists(group, 2);
    expect(both.map(({ purpose }) => purpose).sort()).toEqual(["pub", "sub"]);
    expect(both).toMatchObject([listed, listed]);
    const locals = client.network.streams.map(({ local }) => local).sort();
    expect(both.map(({ host, port }) => `${host}:${port}`).sort()).toEqual(locals);
    await client.leave();
    await world().lists(group, 0);
  });

  it("refuses a hello, and nothing is left of it", async () => {
    // A group that is blank, which no client of ours would send.
    const group = freshName("refused");
    const blank = (bytes: Uint8Array): Uint8Array => {
      const text = Buffer.from(bytes).toString("latin1");
      return Buffer.from(
        text.replace(`"group":"${group}"`, `"group":"${" ".repeat(group.length)}"`),
        "latin1",
      );
    };
    const network = tappedNetwork(blank);
    const error = await rejection(connect(world().url, { group, network })) as PeerError;
    expect(error).toBeInstanceOf(PeerError);
    expect(error).toMatchObject({ status: 1, transient: false });
    expect(error.message).toMatch(
      /^Cannot connect to 127\.0\.0\.1:\d+: the server answered HELLO_RESPONSE with status 1/,
    );
    expect(network.open()).toEqual({ sockets: 0, listeners: 0, timers: 0 });
    await world().lists(group, 0);
    await world().lists(" ".repeat(group.length), 0);
  });

  it("answers heartbeats on every connection", async () => {
    const client = await world().connect({ heartbeat: 40, missedHeartbeats: 8 });
    const subscription = await client.connection.subscribe(freshName("topic"));
    const { streams } = client.network;
    await until(() => streams.every((stream) => count(stream, "HEARTBEAT_RESPONSE") >= 5), {
      timeout: 10_000,
    });
    expect(client.connection.state).toBe("open");
    expect(subscription.state).toBe("open");
    expect(client.events.filter(({ type }) => type === "lost")).toEqual([]);
    await client.leave();
    for (const { frames } of streams) {
      const answers = frames.filter(({ command }) => command === "HEARTBEAT_RESPONSE");
      expect(answers.every(({ code }) => code === 0)).toBe(true);
    }
  });

  it.each([
    ["a topic that nobody has subscribed to", "publish", "nobody"],
    ["a message that is too large", "publish", "large"],
    ["a request, which standalone storage cannot do", "request", "somebody"],
    ["a recommendation, without meta storage", "recommend", ""],
  ])("refuses %s", async (_, what, which) => {
    const client = await world().connect();
    const { connection } = client;
    const topic = freshName("topic");
    if (which !== "nobody") await connection.subscribe(topic);
    const operation = what === "recommend"
      ? connection.recommend()
      : connection[what as "publish" | "request"](topic, which === "large" ? "x".repeat(1_000_001) : "x");
    const error = await rejection(operation) as PeerError;
    expect(error).toBeInstanceOf(PeerError);
    expect(error).toMatchObject({ status: 1, transient: false });
    expect(connection.state).toBe("open");
    const { messages } = await client.leave();
    expect(messages.unconfirmed).toBe(0);
  });

  it("ends one of several subscriptions without harm to the others", async () => {
    const client = await world().connect();
    const { connection } = client;
    const [shared, own] = [freshName("topic"), freshName("topic")];
    const ending = await connection.subscribe(shared);
    const subscriptions = [
      await connection.subscribe(shared),
      await connection.subscribe([own, freshName("topic")]),
    ];
    const before = [gather(ending), ...subscriptions.map(gather)];
    const publish = async (name: string): Promise<string[]> => {
      const texts = Array.from({ length: 20 }, (_, i) => `${name} ${i}`);
      await Promise.all(texts.map((text, i) => connection.publish(i % 2 === 0 ? shared : own, text)));
      return texts;
    };
    await gathered(before, await publish("before"));
    const farewell = await ending.goodbye();
    expect(farewell).toMatchObject({ outcome: "clean", messages: { returned: 0, dropped: 0 } });
    await world().lists(client.group, 3);
    for (const list of before) list.length = 0;
    await gathered(before.slice(1), await publish("after"));
    expect(before[0]).toEqual([]);
    expect(subscriptions.map(({ state }) => state)).toEqual(["open", "open"]);
    await client.leave();
  });

  it("answers the goodbye on every connection, after all that was said", async () => {
    const client = await world().connect();
    const { connection, network } = client;
    const topic = freshName("topic");
    const texts = gather(await connection.subscribe(topic));
    const wanted = Array.from({ length: 50 }, (_, i) => `message ${i}`);
    const publishes = Promise.all(wanted.map((text) => connection.publish(topic, text)));
    await connection.publish(topic, "last");
    const { messages, connections } = await client.leave();
    await publishes;
    expect(messages).toMatchObject({ published: 51, confirmed: 51, dropped: 0 });
    // What came after its end is given back.
    expect(messages.received - messages.returned).toBe(texts.length);
    expect(connections).toMatchObject({ opened: 2, clean: 2 });
    for (const stream of network.streams) {
      expect(count(stream, "CLIENT_GOODBYE_REQUEST")).toBe(1);
      expect(count(stream, "CLIENT_GOODBYE_RESPONSE")).toBe(1);
      const said = stream.frames.filter(({ to }) => to === "server").map(({ command }) => command);
      expect(said.filter((command) => command?.endsWith("_ACK") !== true).at(-1)).toBe(
        "CLIENT_GOODBYE_REQUEST",
      );
    }
    await world().lists(client.group, 0);
  });
}
