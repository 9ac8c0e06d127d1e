import { describe, expect, it } from "vitest";
import { formatFarewell } from "../../lib/lifecycle/mod.ts";
import { nats } from "../contracts/protocols.ts";
import { memory, tcp } from "../contracts/grounds.ts";
import { type FakeNats, startFakeNats } from "../nats/server.ts";
import { leakGate } from "../support/leak.ts";
import { turns, until } from "../support/until.ts";

const gate = leakGate();
const payload = new Uint8Array(1_000);

/** Every stream was ended with FIN, and not reset. */
async function expectEnds(server: FakeNats, errors: readonly Promise<Error | undefined>[]): Promise<void> {
  await until(() => server.open.length === 0, { what: "the end of all streams" });
  expect(await Promise.all(errors)).toEqual(errors.map(() => undefined));
}

describe.each([memory, tcp])(
  "I8 goodbye: a NATS client over $name says all that it has to, and never resets,",
  (on) => {
    it.each(nats.subscriptions)(
      "with a $name that holds 512 KB, and publishes behind",
      async ({ options }) => {
        const network = gate.watch(on.network());
        const server = await startFakeNats({ network });
        const connection = await nats.connect(server.url, { network, reconnect: false });
        const subscription = await connection.subscribe("orders", { ...options, capacity: 1_000 });
        const ends = server.sessions.map(({ transport }) => transport.closed);
        const session = server.sessions.find(({ subjects }) => subjects.includes("orders"))!;
        const { sid } = session.matching("orders")[0]!;
        for (let i = 0; i < 512; i++) session.deliver("orders", sid, "", undefined, payload);
        await turns(5);
        const published = Array.from({ length: 20 }, () => connection.publish("returns", "x".repeat(50_000)));
        const leaving = connection.goodbye();
        const farewell = await leaving;
        await Promise.all(published);
        expect(farewell.outcome, formatFarewell(farewell)).toBe("clean");
        expect(farewell.messages).toMatchObject({ published: 20, confirmed: 20 });
        const { messages } = await subscription.closed;
        expect(messages).toMatchObject({ received: 512, dropped: 512 });
        const told = server.sessions.flatMap(({ commands }) => commands).filter((line) =>
          line.startsWith("UNSUB")
        );
        expect(told).toHaveLength(1);
        await expectEnds(server, ends);
        await server.close();
      },
    );

    it("to a server that reads slowly", async () => {
      const network = gate.watch(on.network());
      const server = await startFakeNats({ network });
      const connection = await nats.connect(server.url, { network, reconnect: false });
      const { transport } = server.sessions[0]!;
      transport.pause();
      const published = Array.from({ length: 20 }, () => connection.publish("orders", "x".repeat(50_000)));
      const leaving = connection.goodbye();
      const reading = (async () => {
        for (let i = 0; i < 5_000 && server.open.length > 0; i++) {
          transport.resume();
          await turns(1);
          // A stream that is paused does not hear of its end.
          if (connection.state === "closed") return;
          transport.pause();
          await turns(2);
        }
      })();
      const farewell = await leaving;
      await reading;
      transport.resume();
      await Promise.all(published);
      expect(farewell.outcome, formatFarewell(farewell)).toBe("clean");
      await expectEnds(server, [transport.closed]);
      await server.close();
    });
  },
);
