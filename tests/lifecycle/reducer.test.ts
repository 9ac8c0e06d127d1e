import { describe, expect, it } from "vitest";
import type { EndpointState } from "../../lib/lifecycle/endpoint.ts";
import {
  type EndCause,
  initialLifecycle,
  type LifecycleEffect,
  type LifecycleInput,
  type LifecycleState,
  type Phase,
  reduce,
} from "../../lib/lifecycle/reducer.ts";

const phases: readonly Phase[] = ["announce", "intake", "drain", "goodbye", "force", "release"];
const ranks: Record<EndpointState, number> = {
  opening: 0,
  open: 1,
  reconnecting: 1,
  draining: 2,
  closing: 3,
  releasing: 4,
  closed: 5,
};
const reason = Object.freeze({ why: "reason of the end" });
const cut = Object.freeze({ why: "reason of the cut" });

/** Every input there is, with all that the reducer looks at. */
const inputs: readonly LifecycleInput[] = [
  { type: "opened" },
  { type: "reconnecting" },
  ...(["goodbye", "aborted"] as EndCause[]).flatMap((cause): LifecycleInput[] => [
    { type: "end", cause, reason },
    { type: "end", cause, reason, forced: true },
    { type: "end", cause, reason, forced: true, force: { reason: cut } },
    { type: "end", cause, reason, lost: true },
    { type: "end", cause, reason, lost: true, forced: true },
  ]),
  { type: "lost" },
  { type: "force", reason: cut },
  ...phases.map((phase): LifecycleInput => ({ type: "done", phase })),
  ...phases.map((phase): LifecycleInput => ({ type: "deadline", phase, reason: cut })),
];

/** A state of the reducer, and what has happened on the way to it. */
interface Node {
  readonly state: LifecycleState;
  readonly entered: readonly Phase[];
  readonly soft: number;
  readonly hard: number;
  readonly settled: number;
}

interface Edge {
  readonly from: Node;
  readonly input: LifecycleInput;
  readonly effects: readonly LifecycleEffect[];
  readonly to: Node;
}

const { nodes, edges } = explore();

