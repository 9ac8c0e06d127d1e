import { getEventListeners } from "node:events";
import { describe, expect, it } from "vitest";
import { type AbortNode, leaveSignal, SignalJoiner } from "../../lib/lifecycle/abort.ts";
import { collect } from "../support/collect.ts";

describe("SignalJoiner", () => {
  it("links each node to its own signal, in whatever order signals come", () => {
    const joiner = new SignalJoiner();
    const controllers = [new AbortController(), new AbortController(), new AbortController()];
    const told: string[] = [];
    for (const [at, number] of [0, 0, 1, 0, 1, 1, 2, 0].entries()) {
      joiner.join(controllers[number]!.signal, node((reason) => told.push(`${at} ${reason}`)));
    }
    for (const [number, controller] of controllers.entries()) controller.abort(`signal ${number}`);
    expect(told).toEqual([
      "0 signal 0",
      "1 signal 0",
      "3 signal 0",
      "7 signal 0",
      "2 signal 1",
      "4 signal 1",
      "5 signal 1",
      "6 signal 2",
    ]);
  });

  it("links anew to a signal that everything had left", async () => {
    const joiner = new SignalJoiner();
    const controller = new AbortController();
    const { signal } = controller;
    for (let round = 0; round < 3; round++) {
      const nodes = [node(), node()];
      for (const one of nodes) joiner.join(signal, one);
      for (const one of nodes) leaveSignal(one);
      await endOfTick();
      expect(getEventListeners(signal, "abort")).toHaveLength(0);
    }
    const told: unknown[] = [];
    joiner.join(signal, node((reason) => told.push(reason)));
    controller.abort(0);
    expect(told).toEqual([0]);
  });

  it("keeps no signal that nothing is linked to any more", async () => {
    const joiners = [new SignalJoiner(), new SignalJoiner()];
    const former = joiners.map((joiner) => use(joiner, joiners));
    for (let i = 0; i < 100 && former.some((signal) => signal.deref() !== undefined); i++) {
      await endOfTick();
      collect();
    }
    expect(former.map((signal) => signal.deref())).toEqual([undefined, undefined]);
    expect(joiners).toHaveLength(2);
  });
});

/** Two signals in turn, of which one goes on to be used by all. */
function use(joiner: SignalJoiner, all: readonly SignalJoiner[]): WeakRef<AbortSignal> {
  const { signal } = new AbortController();
  const nodes = Array.from({ length: 4 }, () => node());
  for (const one of nodes.slice(0, 2)) joiner.join(signal, one);
  for (const [i, one] of nodes.slice(2).entries()) all[i]!.join(signal, one);
  for (const one of nodes) leaveSignal(one);
  return new WeakRef(signal);
}

function node(onAbort: (reason: unknown) => void = () => expect.unreachable("told")): AbortNode {
  return { fanOut: undefined, linkedBefore: undefined, linkedAfter: undefined, onAbort };
}

function endOfTick(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
