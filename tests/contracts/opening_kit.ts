import { expect } from "vitest";
import { type Endpoint, formatFarewell } from "../../lib/lifecycle/mod.ts";
import { TestClock } from "../support/clock.ts";
import { until } from "../support/until.ts";
import { bodyAndEnd } from "./bench.ts";
import type { LateNetwork } from "./late_network.ts";

/** What the opening contract needs to know of an implementation. */
export interface OpeningFixture {
  /** What the other end can be late with, in the order of the opening. `dial` and `bind`: the network itself. */
  readonly stages: readonly string[];
  /** The network is in memory: time is in the hands of the test. */
  readonly virtual: boolean;
  /** The call has an option `timeout`. @default {true} */
  readonly timed?: boolean;
  /** Its world has an owner, which ends what is being opened. */
  readonly owned?: boolean;
  /** What it opens comes back by itself: its world has what is needed to see that. */
  readonly persistent?: boolean;
  open(): Promise<OpeningWorld>;
}

/** A peer that can be late, and a way to open something there. */
export interface OpeningWorld {
  readonly network: LateNetwork;
  /** The call under test. */
  attempt(options: AttemptOptions): Promise<Endpoint>;
  /** From now on the other end keeps back what belongs to this stage; undefined: it is punctual again. */
  delay(stage: string | undefined): void;
  /** Brings everything that was kept back. What comes later is kept back again. */
  answer(): void;
  /** How often an attempt has come to the stage that is delayed. */
  arrived(): number;
  /** What the other end holds for attempts and what has come of them, one line each. */
  held(): readonly string[];
  /** The most attempts that the other end has held at a time. */
  most(): number;
  /** Streams that the client side holds for something else than attempts. */
  readonly others: number;
  /** Opens something that comes back by itself after a loss, with so many attempts of 20 ms, and then ends. */
  persistent?(attempts: number): Promise<Endpoint>;
  /** Cuts the streams of what is {@linkcode OpeningWorld.persistent}. */
  lose?(): void;
  /** The endpoint that owns what is being opened. */
  readonly owner?: Endpoint;
  /** Proves that nothing is left, and ends it. */
  end(): Promise<unknown>;
}

export interface AttemptOptions {
  readonly signal?: AbortSignal;
  readonly timeout?: number;
}

/** The bench of one test. */
export class OpeningBench {
  readonly world: OpeningWorld;
  readonly clock: TestClock;

  constructor(world: OpeningWorld, clock: TestClock) {
    this.world = world;
    this.clock = clock;
  }

  /** What the client side holds for attempts. */
  get held(): number {
    return this.world.network.held - this.world.others;
  }

  /** Waits for a promise, and for the time that it needs. */
  wait<T>(promise: PromiseLike<T>, what?: string): Promise<T> {
    return this.clock.until(promise, 300_000, what);
  }

  /** Begins an attempt and waits until it has come to the stage that is delayed. */
  async begin(options: AttemptOptions): Promise<Attempt> {
    const { world } = this;
    const before = world.arrived();
    const attempt = new Attempt(world.attempt(options));
    await until(() => world.arrived() > before || attempt.outcome !== undefined, {
      what: "the attempt to come to its stage",
    });
    return attempt;
  }

  /** Lets the other end bring what it has kept back until the attempt has come to something. */
  async answered(attempt: Attempt): Promise<void> {
    await until(() => {
      this.world.answer();
      return attempt.outcome !== undefined;
    }, { what: "the attempt to come to something" });
  }

  /** Nothing of any attempt is left anywhere. */
  async nothing(): Promise<void> {
    const { world } = this;
    await until(() => world.held().length === 0 && this.held === 0, {
      what: () => `nothing to be held, but there is ${this.held} and ${world.held().join(", ")}`,
    });
  }

  /** An opening without any delay succeeds, and ends in order. */
  async usable(): Promise<void> {
    this.world.delay(undefined);
    await this.clean(await this.wait(this.world.attempt({}), "a punctual opening"));
    await this.nothing();
  }

  async clean(endpoint: Endpoint): Promise<void> {
    expect(endpoint.state).toBe("open");
    const farewell = await this.wait(endpoint.goodbye(), "the goodbye");
    expect(farewell.outcome, formatFarewell(farewell)).toBe("clean");
  }
}

/** One call, and what it has come to. */
export class Attempt {
  outcome: { readonly endpoint: Endpoint } | { readonly error: unknown } | undefined = undefined;
  readonly settled: Promise<void>;

  constructor(call: Promise<Endpoint>) {
    this.settled = call.then(
      (endpoint) => void (this.outcome = { endpoint }),
      (error: unknown) => void (this.outcome = { error }),
    );
  }

  /** What it has rejected with. */
  get error(): unknown {
    expect(this.outcome, "a rejection").toHaveProperty("error");
    return (this.outcome as { error: unknown }).error;
  }

  /** What it has opened. */
  get endpoint(): Endpoint {
    expect(this.outcome, "an endpoint").toHaveProperty("endpoint");
    return (this.outcome as { endpoint: Endpoint }).endpoint;
  }
}

export type OpeningTest = (body: (bench: OpeningBench) => Promise<void>) => () => Promise<void>;

/** Makes tests of bodies: each gets a world of its own, which must hold nothing in the end and still work. */
export function openingTests(fixture: OpeningFixture): OpeningTest {
  return (body) => async () => {
    const clock = new TestClock({ virtual: fixture.virtual });
    clock.install();
    try {
      const world = await clock.until(fixture.open());
      const bench = new OpeningBench(world, clock);
      await bodyAndEnd(async () => {
        await body(bench);
        world.answer();
        await bench.nothing();
        if (world.owner?.state !== "closed") await bench.usable();
      }, async () => {
        world.delay(undefined);
        world.answer();
        await clock.until(world.end());
      });
    } finally {
      clock.uninstall();
    }
  };
}
