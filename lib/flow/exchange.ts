import { type PeerError, type SendOutcome, TimeoutError } from "../errors.ts";
import { SignalJoiner } from "../lifecycle/abort.ts";
import { Deadlines } from "../lifecycle/deadlines.ts";
import { type Deferred, deferred } from "../lifecycle/deferred.ts";
import { Cooling } from "./cooling.ts";
import { type ExchangeCounts, zeroCounts } from "./counts.ts";
import type { ExchangeOptions } from "./exchange_options.ts";
import { lostError, overflowError } from "./failure.ts";
import {
  Operation,
  type OperationOwner,
  OperationQueue,
  outcomeOf,
  type SubmitOptions,
  verdictOf,
} from "./operation.ts";
import { Overtaken } from "./overtaken.ts";
import { SequenceTable } from "./table.ts";

/**
 * Operations that a peer confirms: they wait for their turn in the window, are written, and settle once, by a reply, a
 * refusal, their own abort or deadline, or the loss or the end of the connection. An operation that ends without its
 * reply leaves a tombstone: it keeps its place in the window and its sequence number, so that a late reply is dropped
 * and the peer is never sent more than the window.
 *
 * ```
 *   submit -> waiting -> written -> settled
 *                ^          |  \
 *                +- cooling +   tombstone -> late reply, or forgotten
 * ```
 */
export class Exchange<P, T> implements OperationOwner<P, T> {
  readonly counts: ExchangeCounts = zeroCounts();
  readonly #options: ExchangeOptions<P>;
  readonly #waiting: OperationQueue<P, T> = new OperationQueue();
  readonly #cooling: Cooling<P, T>;
  readonly signals: SignalJoiner = new SignalJoiner();
  readonly deadlines: Deadlines;
  readonly #written: SequenceTable<Operation<P, T>> = new SequenceTable();
  #window: number;
  #tombstones = 0;
  /** Those of the written that an earlier connection has: a window is for one connection. */
  #earlier = 0;
  readonly #overtaken: Overtaken = new Overtaken();
  #open = false;
  #epoch = 0;
  #writable = true;
  #pumping = false;
  #refusal: ((action: string, outcome: SendOutcome) => unknown) | undefined = undefined;
  #idle: Deferred<void> | undefined = undefined;
  /** Whoever waits for the last answer on one connection. */
  readonly #quiet: Map<number, Deferred<void>> = new Map();

  constructor(options: ExchangeOptions<P>) {
    this.#options = options;
    this.#window = options.window ?? Infinity;
    this.deadlines = new Deadlines(options.wheel);
    this.#cooling = new Cooling(options.wheel, options.busy, (operation) => this.#again(operation));
  }

  /** Operations without an outcome. */
  get pending(): number {
    return this.#waiting.size + this.#cooling.size + this.#written.size - this.#tombstones;
  }

  get window(): number {
    return this.#window;
  }

  set window(size: number) {
    this.#window = size;
    this.#pump();
  }

