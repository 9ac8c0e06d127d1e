import { describe, expect, it } from "vitest";
import { formatFarewell } from "../../lib/lifecycle/mod.ts";
import { abortReasons } from "../support/signals.ts";
import { turns, until } from "../support/until.ts";
import type { EndpointFixture, OpenEndpoint } from "./endpoint.ts";
import { type EndingBench, endings, endingTests, inState, type Way } from "./ending_kit.ts";

/** What the ending contract needs to know of an implementation. */
export interface EndingFixture extends EndpointFixture {
  /** What it lives on can break: its open endpoints have `lose`. */
  readonly mortal?: boolean;
  /** A peer can end it: its open endpoints have `peerGoodbye`. */
  readonly peer?: boolean;
  /** It comes back after a loss, when it is not told otherwise. */
  readonly reconnects?: boolean;
  /** Makes an endpoint that is not open yet, and will not be. Where it can be had. */
  opening?(): Promise<OpenEndpoint>;
}

/** When the others come: at once with the first, or in a state that the first has brought about. */
const moments = ["at once", "draining", "closing", "releasing", "closed"] as const;

/**
 * What holds for every end, however it is asked for, by however many, and whenever: the first one wins, and there is one
 * Farewell for all. Run it in a test file of each.
 */
export function endingContract(name: string, fixture: EndingFixture): void {
  const ways = endings(fixture);
  const test = endingTests(fixture);
  let rotation = 0;
  /** Each test takes the kinds of reason in another order. */
  const reasons = (): () => unknown => {
    let next = rotation++;
    return () => abortReasons[next++ % abortReasons.length]!();
  };

  describe(`${name} that is ended by many`, () => {
    for (const first of ways) {
      for (const moment of moments) {
        it(
          `has the end that began with ${first.name}, whoever else ends it ${moment}`,
          test("open", async (bench) => {
            if (first.patient !== true) await bench.open.occupy();
            await oneEnd(bench, first, ways, moment, reasons());
          }),
        );
        it(
          `has the end that began with ${first.name}, whoever else ends it in order ${moment}`,
          test("open", async (bench) => {
            await oneEnd(bench, first, ways.filter(({ hard }) => !hard), moment, reasons());
          }),
        );
      }
    }

    const before = [
      ...(fixture.opening === undefined ? [] : ["opening"] as const),
      ...(fixture.reconnects === true ? ["reconnecting"] as const : []),
    ];
    for (const state of before) {
      // What has no peer is not ended by one.
      const possible = ways.filter(({ byPeer }) => !byPeer);
      for (const first of possible) {
        it.each(["at once", "closing", "closed"] as const)(
          `has the end that began with ${first.name} while it was ${state}, whoever else ends it %s`,
          (moment) =>
            test(state, async (bench) => {
              expect(bench.endpoint.state).toBe(state);
              await oneEnd(bench, first, possible, moment, reasons());
            })(),
        );
      }
    }
  });
}

/** Ends it one way, and then all ways, twice each. */
async function oneEnd(
  bench: EndingBench,
  first: Way,
  others: readonly Way[],
  moment: typeof moments[number],
  nextReason: () => unknown,
): Promise<void> {
  const { endpoint, open } = bench;
  const later: unknown[] = [];
  const strike = (): void => {
    for (const way of [...others, ...others]) {
      const reason = nextReason();
      const given = bench.end(way, reason);
      if (given !== undefined) later.push(given);
    }
  };
  const stop = moment === "at once" ? () => {} : inState(endpoint, moment, strike);
  const reason = bench.end(first, nextReason());
  if (first.slow !== true && moment === "at once") strike();
  await until(() => endpoint.draining.aborted, { what: "the end to begin" });
  if (first.slow === true && moment === "at once") strike();
  await turns(2);
  open.release();
  const farewell = await bench.settled();
  stop();

  expect(first.causes, formatFarewell(farewell)).toContain(farewell.cause);
  if (first.byPeer === true) expect(later, "reasons that came later").not.toContain(farewell.reason);
  else expect(Object.is(farewell.reason, reason), "the reason of the first, by identity").toBe(true);
  expect(farewell.residue).toEqual({ sockets: 0, timers: 0, listeners: 0 });
  expect(endpoint.state).toBe("closed");
  expect([endpoint.draining.aborted, endpoint.signal.aborted]).toEqual([true, true]);
  if (farewell.reason !== undefined) expect(Object.is(endpoint.draining.reason, farewell.reason)).toBe(true);
  expect(await endpoint.goodbye()).toBe(farewell);
}
