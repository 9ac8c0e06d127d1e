import process from "node:process";
import { delay } from "@std/async/delay";
import { expect } from "vitest";
import { startBroker } from "../../lib/broker/mod.ts";
import { connect } from "../../lib/eventmesh/mod.ts";
import { onAbort } from "../../lib/lifecycle/abort.ts";
import type { Endpoint, Farewell, Scope } from "../../lib/lifecycle/mod.ts";
import { run, type RunResult } from "../../lib/process/mod.ts";
import type { Interrupt, Scenario, Stage } from "../support/sweep.ts";

/** Nobody else uses it, so that nobody else hears of it. */
const signalName = "SIGUSR2";
/** The code of a program that it has ended: 128 and its number. */
export const signalled: number = 128 + 12;

/** What a program leaves behind to be looked at. */
export interface Program {
  readonly stage: Stage;
  /** What the scope has got, in that order. */
  readonly owned: string[];
  /** What was freed, in that order. */
  readonly freed: string[];
  /** Everything that came about, whoever owns it. */
  readonly endpoints: Endpoint[];
  /** What `report` was told. */
  readonly results: RunResult[];
  /** Reports that were begun: an interrupt of the process does not wait for one. */
  readonly reports: Promise<void>[];
}

/** What a main does with what `program` has made. */
export type Main = (scope: Scope, program: Program) => Promise<void>;

/** A process is told to stop in one of two ways. */
export interface Told {
  /** `signal` of `run`, or signals of the process. */
  readonly by: "option" | "signals";
  /** What the report must say of a program that was interrupted gracefully; by default nothing but that. */
  readonly interrupted?: (result: RunResult) => void;
  /** What it must say of one that was not. */
  readonly alone?: (result: RunResult) => void;
}

/** `run` with a main that is interrupted everywhere; a second abort is what a second signal is. */
export function programScenario(main: Main, told: Told): Scenario<Program, void> {
  return {
    restless: true,
    arrange: (stage) =>
      Promise.resolve({ stage, owned: [], freed: [], endpoints: [], results: [], reports: [] }),
    async act(program, signal, harder) {
      const before = process.exitCode;
      const { by } = told;
      const report = (result: RunResult): Promise<void> => {
        program.stage.step("the report begins");
        program.results.push(result);
        const reported = delay(10).then(() => program.stage.step("the report ends"));
        program.reports.push(reported);
        return reported;
      };
      const never = by === "option" && signal.aborted;
      const options = { signals: [signalName], report, ...(by === "option" ? { signal } : {}) } as const;
      const running = run((scope) => main(scope, program), options);
      // The first signal of the process changes nothing where it ends already.
      const links = by === "option"
        ? [onAbort(harder, () => raise(2))]
        : [onAbort(signal, () => raise(1)), onAbort(harder, () => raise(1))];
      try {
        if (!never) return await running;
        await expect(running).rejects.toBe(signal.reason);
      } finally {
        for (const link of links) link.unlink();
        process.exitCode = before;
      }
    },
    succeeded(_value, program, interrupt) {
      expect(process.listenerCount(signalName)).toBe(0);
      if (program.results.length === 0) {
        expect(program.owned, "of a program that was never begun").toEqual([]);
        return;
      }
      expect(program.results.length, "reports").toBe(1);
      expect(program.freed).toEqual([...program.owned].reverse());
      expect(program.endpoints.map(({ state }) => state).filter((state) => state !== "closed")).toEqual([]);
      check(program, interrupt, told);
    },
    end: async ({ reports }) => void await Promise.all(reports),
  };
}

/** The process gets the signal so many times, in this very moment. */
function raise(times: number): void {
  for (let i = 0; i < times; i++) process.emit(signalName, signalName);
}

function check(program: Program, interrupt: Interrupt, { by, alone, interrupted }: Told): void {
  const result = program.results[0]!;
  const { farewell } = result;
  const lost = farewell.connections.lost > 0;
  expect(farewell.residue).toEqual({ sockets: 0, timers: 0, listeners: 0 });
  if (!interrupt.aborted) return alone?.(result);
  if (interrupt.harder.aborted) {
    // A hook that does not stop when it is cut counts as a failure.
    const cut = ends(farewell).some(({ hooks }) => hooks.some(({ ended }) => ended === "timeout"));
    // A client that is cut has not read everything, and to the broker that ends next it is one that it has lost.
    const allowed = cut ? ["failed"] : ["clean", "forced", ...(lost ? ["failed"] : [])];
    expect(allowed, JSON.stringify(farewell)).toContain(farewell.outcome);
    return;
  }
  // A connection that is not made is cut, too.
  if (program.endpoints.length < 2 && lost) {
    expect({ outcome: farewell.outcome, exitCode: result.exitCode }).toEqual({
      outcome: "failed",
      exitCode: 1,
    });
    return;
  }
  if (interrupted !== undefined) return interrupted(result);
  // It may have ended by itself before it was told to.
  if (farewell.cause === "aborted" && by === "option") {
    expect(Object.is(farewell.reason, interrupt.reason), "the reason of the end").toBe(true);
  }
  expect(result.failure).toBe(undefined);
  expect(farewell.outcome, JSON.stringify(farewell)).toBe("clean");
  expect([0, by === "signals" ? signalled : 0]).toContain(result.exitCode);
}

function ends(farewell: Farewell): Farewell[] {
  return [farewell, ...farewell.children.flatMap(ends)];
}

/** Opens a broker and a client in it, lets messages go round, waits a little, cleans up, and returns. */
export const worker: Main = async (scope, program) => {
  const { stage, owned, freed } = program;
  const { network } = stage;
  const hook = (name: string): void => {
    let late = true;
    const run = (): void => {
      stage.step(`hook ${name}`);
      if (!late) freed.push(name);
    };
    scope.defer(run);
    late = false;
    owned.push(name);
  };
  const own = <T extends Endpoint>(name: string, endpoint: T): T => {
    program.endpoints.push(endpoint);
    scope.use(endpoint);
    owned.push(name);
    void endpoint.closed.then(() => freed.push(name));
    return endpoint;
  };
  const { draining: signal } = scope;
  try {
    hook("first");
    const broker = own("broker", await startBroker({ port: 0, network }));
    hook("second");
    const connection = own("connection", await connect(broker.url, { network, signal }));
    const subscription = own("subscription", await connection.subscribe("orders"));
    hook("third");
    void subscription.consume((message) => stage.step(`handles ${message.text()}`));
    await Promise.all([
      connection.publish("orders", "one", { signal }),
      connection.publish("orders", "two", { signal }),
    ]);
    stage.step("main waits");
    await delay(20, { signal });
  } finally {
    stage.step("main cleans up");
    await delay(5);
    stage.step("main is over");
  }
};
