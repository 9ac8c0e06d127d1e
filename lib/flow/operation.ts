import type { SendOutcome } from "../errors.ts";
import { type AbortNode, leaveSignal, type SignalJoiner } from "../lifecycle/abort.ts";
import type { DeadlineNode, Deadlines } from "../lifecycle/deadlines.ts";

/** What a caller may set for one operation. */
export interface SubmitOptions {
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds for the whole operation, waiting included; `Infinity` for none. */
  readonly timeout: number;
  /** `unknown`: send it again after a loss that leaves open whether the peer has it. @default {"never"} */
  readonly retry?: "never" | "unknown" | undefined;
  /** `fail`: reject at once while there is no connection. @default {"wait"} */
  readonly offline?: "wait" | "fail" | undefined;
}

/** Where an operation stands: it waits for its turn, is with the peer, waits to be tried again, or has an outcome. */
export type OperationState = "waiting" | "written" | "cooling" | "settled";

/** Told when an operation's own signal or time limit ends it. */
export interface OperationOwner<P, T> {
  readonly signals: SignalJoiner;
  readonly deadlines: Deadlines;
  aborted(operation: Operation<P, T>, reason: unknown): void;
  expired(operation: Operation<P, T>): void;
}

/** One operation of an {@linkcode Exchange}: its promise, its place at its signal and its deadline in one object. */
export class Operation<P, T> implements AbortNode, DeadlineNode {
  readonly payload: P;
  readonly options: SubmitOptions;
  readonly promise: Promise<T>;
  state: OperationState = "waiting";
  /** The sequence number of the last write. */
  seq = 0;
  /** The connection it was written to: a count of them. */
  epoch = 0;
  /** How often it has been written. */
  writes = 0;
  /** Transient refusals of the peer so far. */
  refusals = 0;
  /** The last thing the peer said about it was no. */
  refused = false;
  /** The last of its refusals, as the caller gets to see it. */
  refusal: unknown = undefined;
  previous: Operation<P, T> | undefined = undefined;
  next: Operation<P, T> | undefined = undefined;
  deadline: DeadlineNode["deadline"] = undefined;
  earlier: DeadlineNode | undefined = undefined;
  later: DeadlineNode | undefined = undefined;
  fanOut: AbortNode["fanOut"] = undefined;
  linkedBefore: AbortNode | undefined = undefined;
  linkedAfter: AbortNode | undefined = undefined;
  readonly #owner: OperationOwner<P, T>;
  readonly #resolve: (value: T) => void;
  readonly #reject: (reason: unknown) => void;

  /** The signal of `options` must not have aborted. */
  constructor(payload: P, options: SubmitOptions, owner: OperationOwner<P, T>) {
    this.payload = payload;
    this.options = options;
    this.#owner = owner;
    this.promise = new Promise<T>(keepEnds as Executor<T>);
    this.#resolve = resolveEnd as (value: T) => void;
    this.#reject = rejectEnd;
    resolveEnd = rejectEnd = nothing;
    owner.deadlines.set(this, options.timeout);
    if (options.signal !== undefined) owner.signals.join(options.signal, this);
  }

  onAbort(reason: unknown): void {
    this.#owner.aborted(this, reason);
  }

  onDeadline(): void {
    this.#owner.expired(this);
  }

  /** Sets another deadline in place of the operation's own: a tombstone is cleared away with it. */
  rearm(delay: number): void {
    this.#owner.deadlines.clear(this);
    this.#owner.deadlines.set(this, delay);
  }

  resolve(value: T): void {
    this.#settle();
    this.#resolve(value);
  }

  reject(reason: unknown): void {
    this.#settle();
    this.#reject(reason);
  }

  /** Drops the deadline of a tombstone. */
  forget(): void {
    this.#owner.deadlines.clear(this);
  }

  #settle(): void {
    this.state = "settled";
    leaveSignal(this);
    this.forget();
  }
}

type Executor<T> = (resolve: (value: T) => void, reject: (reason: unknown) => void) => void;

function nothing(): void {}

/** The ends of the promise that is being made: one function for all of them, in place of one for each. */
let resolveEnd: (value: unknown) => void = nothing;
let rejectEnd: (reason: unknown) => void = nothing;

function keepEnds(resolve: (value: unknown) => void, reject: (reason: unknown) => void): void {
  resolveEnd = resolve;
  rejectEnd = reject;
}

/** Operations in the order of their calls; taking one out of the middle costs the same as the first. */
export class OperationQueue<P, T> {
  #head: Operation<P, T> | undefined = undefined;
  #tail: Operation<P, T> | undefined = undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get first(): Operation<P, T> | undefined {
    return this.#head;
  }

  push(operation: Operation<P, T>): void {
    operation.previous = this.#tail;
    if (this.#tail === undefined) this.#head = operation;
    else this.#tail.next = operation;
    this.#tail = operation;
    this.#size++;
  }

  unshift(operation: Operation<P, T>): void {
    operation.next = this.#head;
    if (this.#head === undefined) this.#tail = operation;
    else this.#head.previous = operation;
    this.#head = operation;
    this.#size++;
  }

  *[Symbol.iterator](): Generator<Operation<P, T>, void> {
    for (let operation = this.#head; operation !== undefined; operation = operation.next) yield operation;
  }

  remove(operation: Operation<P, T>): void {
    const { previous, next } = operation;
    if (previous === undefined) this.#head = next;
    else previous.next = next;
    if (next === undefined) this.#tail = previous;
    else next.previous = previous;
    operation.previous = operation.next = undefined;
    this.#size--;
  }
}

/** What is known of an operation that ends without a reply; `proof`: a refusal proves that the peer has done nothing. */
export function outcomeOf(
  { refusals, writes }: { readonly refusals: number; readonly writes: number },
  proof: boolean,
): SendOutcome {
  return writes > (proof ? refusals : 0) ? "unknown" : "not-sent";
}

/** What counts for an operation that ends without a reply to its last write. */
export function verdictOf(operation: { readonly refused: boolean }): "rejected" | "unconfirmed" {
  return operation.refused ? "rejected" : "unconfirmed";
}
