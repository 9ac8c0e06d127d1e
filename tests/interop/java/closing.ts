import { expect, it } from "vitest";
import { until } from "../../support/until.ts";
import { comeBack } from "./endings.ts";
import { CLOSES } from "./phrases.ts";
import { type JavaSdk, type Kind, kinds } from "./sdk.ts";
import { portOf, type World } from "./world.ts";

/** What `close` of the Java SDK does. */
export function closing(sdk: () => JavaSdk, world: World): void {
  // Both kinds at once: the newer SDK takes two seconds for each connection.
  it("ends both connections at close", async () => {
    const broker = await world.start({ goodbyeTimeout: 300 });
    const sessionsOf = (kind: Kind): number =>
      broker.inspect().sessions.filter(({ group }) => group === `leaver-${kind}`).length;
    for (const kind of kinds) {
      await sdk().open(`leaver-${kind}`, kind, portOf(broker));
      await sdk().listen(`leaver-${kind}`, `farewells-${kind}`);
      expect(sessionsOf(kind)).toBe(2);
    }
    const answers = await Promise.all(kinds.map((kind) => sdk().do(`leaver-${kind}`, "close")));
    await until(() => broker.inspect().sessions.length === 0);

    const old = sdk().version === "1.10.0";
    expect(answers.map(({ interrupted }) => interrupted)).toEqual([old, false]);
    expect(await sdk().complains(old ? complaints.length : 0)).toEqual(old ? complaints : []);
    if (!old) return;
    // What it calls closed is alive where it was interrupted, and comes back at its next heartbeat.
    for (const kind of kinds) await comeBack(sdk(), `leaver-${kind}`, kind, 1);
    expect(kinds.map(sessionsOf)).toEqual([0, 1]);
    expect(broker.inspect().sessions[0]!.topics).toEqual(["farewells-cloudevents"]);
  });
}

/**
 * What 1.10.0 writes into its log, for one client of each kind. It closes a connection first and wants to say goodbye
 * then; that fails, it interrupts its own caller, and so the other connection is left as it is.
 */
const complaints = [
  "ERROR CloudEventTCPSubClient exception occurred when close: InterruptedException",
  `${CLOSES.failed}: InterruptedException`,
  `${CLOSES.failed}: StacklessClosedChannelException`,
  `${CLOSES.failed}: StacklessClosedChannelException`,
];
