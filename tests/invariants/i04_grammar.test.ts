import { describe, expect, it } from "vitest";
import { Lifecycle, type LifecycleOptions } from "../../lib/lifecycle/lifecycle.ts";
import type { Farewell } from "../../lib/lifecycle/mod.ts";
import { memoryNetwork } from "../../lib/net/mod.ts";
import { serve } from "../../lib/server/mod.ts";
import { type TraceMessage, TraceReader } from "../support/grammar.ts";
import { excuseTrace, tracedEnds, watchTraces } from "../support/trace.ts";
import { until } from "../support/until.ts";

/** What all endpoints say while `run` runs. */
async function record(run: () => Promise<unknown>): Promise<TraceMessage[]> {
  const messages: TraceMessage[] = [];
  const unwatch = watchTraces((message) => messages.push(message));
  try {
    await run();
  } finally {
    unwatch();
  }
  return messages;
}

function recordLife(options: Partial<LifecycleOptions> = {}, cut = false): Promise<TraceMessage[]> {
  return record(async () => {
    const lifecycle = new Lifecycle({ name: "thing", steps: {}, ...options });
    lifecycle.opened();
    lifecycle.reconnecting();
    lifecycle.opened();
    const goodbye = lifecycle.goodbye();
    if (cut) lifecycle.force("enough");
    await goodbye;
  });
}

function recordServer(): Promise<TraceMessage[]> {
  return record(async () => {
    const network = memoryNetwork();
    const server = await serve(({ draining }) => {
      return new Promise((resolve) => draining.addEventListener("abort", resolve));
    }, { network });
    const peer = await network.dial(server.address, {});
    peer.start({ data() {}, end: () => peer.end(), drain() {} });
    await until(() => server.connections === 1);
    await server.goodbye();
  });
}

function violationsOf(messages: readonly TraceMessage[]): string[] {
  const violations: string[] = [];
  const reader = new TraceReader((violation) => violations.push(violation.split("\n")[0]!));
  for (const message of messages) reader.read(message);
  return violations;
}

/** The same trace with another farewell. */
function withFarewell(
  messages: readonly TraceMessage[],
  change: (farewell: Farewell) => Partial<Farewell>,
): TraceMessage[] {
  return messages.map((message) => {
    if (message.type !== "farewell") return message;
    return { ...message, farewell: { ...message.farewell, ...change(message.farewell) } };
  });
}

/** Moves the first message that `moves` before the first that `stays`. */
function moved(
  messages: readonly TraceMessage[],
  moves: (message: TraceMessage) => boolean,
  stays: (message: TraceMessage) => boolean,
): TraceMessage[] {
  const message = messages.find(moves)!;
  const rest = messages.filter((other) => other !== message);
  rest.splice(rest.findIndex(stays), 0, message);
  return rest;
}

function isServer({ endpoint }: TraceMessage): boolean {
  return endpoint === "server";
}

