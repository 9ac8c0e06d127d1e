import diagnostics from "node:diagnostics_channel";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { formatFarewell } from "../../lib/lifecycle/mod.ts";
import type { EndCause, Endpoint, EndpointState, Farewell, Outcome } from "../../lib/lifecycle/mod.ts";
import type { ListenAddress, Network } from "../../lib/net/mod.ts";
import type { ServeOptions } from "../../lib/server/mod.ts";
import type { ServeFixture } from "../server/kit.ts";
import { TestClock } from "../support/clock.ts";
import { type RequiredMode, requiredModes } from "../support/fault.ts";
import { FaultClient, type Language, workload } from "../support/fault_client.ts";
import { watchUnhandled } from "../support/unhandled.ts";
import { until } from "../support/until.ts";
import { watchNetwork } from "../support/watch.ts";

/** When a client goes wrong, and what becomes of it: at its first word, in its work, at a goodbye, at a forced one. */
export const stages = ["hello", "work", "goodbye", "forced"] as const;
export type Stage = (typeof stages)[number];

/** How the connection of a client ends: its outcome and its cause. `parent`: it lives until the victim ends. */
export type End = `${Outcome} ${EndCause}`;

/** What every mode leads to at every stage. */
export type FaultTable = Readonly<Record<RequiredMode, Readonly<Record<Stage, End>>>>;

/** The rows that differ where a network knows no reset. */
export type UnresetTable = Readonly<
  Partial<Record<RequiredMode, Readonly<Partial<Record<Stage, readonly End[]>>>>>
>;

/** Something that accepts connections and must stand everything that a client does. */
export interface Victim {
  readonly name: string;
  readonly table: FaultTable;
  /** What differs where a reset is nothing but an end, and may come too soon to be told from a loss. */
  readonly unreset: UnresetTable;
  /** Milliseconds that it is patient with a client that does not say hello, and with one that is silent later. */
  readonly patience: Readonly<Record<"hello" | "work", number>>;
  /** Milliseconds that it waits for a client to answer its goodbye, before FIN. */
  readonly answer: number;
  start(options: VictimOptions): Promise<Endpoint & { readonly address: ListenAddress }>;
  language(group: string): Language;
}

/** Where a {@linkcode Victim} listens, and whether it loses its patience with those that are silent. */
export interface VictimOptions extends ServeOptions {
  readonly network: Network;
  readonly patient: boolean;
}

/** Milliseconds for the goodbye of a connection. */
const goodbyeTime = 3_000;
/** Milliseconds of everything that needs no waiting; a busy client takes a few of its pauses, the wheel of timers a turn. */
const slack = 300;

/** A victim against every mode, at every stage, over one kind of network. */
export function faultStages(victim: Victim, fixture: ServeFixture): void {
  describe.each(stages)(`${victim.name} over ${fixture.kind}, with a fault at %s`, (stage) => {
    it.each(requiredModes)("of a client that is %s", async (mode) => {
      const bench = new StageBench(victim, fixture, mode, stage);
      await bench.run();
    });
  });
}

class StageBench {
  readonly #victim: Victim;
  readonly #fixture: ServeFixture;
  readonly #mode: RequiredMode;
  readonly #stage: Stage;
  /** One of these; how it is got ready for goes by the first. */
  readonly #allowed: readonly End[];
  readonly #expected: End;
  readonly #virtual: boolean;
  readonly #clock: TestClock;
  readonly #network: ReturnType<typeof watchNetwork>;
  /** The ends of the connections, by their numbers. */
  readonly #ends: Map<number, Farewell> = new Map();
  /** Connections whose end has begun. */
  readonly #ending: Set<number> = new Set();
  readonly #clients: FaultClient[] = [];
  #beat: ReturnType<typeof setTimeout> | undefined = undefined;
  #server!: Endpoint & { readonly address: ListenAddress };

  constructor(victim: Victim, fixture: ServeFixture, mode: RequiredMode, stage: Stage) {
    this.#victim = victim;
    this.#fixture = fixture;
    this.#mode = mode;
    this.#stage = stage;
    const unreset = fixture.resets ? undefined : victim.unreset[mode]?.[stage];
    this.#allowed = unreset ?? [victim.table[mode][stage]];
    this.#expected = this.#allowed[0]!;
    this.#virtual = fixture.kind === "memory";
    // A flood leaves no moment of rest in which the time could leap.
    this.#clock = new TestClock({ virtual: true, turn: mode === "flood" ? this.#virtual ? 10 : 100 : 0 });
    this.#network = watchNetwork(fixture.network(), () => {});
  }

