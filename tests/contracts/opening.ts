import { describe, expect, it } from "vitest";
import { ClosedError, TimeoutError } from "../../lib/errors.ts";
import { formatFarewell } from "../../lib/lifecycle/mod.ts";
import { abortReasons, countedAbort } from "../support/signals.ts";
import { turns } from "../support/until.ts";
import { Attempt, type OpeningBench, type OpeningFixture, openingTests } from "./opening_kit.ts";
import { retryContract } from "./opening_retries.ts";

export type { OpeningFixture, OpeningWorld } from "./opening_kit.ts";

/** What every call that opens something must do when the other end is late. Run it in a test file of each. */
export function openingContract(name: string, fixture: OpeningFixture): void {
  const { stages, timed = true, owned = false } = fixture;
  const test = openingTests(fixture);

  describe(`${name} as an opening`, () => {
    for (const stage of stages) {
      it(
        `is undone by an abort while ${stage} is late, for every kind of reason`,
        test(async (bench) => {
          bench.world.delay(stage);
          for (const makeReason of abortReasons) {
            const abort = countedAbort();
            const attempt = await bench.begin({ signal: abort.signal });
            const start = bench.clock.time;
            abort.abort(makeReason());
            await bench.wait(attempt.settled, "the rejection");
            expect(bench.clock.time - start, "milliseconds that the abort took").toBe(0);
            expect(Object.is(attempt.error, abort.signal.reason), "the reason by identity").toBe(true);
            expect(bench.held, "what the client holds when it rejects").toBe(0);
            await comesTooLate(bench);
            expect(abort.listeners()).toBe(0);
          }
        }),
      );

      it(
        `is undone or done when ${stage} comes in the turn of the abort`,
        test(async (bench) => {
          bench.world.delay(stage);
          let undone = 0;
          for (let offset = -6; offset <= 12; offset++) {
            const abort = countedAbort();
            const attempt = await bench.begin({ signal: abort.signal });
            const first = offset < 0 ? () => abort.abort("now") : () => bench.world.answer();
            const second = offset < 0 ? () => bench.world.answer() : () => abort.abort("now");
            first();
            for (let i = 0; i < Math.min(Math.abs(offset), 6); i++) await undefined;
            await turns(Math.max(0, offset - 6));
            second();
            if (await undoneOrDone(bench, attempt)) undone++;
          }
          expect(undone).toBeGreaterThanOrEqual(6);
        }),
      );

      if (stage !== "bind") {
        it(
          `is undone or done by an abort in the microtasks after ${stage} has come`,
          test(async (bench) => {
            const { network } = bench.world;
            bench.world.delay(stage);
            for (let offset = 0; offset <= 12; offset++) {
              const abort = countedAbort();
              const attempt = await bench.begin({ signal: abort.signal });
              network.onRead = () => void later(offset, () => abort.abort("now"));
              await undoneOrDone(bench, attempt);
              network.onRead = () => {};
            }
          }),
        );
      }

      it(
        `leaves nothing that the next attempt could take for its own when ${stage} was late`,
        test(async (bench) => {
          const { world } = bench;
          world.delay(stage);
          const abort = countedAbort();
          const former = await bench.begin({ signal: abort.signal });
          abort.abort("enough");
          await bench.wait(former.settled, "the rejection");
          const next = new Attempt(world.attempt({}));
          await turns(3);
          expect(world.most(), "attempts at a time").toBeLessThanOrEqual(1);
          // First the answer to the one that was given up, where it still can come.
          await bench.answered(next);
          expect(world.most(), "attempts at a time").toBeLessThanOrEqual(1);
          await bench.clean(next.endpoint);
        }),
      );

      if (timed) {
        it(
          `is undone when its time is over while ${stage} is late`,
          test(async (bench) => {
            bench.world.delay(stage);
            const attempt = await bench.begin({ timeout: 50 });
            await bench.wait(attempt.settled, "the rejection");
            expect(attempt.error).toBeInstanceOf(TimeoutError);
            expect(attempt.error).toMatchObject({ code: "ERR_TIMEOUT" });
            expect(bench.held, "what the client holds when it rejects").toBe(0);
            await comesTooLate(bench);
          }),
        );
      }

      it(
        `does not reject before its stream is gone, aborted while ${stage} is late`,
        test(async (bench) => {
          const { network } = bench.world;
          bench.world.delay(stage);
          const abort = countedAbort();
          const attempt = await bench.begin({ signal: abort.signal });
          network.late = "close";
          abort.abort("enough");
          await turns(10);
          if (network.closing > 0) expect(attempt.outcome, "before the stream is gone").toBeUndefined();
          network.late = undefined;
          network.release();
          await bench.wait(attempt.settled, "the rejection");
          expect(attempt.error).toBe("enough");
          await comesTooLate(bench);
        }),
      );

      if (owned) {
        it(
          `is ended by its owner while ${stage} is late`,
          test(async (bench) => {
            const owner = bench.world.owner!;
            bench.world.delay(stage);
            const attempt = await bench.begin({});
            const ending = owner.goodbye({ reason: "the owner ends" });
            await bench.wait(attempt.settled, "the rejection");
            expect(attempt.error).toBeInstanceOf(ClosedError);
            expect(attempt.error).toMatchObject({ cause: "the owner ends" });
            expect(bench.held, "what the client holds when it rejects").toBe(0);
            await comesTooLate(bench);
            const farewell = await bench.wait(ending, "the end of the owner");
            expect(farewell.outcome, formatFarewell(farewell)).toBe("clean");
          }),
        );
      }
    }

    const network = stages.find((stage) => stage === "dial" || stage === "bind");
    if (network !== undefined) {
      it(
        `frees what comes about after the abort all the same when ${network} does not hear of it`,
        test(async (bench) => {
          const { world } = bench;
          world.delay(network);
          world.network.deaf = true;
          const abort = countedAbort();
          const attempt = await bench.begin({ signal: abort.signal });
          abort.abort("enough");
          await turns(3);
          world.answer();
          await bench.wait(attempt.settled, "the rejection");
          expect(attempt.error).toBe("enough");
          expect(bench.held, "what the client holds when it rejects").toBe(0);
          world.network.deaf = false;
          await bench.nothing();
        }),
      );
    }

    it(
      "rejects at once, and asks nobody, when it is aborted before",
      test(async (bench) => {
        const { network } = bench.world;
        const { asked } = network;
        for (const makeReason of abortReasons) {
          const abort = countedAbort();
          abort.abort(makeReason());
          const attempt = new Attempt(bench.world.attempt({ signal: abort.signal }));
          await bench.wait(attempt.settled);
          expect(Object.is(attempt.error, abort.signal.reason)).toBe(true);
          expect(abort.listeners()).toBe(0);
        }
        await turns(3);
        expect(network.asked).toBe(asked);
        expect(bench.world.held()).toEqual([]);
      }),
    );

    retryContract(fixture);
  });
}

/** What follows the stage is not late. True when the abort has undone the attempt; otherwise it is of use. */
async function undoneOrDone(bench: OpeningBench, attempt: Attempt): Promise<boolean> {
  await bench.answered(attempt);
  const undone = "error" in attempt.outcome!;
  if (undone) {
    expect(attempt.error).toBe("now");
    expect(bench.held, "what the client holds when it rejects").toBe(0);
  } else {
    // The signal of some calls governs the life: then the end has begun.
    if (attempt.endpoint.state === "open") await bench.clean(attempt.endpoint);
    await bench.wait(attempt.endpoint.closed, "the end");
  }
  await bench.nothing();
  return undone;
}

/** Acts after so many microtasks. */
async function later(microtasks: number, act: () => void): Promise<void> {
  for (let i = 0; i < microtasks; i++) await undefined;
  act();
}

/** The answer comes, and finds nobody: nothing is left at either end. */
async function comesTooLate(bench: OpeningBench): Promise<void> {
  bench.world.answer();
  await bench.nothing();
  await turns(3);
  await bench.nothing();
}
