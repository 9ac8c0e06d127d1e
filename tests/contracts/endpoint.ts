import { describe, expect, it } from "vitest";
import { ClosedError } from "../../lib/errors.ts";
import {
  type Endpoint,
  type EndpointEvent,
  type EndpointState,
  type Farewell,
  formatFarewell,
  type GoodbyeOptions,
  type Outcome,
} from "../../lib/lifecycle/mod.ts";
import { abortReasons, countedAbort } from "../support/signals.ts";
import { turns, until } from "../support/until.ts";

/** What the endpoint contract needs to know of an implementation. */
export interface EndpointFixture {
  /** Makes an endpoint that is open. `signal` governs its life, where an implementation has that. */
  open(options: { readonly signal?: AbortSignal }): Promise<OpenEndpoint>;
  /** What an abort of the signal of its life does. */
  readonly governed?: "graceful" | "forced";
  /** How an end may be called that was forced while it was occupied. @default {["forced"]} */
  readonly forced?: readonly Outcome[];
}

/** An endpoint and what stands around it. */
export interface OpenEndpoint {
  readonly endpoint: Endpoint;
  /** Gives it work that outlasts every drain: it ends with `release`, or when the endpoint stops waiting. */
  occupy(): Promise<void>;
  /** Lets the work end. */
  release(): void;
  /** Frees what stands around it. */
  end(): Promise<unknown>;
}

const order: readonly EndpointState[] = ["opening", "open", "draining", "closing", "releasing", "closed"];
const phases = ["announce", "intake", "drain", "goodbye", "force", "release"];
const reasons = abortReasons.map((make) => [String(make).replace("() => ", ""), make] as const);
const zero = { sockets: 0, timers: 0, listeners: 0 };

/** What every endpoint must do. Run it in a test file of each. */
export function endpointContract(name: string, fixture: EndpointFixture): void {
  const { forced = ["forced"] } = fixture;

  const test = (body: (open: OpenEndpoint) => Promise<void>, signal?: () => AbortSignal) => async () => {
    const open = await fixture.open(signal === undefined ? {} : { signal: signal() });
    try {
      await body(open);
    } finally {
      open.release();
      await open.endpoint.goodbye({ grace: 0 });
      await open.end();
    }
  };

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
        expect(performance.now() - start).toBeLessThan(2_000);
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
        expect(performance.now() - start).toBeLessThan(60 + 600 + 250);
        expect(forced, formatFarewell(farewell)).toContain(farewell.outcome);
        expect(farewell.residue).toEqual(zero);
      }),
    );

    it(
      "refuses options of a wrong type, and is none the worse for it",
      test(async ({ endpoint }) => {
        const wrong = [{ grace: "soon" }, { grace: null }, { signal: {} }, { signal: null }, {
          tail: "soon",
        }];
        for (const options of wrong as unknown as GoodbyeOptions[]) {
          await expect(endpoint.goodbye(options)).rejects.toBeInstanceOf(TypeError);
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

    if (fixture.governed !== undefined) governed(fixture.governed, fixture, test);
  });
}

type Test = (body: (open: OpenEndpoint) => Promise<void>, signal?: () => AbortSignal) => () => Promise<void>;

function governed(how: "graceful" | "forced", fixture: EndpointFixture, test: Test): void {
  it.each(reasons)(`ends by an abort of its life, ${how}, with %s`, (_text, makeReason) => {
    const abort = countedAbort();
    return test(async ({ endpoint, occupy, release }) => {
      await occupy();
      abort.abort(makeReason());
      await until(() => endpoint.draining.aborted);
      if (how === "graceful") {
        expect(endpoint.signal.aborted).toBe(false);
        release();
      }
      const farewell = await endpoint.closed;
      expect(farewell.cause).toBe("aborted");
      expect(Object.is(farewell.reason, abort.signal.reason)).toBe(true);
      expect(how === "graceful" ? ["clean"] : fixture.forced ?? ["forced"], formatFarewell(farewell))
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

async function collect(endpoint: Endpoint): Promise<EndpointEvent[]> {
  const events: EndpointEvent[] = [];
  for await (const event of endpoint.events()) events.push(event);
  return events;
}

async function expectPending(promise: Promise<unknown>): Promise<void> {
  const pending = Symbol("pending");
  await turns(2);
  expect(await Promise.race([promise, Promise.resolve(pending)])).toBe(pending);
}
