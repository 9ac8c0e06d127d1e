import { describe, expect, it } from "vitest";
import type { OpenEndpoint } from "../contracts/endpoint.ts";
import { endpointFixtures } from "../contracts/endpoints.ts";
import { memory, tcp } from "../contracts/grounds.ts";
import type { Endpoint, EndpointEvent, EndpointState, Farewell } from "../../lib/lifecycle/mod.ts";
import { phaseOrder } from "../support/grammar.ts";
import { leakGate } from "../support/leak.ts";
import { until } from "../support/until.ts";

const gate = leakGate();
const order: readonly EndpointState[] = ["opening", "open", "draining", "closing", "releasing", "closed"];

/** How an endpoint that is at work may be ended, and from which state on it goes through all of them. */
const ways: Record<string, { from: EndpointState; end(open: OpenEndpoint): Promise<unknown> }> = {
  "ends by itself": {
    from: "draining",
    async end({ endpoint, release }) {
      const goodbye = endpoint.goodbye();
      await until(() => endpoint.draining.aborted);
      release();
      await goodbye;
    },
  },
  "is forced from the start": { from: "closing", end: ({ endpoint }) => endpoint.goodbye({ grace: 0 }) },
  "is forced while it drains": {
    from: "draining",
    async end({ endpoint }) {
      const goodbye = endpoint.goodbye();
      await until(() => endpoint.draining.aborted);
      await Promise.all([endpoint.goodbye({ grace: 0 }), endpoint.goodbye({ grace: 0 }), goodbye]);
    },
  },
  "runs out of time": { from: "draining", end: ({ endpoint }) => endpoint.goodbye({ grace: 30, tail: 600 }) },
  "is asked again, harder, by all that it tells": {
    from: "draining",
    async end({ endpoint }) {
      const harder = (): void => void endpoint.goodbye({ signal: AbortSignal.abort("harder") });
      for (const signal of [endpoint.draining, endpoint.signal]) signal.addEventListener("abort", harder);
      const watching = (async () => {
        for await (const _ of endpoint.events()) harder();
      })();
      await endpoint[Symbol.asyncDispose]();
      await watching;
    },
  },
};

/** Everything an endpoint tells, with the state it has in the moment in which it is read. */
async function listen(endpoint: Endpoint): Promise<{ events: EndpointEvent[]; read: EndpointState[] }> {
  const events: EndpointEvent[] = [];
  const read: EndpointState[] = [];
  for await (const event of endpoint.events()) {
    events.push(event);
    read.push(endpoint.state);
  }
  return { events, read };
}

function expectRising(ranks: readonly number[], what: string): void {
  expect(ranks, what).toEqual([...new Set(ranks)].sort((one, other) => one - other));
}

describe.each(endpointFixtures(gate, [memory, tcp]))("I1 the state of a $name", ({ fixture }) => {
  it.each(Object.keys(ways))("rises, and no phase comes twice, when it %s", async (way) => {
    const open = await fixture.open({});
    const { endpoint } = open;
    try {
      await open.occupy();
      const listening = listen(endpoint);
      await ways[way]!.end(open);
      const { events, read } = await listening;
      const states = events.flatMap((event) => event.type === "state" ? [event.state] : []);
      expect(states).toEqual(order.slice(order.indexOf(ways[way]!.from)));
      expect(read.map((state) => order.indexOf(state))).toEqual(
        read.map((state) => order.indexOf(state)).sort((one, other) => one - other),
      );
      const phases = events.flatMap((event) => event.type === "phase" ? [event.phase] : []);
      expectRising(phases.map((phase) => phaseOrder.indexOf(phase)), phases.join(" "));
      expect(phases.at(-1)).toBe("release");
      const last = events.at(-1) as { readonly farewell: Farewell };
      expect(last.farewell.phases.map(({ phase }) => phase)).toEqual(phases);
      expect(await endpoint.closed).toBe(last.farewell);
    } finally {
      open.release();
      await endpoint.goodbye({ grace: 0 });
      await open.end();
    }
  });
});
