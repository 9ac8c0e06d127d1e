import {
  initialLifecycle,
  type LifecycleEffect,
  type LifecycleInput,
  type LifecycleState,
  type Phase,
  reduce,
} from "../../lib/lifecycle/reducer.ts";

/** The stream of a connection: up, destroyed from this side, or gone. */
export type Stream = "up" | "cut" | "gone";

/** One connection of a group. */
export interface Member {
  life: LifecycleState;
  /** Operations that are under way. */
  pending: number;
  stream: Stream;
  /** It ends with the server. */
  taken: boolean;
  /** It has said its goodbye. */
  said: boolean;
}

/** Who is in a group. */
export type Who = "server" | Member;

/** Told of everything that a group does, when it is done. */
export interface Witness {
  reduced(group: Group, who: Who, before: LifecycleState, after: LifecycleState): void;
  /** Before the phase has an effect on anybody else. */
  entered(group: Group, who: Who, previous: Phase | undefined, phase: Phase): void;
  said(group: Group, member: Member): void;
  closed(group: Group, who: Who): void;
}

/**
 * A server and its connections, each with a reducer of its own, coupled as the server kit couples them: the drain of the
 * server begins the end of its connections, its goodbye is the turn of those that have drained, its force cuts them, and
 * it is released when all are closed. No time, no promises, no bytes.
 */
export class Group {
  server: LifecycleState = initialLifecycle;
  /** Streams are taken. */
  accepting = true;
  /** The listener is not closed yet. */
  listening = true;
  readonly members: (Member | undefined)[] = [];
  readonly #witness: Witness;

  constructor(witness: Witness) {
    this.#witness = witness;
  }

  /** Connections that are not closed. */
  get living(): Member[] {
    return this.members.filter((member) => member !== undefined && isLiving(member)) as Member[];
  }

  /** Connections that end with the server have all drained. */
  get drained(): boolean {
    return this.every((member) => !member.taken || isDrained(member));
  }

  /** What holds for each connection that is not closed. */
  every(holds: (member: Member) => boolean): boolean {
    return this.members.every((member) => member === undefined || !isLiving(member) || holds(member));
  }

  accept(index: number, pending: number): void {
    const member: Member = { life: initialLifecycle, pending, stream: "up", taken: false, said: false };
    this.members[index] = member;
    this.tell(member, opened);
  }

  /** One step of one reducer, and what follows from it for the others. */
  tell(who: Who, input: LifecycleInput): void {
    const before = lifeOf(this, who);
    const [after, effects] = step(before, input);
    if (who === "server") this.server = after;
    else who.life = after;
    this.#witness.reduced(this, who, before, after);
    let previous = before.phase;
    for (const effect of effects) {
      if (effect.type === "settle") this.#witness.closed(this, who);
      if (effect.type !== "enter") continue;
      this.#witness.entered(this, who, previous, previous = effect.phase);
      if (who === "server") this.#enterServer(effect.phase);
      else this.#enter(who, effect.phase);
    }
  }

  /** What `goodbye()` does: begins the end; a later call may only force it. */
  end(who: Who, how?: "forced" | "lost"): void {
    const life = lifeOf(this, who);
    if (life.state === "closed") return;
    if (life.cause === undefined) this.tell(who, how === undefined ? end : hardEnd[how]);
    else if (how === "forced") this.tell(who, force);
  }

  /** The peer has ended its side, or a destroyed stream is closed. */
  streamEnds(member: Member): void {
    const unexpected = member.stream === "up" && member.life.cause === undefined;
    member.stream = "gone";
    if (unexpected) this.end(member);
  }

  /** The peer has reset the stream. If it `took` all, that is its way to say goodbye. */
  streamBreaks(member: Member, took: boolean): void {
    member.stream = "gone";
    if (took || member.life.state === "releasing") return;
    if (member.life.cause === undefined) return this.end(member, "lost");
    this.tell(member, lost);
    this.tell(member, force);
  }

