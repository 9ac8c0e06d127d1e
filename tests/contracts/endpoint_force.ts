import { expect, it } from "vitest";
import { formatFarewell } from "../../lib/lifecycle/mod.ts";
import { countedAbort } from "../support/signals.ts";
import { turns, until } from "../support/until.ts";
import { type EndpointFixture, endpointTests, expectPending, reasons, zero } from "./endpoint_kit.ts";

/** How an end is hurried, and when it is over at the latest. */
export function forceContract(fixture: EndpointFixture): void {
  const { forced = ["forced"], governed } = fixture;
  const test = endpointTests(fixture);

  it.each(reasons)(
    "is forced by a signal that has aborted before, with %s",
    (_text, makeReason) =>
      test(async ({ endpoint, occupy }) => {
        await occupy();
        const abort = countedAbort();
        abort.abort(makeReason());
        const farewell = await endpoint.goodbye({ signal: abort.signal });
        expect(forced, formatFarewell(farewell)).toContain(farewell.outcome);
        expect(Object.is(farewell.reason, abort.signal.reason)).toBe(true);
        expect(Object.is(endpoint.signal.reason, abort.signal.reason)).toBe(true);
        expect(farewell.residue).toEqual(zero);
        expect(abort.listeners()).toBe(0);
      })(),
  );

  it.each(reasons)(
    "is forced by an abort during the end, with %s",
    (_text, makeReason) =>
      test(async ({ endpoint, occupy }) => {
        await occupy();
        const abort = countedAbort();
        const ending = endpoint.goodbye({ signal: abort.signal, reason: "the end" });
        await until(() => endpoint.state === "draining");
        abort.abort(makeReason());
        const farewell = await ending;
        expect(forced, formatFarewell(farewell)).toContain(farewell.outcome);
        expect(farewell.reason).toBe("the end");
        const cut = farewell.phases.find(({ ended }) => ended === "cut");
        expect(Object.is(cut?.reason, abort.signal.reason), "the reason of the cut").toBe(true);
        expect(Object.is(endpoint.signal.reason, abort.signal.reason), "the reason of the hard signal")
          .toBe(true);
        expect(farewell.phases.at(-1)?.phase).toBe("release");
        expect(farewell.residue).toEqual(zero);
        expect(abort.listeners()).toBe(0);
      })(),
  );

  it(
    "is only tightened by a later call",
    test(async ({ endpoint, occupy }) => {
      await occupy();
      const first = endpoint.goodbye({ grace: 60_000 });
      await until(() => endpoint.state === "draining");
      const second = endpoint.goodbye({ grace: 90_000 });
      await expectPending(endpoint.closed);
      const start = performance.now();
      const third = await endpoint.goodbye({ grace: 0 });
      expect(performance.now() - start).toBeLessThan(8_000);
      expect(await first).toBe(third);
      expect(await second).toBe(third);
      expect(forced).toContain(third.outcome);
    }),
  );

  it(
    "is over in time, whatever its work does",
    test(async ({ endpoint, occupy }) => {
      await occupy();
      const start = performance.now();
      const farewell = await endpoint.goodbye({ grace: 60, tail: 600 });
      // Not the twenty seconds that it would have otherwise. How exact that is shows where time is not real.
      expect(performance.now() - start).toBeLessThan(10 * (60 + 600));
      expect(forced, formatFarewell(farewell)).toContain(farewell.outcome);
      expect(farewell.residue).toEqual(zero);
    }),
  );

  if (governed === undefined) return;

  it.each(reasons)(`ends by an abort of its life, ${governed}, with %s`, (_text, makeReason) => {
    const abort = countedAbort();
    return test(async ({ endpoint, occupy, release }) => {
      await occupy();
      abort.abort(makeReason());
      await until(() => endpoint.draining.aborted);
      if (governed === "graceful") {
        expect(endpoint.signal.aborted).toBe(false);
        release();
      }
      const farewell = await endpoint.closed;
      expect(farewell.cause).toBe("aborted");
      expect(Object.is(farewell.reason, abort.signal.reason)).toBe(true);
      expect(governed === "graceful" ? ["clean"] : forced, formatFarewell(farewell))
        .toContain(farewell.outcome);
      await turns(2);
      expect(abort.listeners()).toBe(0);
    }, () => abort.signal)();
  });

  it("leaves no listener on the signal of its life", () => {
    const abort = countedAbort();
    return test(async ({ endpoint }) => {
      await endpoint.goodbye();
      await turns(2);
      expect(abort.listeners()).toBe(0);
    }, () => abort.signal)();
  });
}
