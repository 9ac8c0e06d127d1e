import process from "node:process";
import { describe, expect, it } from "vitest";
import { type Endpoint, type Farewell, formatFarewell } from "../../lib/lifecycle/mod.ts";
import { run } from "../../lib/process/mod.ts";
import type { OpenEndpoint } from "../contracts/endpoint.ts";
import { endpointFixtures } from "../contracts/endpoints.ts";
import { grounds } from "../contracts/grounds.ts";
import { openSockets } from "../support/descriptors.ts";
import { leakGate } from "../support/leak.ts";
import { type CountedAbort, countedAbort } from "../support/signals.ts";
import { until } from "../support/until.ts";

const gate = leakGate();

/** The ways to end an endpoint; `life` governs it where that is possible, `force` is given to the goodbye. */
const ends: Record<
  string,
  (open: OpenEndpoint, life: CountedAbort, force: CountedAbort) => Promise<Farewell>
> = {
  "a goodbye": ({ endpoint, release }, _life, { signal }) => {
    const ending = endpoint.goodbye({ signal });
    release();
    return ending;
  },
  "a dispose": async ({ endpoint, release }) => {
    release();
    await endpoint[Symbol.asyncDispose]();
    return await endpoint.closed;
  },
  "a forced goodbye": ({ endpoint }, _life, { signal }) => endpoint.goodbye({ signal, grace: 0 }),
  "a goodbye that is aborted": async ({ endpoint }, _life, force) => {
    const ending = endpoint.goodbye({ signal: force.signal });
    await until(() => endpoint.draining.aborted);
    force.abort("enough");
    return await ending;
  },
  "ten goodbyes": async ({ endpoint, release }, _life, { signal }) => {
    const all = Array.from({ length: 10 }, () => endpoint.goodbye({ signal }));
    release();
    return (await Promise.all(all))[0]!;
  },
  "the abort of its life, where it has one": async ({ endpoint, release }, life) => {
    life.abort("enough");
    release();
    return await endpoint.goodbye();
  },
};

describe.each(endpointFixtures(gate, grounds))("I11 nothing is left of a $name", ({ fixture }) => {
  it.each(Object.keys(ends))("after %s", async (how) => {
    const listeners = processListeners();
    const sockets = openSockets();
    const [life, force] = [countedAbort(), countedAbort()];
    const open = await fixture.open({ signal: life.signal });
    const events = eventsOf(open.endpoint, force);
    await open.occupy();
    const farewell = await ends[how]!(open, life, force);
    expect(farewell.residue, formatFarewell(farewell)).toEqual({ sockets: 0, timers: 0, listeners: 0 });
    await events;
    open.release();
    await open.end();
    await until(() => life.listeners() + force.listeners() === 0, { what: "no listeners on the signals" });
    expect(processListeners()).toEqual(listeners);
    // The runtimes close a descriptor before, or at the latest one turn after, they say so.
    await until(() => openSockets() === undefined || openSockets()! <= sockets!, {
      what: () => `${sockets} sockets, there are ${openSockets()}`,
    });
  });
});

describe("I11 nothing is left of run()", () => {
  it.each<[string, (abort: CountedAbort) => unknown]>([
    ["returns", () => {}],
    ["throws", () => Promise.reject(new Error("the disk is full"))],
    ["is interrupted", (abort) => abort.abort("enough")],
  ])("when main %s", async (_how, main) => {
    const [listeners, exitCode] = [processListeners(), process.exitCode];
    const abort = countedAbort();
    await run(() => {
      expect(processListeners()).not.toEqual(listeners);
      return main(abort);
    }, { signal: abort.signal, report() {} });
    process.exitCode = exitCode;
    expect(processListeners()).toEqual(listeners);
    await until(() => abort.listeners() === 0, { what: "no listeners on the signal" });
  });
});

/** A reader of events that is still there at the end, with the signal that is given to the goodbye too. */
async function eventsOf(endpoint: Endpoint, { signal }: CountedAbort): Promise<void> {
  try {
    for await (const _ of endpoint.events({ signal })) continue;
  } catch (error) {
    expect(Object.is(error, signal.reason)).toBe(true);
  }
}

/** How many listeners the process has, by the name of the event. */
function processListeners(): Record<string, number> {
  const names = process.eventNames().map(String).sort();
  return Object.fromEntries(names.map((name) => [name, process.listenerCount(name)]));
}
