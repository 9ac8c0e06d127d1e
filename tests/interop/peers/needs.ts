import process from "node:process";
import { afterEach, describe, it } from "vitest";
import { runningPeers } from "./process.ts";

/** Something of others that tests need. */
export interface Peer<T = unknown> {
  /** Its name and version. */
  readonly name: string;
  /** Finds it, fetches what it needs, and resolves with what starting it takes; rejects with why it is missing. Once. */
  install(): Promise<T>;
}

/** A peer that is installed when it is first asked for. */
export function peer<T>(name: string, install: () => Promise<T>): Peer<T> {
  let installed: Promise<T> | undefined;
  return { name, install: () => installed ??= install() };
}

/**
 * A `describe` that needs peers. Where one is missing, a skipped test says by name what is left out and why; with
 * `GRACEWIRE_REQUIRE=all` that test fails instead. What the peers have said is shown with each test that fails.
 *
 * @example
 * ```ts
 * await withPeers("a client of the EventMesh runtime", [eventMesh("1.12.0")], () => {
 *   let runtime: EventMeshRuntime;
 *   beforeAll(async () => runtime = await startEventMesh({ version: "1.12.0" }));
 *   afterAll(() => runtime?.stop());
 *   it("says hello", async () => { ... });
 * });
 * ```
 */
export async function withPeers(title: string, peers: readonly Peer[], suite: () => void): Promise<void> {
  const absence = await absentPeers(title, peers, process.env["GRACEWIRE_REQUIRE"]);
  if (absence === undefined) {
    describe(title, () => {
      showPeersOfFailures();
      suite();
    });
  } else if (absence.fails) {
    it(absence.title, () => {
      throw new Error(absence.reasons);
    });
  } else {
    console.warn(`${absence.title}\n${absence.reasons}`);
    it.skipIf(true)(absence.title, () => {});
  }
}

/** What is left out, and why; undefined if every peer is there. */
export async function absentPeers(
  title: string,
  peers: readonly Peer[],
  require: string | undefined,
): Promise<{ readonly title: string; readonly reasons: string; readonly fails: boolean } | undefined> {
  const missing: { readonly name: string; readonly why: string }[] = [];
  for (const { name, install } of peers) {
    try {
      await install();
    } catch (error) {
      missing.push({ name, why: error instanceof Error ? error.message : String(error) });
    }
  }
  if (missing.length === 0) return undefined;
  return {
    // The runner tells those that are skipped by these words.
    title: `${title}: left out without ${missing.map(({ name }) => name).join(", ")}`,
    reasons: missing.map(({ name, why }) => `${name} is missing: ${why}`).join("\n"),
    fails: require === "all",
  };
}

function showPeersOfFailures(): void {
  afterEach(({ task }) => {
    if (task.result?.state !== "fail") return;
    for (const peer of runningPeers) console.error(peer.said);
  });
}
