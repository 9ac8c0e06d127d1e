import { beforeAll, describe, expect, it } from "vitest";
import type { Broker } from "../../../lib/broker/mod.ts";
import { until } from "../../support/until.ts";
import { CLOSES, NOT_SHARABLE } from "./phrases.ts";
import type { JavaSdk, Kind } from "./sdk.ts";
import { portOf, type World } from "./world.ts";

/** How the connections of the Java SDK end, and what it has to say to that. */
export function endings(sdk: () => JavaSdk, kind: Kind, world: World): void {
  describe(kind, () => {
    const client = (what: string): string => `${what}-${kind}`;
    let broker: Broker;

    beforeAll(async () => {
      broker = await world.start();
    });

    const sessionsOf = (group: string): number =>
      broker.inspect().sessions.filter((session) => session.group === group).length;

    it("gives up connections that are redirected, and comes back to where they were", async () => {
      const name = client("wanderer");
      await sdk().open(name, kind, portOf(broker));
      await sdk().listen(name, "places");
      expect(broker.redirect(({ group }) => group === name, { ip: "127.0.0.1", port: 9 })).toBe(2);
      await until(() => sessionsOf(name) === 0);
      expect(await sdk().complains(2)).toEqual([CLOSES.npe, CLOSES.npe]);
      await comeBack(sdk(), name, kind, 2);
      expect(sessionsOf(name)).toBe(kind === "cloudevents" ? 2 : 0);
    });

    it("gives up connections at the goodbye of a broker, and comes back to the next one on the port", async () => {
      const name = client("phoenix");
      const first = await world.start();
      const { port } = portOf(first);
      await sdk().open(name, kind, { port });
      await sdk().listen(name, "ashes");
      const farewell = await first.goodbye();
      expect(farewell).toMatchObject({ outcome: "clean", connections: { opened: 2, clean: 2 } });
      expect(await sdk().complains(2)).toEqual([CLOSES.npe, CLOSES.npe]);
      const late = await sdk().ask(name, "publish", { topic: "ashes", data: "too late" });
      expect(late.error).toEqual(["EventMeshException", "StacklessClosedChannelException"]);
      // Nobody there: it tries in silence.
      await sdk().do(name, "heartbeat");
      sdk().complaints();

      const second = await world.start({ port });
      await comeBack(sdk(), name, kind, 2);
      if (kind === "eventmeshmessage") {
        await sdk().open(name, kind, { port });
        await sdk().listen(name, "ashes");
      }
      expect((await sdk().do(name, "publish", { topic: "ashes", data: "again" })).code).toBe(0);
      await sdk().receives(name, "ashes");
      expect(second.inspect().sessions.map(({ topics }) => topics)).toEqual([[], ["ashes"]]);
    });

    it("knows of every publish that was confirmed, when a broker ends under load", async () => {
      const name = client("crowd");
      const busy = await world.start();
      await sdk().open(name, kind, portOf(busy));
      const load = { topic: "crowd", data: "x", threads: 8, count: 300, timeout: 500 };
      const burst = sdk().do(name, "burst", load);
      await until(() => busy.inspect().counters.confirmed > 100, { timeout: 20_000 });
      const { connections, messages, outcome } = await busy.goodbye();
      const { confirmed = 0, failures = {} } = await burst;
      // The SDK closes where it reads the goodbye: with refusals unread behind it, that is a reset.
      expect(connections.lost > 0 ? ["clean", "failed"] : ["clean"]).toContain(outcome);
      expect(confirmed).toBe(messages.confirmed);
      expect(messages.published).toBe(messages.confirmed + messages.rejected);
      // What came too late was refused, or never arrived: the SDK cannot tell, and waits for its time to be over.
      expect(knownFailures).toEqual(expect.arrayContaining(Object.keys(failures)));
      const said = new Set(sdk().complaints());
      expect([CLOSES.npe, CLOSES.unsent]).toEqual(expect.arrayContaining([...said]));
    });
  });
}

/** Lets a client have its next heartbeat, in which it looks for connections that are gone and connects again. */
export async function comeBack(sdk: JavaSdk, client: string, kind: Kind, gone: number): Promise<void> {
  await sdk.do(client, "heartbeat");
  // The handlers of the client for EventMeshMessage are good for one connection: it tries for ever, and in vain.
  const lines = kind === "eventmeshmessage" ? Array<string>(gone).fill(NOT_SHARABLE) : [];
  expect(await sdk.complains(lines.length)).toEqual(lines);
}

/** What may become of a publish while the broker ends, beside its confirmation. */
const knownFailures = [
  "java.lang.Exception: this eventMesh tcp session will be closed, may be reboot or version change!",
  '["EventMeshException","ExecutionException","RuntimeException","TimeoutException"]',
  '["EventMeshException","StacklessClosedChannelException"]',
];
