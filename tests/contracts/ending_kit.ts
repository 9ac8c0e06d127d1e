import diagnostics from "node:diagnostics_channel";
import { expect } from "vitest";
import {
  createScope,
  type EndCause,
  type Endpoint,
  type Farewell,
  type Scope,
} from "../../lib/lifecycle/mod.ts";
import { type CountedAbort, countedAbort } from "../support/signals.ts";
import { turns, until } from "../support/until.ts";
import { bodyAndEnd } from "./bench.ts";
import type { OpenEndpoint, OpenOptions } from "./endpoint.ts";
import type { EndingFixture } from "./ending.ts";

/** A way to end an endpoint. */
export interface Way {
  readonly name: string;
  /** What the Farewell may say when it was the first. */
  readonly causes: readonly EndCause[];
  /** It cuts what is under way. */
  readonly hard?: boolean;
  /** It takes its time to begin. */
  readonly slow?: boolean;
  /** It comes from outside, and brings a reason of its own. */
  readonly byPeer?: boolean;
  /** It waits for what is under way. */
  readonly patient?: boolean;
  /** Begins the end, for this reason if it takes one. */
  run(bench: EndingBench, reason: unknown): Begun;
}

/** An end that somebody has asked for. */
export interface Begun {
  /** What the caller is told. */
  readonly told?: Promise<Farewell | void>;
  /** The reason as it was given. */
  readonly reason?: unknown;
}

/** The ways that an implementation has. */
export function endings(fixture: EndingFixture): readonly Way[] {
  const { governed, mortal = false, peer = false } = fixture;
  const byLife: Way = {
    name: "an abort of its life",
    causes: ["aborted"],
    hard: governed === "forced",
    run({ life }, reason) {
      life.abort(reason);
      return { reason: life.signal.reason };
    },
  };
  return [
    ...calls,
    ...(governed === undefined ? [] : [byLife]),
    ...(peer ? [byPeer] : []),
    ...(mortal ? [byLoss] : []),
  ];
}

const goodbye = { causes: ["goodbye"] } as const;

const calls: readonly Way[] = [
  {
    ...goodbye,
    name: "a goodbye",
    run: ({ endpoint }, reason) => ({ told: endpoint.goodbye({ reason }), reason }),
  },
  {
    ...goodbye,
    name: "a dispose",
    run: ({ endpoint }) => ({ told: endpoint[Symbol.asyncDispose]() }),
  },
  {
    ...goodbye,
    name: "its scope",
    slow: true,
    run: ({ scope }, reason) => ({ told: scope.goodbye({ reason }).then(() => {}), reason }),
  },
  {
    ...goodbye,
    name: "a goodbye without grace",
    hard: true,
    run: ({ endpoint }, reason) => ({ told: endpoint.goodbye({ reason, grace: 0 }), reason }),
  },
  {
    ...goodbye,
    name: "a goodbye that is aborted",
    hard: true,
    run(bench, given) {
      const { signal, abort } = bench.abort();
      abort(given);
      return { told: bench.endpoint.goodbye({ signal }), reason: signal.reason };
    },
  },
];

const byPeer: Way = {
  name: "its peer's goodbye",
  // A subscription is ended by its connection when the peer has ended that first, a connection of a server by its handler.
  causes: ["peer-goodbye", "parent", "handler-done"],
  slow: true,
  byPeer: true,
  patient: true,
  run({ open }) {
    open.peerGoodbye!();
    return {};
  },
};

const byLoss: Way = {
  name: "a loss",
  causes: ["lost", "parent", "listener-error"],
  hard: true,
  slow: true,
  byPeer: true,
  run({ open }) {
    open.lose!();
    return {};
  },
};

/** An endpoint that many end. */
export class EndingBench {
  readonly open: OpenEndpoint;
  readonly endpoint: Endpoint;
  /** Governs its life, where an implementation has that. */
  readonly life: CountedAbort;
  /** Owns it. */
  readonly scope: Scope = createScope();
  readonly #aborts: CountedAbort[] = [];
  readonly #callers: Promise<Farewell | void>[] = [];
  /** The states in which callers were told. */
  readonly #told: string[] = [];

  constructor(open: OpenEndpoint, life: CountedAbort) {
    this.open = open;
    this.endpoint = this.scope.use(open.endpoint);
    this.life = life;
    this.#aborts.push(life);
  }

  abort(): CountedAbort {
    const abort = countedAbort();
    this.#aborts.push(abort);
    return abort;
  }

  /** Ends it. Returns the reason as it was given. */
  end(way: Way, given: unknown): unknown {
    const { told, reason } = way.run(this, given);
    if (told !== undefined) {
      this.#callers.push(told.then((farewell) => {
        this.#told.push(this.endpoint.state);
        return farewell;
      }));
    }
    return reason;
  }

  /** All callers are told the same, none of them before the end. */
  async settled(): Promise<Farewell> {
    const farewell = await soon(this.endpoint.closed, "the end");
    const told = await soon(Promise.all(this.#callers), "all callers to be told");
    for (const one of told) if (one !== undefined) expect(one).toBe(farewell);
    for (const state of this.#told) expect(state).toBe("closed");
    await turns(2);
    for (const abort of this.#aborts) expect(abort.listeners(), "listeners left on a signal").toBe(0);
    return farewell;
  }
}

/** Acts in the moment in which an endpoint enters a state, inside of its transition; or at its end, if it never does. */
export function inState(endpoint: Endpoint, state: string, act: () => void): () => void {
  let done = false;
  const once = (): void => {
    if (done) return;
    done = true;
    act();
  };
  const listener = (message: unknown): void => {
    if ((message as { state: string }).state === state && endpoint.state === state) once();
  };
  diagnostics.subscribe("gracewire:state", listener);
  void endpoint.closed.then(once);
  return () => void diagnostics.unsubscribe("gracewire:state", listener);
}

export type EndingTest = (
  state: "opening" | "open" | "reconnecting",
  body: (bench: EndingBench) => Promise<void>,
) => () => Promise<void>;

/** Makes tests of bodies: each gets an endpoint in a state, and everything around it is ended afterwards. */
export function endingTests(fixture: EndingFixture): EndingTest {
  return (state, body) => async () => {
    const life = countedAbort();
    const open = await reach(fixture, state, life.signal);
    const bench = new EndingBench(open, life);
    await bodyAndEnd(() => body(bench), async () => {
      open.release();
      await open.endpoint.goodbye({ grace: 0 });
      await bench.scope.goodbye();
      await open.end();
    });
  };
}

async function reach(
  fixture: EndingFixture,
  state: "opening" | "open" | "reconnecting",
  signal: AbortSignal,
): Promise<OpenEndpoint> {
  if (state === "opening") return await fixture.opening!();
  const governed: OpenOptions = fixture.governed === undefined ? {} : { signal };
  if (state === "open") return await fixture.open({ ...governed, reconnect: false });
  const open = await fixture.open(governed);
  open.peerGoodbye!();
  await until(() => open.endpoint.state === "reconnecting", { what: "the endpoint to reconnect" });
  return open;
}

/** A deadlock is told in words. */
async function soon<T>(promise: Promise<T>, what: string): Promise<T> {
  let settled = false;
  void promise.then(() => settled = true);
  await until(() => settled, { timeout: 20_000, what });
  return await promise;
}
