import { describe, expect, it } from "vitest";
import { type Farewell, formatFarewell, type GoodbyeOptions } from "../../lib/lifecycle/mod.ts";
import { TestClock } from "../support/clock.ts";
import type { Server } from "../../lib/server/mod.ts";
import { leakGate } from "../support/leak.ts";
import { fixture, rigTest } from "../server/kit.ts";
import { type Site, sites, World } from "./i16_sites.ts";

leakGate();

/** Milliseconds that the clock itself is late, once for each timer. */
const reaction = 100;

/** What an end came to, and how long it took, in virtual time. */
interface End {
  readonly farewell: Farewell;
  readonly took: number;
  readonly asked: readonly Promise<Farewell>[];
}

/** Ends an endpoint from a site; time passes only when nothing else can happen. */
async function endFrom({ open }: Site, awaited: boolean, how: GoodbyeOptions = {}): Promise<End> {
  const clock = new TestClock({ virtual: true });
  clock.install();
  try {
    const world = new World();
    const asked: Promise<Farewell>[] = [];
    const endpoint = await clock.until(open(world, (one) => {
      const goodbye = one.goodbye(how);
      asked.push(goodbye);
      return awaited ? goodbye : undefined;
    }));
    const start = clock.time;
    const farewell = await clock.until(endpoint.closed, 30_000, "the end");
    const took = clock.time - start;
    await clock.until(world.end(), 60_000, "all that stood around it");
    for (const one of asked) expect(await clock.until(one)).toBe(farewell);
    expect(clock.timers).toEqual([]);
    expect(world.network.open()).toEqual({ sockets: 0, timers: 0, listeners: 0 });
    return { farewell, took, asked };
  } finally {
    clock.uninstall();
  }
}

describe("I16 a goodbye that is awaited in the handler of a connection, in real time over TCP,", () => {
  it("costs the drain that was granted, and no more", () =>
    rigTest(fixture.tcp, async (rig) => {
      const server: Server = await rig.serve(() => server.goodbye(), { grace: 300 });
      const peer = await rig.connect(server);
      const start = performance.now();
      const farewell = await server.closed;
      // The drain has 230 ms of the 300, and may be late on a busy machine.
      expect(performance.now() - start).toBeLessThan(3_000);
      expect(farewell.phases.find(({ phase }) => phase === "drain")!.budget).toBeLessThan(300);
      expect(farewell.children[0]!.phases.find(({ phase }) => phase === "drain")!.ended).toBe("deadline");
      await peer.gone();
    })());
});

describe("I16 a goodbye that is asked for from inside:", () => {
  describe.each(sites)("$name", (site) => {
    it("without waiting for it there, is an end like any other", async () => {
      const { asked, farewell, took } = await endFrom(site, false);
      expect(asked.length).toBeGreaterThan(0);
      expect(farewell, formatFarewell(farewell)).toMatchObject({
        outcome: "clean",
        residue: { sockets: 0, timers: 0, listeners: 0 },
      });
      expect(took).toBeLessThanOrEqual(reaction);
    });

    it(`waiting for it there, takes at most ${site.costs} ms longer, and says so`, async () => {
      const { asked, farewell, took } = await endFrom(site, true);
      expect(asked.length).toBeGreaterThan(0);
      expect(farewell.residue).toEqual({ sockets: 0, timers: 0, listeners: 0 });
      expect(took, formatFarewell(farewell)).toBeLessThanOrEqual(site.costs + reaction);
      if (site.costs === 0) expect(farewell.outcome, formatFarewell(farewell)).toBe("clean");
      else if (took > reaction) expect(farewell.outcome).not.toBe("clean");
    });

    it.each([false, true])(
      "by force, takes at most what is kept for force and release (awaited: %s)",
      async (awaited) => {
        const { asked, farewell, took } = await endFrom(site, awaited, { grace: 0 });
        expect(asked.length).toBeGreaterThan(0);
        expect(farewell.residue, formatFarewell(farewell)).toEqual({ sockets: 0, timers: 0, listeners: 0 });
        expect(took, formatFarewell(farewell)).toBeLessThanOrEqual(6_000 + reaction);
        const entered = farewell.phases.map(({ phase }) => phase);
        expect(new Set(entered).size).toBe(entered.length);
        expect(entered.at(-1)).toBe("release");
      },
    );
  });
});
