import { describe, expect, it } from "vitest";
import { createScope, type Endpoint, type HookReport, type Outcome } from "../../lib/lifecycle/mod.ts";
import { memoryNetwork } from "../../lib/net/mod.ts";
import { serve, type ServerConnection } from "../../lib/server/mod.ts";
import { leakGate } from "../support/leak.ts";
import { until } from "../support/until.ts";
import { aborted, bug, never, sleep, timeless } from "./stubborn.ts";

leakGate();

type Run = (signal: AbortSignal) => unknown;

/** Somebody who frees something at its end: first what a test gives it, then something of its own. */
interface Owner {
  readonly endpoint: Endpoint;
  /** Milliseconds that one of two that hang is waited for. */
  readonly share: number;
  end(): Promise<unknown>;
}

const owners: Readonly<Record<string, (run: Run, freed: () => void) => Promise<Owner>>> = {
  async "a release hook of a server"(run, freed) {
    const server = await serve(() => {}, { network: memoryNetwork() });
    server.onRelease("freed", freed);
    server.onRelease("hook", ({ signal }) => run(signal));
    return { endpoint: server, share: 2_375, end: () => server.closed };
  },
  async "a release step of a connection"(run, freed) {
    let connection: ServerConnection | undefined;
    const network = memoryNetwork();
    const server = await serve((accepted) => {
      connection = accepted;
      accepted.onPhase("release", ({ signal }) => run(signal));
      accepted.onPhase("release", freed);
      return aborted(accepted.draining);
    }, { network });
    const client = await network.dial(server.address, {});
    client.start({ data() {}, end: () => client.end(), drain() {} });
    await until(() => connection !== undefined);
    return { endpoint: connection!, share: 2_500, end: () => server.goodbye() };
  },
  "a function that a scope defers"(run, freed) {
    const scope = createScope();
    scope.defer(freed);
    scope.defer(() => run(scope.signal));
    return Promise.resolve({ endpoint: scope, share: 6_650, end: () => scope.closed });
  },
  "a value that a scope adopts"(run, freed) {
    const scope = createScope();
    scope.defer(freed);
    scope.adopt(run, () => run(scope.signal));
    return Promise.resolve({ endpoint: scope, share: 6_650, end: () => scope.closed });
  },
  "a resource that a scope uses"(run, freed) {
    const scope = createScope();
    scope.defer(freed);
    scope.use({ [Symbol.asyncDispose]: async () => void (await run(scope.signal)) });
    return Promise.resolve({ endpoint: scope, share: 6_650, end: () => scope.closed });
  },
};

type Hook = "throws" | "rejects" | "hangs" | "is slow";

const hooks: Readonly<Record<Hook, Run>> = {
  "throws": () => {
    throw bug;
  },
  "rejects": () => sleep(10).then(() => Promise.reject(bug)),
  "hangs": never,
  "is slow": () => sleep(900),
};

interface Expected {
  readonly ended: HookReport["ended"];
  readonly outcome: Outcome;
  /** Milliseconds; the share of the hook if undefined. */
  readonly duration: number | undefined;
}

/** The hook runs for all of its time, whether there is any grace or not: the end that is forced is not cut any further. */
const expected: Readonly<Record<Hook, Expected>> = {
  "throws": { ended: "failed", outcome: "failed", duration: 0 },
  "rejects": { ended: "failed", outcome: "failed", duration: 10 },
  "hangs": { ended: "timeout", outcome: "failed", duration: undefined },
  "is slow": { ended: "ok", outcome: "clean", duration: 900 },
};

describe.each(Object.keys(owners))("%s", (owner) => {
  it.each(Object.keys(expected) as Hook[])(
    "that %s ends in time, and the next one is freed",
    (name) =>
      timeless(async (clock) => {
        const { ended, outcome, duration } = expected[name];
        const freed: string[] = [];
        const { endpoint, end, share } = await owners[owner]!(hooks[name], () => void freed.push("freed"));
        const reason = { why: name };
        const farewell = await clock.until(endpoint.goodbye({ reason }));
        expect(farewell.hooks.map((hook) => hook.ended)).toEqual([ended, "ok"]);
        expect(farewell).toMatchObject({ outcome, cause: "goodbye", reason });
        expect(freed).toEqual(["freed"]);
        expect(farewell.errors.length).toBe(ended === "ok" ? 0 : 1);
        if (ended === "failed") expect(farewell.errors).toEqual([bug]);
        const took = duration ?? share;
        expect(farewell.duration).toBeGreaterThanOrEqual(took);
        expect(farewell.duration).toBeLessThan(took + 5);
        await clock.until(end());
      }),
  );

  it.each(Object.keys(expected) as Hook[])(
    "that %s is run when the end is forced, too",
    (name) =>
      timeless(async (clock) => {
        const { ended } = expected[name];
        const freed: string[] = [];
        const { endpoint, end } = await owners[owner]!(hooks[name], () => void freed.push("freed"));
        const farewell = await clock.until(endpoint.goodbye({ grace: 0 }));
        expect(farewell.hooks.map((hook) => hook.ended)).toEqual([ended, "ok"]);
        expect(farewell.outcome).toBe(ended === "ok" ? "forced" : "failed");
        expect(freed).toEqual(["freed"]);
        expect(farewell.duration).toBeLessThanOrEqual(6_000);
        await clock.until(end());
      }),
  );

  it.each<[string, Run, HookReport["ended"], Outcome, number]>([
    ["stops", (signal) => aborted(signal).then(() => sleep(300)), "cut", "forced", 400],
    ["does not stop", never, "timeout", "failed", 1_100],
    [
      "fails instead of stopping",
      (signal) => aborted(signal).then(() => Promise.reject(bug)),
      "failed",
      "failed",
      100,
    ],
  ])("that is cut by an abort and %s", (_what, run, ended, outcome, took) =>
    timeless(async (clock) => {
      const freed: number[] = [];
      const { endpoint, end } = await owners[owner]!(run, () => void freed.push(clock.time));
      const controller = new AbortController();
      const start = clock.time;
      setTimeout(() => controller.abort(null), 100);
      const farewell = await clock.until(endpoint.goodbye({ signal: controller.signal }));
      expect(farewell.hooks.map((hook) => hook.ended)).toEqual([ended, "ok"]);
      expect(farewell.outcome).toBe(outcome);
      expect(farewell.errors).toEqual(ended === "failed" ? [bug] : []);
      // The next one does not wait for it.
      expect(freed.map((time) => time - start)).toEqual([100]);
      expect(farewell.duration).toBeGreaterThanOrEqual(took);
      expect(farewell.duration).toBeLessThan(took + 5);
      await clock.until(end());
    }));
});
