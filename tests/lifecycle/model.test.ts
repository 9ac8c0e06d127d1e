import { describe, expect, it } from "vitest";
import type { EndpointState } from "../../lib/lifecycle/endpoint.ts";
import type { LifecycleState, Phase } from "../../lib/lifecycle/reducer.ts";
import { connectionCount, encode, expire, explore } from "./exploration.ts";
import { type Group, lifeOf, type Member, type Who, type Witness } from "./group.ts";

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

describe("a server with its connections, in all states that ten events lead to", () => {
  const judge = new Judge();
  const ending = new Set<number>();
  const endless: string[] = [];

  it("keeps its order (the number of states is printed)", () => {
    const start = Date.now();
    const { states, steps } = explore({
      witness: judge,
      depth: 10,
      ordered: true,
      onEvent: (happening) => judge.event = happening,
      onGroup: (group) => endByDeadlines(group, ending, endless),
    });
    const duration = Date.now() - start;
    console.log(
      `server with ${connectionCount} connections: ${states} states, ${steps} steps, ${duration} ms`,
    );
    expect(judge.findings).toEqual(new Map());
    expect(states).toBeGreaterThan(100_000);
    expect(judge.ends, "ends of a server that had all its connections").toBeGreaterThan(100);
  }, 120_000);

  it("comes to its end from each of them by deadlines alone", () => {
    expect(endless).toEqual([]);
    expect(ending.size).toBeGreaterThan(100_000);
  });

  it("would lose its order if the server gave its connections as much time as it has itself", () => {
    const careless = new Judge();
    explore({
      witness: careless,
      depth: 5,
      ordered: false,
      onEvent: (happening) => careless.event = happening,
    });
    expect([...careless.findings.keys()].sort()).toEqual([
      "a goodbye is said before all have drained",
      "the goodbyes begin before all have drained",
      "the server is closed before its connections",
      "the server is released before its connections are closed",
    ]);
  });
});

/** Lets deadlines pass until the end, or until a group from which the end has been reached. */
function endByDeadlines(group: Group, ending: Set<number>, endless: string[]): void {
  if (group.server.cause === undefined) return;
  let steps = 0;
  for (let code = encode(group); !ending.has(code); code = encode(group)) {
    ending.add(code);
    if (++steps > deadlineLimit) return void endless.push(show(group));
    if (expire(group)) continue;
    if (group.server.state !== "closed") endless.push(show(group));
    return;
  }
}

/** Deadlines of three connections and a server in all phases. */
const deadlineLimit = (connectionCount + 1) * phases.length;

/** Keeps the first example of everything that must not be. */
class Judge implements Witness {
  readonly findings: Map<string, string> = new Map();
  event = "";
  ends = 0;

  reduced(group: Group, who: Who, before: LifecycleState, after: LifecycleState): void {
    if (ranks[after.state] < ranks[before.state]) this.#find(group, `${nameOf(who)} goes back`);
  }

  entered(group: Group, who: Who, previous: Phase | undefined, phase: Phase): void {
    if (previous !== undefined && phases.indexOf(phase) <= phases.indexOf(previous)) {
      this.#find(group, `${nameOf(who)} enters ${phase} after ${previous}`);
    }
    if (who !== "server") return;
    const { accepting, drained, living } = group;
    if (["drain", "goodbye", "release"].includes(phase) && accepting) {
      this.#find(group, `the server accepts when it enters ${phase}`);
    }
    if (phase === "goodbye" && !drained) this.#find(group, "the goodbyes begin before all have drained");
    if (phase === "release" && living.length > 0) {
      this.#find(group, "the server is released before its connections are closed");
    }
  }

  said(group: Group, member: Member): void {
    if (!member.taken) return;
    if (!group.drained) this.#find(group, "a goodbye is said before all have drained");
    if (group.accepting) this.#find(group, "a goodbye is said while the server accepts");
  }

  closed(group: Group, who: Who): void {
    if (lifeOf(group, who).state !== "closed") this.#find(group, `${nameOf(who)} settles and is not closed`);
    if (who !== "server") {
      if (who.pending > 0) this.#find(group, "a connection is closed with an operation pending");
      return;
    }
    if (group.living.length > 0) this.#find(group, "the server is closed before its connections");
    if (group.members.every((member) => member !== undefined)) this.ends++;
  }

  #find(group: Group, what: string): void {
    if (!this.findings.has(what)) this.findings.set(what, `at "${this.event}": ${show(group)}`);
  }
}

function nameOf(who: Who): string {
  return who === "server" ? "the server" : "a connection";
}

function show({ accepting, listening, members, server }: Group): string {
  return JSON.stringify({ server, accepting, listening, members }, undefined, 1);
}
