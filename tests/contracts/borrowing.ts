import { describe, expect, it } from "vitest";
import { createScope, type Endpoint } from "../../lib/lifecycle/mod.ts";
import { until } from "../support/until.ts";
import { bodyAndEnd } from "./bench.ts";

/** What the borrowing contract needs to know of an implementation. */
export interface BorrowingFixture {
  /** What is lent: a stream, or the network where each session opens a stream of its own. @default {"stream"} */
  readonly lends?: "stream" | "network";
  /** Several sessions can live on what was lent. */
  readonly shares?: boolean;
  /** The protocol has no goodbye: the end of a stream is all that is heard. */
  readonly mute?: boolean;
  /** Ended hard, a session cuts a stream of its own without a word: its other end frees the session with it. */
  readonly cuts?: boolean;
  /** The other end warns when a session is gone without a goodbye: the proof that it would. */
  readonly warns?: boolean;
  open(): Promise<BorrowingWorld>;
}

/** Who owns what a session lives on. */
export type Ownership = "owned" | "borrowed";

/** A place for sessions on something of their own and on something that was lent, and another end that listens. */
export interface BorrowingWorld {
  /** Opens a session. Those that borrow have all the same lender. */
  session(whose: Ownership): Promise<Endpoint>;
  /** Proves that what was lent still works. */
  works(): Promise<void>;
  /** What the other end has received of goodbyes and ends since the last call: `hex of a goodbye` or `end`. */
  heard(): readonly string[];
  /** Sessions that the other end has, one line each. */
  held(): readonly string[];
  /** What the other end has to say at level `warn` or above. */
  warnings(): readonly string[];
  /** Cuts the stream of what was lent, without a word. */
  cut?(): void;
  /** Proves that nothing is left. */
  end(): Promise<unknown>;
}

const ways: Readonly<Record<string, (endpoint: Endpoint) => Promise<unknown>>> = {
  "goodbye": (endpoint) => endpoint.goodbye(),
  "dispose": (endpoint) => endpoint[Symbol.asyncDispose](),
  "a scope that ends": async (endpoint) => {
    const scope = createScope();
    scope.use(endpoint);
    await scope.goodbye();
  },
  "a goodbye without grace": (endpoint) => endpoint.goodbye({ grace: 0 }),
  "a goodbye that is aborted": (endpoint) => endpoint.goodbye({ signal: AbortSignal.abort(null) }),
};

const hard: ReadonlySet<string> = new Set(["a goodbye without grace", "a goodbye that is aborted"]);

/**
 * What every session must do at its end, whosever the stream below it is: it says its goodbye, always the same, and only
 * then frees what it owns, and nothing else. Run it in a test file of each.
 */
export function borrowingContract(name: string, fixture: BorrowingFixture): void {
  const { cuts = false, lends = "stream", mute = false, shares = false, warns = false } = fixture;
  const words = mute ? 0 : 1;
  const isCut = (whose: Ownership, way: string): boolean => cuts && whose === "owned" && hard.has(way);
  const endsStream = (whose: Ownership): boolean => whose === "owned" || lends === "network";
  const test = (body: (world: BorrowingWorld) => Promise<void>) => async () => {
    const world = await fixture.open();
    await bodyAndEnd(() => body(world), () => world.end());
  };

  describe(`${name} on what it owns and on what it borrows`, () => {
    for (const [way, end] of Object.entries(ways)) {
      it(
        `says its goodbye, and frees only what it owns: ${way}`,
        test(async (world) => {
          const goodbyes: Record<Ownership, readonly string[]> = { owned: [], borrowed: [] };
          for (const whose of ["borrowed", "owned", "borrowed"] as const) {
            const session = await world.session(whose);
            const before = world.held().length;
            world.heard();
            const heard: string[] = [];
            const words = mute || isCut(whose, way) ? 0 : 1;
            await end(session);
            await until(() => {
              heard.push(...world.heard());
              return heard.length >= words + (endsStream(whose) ? 1 : 0) && world.held().length < before;
            }, { what: () => `the goodbye to be heard, have ${heard}, ${world.held()}` });
            await world.works();
            heard.push(...world.heard());
            expect(session.state).toBe("closed");
            // The end of the stream comes after the goodbye, and only to what the session owned.
            expect(heard.slice(words)).toEqual(endsStream(whose) ? ["end"] : []);
            goodbyes[whose] = heard.slice(0, words);
            expect(goodbyes[whose], "a goodbye").not.toContain("end");
          }
          if (!isCut("owned", way)) {
            expect(goodbyes.borrowed, "the bytes of the goodbye").toEqual(goodbyes.owned);
          }
          expect(world.warnings()).toEqual([]);
        }),
      );
    }

    it.each(["owned", "borrowed"] as const)(
      "says it once, however often and however hard it is ended: %s",
      (whose) =>
        test(async (world) => {
          const session = await world.session(whose);
          world.heard();
          const ends = [...Object.values(ways), ...Object.values(ways)].map((end) => end(session));
          await Promise.all(ends);
          await until(() => world.held().length === 0, { what: "the session to be gone at the other end" });
          await world.works();
          const said = world.heard().filter((what) => what !== "end");
          if (!cuts || whose === "borrowed") expect(said).toHaveLength(words);
          else expect(said.length).toBeLessThanOrEqual(words);
          expect(world.warnings()).toEqual([]);
        })(),
    );

    if (shares) {
      it.each([[0, 1], [1, 0]] as const)(
        "leaves the others on what was lent alone: %s before %s",
        (first, second) =>
          test(async (world) => {
            const sessions = [await world.session("borrowed"), await world.session("borrowed")];
            const counted = world.held().length;
            world.heard();
            expect((await sessions[first]!.goodbye()).outcome).toBe("clean");
            expect(sessions[second]!.state).toBe("open");
            await world.works();
            await until(() => world.held().length === counted - 1);
            expect((await sessions[second]!.goodbye()).outcome).toBe("clean");
            await until(() => world.held().length === counted - 2);
            await world.works();
            expect(world.heard().filter((what) => what !== "end")).toHaveLength(2 * words);
            expect(world.warnings()).toEqual([]);
          })(),
      );
    }

    if (warns) {
      it(
        "is missed at the other end when it is gone without a goodbye",
        test(async (world) => {
          const session = await world.session("borrowed");
          world.cut!();
          const farewell = await session.closed;
          expect(farewell).toMatchObject({ cause: "lost", outcome: "failed" });
          await until(() => world.warnings().length > 0, { what: "a warning" });
        }),
      );
    }
  });
}
