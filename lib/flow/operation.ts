import type { SendOutcome } from "../errors.ts";
import type { AbortLink, AbortTarget } from "../lifecycle/abort.ts";
import { linkAbort } from "../lifecycle/abort.ts";
import type { TimerWheel, WheelTarget, WheelTimer } from "../lifecycle/wheel.ts";

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
  aborted(operation: Operation<P, T>, reason: unknown): void;
  expired(operation: Operation<P, T>): void;
}

/** One operation of an {@linkcode Exchange}: its promise, its abort link and its deadline in one object. */
export class Operation<P, T> implements AbortTarget, WheelTarget {
  readonly payload: P;
  readonly options: SubmitOptions;
  readonly promise: Promise<T>;
  state: OperationState = "waiting";
  /** The sequence number of the last write. */
  seq = 0;
  /** The connection it was written to: a count of them. */
  epoch = 0;
  /** It has been written at least once. */
  sent = false;
  /** Transient refusals of the peer so far. */
  refusals = 0;
  /** The last thing the peer said about it was no. */
  refused = false;
  previous: Operation<P, T> | undefined = undefined;
  next: Operation<P, T> | undefined = undefined;
  readonly #owner: OperationOwner<P, T>;
  #resolve!: (value: T) => void;
  #reject!: (reason: unknown) => void;
  #link: AbortLink | undefined = undefined;
  #timer: WheelTimer | undefined = undefined;

  constructor(payload: P, options: SubmitOptions, owner: OperationOwner<P, T>, wheel: TimerWheel) {
    this.payload = payload;
    this.options = options;
    this.#owner = owner;
    this.promise = new Promise<T>((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    if (options.timeout !== Infinity) this.#timer = wheel.add(options.timeout, this);
    if (options.signal !== undefined) this.#link = linkAbort(options.signal, this);
  }

  onAbort(reason: unknown): void {
    this.#owner.aborted(this, reason);
  }

  onDeadline(): void {
    this.#owner.expired(this);
  }

  /** Sets another deadline in place of the operation's own: a tombstone is cleared away with it. */
  rearm(wheel: TimerWheel, delay: number): void {
    this.#timer?.cancel();
    this.#timer = wheel.add(delay, this);
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
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #settle(): void {
    this.state = "settled";
    this.#link?.unlink();
    this.#link = undefined;
    this.forget();
  }
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

/** What is known of an operation that ends without a reply. */
export function outcomeOf(operation: { readonly sent: boolean }): SendOutcome {
  return operation.sent ? "unknown" : "not-sent";
}

/** What counts for an operation that ends without a reply to its last write. */
export function verdictOf(operation: { readonly refused: boolean }): "rejected" | "unconfirmed" {
  return operation.refused ? "rejected" : "unconfirmed";
}
