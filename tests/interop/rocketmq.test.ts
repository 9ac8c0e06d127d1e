import { beforeAll, describe, expect, it } from "vitest";
import { PeerError, TimeoutError } from "../../lib/errors.ts";
import type { EventMeshConnection } from "../../lib/eventmesh/mod.ts";
import { main as anyServer } from "../examples/any_server.ts";
import { type JavaSdk, kinds } from "./java/sdk.ts";
import { useJava } from "./java/start.ts";
import { textOf } from "./java/world.ts";
import { eventMesh, javaSdk, rocketMq, withPeers } from "./peers/mod.ts";
import { firstReply, numbered, patience, useRocketMq } from "./rocketmq_world.ts";

const topics = [
  ...["orders", "prices", "crash", "ask", "ask-many", "nobody", "fan", "share", "everyone", "early", "later"],
  ...kinds.flatMap((kind) => [`ask-${kind}`, `java-${kind}`, `ours-${kind}`]),
];

await withPeers(
  "a client of the EventMesh runtime 1.12.0 on RocketMQ",
  [eventMesh("1.12.0"), rocketMq, javaSdk("1.12.0")],
  () => {
    const java = useJava();
    const world = useRocketMq(topics);

    // A JVM of its own, started before the tests count what they leave.
    let sdk: JavaSdk;
    beforeAll(async () => {
      sdk = await java("1.12.0");
    });

    it("runs the program that runs with the embedded broker", async () => {
      const { signal } = new AbortController();
      expect(await anyServer(world().runtime.url, signal)).toEqual(["bread costs 50", "tea costs 30"]);
    }, 120_000);

    describe("requests", () => {
      it.each(kinds)("are answered by a responder of ours, as %s", async (protocol) => {
        const { connect } = world();
        const responder = await connect(`responder-${protocol}`, { protocol });
        const subscription = await responder.subscribe(`ask-${protocol}`, { type: "sync" });
        void subscription.consume((message) => `${message.text()} is 42 ✓`);
        const asker = await connect(`asker-${protocol}`, { protocol });
        expect(await firstReply(asker, `ask-${protocol}`, "the answer")).toBe("the answer is 42 ✓");
      });

      it("get their own replies, many at a time", async () => {
        const { connect } = world();
        const responder = await connect("responders");
        const subscription = await responder.subscribe("ask-many", { type: "sync" });
        void subscription.consume((message) => `re ${message.text()}`, { concurrency: 8 });
        const asker = await connect("askers");
        await firstReply(asker, "ask-many", "is anybody there?");
        const texts = numbered("question", 40);
        const replies = await Promise.all(
          texts.map((text) => asker.request("ask-many", text, { timeout: 20_000 })),
        );
        expect(replies.map((reply) => reply.text())).toEqual(texts.map((text) => `re ${text}`));
      });

      it("that nobody answers end with their time", async () => {
        const asker = await world().connect("lonely");
        const request = asker.request("nobody", "hello?", { timeout: 500 });
        await expect(request).rejects.toMatchObject({ code: "ERR_TIMEOUT", outcome: "unknown" });
      });

      it.each(kinds)("go from ours to Java, and from Java to ours, as %s", async (kind) => {
        const { connect, runtime } = world();
        const client = `java-${kind}`;
        await sdk.open(client, kind, runtime);
        await sdk.listen(client, `java-${kind}`, { type: "SYNC", reply: "java says grüße ✓" });
        const ours = await connect(`ours-${kind}`, { protocol: kind });
        expect(await firstReply(ours, `java-${kind}`, "salut ✓")).toBe("java says grüße ✓");

        const subscription = await ours.subscribe(`ours-${kind}`, { type: "sync" });
        void subscription.consume((message) => `ours says ${textOf(message)} ✓`);
        await firstReply(ours, `ours-${kind}`, "is anybody there?");
        const answer = await sdk.do(client, "request", { topic: `ours-${kind}`, data: "grüße" });
        expect(answer.data).toBe("ours says grüße ✓");
        await sdk.do(client, "close");
      });
    });

    describe("messages", () => {
      it("reach every group once", async () => {
        const { connect, gather } = world();
        const groups = await Promise.all(
          ["one", "two", "three"].map((group) => gather(`fan-${group}`, "fan")),
        );
        const texts = numbered("fan", 20);
        await publishAll(await connect("fan-publisher"), "fan", texts);
        await Promise.all(groups.map((group) => group.receives(texts)));
        for (const group of groups) expect([...group.texts].sort()).toEqual([...texts].sort());
      });

      it("are shared among the members of a group", async () => {
        const { connect, gather } = world();
        const members = await Promise.all([1, 2, 3].map(() => gather("sharers", "share")));
        const texts = numbered("share", 90);
        await publishAll(await connect("share-publisher"), "share", texts);
        const received = (): string[] => members.flatMap((member) => member.texts);
        await expect.poll(() => received().length, { timeout: patience }).toBe(90);
        expect(received().sort()).toEqual([...texts].sort());
        for (const member of members) expect(member.texts.length).toBeGreaterThan(10);
      });

      it("reach each member of a group that listens to broadcasts", async () => {
        const { connect, gather } = world();
        const members = await Promise.all(
          [1, 2, 3].map(() => gather("everybody", "everyone", { mode: "broadcasting" })),
        );
        const publisher = await connect("everyone-publisher");
        const texts = numbered("everyone", 5);
        await publishAll(publisher, "everyone", texts);
        await publisher.broadcast("everyone", "a broadcast");
        await Promise.all(members.map((member) => member.receives([...texts, "a broadcast"])));
        for (const member of members) expect(member.texts).toHaveLength(6);
      });

      it("that were published before their first subscriber came are stored for it", async () => {
        const { connect, gather } = world();
        const texts = numbered("early", 10);
        await publishAll(await connect("early-publisher"), "early", texts);
        const subscriber = await gather("early-comers", "early");
        await subscriber.receives(texts);
        expect([...subscriber.texts].sort()).toEqual([...texts].sort());
      });
    });

    // Without the restart, a runtime serves some queues only of a group that was empty and is back.
    it("gets what was published while its group was away, after a restart of the runtime", async () => {
      const { connect, gather, runtime } = world();
      const before = await gather("leavers", "later");
      const publisher = await connect("later-publisher");
      await publisher.publish("later", "before");
      await before.receives(["before"]);
      await before.connection.goodbye();
      const texts = numbered("meanwhile", 10);
      await publishAll(publisher, "later", texts);
      await publisher.goodbye();
      await runtime.restart();
      const after = await gather("leavers", "later");
      await after.receives(texts);
      // What was acknowledged a moment before the end of the runtime may come again.
      expect([...new Set(after.texts)].filter((text) => text !== "before").sort()).toEqual([...texts].sort());
    });

    describe("a crash of the broker of RocketMQ", () => {
      it("loses nothing that was confirmed, and no connection", async () => {
        const { connect, gather, rocketMq } = world();
        const subscriber = await gather("crash-subscribers", "crash");
        const publisher = await connect("crash-publisher");
        const events: string[] = [];
        void (async () => {
          for await (const event of publisher.events()) events.push(event.type);
        })();
        const confirmed: string[] = [];
        const failures: unknown[] = [];
        const publish = async (text: string): Promise<void> => {
          await publisher.publish("crash", text, { timeout: 8_000 })
            .then(() => confirmed.push(text), (error: unknown) => failures.push(error));
        };
        const steady = numbered("crash", 200).map((text) => publish(text));
        await expect.poll(() => confirmed.length, { timeout: patience }).toBeGreaterThan(20);
        await rocketMq.broker.kill();
        await Promise.all(steady);
        await publish("without a broker");
        expect(failures.length).toBeGreaterThan(0);
        for (const error of failures) {
          if (!(error instanceof PeerError)) expect(error).toBeInstanceOf(TimeoutError);
        }
        expect(confirmed).not.toContain("without a broker");

        await rocketMq.broker.restart();
        await publish("after the crash");
        expect(confirmed).toContain("after the crash");
        // A client of RocketMQ notices after 30 s that what it has asked for before the crash will not come.
        await subscriber.receives(confirmed);
        expect(events.filter((type) => type === "reconnecting" || type === "lost")).toEqual([]);
        expect(publisher.state).toBe("open");
      });
    });
  },
);

async function publishAll(
  connection: EventMeshConnection,
  topic: string,
  texts: readonly string[],
): Promise<void> {
  await Promise.all(texts.map((text) => connection.publish(topic, text)));
}
