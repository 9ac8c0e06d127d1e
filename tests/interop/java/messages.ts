import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Broker } from "../../../lib/broker/mod.ts";
import type { EventMeshConnection } from "../../../lib/eventmesh/mod.ts";
import { until } from "../../support/until.ts";
import { CLOSES } from "./phrases.ts";
import type { JavaSdk, Kind } from "./sdk.ts";
import { gather, portOf, textOf, type World } from "./world.ts";

/** What the Java SDK and this library say to each other through a broker, and that nobody complains. */
export function messages(sdk: () => JavaSdk, kind: Kind, world: World): void {
  describe(kind, () => {
    const java = `java-${kind}`;
    let broker: Broker;
    let ours: EventMeshConnection;
    let complaints: readonly string[] = [];

    beforeAll(async () => {
      broker = await world.start();
      ours = await world.connect(broker.url, { protocol: kind, group: "ours" });
      await sdk().open(java, kind, portOf(broker));
    });
    beforeEach(() => {
      complaints = [];
    });
    afterEach(async () => {
      expect(await sdk().complains(complaints.length)).toEqual(complaints);
    });

    it("publishes to Java and to TypeScript, and receives from both", async () => {
      await sdk().listen(java, "news");
      const mine = await gather(ours, "news");
      const properties = { ttl: "30000", shelf: "7" };
      const answer = await sdk().do(java, "publish", { topic: "news", data: "grüße ✓ 🜁", properties });
      expect(answer).toMatchObject({ cmd: "ASYNC_MESSAGE_TO_SERVER_ACK", code: 0, desc: "success" });
      await ours.publish("news", "salut ✓ 🜂", { properties: { shelf: "8" } });
      await until(() => mine.length === 2);
      expect(mine.map(textOf)).toEqual(["grüße ✓ 🜁", "salut ✓ 🜂"]);
      expect(mine.map(({ properties }) => properties["shelf"])).toEqual(["7", "8"]);
      const his = await sdk().receives(java, "news", 2);
      expect(his.map(({ data }) => data)).toEqual(["grüße ✓ 🜁", "salut ✓ 🜂"]);
      expect(his.map(({ properties }) => properties["shelf"])).toEqual(["7", "8"]);
    });

    it("broadcasts to every member of a group", async () => {
      const members = [java, `${java}-other`];
      await sdk().open(members[1]!, kind, portOf(broker), java);
      const mine = await gather(ours, "alarm", { mode: "broadcasting", group: java });
      for (const client of members) await sdk().listen(client, "alarm", { mode: "BROADCASTING" });
      await sdk().do(java, "broadcast", { topic: "alarm", data: "fire" });
      await ours.broadcast("alarm", "water");
      for (const client of members) {
        const his = await sdk().receives(client, "alarm", 2);
        expect(his.map(({ data }) => data).sort()).toEqual(["fire", "water"]);
      }
      await until(() => mine.length === 2);
      expect(mine.map(textOf).sort()).toEqual(["fire", "water"]);
    });

    it("asks Java and TypeScript, and answers TypeScript", async () => {
      await sdk().listen(java, "clock", { type: "SYNC", reply: "{} o'clock in Java" });
      const answer = await sdk().do(java, "request", { topic: "clock", data: "twelve" });
      expect(answer).toMatchObject({ cmd: "RESPONSE_TO_CLIENT", code: 0, data: "twelve o'clock in Java" });
      expect(textOf(await ours.request("clock", "one"))).toBe("one o'clock in Java");

      const subscription = await ours.subscribe("calendar", { type: "sync" });
      void subscription.consume((message) => `${textOf(message)} in TypeScript`);
      const other = await sdk().do(java, "request", { topic: "calendar", data: "Monday" });
      expect(other).toMatchObject({ cmd: "RESPONSE_TO_CLIENT", code: 0, data: "Monday in TypeScript" });
    });

    it("tells Java when nobody answers, and the connection lives on", async () => {
      const topic = "oracle";
      const answer = await sdk().do(java, "request", { topic, data: "why?", properties: { ttl: "200" } });
      expect(answer).toMatchObject({ cmd: "RESPONSE_TO_CLIENT", code: 1, topic });
      expect(answer.desc).toContain("no responder");
      expect(answer.ms).toBeLessThan(10_000);
      expect((await sdk().do(java, "publish", { topic, data: "alas" })).code).toBe(0);
    });

    it("answers asyncRR, whose callback the SDK never calls", async () => {
      const { confirmed } = broker.inspect().counters;
      await sdk().do(java, "asyncRR", { topic: "calendar", data: "Tuesday" });
      await until(() => broker.inspect().counters.confirmed === confirmed + 1);
      // One more round trip on the same connection: what came before has been handled.
      await sdk().do(java, "publish", { topic: "nothing", data: "-" });
      expect(sdk().callbacks).toBe(0);
    });

    it("ends all subscriptions at unsubscribe, and takes up new ones", async () => {
      await sdk().do(java, "unsubscribe");
      await ours.publish("news", "for nobody");
      await sdk().listen(java, "weather");
      await ours.publish("weather", "rain");
      await sdk().receives(java, "weather");
      expect(sdk().received(java, "news").map(({ data }) => data)).not.toContain("for nobody");
    });

    it("takes and gives messages of the largest size, which grow while they are acknowledged", async () => {
      const client = `${java}-strong`;
      await sdk().open(client, kind, portOf(broker));
      await sdk().listen(client, "weights");
      // Its acknowledgement carries it all the way back, as a JSON string in which every quote is escaped once more.
      const data = '"'.repeat(520_000);
      const acked = (count: number): Promise<void> => {
        return until(() => broker.inspect().counters.acked === count, { timeout: 20_000 });
      };
      const { acked: before } = broker.inspect().counters;
      expect((await sdk().do(java, "publish", { topic: "weights", data })).code).toBe(0);
      await acked(before + 1);
      // One after the other: acknowledgements that pile up make the SDK close its connection.
      await ours.publish("weights", data);
      await acked(before + 2);
      const his = await sdk().receives(client, "weights", 2);
      expect(his.every((message) => message.data === data)).toBe(true);
    });

    it("cannot read messages of the other kind", async () => {
      const client = `${java}-stranger`;
      const other = await world.connect(broker.url, {
        protocol: kind === "cloudevents" ? "eventmeshmessage" : "cloudevents",
      });
      await sdk().open(client, kind, portOf(broker));
      await sdk().listen(client, "tongues");
      const { returned } = broker.inspect().counters;
      await other.publish("tongues", "hello");
      if (kind === "eventmeshmessage") {
        // An empty message, which is acknowledged.
        expect((await sdk().receives(client, null))[0]).toMatchObject({ data: null });
      } else {
        await until(() => broker.inspect().counters.returned === returned + 1);
        complaints = [CLOSES.body];
      }
    });

    it("gives a message whose hook fails to another member", async () => {
      const client = `${java}-clumsy`;
      await sdk().open(client, kind, portOf(broker), "clumsy");
      await sdk().listen(client, "glass", { fails: true });
      await ours.publish("glass", "careful");
      await sdk().receives(client, "glass");
      // The SDK acknowledges nothing and closes the connection.
      complaints = [CLOSES.hook];
      const mine = await gather(ours, "glass", { group: "clumsy" });
      await until(() => mine.length === 1);
      expect(mine[0]!.redelivered).toBe(true);
      expect(textOf(mine[0]!)).toBe("careful");
    });
  });
}