  /** It ends by itself, before the victim does. */
  get #leaves(): boolean {
    return !this.#expected.endsWith(" parent");
  }

  /** The victim loses its patience with it. */
  get #bores(): boolean {
    return this.#expected.endsWith(" idle-timeout") || this.#expected.endsWith(" handshake-timeout");
  }

  async run(): Promise<void> {
    const folder = mkdtempSync(join(tmpdir(), "gracewire-"));
    const unhandled = watchUnhandled();
    const onFarewell = (message: unknown): void => {
      const { endpoint, farewell } = message as { endpoint: string; farewell: Farewell };
      this.#ends.set(numberOf(endpoint), farewell);
    };
    const onState = (message: unknown): void => {
      const { endpoint, state } = message as { endpoint: string; state: EndpointState };
      if (state !== "open") this.#ending.add(numberOf(endpoint));
    };
    diagnostics.subscribe("gracewire:farewell", onFarewell);
    diagnostics.subscribe("gracewire:state", onState);
    this.#clock.install();
    try {
      // Over sockets the time stands still, unless the test lets it pass: however slow they are, nobody is late.
      const patient = !this.#virtual && !this.#bores;
      const options = { ...this.#fixture.options(folder), network: this.#network, patient };
      this.#server = await this.#victim.start(options);
      await this.#act();
      clearTimeout(this.#beat);
      await Promise.all(this.#clients.map((client) => client.close()));
      await until(() => Object.values(this.#network.open()).every((count) => count === 0), {
        what: () => `nothing to be open, but there is ${JSON.stringify(this.#network.open())}`,
      });
      expect(this.#clock.timers).toEqual([]);
      expect(unhandled.errors).toEqual([]);
    } finally {
      this.#clock.uninstall();
      unhandled.end();
      diagnostics.unsubscribe("gracewire:farewell", onFarewell);
      diagnostics.unsubscribe("gracewire:state", onState);
      rmSync(folder, { recursive: true, force: true });
    }
  }

  async #act(): Promise<void> {
    // Over sockets it would have to be heard again and again while time passes in leaps.
    const bystander = this.#virtual || !this.#bores ? await this.#bystander() : undefined;
    const number = this.#clients.length + 1;
    const reason = { stage: this.#stage };
    let forced: Promise<Farewell> | undefined;
    const begun = performance.now();
    const client = await this.#connect("bad", this.#mode, () => {
      if (this.#stage === "forced") forced = this.#server.goodbye({ grace: 0, reason });
    });
    if (this.#stage === "forced") {
      await this.#eventually(() => forced !== undefined, "the fault");
    } else if (this.#leaves) {
      await this.#untilGone(number, client, begun);
      await this.#works(bystander);
    } else {
      const answers = this.#mode === "flood" && this.#stage !== "goodbye" ? 30 : workload;
      await this.#eventually(() => client.count("answer") >= answers, "the answers");
      await this.#works(bystander);
    }
    const farewell = await this.#goodbye(forced, reason);
    this.#check(this.#ends.get(number), farewell);
    if (this.#stage === "goodbye" && this.#mode !== "never-read" && this.#mode !== "half-open") {
      expect(client.count("goodbye"), "goodbyes that the client was told").toBe(1);
    }
    if (bystander !== undefined && this.#stage !== "forced") {
      expect(bystander.count("goodbye"), "goodbyes that the bystander was told").toBe(1);
      expect(this.#ends.get(1)).toMatchObject({ outcome: "clean", cause: "parent" });
    }
  }

  async #goodbye(forced: Promise<Farewell> | undefined, reason: unknown): Promise<Farewell> {
    const start = performance.now();
    const ending = forced ?? this.#server.goodbye({ reason });
    const late = forced === undefined && !this.#leaves && this.#expected.startsWith("forced");
    // Over sockets others get all the time that they need; a busy one is waited for by all.
    if (!this.#virtual && forced === undefined && !this.#bores && this.#mode !== "busy") {
      await until(() => this.#ends.has(1), { timeout: 20_000, what: "the end of the bystander" });
    }
    await this.#eventually(() => this.#server.state === "closed", "the end of the victim");
    const wait = forced === undefined ? this.#victim.answer + (late ? goodbyeTime : 0) : 0;
    const limit = wait + slack + 2 * this.#leap;
    expect(performance.now() - start, "milliseconds of the goodbye").toBeLessThan(limit);
    return await ending;
  }

  #check(end: Farewell | undefined, farewell: Farewell): void {
    const text = end === undefined ? "no end" : formatFarewell(end);
    expect(this.#allowed, text).toContain(`${end?.outcome} ${end?.cause}`);
    const zero = { sockets: 0, timers: 0, listeners: 0 };
    expect(end?.residue).toEqual(zero);
    expect(farewell.residue).toEqual(zero);
    // Who has left before says nothing about the end of the others.
    const outcome = this.#leaves ? "clean" : this.#expected.split(" ")[0];
    expect(farewell.outcome, formatFarewell(farewell)).toBe(outcome);
    expect(farewell.cause).toBe("goodbye");
  }

  /** The client is gone by itself, no later than it should. */
  async #untilGone(number: number, client: FaultClient, begun: number): Promise<void> {
    if (!this.#virtual) await until(() => client.struck, { timeout: 20_000, what: "the fault" });
    await this.#eventually(() => this.#ends.has(number), "the end of the client");
    const patience = this.#bores
      ? this.#victim.patience[this.#expected.endsWith(" handshake-timeout") ? "hello" : "work"]
      : 0;
    const late = this.#expected.startsWith("forced") ? this.#victim.answer + goodbyeTime : 0;
    expect(performance.now() - begun, "milliseconds of its life").toBeLessThan(
      patience + late + slack + 2 * this.#leap,
    );
    expect(performance.now() - begun).toBeGreaterThanOrEqual(patience);
  }

  /** Others are served as if nothing were the matter. */
  async #works(bystander: FaultClient | undefined): Promise<void> {
    if (bystander === undefined) return;
    const before = bystander.count("answer");
    bystander.work();
    await this.#eventually(() => bystander.count("answer") > before, "the answer to a bystander");
    expect(this.#ending.has(1)).toBe(false);
  }

  async #bystander(): Promise<FaultClient> {
    const client = await this.#connect("good", "healthy");
    await this.#eventually(() => client.count("answer") >= workload, "the answers to a bystander");
    if (this.#virtual) {
      // It is never silent for as long as the victim is patient.
      const beat = (): void => {
        if (client.closed || client.ended) return;
        client.work();
        this.#beat = setTimeout(beat, this.#victim.patience.work / 4);
      };
      beat();
    }
    return client;
  }

  async #connect(group: string, mode: RequiredMode, onStrike?: () => void): Promise<FaultClient> {
    const { accepted } = this.#network;
    const before = new Set(accepted);
    const target = this.#fixture.target(this.#server.address);
    const transport = await this.#network.dial(target, {});
    // A client of TLS may be done before the server is: one that resets then was never accepted.
    await this.#eventually(() => [...accepted].some((one) => !before.has(one)), "the connection");
    const client = new FaultClient(transport, {
      language: this.#victim.language(group),
      mode,
      at: this.#stage === "forced" ? "work" : this.#stage,
      ...(onStrike === undefined ? {} : { onStrike }),
    });
    this.#clients.push(client);
    return client;
  }

  /** Looks again and again; time passes meanwhile where somebody waits for it. */
  async #eventually(condition: () => boolean, what: string): Promise<void> {
    const pass = (time: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, time));
    const limit = performance.now() + 200_000;
    if (this.#virtual) {
      const looking = (async () => {
        while (!condition() && performance.now() < limit) await pass(this.#leap);
        expect(condition(), what).toBe(true);
      })();
      return await this.#clock.until(looking, 300_000, what);
    }
    const passes = this.#bores || this.#expected.startsWith("forced") || this.#mode === "busy" ||
      this.#mode === "connect-and-idle";
    let looks = 0;
    await until(async () => {
      // A leap, and then some time for what it has set off: bytes on their way do not go by this clock.
      if (passes && !condition() && ++looks > 60 && looks % 4 === 0 && performance.now() < limit) {
        await this.#clock.until(pass(this.#leap), 200_000, what);
      }
      return condition();
    }, { timeout: 25_000, what });
  }

  /** Milliseconds of one leap of the time. */
  get #leap(): number {
    if (this.#virtual) return 10;
    if (this.#bores) return this.#victim.patience.work / 10;
    return this.#mode === "busy" ? 50 : 300;
  }
}

/** The number in the name of a connection; 0 for the victim itself. */
function numberOf(endpoint: string): number {
  return Number(/^connection (\d+) /.exec(endpoint)?.[1] ?? 0);
}
