import { describe, expect, it } from "vitest";
import type { OpenEndpoint } from "../contracts/endpoint.ts";
import { endpointFixtures } from "../contracts/endpoints.ts";
import { memory, tcp } from "../contracts/grounds.ts";
import type { Endpoint, EndpointState, Farewell } from "../../lib/lifecycle/mod.ts";
import { fixture as serveFixture, rigTest } from "../server/kit.ts";
import { phaseOrder } from "../support/grammar.ts";
import { leakGate } from "../support/leak.ts";
import { watchTraces } from "../support/trace.ts";
import { turns, until } from "../support/until.ts";
import { untilDraining } from "./kit.ts";

const gate = leakGate();

/** Callers of one end, and what each of them got. */
class Callers {
  readonly #endpoint: Endpoint;
  readonly #calls: Promise<unknown>[] = [];
  /** The state in which each was told. */
  readonly told: EndpointState[] = [];

  constructor(endpoint: Endpoint) {
    this.#endpoint = endpoint;
  }

  get count(): number {
    return this.#calls.length;
  }

  /** Ten at a time, none of them in more of a hurry than the first. */
  call(): void {
    for (let i = 0; i < 4; i++) this.#add(this.#endpoint.goodbye());
    for (let i = 0; i < 3; i++) this.#add(this.#endpoint[Symbol.asyncDispose]());
    this.#add(this.#endpoint.goodbye({ grace: 60_000, reason: "another" }));
    this.#add(this.#endpoint.goodbye({ signal: new AbortController().signal }));
    this.#add(this.#endpoint.closed);
  }

  /** All have got the same, when it was closed, and not before. */
  async expectOne(): Promise<void> {
    const farewell = await this.#endpoint.closed;
    const results = await Promise.all(this.#calls);
    expect(new Set(results)).toEqual(new Set([farewell, undefined]));
    expect(new Set(this.told)).toEqual(new Set(["closed"]));
    expect(this.told).toHaveLength(this.count);
    expect(await this.#endpoint.goodbye()).toBe(farewell);
    expect(await this.#endpoint[Symbol.asyncDispose]()).toBeUndefined();
  }

  #add(call: Promise<Farewell | void>): void {
    this.#calls.push(call.then((result) => {
      this.told.push(this.#endpoint.state);
      return result;
    }));
  }
}

describe.each(endpointFixtures(gate, [memory, tcp]))("I2 the end of a $name", ({ fixture }) => {
  const test = (body: (open: OpenEndpoint, callers: Callers) => Promise<void>) => async () => {
    const open = await fixture.open({});
    try {
      await open.occupy();
      const callers = new Callers(open.endpoint);
      await body(open, callers);
      await callers.expectOne();
    } finally {
      open.release();
      await open.endpoint.goodbye({ grace: 0 });
      await open.end();
    }
  };

  it(
    "is waited for by all: also by the second that disposes of it, while its work is held",
    test(async ({ endpoint, release }, callers) => {
      callers.call();
      await turns(20);
      callers.call();
      await turns(20);
      expect(callers.told).toEqual([]);
      expect(endpoint.state).toBe("draining");
      release();
    }),
  );

  it.each(["by itself", "by force"])(
    "is one for ten that ask for it in the midst of everything that is told, when it comes %s",
    (how) =>
      test(async ({ endpoint, release }, callers) => {
        const seen = new Set<string>();
        const phases = new Set<string>();
        const reading = (async () => {
          for await (const event of endpoint.events()) if (event.type === "phase") phases.add(event.phase);
        })();
        const unwatch = watchTraces(({ endpoint: name, type }) => {
          // Inside of the very call that tells it, once for each kind of news of each endpoint around.
          const news = `${name} ${type} ${endpoint.state}`;
          if (!seen.has(news)) callers.call();
          seen.add(news);
        });
        try {
          const goodbye = endpoint.goodbye();
          await until(() => phases.has("drain"));
          if (how === "by force") void endpoint.goodbye({ grace: 0 });
          else release();
          await goodbye;
          await reading;
        } finally {
          unwatch();
        }
        const expected = phaseOrder.filter((phase) => phase !== (how === "by force" ? "goodbye" : "force"));
        expect([...phases]).toEqual(expect.arrayContaining(expected));
        expect(callers.count).toBeGreaterThan(10 * expected.length);
      })(),
  );
});

describe("I2 the end of a server", () => {
  it(
    "is one for all who ask for it from inside, in whatever step",
    rigTest(serveFixture.tcp, async (rig) => {
      const asked: Promise<Farewell>[] = [];
      const server = await rig.serve((connection) => {
        for (const phase of ["intake", "drain", "goodbye", "release"] as const) {
          connection.onPhase(phase, () => void asked.push(server.goodbye()));
        }
        return untilDraining(connection);
      });
      server.onRelease("asks", () => void asked.push(server.goodbye()));
      await rig.accepted(server);
      await server[Symbol.asyncDispose]();
      expect(asked).toHaveLength(5);
      expect(new Set(await Promise.all(asked))).toEqual(new Set([await server.closed]));
    }),
  );
});
