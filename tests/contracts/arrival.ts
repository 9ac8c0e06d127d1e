import { describe, expect, it } from "vitest";
import { type Endpoint, formatFarewell } from "../../lib/lifecycle/mod.ts";
import type { Transport } from "../../lib/net/mod.ts";
import { turns, until } from "../support/until.ts";
import { bodyAndEnd } from "./bench.ts";

/** What the arrival contract needs to know of a server. */
export interface ArrivalFixture {
  /** How far a client comes in its opening before it stops. */
  readonly stages: readonly string[];
  /** Clients that come and go; a multiple of ten. */
  readonly visitors: number;
  /** Starts a server that gives an opening so many milliseconds. */
  open(options: { readonly limit: number }): Promise<ArrivalWorld>;
}

/** A server, and clients that stop in the midst of their opening. */
export interface ArrivalWorld {
  readonly endpoint: Endpoint;
  /** A client that comes as far as this stage. It ends its side when the server does. */
  arrive(stage: string): Promise<Arrival>;
  /** Proves that a client which opens as it should is served. */
  visit(): Promise<void>;
  /** Streams that the server holds. */
  held(): number;
  /** What has come of openings: clients that the server would serve. */
  known(): number;
  /** Proves that nothing is left. */
  end(): Promise<unknown>;
}

/** A client that has stopped. */
export interface Arrival {
  readonly transport: Transport;
  /** Does the rest of the opening after all. */
  proceed(): void;
}

const patient = 60_000;
const zero = { sockets: 0, timers: 0, listeners: 0 };

/** What a server must do about clients that never finish their opening. Run it in a test file of each. */
export function arrivalContract(name: string, fixture: ArrivalFixture): void {
  const { stages, visitors } = fixture;
  const test = (body: (world: ArrivalWorld) => Promise<void>, limit: number = patient) => async () => {
    const world = await fixture.open({ limit });
    await bodyAndEnd(() => body(world), () => world.end());
  };

  const holds = (world: ArrivalWorld, count: number): Promise<void> =>
    until(() => world.held() === count, { what: () => `${count} streams to be held, not ${world.held()}` });

  describe(`${name} and clients that stop`, () => {
    for (const stage of stages) {
      it(
        `gives up a client that has come as far as ${stage} when its time is over`,
        test(async (world) => {
          const { transport } = await world.arrive(stage);
          await until(() => transport.destroyed, { what: "the server to give it up" });
          await transport.closed;
          await holds(world, 0);
          expect(world.known()).toBe(0);
        }, 60),
      );

      it.each(["end", "destroy", "reset"] as const)(
        `frees a client that has come as far as ${stage} when it leaves by %s`,
        (how) =>
          test(async (world) => {
            const { transport, proceed } = await world.arrive(stage);
            await holds(world, 1);
            transport[how]();
            await transport.closed;
            await holds(world, 0);
            // Whatever it was waiting for comes too late.
            proceed();
            await turns(5);
            expect([world.held(), world.known()]).toEqual([0, 0]);
          })(),
      );

      it(
        `serves others while clients stop at ${stage}, and cuts those at its end`,
        test(async (world) => {
          const arrivals: Arrival[] = [];
          for (let i = 0; i < 20; i++) arrivals.push(await world.arrive(stage));
          await holds(world, 20);
          await world.visit();
          const farewell = await world.endpoint.goodbye();
          expect(farewell.outcome, formatFarewell(farewell)).toBe("clean");
          expect(farewell.residue).toEqual(zero);
          expect(world.held()).toBe(0);
          await Promise.all(arrivals.map(({ transport }) => transport.closed));
        }),
      );

      it(
        `makes nothing of a client that goes on from ${stage} when the server ends`,
        test(async (world) => {
          const arrivals = [await world.arrive(stage), await world.arrive(stage)];
          await holds(world, 2);
          const ending = world.endpoint.goodbye();
          for (const { proceed } of arrivals) proceed();
          await turns(2);
          expect(world.known()).toBe(0);
          const farewell = await ending;
          expect(farewell.outcome, formatFarewell(farewell)).toBe("clean");
          expect(world.held()).toBe(0);
        }),
      );

      it(
        `holds nothing for ${visitors} clients that came as far as ${stage} and left`,
        test(async (world) => {
          for (let i = 0; i < visitors; i += 10) {
            const batch = await Promise.all(Array.from({ length: 10 }, () => world.arrive(stage)));
            for (const [j, { transport }] of batch.entries()) {
              j % 2 === 0 ? transport.destroy() : transport.end();
            }
            await Promise.all(batch.map(({ transport }) => transport.closed));
            await until(() => world.held() <= 10, {
              what: () => `few streams to be held, not ${world.held()}`,
            });
          }
          await holds(world, 0);
          await world.visit();
          const farewell = await world.endpoint.goodbye();
          expect(farewell.outcome, formatFarewell(farewell)).toBe("clean");
          const { opened, clean, forced, lost, refused } = farewell.connections;
          expect(clean + forced + lost).toBe(opened);
          expect(opened + refused).toBe(visitors + 1);
        }),
        60_000,
      );
    }
  });
}