  /**
   * Starts an operation. The promise settles once: with the reply, with `signal.reason` itself, with a TimeoutError,
   * ConnectionLostError or PeerError, or with what `stop` and `close` say.
   */
  submit(payload: P, options: SubmitOptions): Promise<T> {
    if (options.signal?.aborted === true) {
      this.counts.aborted++;
      return Promise.reject(options.signal.reason);
    }
    if (this.#refusal !== undefined) {
      this.counts.refused++;
      return Promise.reject(this.#refusal(this.#options.describe(payload), "not-sent"));
    }
    if (!this.#open && options.offline === "fail") {
      this.counts.settled++;
      return Promise.reject(lostError(this.#options.describe(payload), "not-sent", undefined));
    }
    const mayWrite = options.timeout > 0 && this.#waiting.size === 0 && this.#mayWrite();
    const { maxWaiting = Infinity } = this.#options;
    if (!mayWrite && this.#waiting.size + this.#cooling.size >= maxWaiting) {
      this.counts.refused++;
      return Promise.reject(overflowError(this.#options.describe(payload), maxWaiting));
    }
    const operation = new Operation<P, T>(payload, options, this);
    if (mayWrite) this.#write(operation);
    else this.#waiting.push(operation);
    if (options.timeout <= 0) this.expired(operation);
    return operation.promise;
  }

  /** A reply has come. */
  settle(seq: number, value: T): void {
    const operation = this.#take(seq);
    if (operation === undefined) return;
    this.counts.confirmed++;
    this.counts.settled++;
    operation.resolve(value);
    this.#pump();
  }

  /** The peer said no. A transient refusal is tried again inside the operation's time. */
  refuse(seq: number, error: PeerError): void {
    const operation = this.#take(seq);
    if (operation === undefined) return;
    const told = this.#options.explain?.(error, operation.payload) ?? error;
    if (error.transient && this.#refusal === undefined) this.#cool(operation, told);
    else this.#reject(operation, told, "rejected");
    this.#pump();
  }

  /** Operations that are with the peer and have no outcome. */
  get outstanding(): number {
    return this.#written.size - this.#tombstones;
  }

  /** The number that a payload was written under: looked for at `guess`, then everywhere. */
  find(guess: number, matches: (payload: P, seq: number) => boolean): number | undefined {
    const operation = this.#written.get(guess);
    if (operation !== undefined && matches(operation.payload, guess)) return guess;
    return this.#written.find(({ payload, seq }) => matches(payload, seq))?.seq;
  }

  /** There is a connection: what waits is written. Connections are numbered, rising. */
  open(epoch: number = this.#epoch + 1, writable = true): void {
    this.#open = true;
    if (epoch !== this.#epoch) this.#earlier = this.#written.size;
    this.#epoch = epoch;
    this.#writable = writable;
    this.#pump();
  }

  /** The connection takes nothing new, but still answers what it has. */
  hold(): void {
    this.#open = false;
  }

  /** The transport is full (false) or has room again (true). */
  set writable(value: boolean) {
    this.#writable = value;
    if (value) this.#pump();
  }

  /** A connection is gone: what was written to it has an unknown outcome, what waits goes on waiting. */
  lost(cause: unknown, epoch: number = this.#epoch): void {
    if (epoch === this.#epoch) this.#open = false;
    const again: Operation<P, T>[] = [];
    for (const operation of this.#takeWritten(epoch)) {
      if (operation.options.retry === "unknown" && this.#refusal === undefined) again.push(operation);
      else this.#reject(operation, lostError(this.#action(operation), "unknown", cause), "unconfirmed");
    }
    for (const operation of again.reverse()) {
      operation.state = "waiting";
      this.#waiting.unshift(operation);
    }
    if (this.#open) this.#pump();
    else if (this.#refusal !== undefined) this.#refuseWaiting();
    else this.#refuseOffline(cause);
    this.#checkIdle();
  }

  #refuseOffline(cause: unknown): void {
    for (const operation of [...this.#waiting, ...this.#cooling]) {
      if (operation.options.offline !== "fail") continue;
      this.#unqueue(operation);
      const error = lostError(this.#action(operation), this.#outcomeOf(operation), cause);
      this.#reject(operation, error, verdictOf(operation));
    }
  }

  /** Refuses new operations from now on, and gives up those that cannot be written any more. */
  stop(refusal: (action: string, outcome: SendOutcome) => unknown): void {
    this.#refusal ??= refusal;
    if (!this.#open) this.#refuseWaiting();
  }

  /** Gives up everything that is pending. */
  close(refusal: (action: string, outcome: SendOutcome) => unknown): void {
    this.#refusal ??= refusal;
    this.#open = false;
    for (const operation of this.#takeWritten(undefined)) {
      this.counts.refused++;
      this.#finish(operation, this.#refusal(this.#action(operation), "unknown"), "unconfirmed");
    }
    this.#refuseWaiting();
  }

  /** Resolves when nothing is pending. */
  idle(): Promise<void> {
    if (this.pending === 0) return Promise.resolve();
    this.#idle ??= deferred();
    return this.#idle.promise;
  }

  /** Resolves when nothing that was written to a connection waits for its reply. */
  quiet(epoch: number): Promise<void> {
    const quiet = this.#quiet.get(epoch) ?? deferred();
    this.#quiet.set(epoch, quiet);
    this.#checkIdle();
    return quiet.promise;
  }

  /** The operation's own signal. */
  aborted(operation: Operation<P, T>, reason: unknown): void {
    this.counts.aborted++;
    this.#abandon(operation, reason);
  }

  /** The operation's own time limit, or the end of its tombstone. */
  expired(operation: Operation<P, T>): void {
    if (operation.state === "settled") {
      this.#written.take(operation.seq);
      this.#freed(operation);
      this.#tombstones--;
      this.#pump();
      return;
    }
    const { timeout } = operation.options;
    const message = `Cannot ${this.#action(operation)}: ${this.#lackOf(operation)} within ${timeout} ms`;
    this.counts.settled++;
    const cause = operation.refusal === undefined ? {} : { cause: operation.refusal };
    this.#abandon(
      operation,
      new TimeoutError(message, { timeout, outcome: this.#outcomeOf(operation), ...cause }),
    );
  }

  #outcomeOf(operation: Operation<P, T>): SendOutcome {
    return outcomeOf(operation, this.#options.refusalsProve === true);
  }

  #action({ payload }: Operation<P, T>): string {
    return this.#options.describe(payload);
  }

  #lackOf(operation: Operation<P, T>): string {
    if (operation.state === "written") return "no reply";
    if (operation.refused) return "the peer stayed busy";
    return !this.#open ? "no connection" : this.#mayWrite() ? "no time" : "no room in the window";
  }

  #mayWrite(): boolean {
    return this.#open && this.#writable && this.#written.size - this.#earlier < this.#window;
  }

  #freed({ epoch }: Operation<P, T>): void {
    if (epoch !== this.#epoch) this.#earlier--;
  }

  #pump(): void {
    // A reply that is there when write returns must not write the next from inside: the stack would grow with the queue.
    if (this.#pumping) return;
    this.#pumping = true;
    while (this.#waiting.first !== undefined && this.#mayWrite()) {
      const operation = this.#waiting.first;
      this.#waiting.remove(operation);
      this.#write(operation);
    }
    this.#pumping = false;
    this.#checkIdle();
  }

  #write(operation: Operation<P, T>): void {
    const seq = this.#options.nextSeq();
    // All before the write: a transport in memory may have the reply there when write returns.
    operation.seq = seq;
    operation.epoch = this.#epoch;
    operation.state = "written";
    operation.refused = false;
    if (operation.writes++ === 0) this.counts.published++;
    this.#written.set(seq, operation);
    try {
      this.#options.write(seq, operation.payload);
    } catch (error) {
      if (operation.state !== "written" || operation.seq !== seq) return;
      this.#written.take(seq);
      if (--operation.writes === 0) this.counts.published--;
      this.#reject(operation, error, "unconfirmed");
    }
  }

  /** The peer is busy: the operation comes back to the end of the queue a little later. */
  #cool(operation: Operation<P, T>, refusal: unknown): void {
    operation.refused = true;
    operation.refusals++;
    operation.refusal = refusal;
    this.#cooling.add(operation);
  }

  #again(operation: Operation<P, T>): void {
    operation.state = "waiting";
    this.#waiting.push(operation);
    this.#pump();
  }

  /** Takes an operation out of the queue or its back-off, if it is in one. */
  #unqueue(operation: Operation<P, T>): void {
    if (operation.state === "waiting") this.#waiting.remove(operation);
    else this.#cooling.remove(operation);
  }

  /** Ends an operation before its reply. */
  #abandon(operation: Operation<P, T>, reason: unknown): void {
    const { state } = operation;
    this.#unqueue(operation);
    this.#finish(operation, reason, verdictOf(operation));
    if (state === "written") {
      this.#tombstones++;
      operation.rearm(this.#options.tombstone ?? 30_000);
    }
    this.#checkIdle();
  }

  #reject(operation: Operation<P, T>, error: unknown, verdict: "rejected" | "unconfirmed"): void {
    this.counts.settled++;
    this.#finish(operation, error, verdict);
  }

  #finish(operation: Operation<P, T>, reason: unknown, verdict: "rejected" | "unconfirmed"): void {
    if (operation.writes > 0) this.counts[verdict]++;
    operation.reject(reason);
  }

  /** Takes a live operation out of the table; a tombstone is only cleared away. */
  #take(seq: number): Operation<P, T> | undefined {
    const operation = this.#written.take(seq);
    if (operation === undefined) {
      this.counts.late++;
      return undefined;
    }
    this.#freed(operation);
    if (this.#overtaken.replied(this.#window, this.#written, this.#epoch)) this.#options.onOvertaken?.();
    if (operation.state !== "settled") return operation;
    this.counts.late++;
    this.#tombstones--;
    operation.forget();
    this.#pump();
    return undefined;
  }

  /** Takes what was written to one connection, or to all of them, out of the table; tombstones are cleared away. */
  #takeWritten(epoch: number | undefined): Operation<P, T>[] {
    const taken: Operation<P, T>[] = [];
    for (const operation of this.#written.drain()) {
      if (epoch !== undefined && operation.epoch !== epoch) {
        this.#written.set(operation.seq, operation);
        continue;
      }
      this.#freed(operation);
      if (operation.state === "settled") {
        this.#tombstones--;
        operation.forget();
      } else {
        taken.push(operation);
      }
    }
    return taken;
  }

  #refuseWaiting(): void {
    for (const operation of [...this.#cooling, ...this.#waiting]) {
      this.#unqueue(operation);
      this.counts.refused++;
      const error = this.#refusal!(this.#action(operation), this.#outcomeOf(operation));
      this.#finish(operation, error, verdictOf(operation));
    }
    this.#checkIdle();
  }

  #checkIdle(): void {
    if (this.#quiet.size > 0) this.#checkQuiet();
    if (this.#idle === undefined || this.pending > 0) return;
    const idle = this.#idle;
    this.#idle = undefined;
    idle.resolve();
  }

  #checkQuiet(): void {
    for (const [epoch, quiet] of this.#quiet) {
      if (this.#written.some((operation) => operation.epoch === epoch && operation.state === "written")) {
        continue;
      }
      this.#quiet.delete(epoch);
      quiet.resolve();
    }
  }
}
