import { describe, expect, it } from "vitest";
import { ClosedError, ConnectError } from "../../lib/errors.ts";
import { connect as connectAny } from "../../lib/connect.ts";
import { connect } from "../../lib/eventmesh/mod.ts";
import { createScope, formatFarewell } from "../../lib/lifecycle/mod.ts";
import type { MessageConnection } from "../../lib/messaging/mod.ts";
import { memoryNetwork, systemNetwork } from "../../lib/net/mod.ts";
import { steps } from "../contracts/transport_dial.ts";
import { nats } from "../contracts/protocols.ts";
import { startFakeNats } from "../nats/server.ts";
import { startFakeServer } from "../support/fake_server.ts";
import { leakGate } from "../support/leak.ts";
import { abortReasons } from "../support/signals.ts";
import { turns, until } from "../support/until.ts";
import { mortal, places } from "./i15_places.ts";

const gate = leakGate();
const nothing = { sockets: 0, timers: 0, listeners: 0 };
const ticks = Array.from({ length: 24 }, (_, tick) => tick);
const reasonAt = (tick: number): unknown => abortReasons[tick % abortReasons.length]!();

type Outcome = { readonly connection: MessageConnection } | { readonly error: unknown };

describe.each(Object.keys(places))("I15 a connect to %s", (name) => {
  it("is made or nothing, at whatever tick it is aborted, or its scope ends", async () => {
    const place = await places[name]!();
    try {
      for (const tick of ticks) {
        const network = gate.watch(systemNetwork());
        const [controller, scope] = [new AbortController(), createScope()];
        const signal = tick % 2 === 0 ? controller.signal : scope.draining;
        const connecting = place.protocol.connect(place.url, { ...place.options, network, signal }).then(
          (connection): Outcome => ({ connection }),
          (error: unknown): Outcome => {
            // Before anybody can look: what it had opened is gone, not only on its way.
            expect(network.open()).toEqual(nothing);
            return { error };
          },
        );
        await steps(tick);
        const reason = reasonAt(tick);
        controller.abort(reason);
        const farewell = await scope.goodbye({ reason });
        expect(farewell.outcome).toBe("clean");
        const outcome = await connecting;
        if ("connection" in outcome) {
          expect(() => scope.use(outcome.connection)).toThrow(ClosedError);
          expect((await outcome.connection.goodbye()).residue).toEqual(nothing);
        } else if (!Object.is(outcome.error, signal.reason)) {
          expect(outcome.error).toBeInstanceOf(ConnectError);
          expect(name).toBe("a port where nobody listens");
        }
        expect(network.open()).toEqual(nothing);
      }
      await until(() => place.streams() === 0, { what: "no streams at the other end" });
    } finally {
      await place.end();
    }
  });

  it("that a lost connection makes to come back is given up by the goodbye, at whatever tick", async () => {
    const place = await places[name]!();
    try {
      for (const tick of ticks.filter((tick) => tick % 2 === 0)) {
        const network = gate.watch(systemNetwork());
        const first = await mortal(place);
        const connection = await connectAny([first.url, place.url], {
          ...place.options,
          network,
          reconnect: { min: 1, max: 1, jitter: 0 },
        });
        const retries = connection.events();
        await first.close();
        for await (const { type } of retries) if (type === "retry") break;
        const publish = tick % 4 === 0
          ? undefined
          : connection.publish("a", "x").then(() => undefined, (error: unknown) => error);
        await turns(tick);
        const reason = reasonAt(tick);
        const farewell = await connection.goodbye({ reason, grace: 100 });
        expect(farewell.residue, formatFarewell(farewell)).toEqual(nothing);
        expect(Object.is(farewell.reason, reason)).toBe(true);
        expect(network.open()).toEqual(nothing);
        // Nothing is waited for that is only being opened.
        if (publish === undefined) {
          expect(farewell.phases.map(({ ended }) => ended)).not.toContain("deadline");
        }
        const error = await publish;
        if (error !== undefined) expect(error).toMatchObject({ code: "ERR_CLOSED" });
        await expect(connection.publish("a", "x")).rejects.toBeInstanceOf(ClosedError);
      }
      await until(() => place.streams() === 0, { what: "no streams at the other end" });
    } finally {
      await place.end();
    }
  });
});

describe("I15 a subscribe", () => {
  it.each(["HELLO_REQUEST", "SUBSCRIBE_REQUEST", "LISTEN_REQUEST", undefined] as const)(
    "is made or nothing, at whatever tick its connection says goodbye (left unanswered: %s)",
    async (unanswered) => {
      const network = gate.watch(memoryNetwork());
      const server = await startFakeServer({ network });
      try {
        for (const tick of ticks) {
          const connection = await connect(server.url, { network });
          if (unanswered !== undefined) server.hold(unanswered);
          const subscribing = connection.subscribe("a").then(
            (subscription) => ({ subscription }),
            (error: unknown) => ({ error }),
          );
          await steps(tick);
          const reason = reasonAt(tick);
          const farewell = await connection.goodbye({ reason });
          const outcome = await subscribing;
          if ("subscription" in outcome) {
            expect(await outcome.subscription.closed).toMatchObject({ cause: "parent", outcome: "clean" });
            expect(farewell.childCount).toBe(1);
          } else {
            expect(outcome.error).toBeInstanceOf(ClosedError);
            expect(Object.is((outcome.error as ClosedError).cause, reason)).toBe(true);
          }
          expect(farewell, formatFarewell(farewell)).toMatchObject({ outcome: "clean", residue: nothing });
          await server.holds(0);
          if (unanswered !== undefined) server.off(unanswered);
        }
      } finally {
        await server.close();
      }
    },
  );
});

describe("I15 a subscribe of NATS", () => {
  it.each(
    nats.subscriptions.flatMap(({ name, options }) =>
      (["info", "hello", "subscribe", undefined] as const).map((late) => ({ name, options, late }))
    ),
  )(
    "is made or nothing, at whatever tick its connection says goodbye: a $name (late: $late)",
    async ({ late, options }) => {
      const network = gate.watch(memoryNetwork());
      const server = await startFakeNats({ network });
      try {
        for (const tick of ticks) {
          server.late = undefined;
          const connection = await nats.connect(server.url, { network });
          server.late = late;
          const subscribing = connection.subscribe("a", options).then(
            (subscription) => ({ subscription }),
            (error: unknown) => ({ error }),
          );
          await steps(tick);
          // It would be late with the answer to the goodbye, too.
          server.late = undefined;
          const reason = reasonAt(tick);
          const ending = connection.goodbye({ reason });
          server.answer();
          const farewell = await ending;
          const outcome = await subscribing;
          if ("subscription" in outcome) {
            expect(await outcome.subscription.closed).toMatchObject({ cause: "parent", outcome: "clean" });
            expect(farewell.childCount).toBe(1);
          } else {
            expect(outcome.error).toBeInstanceOf(ClosedError);
            expect(Object.is((outcome.error as ClosedError).cause, reason)).toBe(true);
          }
          expect(farewell, formatFarewell(farewell)).toMatchObject({ outcome: "clean", residue: nothing });
          await until(() => server.open.length === 0, { what: "no streams at the server" });
        }
      } finally {
        await server.close();
      }
    },
  );
});
