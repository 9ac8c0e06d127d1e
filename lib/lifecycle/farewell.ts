import { HookList, type HookReport } from "./hook_list.ts";
import { plainValue } from "./plain.ts";
import type { EndCause, Phase } from "./reducer.ts";

/**
 * How an end went: `clean` (peer told, all settled); `forced` (a deadline or an abort cut a phase, and whatever it cut has
 * stopped); `failed` (lost before the peer was told, a hook that failed or did not stop, something is still held, or
 * messages are not accounted for).
 */
export type Outcome = "clean" | "forced" | "failed";

/** The report that `goodbye()` and `closed` resolve with. */
export interface Farewell {
  /** What ended, such as `broker` or `eventmesh connection`. */
  readonly name: string;
  readonly outcome: Outcome;
  /** What began the end. */
  readonly cause: EndCause;
  /** The reason given with it, by identity. */
  readonly reason: unknown;
  /** When the end began, in milliseconds since the epoch. */
  readonly startedAt: number;
  /** Milliseconds from the begin of the end until everything was freed. */
  readonly duration: number;
  readonly phases: readonly PhaseReport[];
  readonly operations: OperationCounts;
  readonly messages: MessageCounts;
  readonly connections: ConnectionCounts;
  /** Release hooks, and resources of a scope, in their order: at most 100. Those that ended well make room for the others. */
  readonly hooks: readonly HookReport[];
  /** Hooks beyond those. */
  readonly hooksDropped: number;
  /** What went wrong during the life and the end, oldest first, at most 20. */
  readonly errors: readonly unknown[];
  /** Errors beyond those. */
  readonly errorsDropped: number;
  /** What is still held: zero in every part, or the outcome is `failed`. */
  readonly residue: Residue;
  /**
   * Children that did not end clean, at most 100: those of the end, and before them those that had left earlier, as far
   * as there is room.
   */
  readonly children: readonly Farewell[];
  /** All children that ended, clean ones included. */
  readonly childCount: number;
  /** Plain data without cycles, safe for any reason and error. */
  toJSON(): Record<string, unknown>;
}

/** One phase of an end. */
export interface PhaseReport {
  readonly phase: Phase;
  /** Milliseconds after the begin of the end. */
  readonly at: number;
  /** Milliseconds it took. */
  readonly duration: number;
  /** Milliseconds it was allowed to take. */
  readonly budget: number;
  readonly ended: "done" | "deadline" | "cut";
  /** What cut it, by identity: the reason of the abort, or the TimeoutError of its deadline. */
  readonly reason?: unknown;
}

/** Operations over the whole life: each settled once, as one of these. */
export interface OperationCounts {
  /** Confirmed, or rejected for a cause of the peer or of time. */
  readonly settled: number;
  /** Rejected by their own signal. */
  readonly aborted: number;
  /** Rejected because the endpoint was ending or ended. */
  readonly refused: number;
}

/**
 * Messages over the whole life. Two equations hold, or the outcome is `failed`:
 * `published = confirmed + rejected + unconfirmed` and `received = acked + returned + dropped`.
 */
export interface MessageCounts {
  /** Sent by a client and written to the wire; at a broker: got from publishers. */
  readonly published: number;
  /** Taken by the peer; at a broker: accepted. */
  readonly confirmed: number;
  /** Refused by the peer; at a broker: refused to the publisher. */
  readonly rejected: number;
  /** Written, and it is not known what became of them. */
  readonly unconfirmed: number;
  /** Delivered by the peer; at a broker: copies put into queues of groups. */
  readonly received: number;
  readonly acked: number;
  /** Not acknowledged, so that the peer delivers them again. */
  readonly returned: number;
  /** Lost: not acknowledged where nothing is delivered again, or thrown away by an overflow policy or an end. */
  readonly dropped: number;
}

/** Transports over the whole life. */
export interface ConnectionCounts {
  /** Opened or accepted. */
  readonly opened: number;
  /** Ended with a goodbye of both sides. */
  readonly clean: number;
  /** Cut by us. */
  readonly forced: number;
  /** Lost. */
  readonly lost: number;
  /** Refused: over a limit, after the end of the intake, or a failed handshake. */
  readonly refused: number;
}

/** What an endpoint still holds. */
export interface Residue {
  readonly sockets: number;
  readonly timers: number;
  readonly listeners: number;
}

/** Counters that a kind of endpoint fills in; what is left out is zero. */
export interface FarewellParts {
  readonly operations?: Partial<OperationCounts>;
  readonly messages?: Partial<MessageCounts>;
  readonly connections?: Partial<ConnectionCounts>;
  readonly residue?: Partial<Residue>;
}

/** Errors that a Farewell lists. */
const errorCapacity = 20;
/** Children that a Farewell lists. */
const childCapacity = 100;

/** Collects a Farewell during the life of an endpoint. Flat memory: everything in it is counted or capped. */
export class FarewellBuilder {
  readonly #name: string;
  readonly #phases: PhaseReport[] = [];
  // Most of the many connections of a server have none of these.
  #hooks: HookList | undefined = undefined;
  #errors: unknown[] | undefined = undefined;
  #children: Farewell[] | undefined = undefined;
  #guests: Farewell[] | undefined = undefined;
  #errorsDropped = 0;
  #childCount = 0;
  #worstChild: Outcome = "clean";
  #sums: Sums | undefined = undefined;

  constructor(name: string) {
    this.#name = name;
  }

