import { describe, expect, it } from "vitest";
import { runtime } from "../support/env.ts";
import { until } from "../support/until.ts";
import type { Held } from "./memory.ts";
import { patience, type Servant, tellFigures, usePrograms } from "./programs.ts";

/** How the connections of a crowd have ended. */
interface Ends {
  readonly told: number;
  readonly ended: number;
  readonly broken: number;
}

/** How a server has ended. */
interface Goodbye {
  /** Milliseconds. */
  readonly took: number;
  /** Milliseconds of processor time. */
  readonly cpu: number;
  readonly farewell?: {
    readonly outcome: string;
    readonly connections: Readonly<Record<string, number>>;
    readonly residue: Readonly<Record<string, number>>;
  };
}

interface Held10k {
  /** Bytes that one more connection takes. */
  readonly rss: number;
  readonly heap: number;
  readonly ends: Ends;
  readonly goodbye: Goodbye;
}

/** Connections that are held before the measurement, so that what is done once is done. */
const warm = 1_000;
/** Bytes of the heap that a connection may take. What the system gives for it scatters too much to be held to: see the figures. */
const heapOfOne = 6_144;
/** Milliseconds that a goodbye of everything may take: grace and tail. */
const budget = 20_000;

describe("10,000 idle connections", () => {
  const start = usePrograms("holder", "crowd");

  it("are held in little memory, and all are told goodbye", async () => {
    const crowd = start("crowd");
    const count = Math.min(10_000, await crowd.ask<number>("room"));
    if (count < 10_000) tellFigures(`${runtime}, the system grants descriptors for fewer`, { count });
    const bare = await hold("bare", "echo", crowd, count);
    const kit = await hold("kit", "echo", crowd, count);
    const broker = await hold("broker", "eventmesh", crowd, count);
    await crowd.dismiss();
    for (const [name, { goodbye, heap, rss }] of Object.entries({ bare, kit, broker })) {
      tellFigures(`${runtime}, ${count} idle connections, ${name}`, {
        "bytes each": rss,
        "of them heap": heap,
        "times bare": Math.round(rss / bare.rss * 100) / 100,
        "goodbye of all, ms": Math.round(goodbye.took),
        "cpu ms": Math.round(goodbye.cpu),
        outcome: goodbye.farewell?.outcome ?? "none",
      });
    }
    for (const { ends, goodbye, heap } of [kit, broker]) {
      expect(ends).toEqual({ told: count, ended: count, broken: 0 });
      const { connections, outcome, residue } = goodbye.farewell!;
      expect(residue).toEqual({ sockets: 0, timers: 0, listeners: 0 });
      expect(connections).toMatchObject({ opened: warm + count, lost: 0, refused: 0 });
      // On a machine that is busy with other things the goodbyes may have been cut: after each peer was told.
      expect(outcome).toMatch(/^(clean|forced)$/);
      // The budget, and as much again for a process that is not let run.
      expect(goodbye.took).toBeLessThan(2 * budget);
      expect(heap).toBeLessThan(heapOfOne);
    }
  }, patience);

  /** Measures what a connection of one kind of server takes in a process of its own, and lets the server end. */
  async function hold(subject: string, tongue: string, crowd: Servant, count: number): Promise<Held10k> {
    const holder = start("holder", subject);
    const port = (await holder.line()).slice("port: ".length);
    const reaches = (wanted: number): Promise<void> =>
      until(async () => await holder.ask<number>("count") === wanted, { timeout: patience });
    await crowd.ask(`open ${port} ${warm} ${tongue}`);
    await reaches(warm);
    await crowd.ask("leave");
    await reaches(0);
    const before = await holder.ask<Held>("memory");
    await crowd.ask(`open ${port} ${count} ${tongue}`);
    await reaches(count);
    const after = await holder.ask<Held>("memory");
    const goodbye = await holder.ask<Goodbye>("goodbye");
    const ends = await crowd.ask<Ends>("gone");
    await holder.dismiss();
    const each = (bytes: number): number => Math.round(bytes / count);
    return { rss: each(after.rss - before.rss), heap: each(after.heap - before.heap), ends, goodbye };
  }
});