  /** Lets every phase end whose work is done. A reducer that goes round in circles is found, not followed. */
  advance(): void {
    let rounds = 0;
    for (let again = true; again;) {
      again = false;
      if (++rounds > 100) throw new Error("The phases of the group never come to rest");
      for (const member of this.members) {
        const phase = member?.life.phase;
        if (member === undefined || phase === undefined || !this.#done(member, phase)) continue;
        this.tell(member, done[phase]);
        again = true;
      }
      const { phase } = this.server;
      if (phase === undefined || !this.#serverDone(phase)) continue;
      this.tell("server", done[phase]);
      again = true;
    }
  }

  #enterServer(phase: Phase): void {
    if (phase === "intake" || phase === "force") this.accepting = false;
    for (const member of this.living) {
      if (phase === "drain" && member.life.cause === undefined || phase === "force") {
        member.taken = true;
        this.end(member, phase === "force" ? "forced" : undefined);
      }
      if (phase === "goodbye") this.#say(member);
    }
  }

  #enter(member: Member, phase: Phase): void {
    if (phase === "goodbye") this.#say(member);
    if ((phase === "force" || phase === "release") && member.stream === "up") member.stream = "cut";
    // What is under way when the stream is freed gets its error.
    if (phase === "release") member.pending = 0;
  }

  #say(member: Member): void {
    if (member.life.phase !== "goodbye" || member.said || member.stream !== "up") return;
    if (member.taken && this.server.phase !== "goodbye") return;
    member.said = true;
    this.#witness.said(this, member);
  }

  #serverDone(phase: Phase): boolean {
    if (phase === "intake") return !this.listening;
    if (phase === "drain") return this.every(isDrained);
    if (phase === "goodbye") return this.every(() => false);
    if (phase === "force") return !this.listening && this.every(() => false);
    return phase === "announce";
  }

  #done({ pending, stream, taken }: Member, phase: Phase): boolean {
    if (phase === "drain") return pending === 0;
    if (phase === "goodbye") return stream === "gone" && (!taken || this.server.phase === "goodbye");
    if (phase === "force") return stream === "gone" && pending === 0;
    return phase !== "release" || stream === "gone";
  }
}

function isLiving({ life }: Member): boolean {
  return life.state !== "closed";
}

function isDrained({ life }: Member): boolean {
  return life.state === "closing" || life.state === "releasing";
}

/** The life of one of a group. */
export function lifeOf(group: Group, who: Who): LifecycleState {
  return who === "server" ? group.server : who.life;
}

/** One object for each value of a state, so that they can be told apart by identity. */
export function interned(state: LifecycleState): LifecycleState {
  const key = JSON.stringify(state);
  const known = states.get(key);
  if (known === undefined) states.set(key, state);
  return known ?? state;
}

const reason = "the end";
const states = new Map<string, LifecycleState>();
const steps = new WeakMap<LifecycleState, Map<LifecycleInput, [LifecycleState, LifecycleEffect[]]>>();

/** The real reducer. It is a pure function: each step of it is computed once. */
function step(before: LifecycleState, input: LifecycleInput): [LifecycleState, LifecycleEffect[]] {
  let known = steps.get(before);
  if (known === undefined) steps.set(before, known = new Map());
  let result = known.get(input);
  if (result === undefined) {
    const [after, effects] = reduce(before, input);
    known.set(input, result = [interned(after), effects]);
  }
  return result;
}

/** The inputs, as one object each. */
export const opened: LifecycleInput = { type: "opened" };
const lost: LifecycleInput = { type: "lost" };
const force: LifecycleInput = { type: "force", reason };
const end: LifecycleInput = { type: "end", cause: "goodbye", reason };
const hardEnd: Record<"forced" | "lost", LifecycleInput> = {
  forced: { ...end, forced: true },
  lost: { ...end, lost: true },
};
export const done: Record<Phase, LifecycleInput> = perPhase((phase) => ({ type: "done", phase }));
export const deadline: Record<Phase, LifecycleInput> = perPhase((phase) => ({
  type: "deadline",
  phase,
  reason,
}));

function perPhase(make: (phase: Phase) => LifecycleInput): Record<Phase, LifecycleInput> {
  const phases = ["announce", "intake", "drain", "goodbye", "force", "release"] as const;
  return Object.fromEntries(phases.map((phase) => [phase, make(phase)])) as Record<Phase, LifecycleInput>;
}
