import type { EndpointState } from "./endpoint.ts";

/** The steps of an end, in their order. `force` is entered only when needed. */
export type Phase = "announce" | "intake" | "drain" | "goodbye" | "force" | "release";

/** Why an endpoint ended: the first cause wins, later ones change nothing. */
export type EndCause =
  /** `goodbye()` was called, or an `await using` block was left. */
  | "goodbye"
  /** The signal that governs the endpoint's life aborted. */
  | "aborted"
  /** The owner of the endpoint ended. */
  | "parent"
  /** The peer said goodbye. */
  | "peer-goodbye"
  /** The transport was lost and could not be brought back, or no transport came about. */
  | "lost"
  /** The peer sent bytes that are not of its protocol. */
  | "protocol-error"
  /** The peer was silent for too long. */
  | "idle-timeout"
  /** The peer did not say in time who it is: a broker's client without its hello. */
  | "handshake-timeout"
  /** The handler of a server's connection threw. */
  | "handler-error"
  /** The handler of a server's connection returned. */
  | "handler-done"
  /** A listener stopped accepting by itself. */
  | "listener-error"
  /** A bounded buffer overflowed and its policy is to fail. */
  | "overflow"
  /** Only the peer's refusal ended it (a re-subscribe that was denied). */
  | "refused";

/** Everything the lifecycle remembers. A value: no timers, no promises, no sockets. */
export interface LifecycleState {
  readonly state: EndpointState;
  readonly phase: Phase | undefined;
  readonly cause: EndCause | undefined;
  /** A deadline or an abort has cut a phase. */
  readonly forced: boolean;
  /** The end came before the peer could be told. */
  readonly lost: boolean;
  /** The hard signal has been aborted. */
  readonly hard: boolean;
}

/** What happens to an endpoint. */
export type LifecycleInput =
  | { readonly type: "opened" }
  /** The transport is gone and the endpoint tries to get a new one. */
  | { readonly type: "reconnecting" }
  /** The end is asked for. `forced` skips everything before force. `lost`: there is no peer to tell. */
  | {
    readonly type: "end";
    readonly cause: EndCause;
    readonly reason: unknown;
    readonly forced?: boolean;
    readonly lost?: boolean;
    /** What the hard signal carries, where that is not the reason of the end. */
    readonly force?: { readonly reason: unknown } | undefined;
  }
  /** The transport was lost while ending. */
  | { readonly type: "lost" }
  /** An abort or a second, harder call. */
  | { readonly type: "force"; readonly reason: unknown }
  | { readonly type: "done"; readonly phase: Phase }
  | { readonly type: "deadline"; readonly phase: Phase; readonly reason: unknown };

/** What the runner must do, in this order. */
export type LifecycleEffect =
  | { readonly type: "state"; readonly state: EndpointState; readonly previous: EndpointState }
  /** Abort the soft signal. */
  | { readonly type: "soft"; readonly reason: unknown }
  /** Abort the hard signal. */
  | { readonly type: "hard"; readonly reason: unknown }
  /** Stop waiting for the running phase and abort its signal. */
  | {
    readonly type: "cut";
    readonly phase: Phase;
    readonly by: "deadline" | "force";
    readonly reason: unknown;
  }
  | { readonly type: "enter"; readonly phase: Phase }
  | { readonly type: "settle" };

/** How an endpoint starts. */
export const initialLifecycle: LifecycleState = {
  state: "opening",
  phase: undefined,
  cause: undefined,
  forced: false,
  lost: false,
  hard: false,
};

/**
 * The lifecycle core: the next state, and what has to be done about it. Pure, so that all states of a small model can
 * be enumerated. Inputs that make no sense in a state (a late answer of a phase that was cut, a second end) change
 * nothing.
 */
export function reduce(current: LifecycleState, input: LifecycleInput): [LifecycleState, LifecycleEffect[]] {
  const step = new Transition(current);
  switch (input.type) {
    case "opened":
      if (current.state === "opening" || current.state === "reconnecting") step.state("open");
      break;
    case "reconnecting":
      if (current.state === "open") step.state("reconnecting");
      break;
    case "end":
      if (current.cause !== undefined) break;
      step.set({ cause: input.cause, lost: input.lost === true, forced: input.forced === true });
      // The new state first: whoever listens to the soft signal sees an endpoint that is ending already.
      if (input.lost === true || input.forced === true || current.state === "opening") {
        const { reason } = input.force ?? input;
        step.state("closing").soft(input.reason).hard(reason).enter("force");
      } else {
        step.state("draining").soft(input.reason).enter("announce");
      }
      break;
    case "lost":
      if (current.cause !== undefined && current.phase !== "release" && current.state !== "closed") {
        step.set({ lost: true });
      }
      break;
    case "force":
      if (current.phase === undefined) break;
      if (current.phase === "force") break;
      step.set({ forced: true }).cut(current.phase, "force", input.reason);
      if (current.phase === "release") step.hard(input.reason);
      else step.state("closing").hard(input.reason).enter("force");
      break;
    case "done":
      if (current.phase === input.phase) step.after(input.phase);
      break;
    case "deadline":
      if (current.phase !== input.phase) break;
      step.set({ forced: true }).cut(input.phase, "deadline", input.reason);
      // Work that did not end in time is told to stop; the peer is still told why.
      if (input.phase === "drain") step.hard(input.reason);
      if (input.phase === "goodbye") step.hard(input.reason).enter("force");
      else step.after(input.phase);
      break;
  }
  return [step.next, step.effects];
}

/** One step from a state to the next. */
class Transition {
  next: LifecycleState;
  readonly effects: LifecycleEffect[] = [];

  constructor(current: LifecycleState) {
    this.next = current;
  }

  set(change: Partial<LifecycleState>): this {
    this.next = { ...this.next, ...change };
    return this;
  }

  state(state: EndpointState): this {
    const previous = this.next.state;
    if (previous === state) return this;
    this.set({ state });
    this.effects.push({ type: "state", state, previous });
    return this;
  }

  soft(reason: unknown): this {
    this.effects.push({ type: "soft", reason });
    return this;
  }

  hard(reason: unknown): this {
    if (this.next.hard) return this;
    this.set({ hard: true });
    this.effects.push({ type: "hard", reason });
    return this;
  }

  cut(phase: Phase, by: "deadline" | "force", reason: unknown): this {
    this.effects.push({ type: "cut", phase, by, reason });
    return this;
  }

  enter(phase: Phase): this {
    this.set({ phase });
    this.effects.push({ type: "enter", phase });
    return this;
  }

  /** Goes on from a phase that is over. */
  after(phase: Phase): void {
    switch (phase) {
      case "announce":
        this.enter("intake");
        break;
      case "intake":
        this.enter("drain");
        break;
      case "drain":
        this.state("closing").enter("goodbye");
        break;
      case "goodbye":
      case "force":
        this.state("releasing").enter("release");
        break;
      case "release":
        this.set({ phase: undefined }).state("closed").effects.push({ type: "settle" });
        break;
    }
  }
}