describe("reduce, over all states and inputs", () => {
  it("has a small number of states (printed)", () => {
    const states = new Set(nodes.map(({ state }) => JSON.stringify(state)));
    console.log(
      `lifecycle: ${states.size} states, ${nodes.length} with their history, ${edges.length} steps`,
    );
    expect(states.size).toBeGreaterThan(20);
    expect(nodes.length).toBeLessThan(1_000);
  });

  it("never goes back, but for open and reconnecting, which alternate", () => {
    for (const { from, input, to } of edges) {
      const [before, after] = [from.state.state, to.state.state];
      expect(ranks[after], `${before} -> ${after} by ${input.type}`).toBeGreaterThanOrEqual(ranks[before]);
    }
    const sideways = edges.filter(({ from, to }) =>
      from.state.state !== to.state.state && ranks[from.state.state] === ranks[to.state.state]
    );
    const moves = new Set(
      sideways.map(({ from, input, to }) => `${from.state.state}-${input.type}-${to.state.state}`),
    );
    expect([...moves].sort()).toEqual(["open-reconnecting-reconnecting", "reconnecting-opened-open"]);
  });

  it("tells each change of state once, in order", () => {
    for (const { from, effects, to } of edges) {
      let at = from.state.state;
      for (const effect of effects) {
        if (effect.type !== "state") continue;
        expect(effect.previous).toBe(at);
        expect(effect.state).not.toBe(at);
        at = effect.state;
      }
      expect(at).toBe(to.state.state);
    }
  });

  it("enters each phase at most once, and all in their order", () => {
    for (const { entered } of nodes) {
      const order = entered.map((phase) => phases.indexOf(phase));
      expect(order).toEqual([...new Set(order)].sort((one, other) => one - other));
    }
  });

  it("runs one phase at a time: the one that was entered last", () => {
    for (const { state, entered } of nodes) {
      if (state.phase !== undefined) expect(state.phase).toBe(entered.at(-1));
      expect(state.phase === undefined).toBe(state.cause === undefined || state.state === "closed");
    }
  });

  it("cuts only the phase that is running", () => {
    for (const { from, effects } of edges) {
      for (const effect of effects) if (effect.type === "cut") expect(effect.phase).toBe(from.state.phase);
    }
  });

  it("aborts the soft signal once, with the first input of the end, and never the hard one before it", () => {
    for (const { state, soft, hard } of nodes) {
      expect(soft).toBe(state.cause === undefined ? 0 : 1);
      expect(hard).toBeLessThanOrEqual(1);
      expect(hard).toBe(state.hard ? 1 : 0);
      if (hard > 0) expect(soft).toBe(1);
    }
    for (const { effects } of edges) {
      const order = effects.map(({ type }) => type);
      if (order.includes("soft") && order.includes("hard")) {
        expect(order.indexOf("soft")).toBeLessThan(order.indexOf("hard"));
      }
    }
  });

  it("shows the new state before it aborts a signal", () => {
    for (const { effects } of edges) {
      const [signal] = effects.filter(({ type }) => type === "soft" || type === "hard");
      const change = effects.findIndex(({ type }) => type === "state");
      if (signal?.type === "soft") expect(change).toBeLessThan(effects.indexOf(signal));
    }
  });

  it("settles once, only out of release, and always with all phases over", () => {
    for (const { from, effects, to } of edges) {
      if (!effects.some(({ type }) => type === "settle")) continue;
      expect(from.state.phase).toBe("release");
      expect(to.state.state).toBe("closed");
      expect(effects.at(-1)!.type).toBe("settle");
    }
    for (const { state, settled } of nodes) expect(settled).toBe(state.state === "closed" ? 1 : 0);
  });

  it("never leaves out release", () => {
    for (const { state, entered } of nodes) {
      if (state.state === "closed") expect(entered).toContain("release");
    }
  });

  it("does nothing any more once it is closed", () => {
    const closed = edges.filter(({ from }) => from.state.state === "closed");
    expect(closed.length).toBeGreaterThan(0);
    for (const { from, effects, to } of closed) {
      expect(effects).toEqual([]);
      expect(to.state).toEqual(from.state);
    }
  });

  it("keeps the first cause", () => {
    for (const { from, to } of edges) {
      if (from.state.cause !== undefined) expect(to.state.cause).toBe(from.state.cause);
    }
  });

  it("remembers that it was forced or lost", () => {
    for (const { from, to } of edges) {
      if (from.state.forced) expect(to.state.forced).toBe(true);
      if (from.state.lost) expect(to.state.lost).toBe(true);
    }
  });

  it("is marked as forced by each deadline and force that cuts a phase, and by nothing else during the end", () => {
    for (const { from, effects, to } of edges) {
      if (from.state.cause === undefined) continue;
      const wasCut = effects.some(({ type }) => type === "cut");
      expect(to.state.forced).toBe(from.state.forced || wasCut);
    }
  });

  it("has aborted the hard signal whenever force is entered, and after a force in any phase", () => {
    for (const { input, effects, to } of edges) {
      if (effects.some((effect) => effect.type === "enter" && effect.phase === "force")) {
        expect(to.state.hard).toBe(true);
      }
      if (input.type === "force" && to.state.phase !== undefined) expect(to.state.hard).toBe(true);
    }
  });

  it("carries the reason it is given, by identity", () => {
    for (const { input, effects } of edges) {
      for (const effect of effects) {
        if (effect.type === "soft") expect(effect.reason).toBe(reason);
        if (effect.type === "cut") expect(effect.reason).toBe(cut);
        if (effect.type !== "hard") continue;
        const graceful = input.type === "end" && input.force === undefined;
        expect(effect.reason).toBe(graceful ? reason : cut);
      }
    }
  });

  it("comes to its end from every state by deadlines alone, in at most six of them", () => {
    for (const { state } of nodes) {
      if (state.cause === undefined) continue;
      let at = state;
      for (let i = 0; i < 6 && at.phase !== undefined; i++) {
        [at] = reduce(at, { type: "deadline", phase: at.phase, reason: cut });
      }
      expect(at.state).toBe("closed");
    }
  });

  it("releases at most one force after an abort", () => {
    for (const { state } of nodes) {
      if (state.phase === undefined) continue;
      let [at] = reduce(state, { type: "force", reason: cut });
      expect(["force", "release"]).toContain(at.phase);
      [at] = reduce(at, { type: "done", phase: "force" });
      expect(at.phase).toBe("release");
    }
  });

  it("takes late answers of other phases as nothing", () => {
    for (const { from, input, effects } of edges) {
      if ((input.type === "done" || input.type === "deadline") && input.phase !== from.state.phase) {
        expect(effects).toEqual([]);
      }
    }
  });

  it("leaves the state it is given as it was", () => {
    for (const { state } of nodes) {
      const frozen = Object.freeze({ ...state });
      for (const input of inputs) expect(() => reduce(frozen, Object.freeze({ ...input }))).not.toThrow();
    }
  });
});

function explore(): { nodes: Node[]; edges: Edge[] } {
  const start: Node = { state: initialLifecycle, entered: [], soft: 0, hard: 0, settled: 0 };
  const seen = new Map<string, Node>([[JSON.stringify(start), start]]);
  const edges: Edge[] = [];
  // The list grows while it is walked: breadth first. The bound only keeps a broken reducer from running for ever.
  for (const from of seen.values()) {
    if (seen.size > 1_000) break;
    for (const input of inputs) {
      const [state, effects] = reduce(from.state, input);
      const count = (type: string): number => effects.filter((effect) => effect.type === type).length;
      const entered = [...from.entered];
      for (const effect of effects) if (effect.type === "enter") entered.push(effect.phase);
      const to: Node = {
        state,
        // A phase that is entered again and again must not make the model endless.
        entered: entered.slice(0, 12),
        soft: from.soft + count("soft"),
        hard: from.hard + count("hard"),
        settled: from.settled + count("settle"),
      };
      const key = JSON.stringify(to);
      if (!seen.has(key)) seen.set(key, to);
      edges.push({ from, input, effects, to });
    }
  }
  return { nodes: [...seen.values()], edges };
}
