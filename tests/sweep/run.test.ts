import { describe, expect } from "vitest";
import { TimeoutError } from "../../lib/errors.ts";
import { memoryNetwork } from "../../lib/net/mod.ts";
import { leakGate } from "../support/leak.ts";
import { sweep, type SweepOptions } from "../support/sweep.ts";
import { type Main, programScenario, type Told, worker } from "./programs.ts";

leakGate();

const memory: SweepOptions = { network: memoryNetwork, virtual: true, resolves: true };

/** It fails after all its work, interrupted or not. */
const failing: Main = async (scope, program) => {
  await worker(scope, program).catch(() => {});
  throw mistake;
};
const mistake = new Error("a mistake of main");
const failed: Told["alone"] = ({ failure, exitCode, farewell }) => {
  expect(failure?.error).toBe(mistake);
  expect({ exitCode, outcome: farewell.outcome }).toEqual({ exitCode: 1, outcome: "clean" });
};

/** It returns by itself, but not when it is told to. */
const stubborn: Main = async (scope, program) => {
  await worker(scope, program).catch(() => {});
  if (scope.draining.aborted) await new Promise(() => {});
};
const givenUp: Told["interrupted"] = ({ failure, exitCode, farewell }) => {
  if (failure === undefined) return;
  expect(failure.error).toBeInstanceOf(TimeoutError);
  expect({ exitCode, outcome: farewell.outcome }).toEqual({ exitCode: 1, outcome: "clean" });
};

describe("run", () => {
  sweep("whose signal aborts", programScenario(worker, { by: "option" }), { ...memory, offsets: [0, 2] });

  sweep("whose process gets signals", programScenario(worker, { by: "signals" }), {
    ...memory,
    offsets: [0, 2],
    again: 37,
  });

  sweep(
    "whose main fails after all",
    programScenario(failing, { by: "signals", alone: failed, interrupted: failed }),
    { ...memory, offsets: [0] },
  );

  sweep("whose main does not return", programScenario(stubborn, { by: "signals", interrupted: givenUp }), {
    ...memory,
    offsets: [0],
    again: 97,
  });
});
