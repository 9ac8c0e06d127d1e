import { describe, expect, it } from "vitest";
import { PeerError } from "../../../lib/errors.ts";
import { until } from "../../support/until.ts";
import { loadOf, type Outcome, TOTAL } from "./load.ts";
import { CLOSES } from "./phrases.ts";
import type { JavaSdk, Kind } from "./sdk.ts";
import { gather, textOf, type World } from "./world.ts";

/** The Java SDK and this library with the real runtime between them. Its standalone storage knows no requests. */
export function runtime(sdk: () => JavaSdk, server: () => { port: number }, world: World): void {
  const url = (): string => `eventmesh://127.0.0.1:${server().port}`;

  it("acknowledges some publishes twice and others never, which the SDK waits for in vain", {
    timeout: 180_000,
  }, async () => {
    let outcome: Outcome | undefined;
    // Once in a while it loses a message as well: such a round says nothing of acknowledgements.
    const telling = (): boolean => (outcome?.never ?? 0) > 0 && outcome?.delivered === TOTAL;
    for (let round = 1; round <= 20 && !telling(); round++) {
      outcome = await loadOf(sdk(), "eventmeshmessage", server(), `lossy-${round}`, 400, true);
    }
    const { answer, published, delivered, acknowledgements, never, repeated, strange } = outcome!;
    const counts = { published, delivered, acknowledgements, strange };
    expect(counts).toEqual({ published: TOTAL, delivered: TOTAL, acknowledgements: TOTAL, strange: 0 });
    expect(never).toBeGreaterThan(0);
    expect(repeated).toBeGreaterThan(0);
    const inVain = '["EventMeshException","ExecutionException","RuntimeException","TimeoutException"]';
    expect(Object.keys(answer.failures!)).toEqual([inVain]);
    expect(answer.failures![inVain]).toBeGreaterThanOrEqual(never);
  });

  it("acknowledges all of them in the bodies, by which this library goes", { timeout: 60_000 }, async () => {
    const ours = await world.connect(url(), { group: "attentive" });
    const mine = await gather(ours, "attention");
    const publishes = Array.from({ length: TOTAL }, (_, i) => ours.publish("attention", String(i)));
    await Promise.all(publishes);
    await until(() => mine.length === TOTAL);
  });

  describe.each(["eventmeshmessage", "cloudevents"] as const)("%s", (kind: Kind) => {
    it("delivers messages of Java to TypeScript, and back", async () => {
      const ours = await world.connect(url(), { protocol: kind, group: `ours-${kind}` });
      const java = `mixed-${kind}`;
      await sdk().open(java, kind, server());
      const mine = await gather(ours, `to-ours-${kind}`);
      await sdk().do(java, "publish", { topic: `to-ours-${kind}`, data: "grüße ✓ 🜁" });
      await until(() => mine.length === 1);
      expect(textOf(mine[0]!)).toBe("grüße ✓ 🜁");

      await sdk().listen(java, `to-java-${kind}`);
      await ours.publish(`to-java-${kind}`, "salut ✓ 🜂", { properties: { shelf: "8" } });
      const [his] = await sdk().receives(java, `to-java-${kind}`);
      expect(his).toMatchObject({ data: "salut ✓ 🜂", properties: { shelf: "8" } });
    });

    it("refuses requests with an answer that Java does not survive", async () => {
      const ours = await world.connect(url(), { protocol: kind, group: `asker-${kind}` });
      await expect(ours.request("oracle", "why?")).rejects.toThrow(PeerError);
      const java = `asking-${kind}`;
      await sdk().open(java, kind, server());
      expect(sdk().complaints()).toEqual([]);
      const answer = await sdk().ask(java, "request", { topic: "oracle", data: "why?", timeout: 300 });
      expect(answer.error).toEqual([
        "EventMeshException",
        "ExecutionException",
        "RuntimeException",
        "TimeoutException",
      ]);
      expect(await sdk().complains(1)).toEqual([CLOSES.npe]);
    });
  });
}