describe("I4 the grammar of an end", () => {
  it("holds for what an endpoint says, and for a server with a connection", async () => {
    const one = await recordLife();
    expect(one.length).toBe(13);
    expect(violationsOf(one)).toEqual([]);
    const forced = await recordLife({ steps: { drain: () => new Promise(() => {}) } }, true);
    expect(forced.some(({ type }) => type === "phase")).toBe(true);
    expect(violationsOf(forced)).toEqual([]);
    const server = await recordServer();
    expect(new Set(server.map(({ source }) => source)).size).toBe(2);
    expect(violationsOf(server)).toEqual([]);
  });

  it.each([false, true])(
    "finds what is left out, said twice, or in another order (forced: %s)",
    async (cut) => {
      const trace = await recordLife(
        { steps: { drain: () => cut ? new Promise(() => {}) : undefined } },
        cut,
      );
      // That there is no farewell yet is no mistake: it may still come.
      for (let i = 0; i < trace.length - 1; i++) {
        const [one, next] = [trace[i]!, trace[i + 1]!];
        const without = trace.toSpliced(i, 1);
        const twice = trace.toSpliced(i, 0, one);
        const swapped = trace.toSpliced(i, 2, next, one);
        for (const wrong of [without, twice, swapped]) {
          expect(violationsOf(wrong), `at ${i}: ${JSON.stringify(one)}`).not.toEqual([]);
        }
      }
      expect(violationsOf([...trace, trace.at(-1)!])).toEqual(['thing: "farewell" comes after the farewell']);
    },
  );

  it("finds farewells that do not add up", async () => {
    const trace = await recordLife();
    const wrong: Record<string, (farewell: Farewell) => Partial<Farewell>> = {
      "its connections do not balance": ({ connections }) => ({ connections: { ...connections, opened: 1 } }),
      "its messages do not balance": ({ messages }) => ({ messages: { ...messages, published: 1 } }),
      "its messages do not": ({ messages }) => ({ messages: { ...messages, acked: 2, received: 1 } }),
      "it leaves": ({ residue }) => ({ residue: { ...residue, timers: 1 } }),
      "it counts -1 for settled": ({ operations }) => ({ operations: { ...operations, settled: -1 } }),
      "it counts NaN for aborted": ({ operations }) => ({ operations: { ...operations, aborted: NaN } }),
      "its farewell tells of the phases announce intake": ({ phases }) => ({ phases: phases.slice(0, 2) }),
      "it is clean, and drain was cut": ({ phases }) => ({
        phases: phases.map((phase) => phase.phase === "drain" ? { ...phase, ended: "cut" } : phase),
      }),
    };
    for (const [what, change] of Object.entries(wrong)) {
      expect(violationsOf(withFarewell(trace, change))).toEqual([expect.stringContaining(`thing: ${what}`)]);
    }
    // What an end that has failed could not balance, it has told.
    const failed = withFarewell(
      trace,
      ({ residue }) => ({ outcome: "failed", residue: { ...residue, timers: 1 } }),
    );
    expect(violationsOf(failed)).toEqual([]);
  });

  it("finds a clean end that was not quiet", async () => {
    let lifecycle: Lifecycle | undefined;
    excuseTrace("the endpoint of this test makes noise while it ends clean");
    const say = { goodbye: () => lifecycle!.emit({ type: "lost", error: "reset" }, "warn") };
    const trace = await record(async () => {
      lifecycle = new Lifecycle({ name: "thing", steps: say });
      lifecycle.opened();
      await lifecycle.goodbye();
    });
    expect(violationsOf(trace)).toEqual([expect.stringContaining('has said "lost reset" on level warn')]);
    // An error that was contained is in the Farewell, and what happened before the end has nothing to do with it.
    const contained = await record(async () => {
      const faulty: Lifecycle = new Lifecycle({
        name: "thing",
        steps: { drain: () => faulty.fault("a bug") },
      });
      faulty.opened();
      faulty.emit({ type: "lost", error: "reset" }, "warn");
      await faulty.goodbye();
    });
    expect(violationsOf(contained)).toEqual([]);
    expect(violationsOf(withFarewell(contained, () => ({ errors: [] })))).toHaveLength(1);
  });

  it("finds a server that is released before its connection, and a goodbye before its turn", async () => {
    const trace = await recordServer();
    const inPhase = (phase: string) => (message: TraceMessage) =>
      message.type === "phase" && message.phase === phase;
    const child = trace.filter((message) => !isServer(message));
    const last = child.at(-1)!;
    const after = trace.indexOf(trace.find((message) => isServer(message) && message.type === "farewell")!);
    const late = trace.filter((message) => message !== last).toSpliced(after, 0, last);
    expect(violationsOf(late)).toEqual([
      expect.stringMatching(/^server: 1 that end with it/),
      expect.stringMatching(/^server: it is released before connection 1 from/),
    ]);
    // All that the connection says, from its release on, comes before the goodbye of the server.
    const begin = child.findIndex((message) => message.type === "state" && message.state === "releasing");
    const ahead = child.slice(begin).reduce<TraceMessage[]>((messages, message) => {
      return moved(
        messages,
        (other) => other === message,
        (other) => isServer(other) && inPhase("goodbye")(other),
      );
    }, trace);
    expect(violationsOf(ahead)).toEqual([
      expect.stringContaining("it has said its goodbye before the server let it"),
    ]);
  });

  it("is watched over in every test file", async () => {
    const before = tracedEnds();
    await new Lifecycle({ name: "thing", steps: {} }).goodbye();
    expect(tracedEnds()).toBe(before + 1);
  });
});
