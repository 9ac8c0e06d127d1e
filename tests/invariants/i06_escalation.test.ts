import { describe, expect } from "vitest";
import { type Broker, startBroker } from "../../lib/broker/mod.ts";
import { createScope, type Endpoint, type Farewell, formatFarewell } from "../../lib/lifecycle/mod.ts";
import { memoryNetwork, systemNetwork } from "../../lib/net/mod.ts";
import { memory as memoryGround } from "../contracts/grounds.ts";
import { protocols } from "../contracts/protocols.ts";
import { leakGate } from "../support/leak.ts";
import { type Interrupt, type Scenario, type Stage, sweep, type SweepOptions } from "../support/sweep.ts";
import { WireClient } from "../support/wire_client.ts";
import { stubbornServer } from "./stubborn.ts";

leakGate();

/** Milliseconds that force and release may take together, and those they may be late. */
const [tail, late] = [6_000, 250];
const zero = { sockets: 0, timers: 0, listeners: 0 };

/** Something that is ended, and does not want to be. */
interface World {
  readonly stage: Stage;
  readonly endpoint: Endpoint;
  /** What must have been run when it has ended, each once. */
  readonly ran: readonly string[];
  readonly expected: readonly string[];
  end(): Promise<unknown>;
}

/** What came of a goodbye. */
interface Ended {
  readonly farewell: Farewell;
  /** Virtual milliseconds from the abort until it was over; 0 without one. */
  readonly after: number;
}

/** Ends an endpoint: `signal` forces it, and `harder` once more. */
function escalation(arrange: (stage: Stage) => Promise<World>): Scenario<World, Ended> {
  return {
    restless: true,
    arrange,
    async act({ endpoint, stage }, signal, harder) {
      let aborted: number | undefined;
      const note = (): void => void (aborted ??= stage.clock.time);
      for (const one of [signal, harder]) one.addEventListener("abort", note, { once: true });
      const again = endpoint.goodbye({ signal: harder, reason: "again" });
      const farewell = await endpoint.goodbye({ signal });
      for (const one of [signal, harder]) one.removeEventListener("abort", note);
      expect(await again).toBe(farewell);
      return { farewell, after: aborted === undefined ? 0 : stage.clock.time - aborted };
    },
    succeeded({ farewell, after }, { endpoint, expected, ran }, interrupt) {
      expect(after, formatFarewell(farewell)).toBeLessThanOrEqual(tail + late);
      expect(farewell.phases.map(({ phase }) => phase), "its phases").toContain("release");
      expect(ran).toEqual(expected);
      expect(farewell.residue).toEqual(zero);
      expect([endpoint.draining.aborted, endpoint.signal.aborted]).toEqual([true, true]);
      expectReason(farewell, endpoint, interrupt);
    },
    end: ({ end }) => end(),
  };
}

/** A phase that was cut says by what, and the hard signal carries the first reason that came. */
function expectReason({ phases }: Farewell, { signal }: Endpoint, interrupt: Interrupt): void {
  const cut = phases.find(({ ended }) => ended === "cut");
  if (cut === undefined) return;
  expect(interrupt.aborted).toBe(true);
  const before = phases.some(({ ended }) => ended === "deadline");
  if (!before) expect(Object.is(signal.reason, cut.reason), "the reason of the hard signal").toBe(true);
}

const memory: SweepOptions = { network: memoryNetwork, virtual: true, resolves: true, peerTimers: true };

describe("I6 an abort of the goodbye, at every step, also a second one, of", () => {
  sweep(
    "a server with a crowd that does not obey",
    escalation(async (stage) => {
      const hooks = ["works", "never settles", "throws", "rejects when it is told to stop", "works"] as const;
      const { server, hooks: ran, end } = await stubbornServer(stage.network, {
        connections: [
          ["polite", "obeys"],
          ["never ends", "ignores both signals"],
          ["never reads", "hangs in each step"],
        ],
        hooks,
      });
      return { stage, endpoint: server, ran, expected: hooks.toReversed(), end };
    }),
    { ...memory, offsets: [0], again: 23 },
  );

  sweep(
    "a server whose connections obey",
    escalation(async (stage) => {
      const hooks = ["works", "is slow", "works"] as const;
      const { server, hooks: ran, end } = await stubbornServer(stage.network, {
        connections: [["polite", "obeys"], ["polite", "obeys"]],
        hooks,
      });
      return { stage, endpoint: server, ran, expected: hooks.toReversed(), end };
    }),
    { ...memory, offsets: [0, 2], again: 17 },
  );

  sweep(
    "a server on sockets",
    escalation(async (stage) => {
      const hooks = ["works", "throws", "works"] as const;
      const { server, hooks: ran, end } = await stubbornServer(stage.network, {
        connections: [["polite", "obeys"], ["polite", "throws"]],
        hooks,
      });
      return { stage, endpoint: server, ran, expected: hooks.toReversed(), end };
    }),
    { network: systemNetwork, virtual: false, resolves: true, offsets: [0] },
  );

  sweep(
    "a broker whose clients do not answer",
    escalation(async (stage) => {
      const { network } = stage;
      const broker: Broker = await startBroker({ port: 0, network });
      const publisher = await WireClient.publisher(broker.url, { network });
      const busy = await WireClient.subscriber(broker.url, "busy", ["work"], { network });
      await publisher.publish("work", "x");
      await busy.expect("ASYNC_MESSAGE_TO_CLIENT");
      const end = (): Promise<unknown> => Promise.all([publisher.destroy(), busy.destroy()]);
      return { stage, endpoint: broker, ran: [], expected: [], end };
    }),
    { ...memory, offsets: [0], again: 19 },
  );

  for (const protocol of protocols) {
    for (const { name, options } of protocol.subscriptions) {
      sweep(
        `a client of ${protocol.name} whose handler of a ${name} never ends`,
        escalation(async (stage) => {
          const { network } = stage;
          const server = await protocol.serve(network, memoryGround);
          const connection = await protocol.connect(server.url, { network });
          const subscription = await connection.subscribe("work", options);
          const started = new Promise<void>((resolve) => {
            void subscription.consume(() => {
              resolve();
              return new Promise(() => {});
            });
          });
          await connection.publish("work", "never done");
          await started;
          return { stage, endpoint: connection, ran: [], expected: [], end: () => server.goodbye() };
        }),
        { ...memory, offsets: [0], again: 19 },
      );
    }
  }

  sweep(
    "a scope with disposers that hang",
    escalation((stage) => {
      const ran: string[] = [];
      const scope = createScope();
      for (const name of ["first", "second", "third"]) {
        scope.defer(() => {
          ran.push(name);
          return name === "second" ? undefined : new Promise(() => {});
        });
      }
      const expected = ["third", "second", "first"];
      return Promise.resolve({ stage, endpoint: scope, ran, expected, end: () => Promise.resolve() });
    }),
    { ...memory, again: 1 },
  );
});
