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
    const beating = answers.map(({ beats }) => beats);
    const said = await sdk().complains(old ? 4 : 0);
    if (!old) {
      expect(said).toEqual([]);
      expect(answers.map(({ interrupted }) => interrupted)).toEqual([false, false]);
      expect(beating).toEqual([false, false]);
      return;
    }
    expect(answers[0]!.interrupted).toBe(true);
    expect(said.filter((line) => line === UNSAID).length).toBeGreaterThanOrEqual(kinds.length);
    expect([UNSAID, ...INTERRUPTED]).toEqual(expect.arrayContaining([...said]));
    // What it calls closed is alive where it was interrupted early, and comes back at its next heartbeat.
    for (const [at, kind] of kinds.entries()) {
      await comeBack(sdk(), `leaver-${kind}`, kind, beating[at] ? 1 : 0);
    }
    expect(kinds.map(sessionsOf)).toEqual([0, beating[1] ? 1 : 0]);
    const topics = beating[1] ? [["farewells-cloudevents"]] : [];
    expect(broker.inspect().sessions.map((session) => session.topics)).toEqual(topics);
  });
}

/**
 * What 1.10.0 writes into its log, for one client of each kind. It closes a connection first and wants to say goodbye
 * then; that fails, and it interrupts its own caller. How far it comes with the other connection is a race: whatever is
 * done before it is waited for takes no notice of the interrupt. Mostly it stops at the first wait.
 */
const UNSAID = `${CLOSES.failed}: StacklessClosedChannelException`;
const INTERRUPTED = [
  "ERROR CloudEventTCPSubClient exception occurred when close: InterruptedException",
  `${CLOSES.failed}: InterruptedException`,
];
