import { plainValue } from "./plain.ts";
import type { EndCause, Phase } from "./reducer.ts";

/** How an end went: `clean` (peer told, all settled), `forced` (a deadline or an abort cut a phase), or `failed`. */
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
  readonly hooks: readonly HookReport[];
  /** What went wrong during the life and the end, oldest first, at most 20. */
  readonly errors: readonly unknown[];
  /** Errors beyond those. */
  readonly errorsDropped: number;
  /** What is still held: zero in every part, or the outcome is `failed`. */
  readonly residue: Residue;
  /** Children that did not end clean, at most 100. */
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

/** A release hook or a resource of a scope. */
export interface HookReport {
  readonly name: string;
  readonly duration: number;
  readonly ended: "ok" | "failed" | "timeout";
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
  readonly #hooks: HookReport[] = [];
  readonly #errors: unknown[] = [];
  readonly #children: Farewell[] = [];
  #errorsDropped = 0;
  #childCount = 0;
  #worstChild: Outcome = "clean";
  #failed = false;
  #sums = zeroSums();

  constructor(name: string) {
    this.#name = name;
  }

  phase(report: PhaseReport): void {
    this.#phases.push(report);
  }

  hook(report: HookReport): void {
    this.#hooks.push(report);
    if (report.ended !== "ok") this.#failed = true;
  }

  /** An error that was contained; it does not make the outcome `failed` by itself. */
  error(error: unknown): void {
    if (this.#errors.length < errorCapacity) this.#errors.push(error);
    else this.#errorsDropped++;
  }

  /** Takes in the end of a child: its counters are added, the worst outcome is kept. */
  child(farewell: Farewell): void {
    this.#childCount++;
    this.#worstChild = worst(this.#worstChild, farewell.outcome);
    if (farewell.outcome !== "clean" && this.#children.length < childCapacity) this.#children.push(farewell);
    this.#sums = addSums(this.#sums, farewell);
  }

  /** Takes in the end of a child whose outcome says nothing about this endpoint: one of many connections of a server. */
  guest(farewell: Farewell): void {
    const worstChild = this.#worstChild;
    this.child(farewell);
    this.#worstChild = worstChild;
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
    const sums = addSums(this.#sums, end.parts);
    const held = sums.residue.sockets + sums.residue.timers + sums.residue.listeners;
    const failed = this.#failed || end.lost || held > 0 || !balanced(sums.messages);
    const own: Outcome = failed ? "failed" : end.forced ? "forced" : "clean";
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
      hooks: [...this.#hooks],
      errors: [...this.#errors],
      errorsDropped: this.#errorsDropped,
      residue: sums.residue,
      children: [...this.#children],
      childCount: this.#childCount,
    };
    return { ...report, toJSON: () => farewellToJSON(report) };
  }
}

interface Sums {
  operations: OperationCounts;
  messages: MessageCounts;
  connections: ConnectionCounts;
  residue: Residue;
}

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

function addSums(sums: Sums, parts: FarewellParts): Sums {
  return {
    operations: addCounts(sums.operations, parts.operations),
    messages: addCounts(sums.messages, parts.messages),
    connections: addCounts(sums.connections, parts.connections),
    residue: addCounts(sums.residue, parts.residue),
  };
}

function addCounts<T>(sum: T, part: Partial<T> | undefined): T {
  if (part === undefined) return sum;
  const result = { ...sum } as Record<string, number>;
  for (const [key, count] of Object.entries(part)) result[key] = (result[key] ?? 0) + (count as number);
  return result as T;
}

function balanced(messages: MessageCounts): boolean {
  return messages.published === messages.confirmed + messages.rejected + messages.unconfirmed &&
    messages.received === messages.acked + messages.returned + messages.dropped;
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