  phase(report: PhaseReport): void {
    this.#phases.push(report);
  }

  hook(report: HookReport): void {
    this.hooks.add(report);
  }

  /** How the hooks have ended. */
  get hooks(): HookList {
    this.#hooks ??= new HookList();
    return this.#hooks;
  }

  /** An error that was contained; it does not make the outcome `failed` by itself. */
  error(error: unknown): void {
    const errors = this.#errors ??= [];
    if (errors.length >= errorCapacity) {
      this.#errorsDropped++;
      return;
    }
    letGo(error);
    errors.push(error);
  }

  /** Takes in the end of a child: its counters are added, the worst outcome is kept. */
  child(farewell: Farewell): void {
    this.#worstChild = worst(this.#worstChild, farewell.outcome);
    this.#take(farewell, this.#children ??= []);
  }

  /** Takes in the end of a child whose outcome says nothing about this endpoint: one of many connections of a server. */
  guest(farewell: Farewell): void {
    this.#take(farewell, this.#guests ??= []);
  }

  #take(farewell: Farewell, list: Farewell[]): void {
    this.#childCount++;
    if (farewell.outcome !== "clean" && list.length < childCapacity) {
      letGo(farewell.reason);
      for (const { reason } of farewell.phases) letGo(reason);
      list.push(farewell);
    }
    addSums(this.#sums ??= zeroSums(), farewell);
  }

  build(end: {
    cause: EndCause;
    reason: unknown;
    startedAt: number;
    duration: number;
    forced: boolean;
    lost: boolean;
    parts: FarewellParts;
  }): Farewell {
    const sums = this.#sums ?? zeroSums();
    addSums(sums, end.parts);
    const held = sums.residue.sockets + sums.residue.timers + sums.residue.listeners;
    const hooks = this.#hooks;
    const children = this.#children ?? [];
    const failed = hooks?.failed === true || end.lost || held > 0 || !balanced(sums.messages);
    const own: Outcome = failed ? "failed" : end.forced || hooks?.forced === true ? "forced" : "clean";
    const report = {
      name: this.#name,
      outcome: worst(own, this.#worstChild),
      cause: end.cause,
      reason: end.reason,
      startedAt: end.startedAt,
      duration: end.duration,
      phases: [...this.#phases],
      operations: sums.operations,
      messages: sums.messages,
      connections: sums.connections,
      hooks: hooks?.list() ?? [],
      hooksDropped: hooks?.dropped ?? 0,
      errors: [...this.#errors ?? []],
      errorsDropped: this.#errorsDropped,
      residue: sums.residue,
      children: [...this.#guests?.slice(0, childCapacity - children.length) ?? [], ...children],
      childCount: this.#childCount,
    };
    return { ...report, toJSON: () => farewellToJSON(report) };
  }
}

type Sums = {
  readonly operations: Counts<OperationCounts>;
  readonly messages: Counts<MessageCounts>;
  readonly connections: Counts<ConnectionCounts>;
  readonly residue: Counts<Residue>;
};

type Counts<T> = { -readonly [key in keyof T]: number };

function zeroSums(): Sums {
  return {
    operations: { settled: 0, aborted: 0, refused: 0 },
    messages: {
      published: 0,
      confirmed: 0,
      rejected: 0,
      unconfirmed: 0,
      received: 0,
      acked: 0,
      returned: 0,
      dropped: 0,
    },
    connections: { opened: 0, clean: 0, forced: 0, lost: 0, refused: 0 },
    residue: { sockets: 0, timers: 0, listeners: 0 },
  };
}

function addSums(sums: Sums, { operations, messages, connections, residue }: FarewellParts): void {
  if (operations !== undefined) addCounts(sums.operations, operations);
  if (messages !== undefined) addCounts(sums.messages, messages);
  if (connections !== undefined) addCounts(sums.connections, connections);
  if (residue !== undefined) addCounts(sums.residue, residue);
}

function addCounts<T extends Record<string, number>>(
  sum: T,
  part: { readonly [key in keyof T]?: number },
): void {
  for (const key in part) sum[key] = ((sum[key] ?? 0) + (part[key] ?? 0)) as T[typeof key];
}

function balanced(messages: MessageCounts): boolean {
  return messages.published === messages.confirmed + messages.rejected + messages.unconfirmed &&
    messages.received === messages.acked + messages.returned + messages.dropped;
}

/**
 * Makes an error that is kept forget where it came from. Until its stack is asked for, V8 holds every object on that stack:
 * for the error of a stream that is its connection with all its buffers, for as long as the error itself.
 */
function letGo(value: unknown): void {
  try {
    for (let depth = 0, error = value; depth < 8 && error instanceof Error; depth++, error = error.cause) {
      void error.stack;
    }
  } catch {
    // A reason may be anything: also a proxy that throws.
  }
}

function worst(one: Outcome, other: Outcome): Outcome {
  if (one === "failed" || other === "failed") return "failed";
  return one === "forced" || other === "forced" ? "forced" : "clean";
}

function farewellToJSON(report: Omit<Farewell, "toJSON">): Record<string, unknown> {
  return {
    ...report,
    reason: plainValue(report.reason),
    phases: report.phases.map((phase) =>
      "reason" in phase ? { ...phase, reason: plainValue(phase.reason) } : phase
    ),
    errors: report.errors.map((error) => plainValue(error)),
    children: report.children.map((child) => child.toJSON()),
  };
}
