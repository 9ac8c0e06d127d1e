import { describe, expect, it } from "vitest";
import { ClosedError } from "../../lib/errors.ts";
import {
  type AbortOptions,
  type EndpointState,
  type Farewell,
  formatFarewell,
  type GoodbyeOptions,
} from "../../lib/lifecycle/mod.ts";
import { rejection } from "./bench.ts";
import { countedAbort } from "../support/signals.ts";
import { turns, until } from "../support/until.ts";
import { forceContract } from "./endpoint_force.ts";
import {
  collect,
  type EndpointFixture,
  endpointTests,
  expectPending,
  reasons,
  zero,
} from "./endpoint_kit.ts";

export type { EndpointFixture, OpenEndpoint, OpenOptions } from "./endpoint_kit.ts";

const order: readonly EndpointState[] = ["opening", "open", "draining", "closing", "releasing", "closed"];
const phases = ["announce", "intake", "drain", "goodbye", "force", "release"];

/** What every endpoint must do. Run it in a test file of each. */
export function endpointContract(name: string, fixture: EndpointFixture): void {
  const test = endpointTests(fixture);

  describe(`${name} as an endpoint`, () => {
    it(
      "is open, and nothing has aborted",
      test(async ({ endpoint }) => {
        expect(endpoint.state).toBe("open");
        expect([endpoint.draining.aborted, endpoint.signal.aborted]).toEqual([false, false]);
        await expectPending(endpoint.closed);
      }),
    );

    it.each(reasons)(
      "ends clean, with its reason by identity: %s",
      (_text, makeReason) =>
        test(async ({ endpoint }) => {
          const reason = makeReason();
          const farewell = await endpoint.goodbye({ reason });
          expect(farewell.outcome, formatFarewell(farewell)).toBe("clean");
          expect(farewell.cause).toBe("goodbye");
          expect(Object.is(farewell.reason, reason)).toBe(true);
          expect(farewell.residue).toEqual(zero);
          expect(endpoint.state).toBe("closed");
          for (const signal of [endpoint.draining, endpoint.signal]) {
            expect(signal.aborted).toBe(true);
            if (reason === undefined) expect(signal.reason).toBeInstanceOf(ClosedError);
            else expect(Object.is(signal.reason, reason)).toBe(true);
          }
        })(),
    );

    it(
      "goes through its states in order, each at most once, and tells of each",
      test(async ({ endpoint, occupy, release }) => {
        await occupy();
        const events = collect(endpoint);
        const ending = endpoint.goodbye();
        await until(() => endpoint.state === "draining");
        release();
        const farewell = await ending;
        const seen = await events;
        const states = seen.flatMap((event) => event.type === "state" ? [event.state] : []);
        expect(states).toEqual(order.slice(order.indexOf("draining")));
        expect(seen.at(-1)).toMatchObject({ type: "farewell", farewell });
        const entered = farewell.phases.map(({ phase }) => phases.indexOf(phase));
        expect(entered).toEqual([...new Set(entered)].sort());
        expect(farewell.phases.some(({ phase }) => phase === "release")).toBe(true);
        expect(seen.every(({ level }) => level === "debug" || level === "info"), JSON.stringify(seen)).toBe(
          true,
        );
      }),
    );

    it(
      "aborts its soft signal when the end begins, and the hard one only when work must stop",
      test(async (open) => {
        const { endpoint, occupy, release } = open;
        await occupy();
        const ending = endpoint.goodbye({ reason: "soft" });
        await until(() => endpoint.draining.aborted);
        expect(endpoint.draining.reason).toBe("soft");
        expect(endpoint.signal.aborted).toBe(false);
        await expectPending(endpoint.closed);
        release();
        expect((await ending).outcome).toBe("clean");
        expect(endpoint.signal.aborted).toBe(true);
      }),
    );

    it(
      "has one end for all callers: none is told before it is closed",
      test(async ({ endpoint, occupy, release }) => {
        await occupy();
        const told: EndpointState[] = [];
        const note = <T>(value: T): T => {
          told.push(endpoint.state);
          return value;
        };
        const callers = Array.from({ length: 5 }, () => endpoint.goodbye().then(note));
        const disposers = [
          endpoint[Symbol.asyncDispose]().then(note),
          endpoint[Symbol.asyncDispose]().then(note),
        ];
        const closed = endpoint.closed.then(note);
        await turns(5);
        expect(told).toEqual([]);
        release();
        const farewells = await Promise.all([...callers, closed, endpoint.closed]);
        expect(await Promise.all(disposers)).toEqual([undefined, undefined]);
        expect(new Set(farewells).size).toBe(1);
        expect(new Set(told)).toEqual(new Set(["closed"]));
        expect(await endpoint.goodbye()).toBe(farewells[0]);
      }),
    );

    it.each(["draining", "closing", "releasing", "closed"] as const)(
      "has one end for a caller in state %s, also for one that calls from inside of an event",
      (state) =>
        test(async ({ endpoint }) => {
          const calls: Promise<Farewell>[] = [];
          const watching = (async () => {
            for await (const event of endpoint.events()) {
              if (event.type === "state" && event.state === state) {
                calls.push(endpoint.goodbye({ reason: "too late" }));
              }
            }
          })();
          endpoint.draining.addEventListener("abort", () => calls.push(endpoint.goodbye()));
          endpoint.signal.addEventListener("abort", () => calls.push(endpoint.goodbye()));
          const farewell = await endpoint.goodbye({ reason: "first" });
          await watching;
          expect(calls.length).toBe(3);
          expect(new Set(await Promise.all(calls))).toEqual(new Set([farewell]));
          expect(farewell.reason).toBe("first");
        })(),
    );

    it(
      "refuses options of a wrong type, and is none the worse for it",
      test(async ({ endpoint }) => {
        const wrong = [{ grace: "soon" }, { grace: null }, { signal: {} }, { signal: null }, {
          tail: "soon",
        }];
        for (const options of [...wrong, { graze: 1 }, null, 5] as unknown as GoodbyeOptions[]) {
          const refused = rejection(endpoint.goodbye(options));
          expect(await refused).toBeInstanceOf(TypeError);
          expect((await refused as Error).message).toMatch(/^Cannot use (option "\w+"|the options): /);
        }
        for (const options of [null, 5, { signal: 5 }, { signl: endpoint.signal }]) {
          const read = (): unknown => endpoint.events(options as AbortOptions);
          expect(read).toThrow(TypeError);
          expect(read).toThrow(/^Cannot use (option "\w+"|the options): /);
        }
        for (const grace of [-1, NaN]) {
          await expect(endpoint.goodbye({ grace })).rejects.toBeInstanceOf(RangeError);
        }
        expect(endpoint.state).toBe("open");
        expect((await endpoint.goodbye({ grace: Infinity })).outcome).toBe("clean");
      }),
    );

    it(
      "has nothing more to say once it is closed",
      test(async ({ endpoint }) => {
        const farewell = await endpoint.goodbye();
        const abort = countedAbort();
        abort.abort("late");
        expect(await endpoint.goodbye({ signal: abort.signal, grace: 0, reason: "late" })).toBe(farewell);
        expect(await collect(endpoint)).toEqual([]);
        expect(endpoint.state).toBe("closed");
        await endpoint[Symbol.asyncDispose]();
      }),
    );

    it(
      "lets a reader of its events leave, by an abort with its reason or by itself",
      test(async ({ endpoint }) => {
        const abort = countedAbort();
        const reader = endpoint.events({ signal: abort.signal });
        const next = reader.next().then(() => ({}), (error: unknown) => ({ error }));
        abort.abort(0);
        expect(await next).toEqual({ error: 0 });
        expect(await reader.next()).toEqual({ done: true, value: undefined });
        const other = endpoint.events();
        const pending = other.next();
        await other.return!();
        expect((await pending).done).toBe(true);
        await turns(2);
        expect(abort.listeners()).toBe(0);
      }),
    );

    it(
      "reports in plain data whatever its reason is",
      test(async ({ endpoint }) => {
        const circle: Record<string, unknown> = { big: 1n, broken: Symbol("s") };
        circle["self"] = circle;
        const farewell = await endpoint.goodbye({ reason: circle });
        expect(farewell.reason).toBe(circle);
        const plain = JSON.parse(JSON.stringify(farewell)) as Record<string, unknown>;
        expect(plain).toMatchObject({ outcome: "clean", cause: "goodbye", residue: zero });
        expect(formatFarewell(farewell)).toContain("clean");
      }),
    );

    forceContract(fixture);
  });
}
