import { ClosedError, TimeoutError } from "../errors.ts";
import { onAbort } from "./abort.ts";
import { deferred, isThenable } from "./deferred.ts";
import {
  type AbortOptions,
  checkGoodbyeOptions,
  type EndpointState,
  type GoodbyeOptions,
  signalOfEvents,
} from "./endpoint.ts";
import { type EndpointEvent, type EndpointNews, EventHub, type EventLevel, isObserved } from "./events.ts";
import { type Farewell, FarewellBuilder, type FarewellParts, type PhaseReport } from "./farewell.ts";
import { Gear } from "./gear.ts";
import { LateSignal } from "./late_signal.ts";
import { Budget, defaultGrace, defaultTail, phaseLimits } from "./phases.ts";
import type { EndOptions, LifecycleOptions } from "./plan.ts";
import {
  type EndCause,
  initialLifecycle,
  type LifecycleEffect,
  type LifecycleInput,
  type LifecycleState,
  type Phase,
  reduce,
} from "./reducer.ts";
import { phaseIsOver, type PhaseOwner, RunningPhase } from "./running.ts";
import { now, startTimer } from "./timer.ts";

export type { EndOptions, LifecycleOptions, LifecycleSteps, Step } from "./plan.ts";

/**
 * Runs the reducer for one endpoint: it owns the two signals, the phase timers, the events and the Farewell. The
 * endpoint brings the steps.
 */
export class Lifecycle<Owner = void> implements PhaseOwner {
  /** Whom the steps are for. Set once, before anything happens. */
  owner!: Owner;
  readonly #options: LifecycleOptions<Owner>;
  #core: LifecycleState = initialLifecycle;
  #reducing = false;
  #made: Gear | undefined = undefined;

  constructor(options: LifecycleOptions<Owner>) {
    this.#options = options;
  }

  get name(): string {
    const { name } = this.#options;
    return typeof name === "string" ? name : name(this.owner);
  }

  get #gear(): Gear {
    return this.#made ??= new Gear();
  }

  /** Its events. */
  get hub(): EventHub {
    return this.#gear.hub ??= new EventHub(this.name, this.#options.parent?.hub);
  }

  /** Collects the Farewell; the endpoint adds errors, hooks and children to it. */
  get farewell(): FarewellBuilder {
    return this.#gear.farewell ??= new FarewellBuilder(this.name);
  }

  get state(): EndpointState {
    return this.#core.state;
  }

  /** The phase of the end that is running. */
  get phase(): Phase | undefined {
    return this.#core.phase;
  }

  /** The end has begun. */
  get ending(): boolean {
    return this.#core.cause !== undefined;
  }

  /** What began the end. */
  get cause(): EndCause | undefined {
    return this.#core.cause;
  }

  /** The reason the end began with. */
  get reason(): unknown {
    return this.#made?.reason;
  }

  get draining(): AbortSignal {
    return (this.#gear.soft ??= new LateSignal()).signal;
  }

  get signal(): AbortSignal {
    return (this.#gear.hard ??= new LateSignal()).signal;
  }

  get closed(): Promise<Farewell> {
    const gear = this.#gear;
    if (gear.closed === undefined) {
      gear.closed = deferred();
      if (gear.ended !== undefined) gear.closed.resolve(gear.ended);
    }
    return gear.closed.promise;
  }

  events(options?: AbortOptions): AsyncIterableIterator<EndpointEvent> {
    const fresh = this.#made?.hub === undefined;
    const { hub } = this;
    if (fresh && this.#core.state === "closed") hub.end();
    return hub.read(signalOfEvents(options));
  }

  emit(news: EndpointNews, level: EventLevel = "info"): void {
    if (this.#made?.hub === undefined && !isObserved(news)) return;
    this.hub.emit(news, this.#options.level?.(news, level, this.owner) ?? level);
  }

  /** Records an error that was contained: an event, and an entry of the Farewell. */
  fault(error: unknown, level: EventLevel = "warn"): void {
    this.farewell.error(error);
    this.emit({ type: "fault", error }, level);
  }

  /** The endpoint works, or works again. */
  opened(): void {
    this.#dispatch({ type: "opened" });
  }

  /** The transport is gone and the endpoint tries to get another one. */
  reconnecting(): void {
    this.#dispatch({ type: "reconnecting" });
  }

  /** The transport was lost while the endpoint was ending. */
  lost(): void {
    this.#dispatch({ type: "lost" });
  }

  /** Lets a signal govern the life: its abort begins the end, gracefully unless `forced`. */
  govern(
    signal: AbortSignal | undefined,
    options?: { readonly forced?: boolean; readonly cause?: EndCause },
  ): void {
    if (signal === undefined || this.#core.state === "closed") return;
    const forced = options?.forced === true;
    this.#link(signal, (reason) => {
      this.ask({ cause: options?.cause ?? "aborted", reason, forced });
    });
  }

  /** `goodbye` of the endpoint. */
  async goodbye(options: GoodbyeOptions = {}): Promise<Farewell> {
    checkGoodbyeOptions(options);
    return await this.end({ ...options, cause: "goodbye" });
  }

  /** Begins the end, or tightens it when it has begun. Never rejects. */
  end(options: EndOptions): Promise<Farewell> {
    this.ask(options);
    return this.closed;
  }

  /** The same for callers that do not wait for it: a promise for each of thousands is much. */
  ask(options: EndOptions): void {
    if (this.#core.state === "closed") return;
    const { signal } = options;
    const aborted = signal?.aborted === true;
    const { budget } = this.#gear;
    if (budget === undefined) {
      this.#begin(options, aborted);
    } else {
      budget.tighten(options.grace ?? Infinity, options.tail ?? Infinity, now());
      this.#rearm();
      if (aborted) this.force(signal.reason);
      else if (options.forced === true || options.grace === 0) this.force(options.reason);
    }
    // Steps without anything to wait for have closed it by now, and nobody would take the link off.
    if (signal !== undefined && !aborted && this.state !== "closed") {
      this.#link(signal, (reason) => this.force(reason));
    }
  }

  /** Cuts the running phase. During release only the running hook is told to stop. */
  force(reason: unknown): void {
    const gear = this.#made;
    if (gear?.budget !== undefined) gear.forced ??= { reason };
    this.#dispatch({ type: "force", reason: this.#whyOf(reason) });
  }

  /** The error of an operation that an ending or ended endpoint refuses or gives up. */
  refusal(action: string, outcome: "not-sent" | "unknown" = "not-sent"): ClosedError {
    const message = `Cannot ${action}: the ${this.name} is ${this.state}`;
    const cause = this.reason === undefined ? this.#made?.forced?.reason : this.reason;
    return new ClosedError(message, { state: this.state, outcome, cause });
  }

  #begin(options: EndOptions, aborted: boolean): void {
    const grace = options.grace ?? this.#options.grace ?? defaultGrace;
    const limits = { ...phaseLimits, ...this.#options.limits, ...options.limits };
    const gear = this.#gear;
    gear.start = now();
    gear.startedAt = Date.now();
    gear.budget = new Budget(gear.start, grace, options.tail ?? defaultTail, limits);
    gear.reason = options.reason === undefined && aborted ? options.signal?.reason : options.reason;
    this.#dispatch({
      type: "end",
      cause: options.cause,
      reason: this.#whyOf(options.reason, options.why),
      forced: options.forced === true || grace === 0 || aborted,
      lost: options.lost === true,
      force: aborted ? { reason: options.signal?.reason } : undefined,
    });
  }

  /** What the signals carry: the reason given, else that of the end, else an error that says so. */
  #whyOf(reason: unknown, why?: unknown): unknown {
    if (reason !== undefined) return reason;
    if (this.reason !== undefined) return this.reason;
    if (why !== undefined) return why;
    return new ClosedError(`The ${this.name} ends`, { state: this.state });
  }

  #link(signal: AbortSignal, callback: (reason: unknown) => void): void {
    (this.#gear.links ??= []).push(onAbort(signal, callback));
  }

  /** One input at a time: what listeners of the signals ask for during an effect comes after it. */
  #dispatch(input: LifecycleInput): void {
    if (this.#reducing) {
      (this.#gear.inputs ??= []).push(input);
      return;
    }
    this.#reducing = true;
    try {
      for (
        let next: LifecycleInput | undefined = input;
        next !== undefined;
        next = this.#made?.inputs?.shift()
      ) {
        const [core, effects] = reduce(this.#core, next);
        this.#core = core;
        for (const effect of effects) this.#run(effect);
      }
    } finally {
      this.#reducing = false;
    }
  }

  #run(effect: LifecycleEffect): void {
    switch (effect.type) {
      case "state":
        this.emit({ type: "state", state: effect.state, previous: effect.previous }, "debug");
        break;
      case "soft":
        this.#options.onEnding?.(this.owner);
        (this.#gear.soft ??= new LateSignal()).abort(effect.reason);
        break;
      case "hard":
        (this.#gear.hard ??= new LateSignal()).abort(effect.reason);
        break;
      case "cut":
        this.#leave(effect.by, effect.reason);
        break;
      case "enter":
        this.#enter(effect.phase);
        break;
      case "settle":
        this.#settle();
        break;
    }
  }

  #enter(phase: Phase): void {
    const gear = this.#gear;
    const time = now();
    const running = new RunningPhase(phase, time, gear.budget!.deadline(phase, time), gear.reason, this);
    gear.running = running;
    // A phase without time is over before anything in it that has none.
    if (phase !== "announce" && running.deadline <= time) this.#arm(running);
    this.emit({ type: "phase", phase }, "debug");
    let result: unknown;
    try {
      result = this.#options.steps[phase]?.(running, this.owner);
      if (phase === "announce" && result === undefined) result = this.#announce(running);
    } catch (error) {
      this.#stepFailed(running, error);
    }
    if (result !== running && !isThenable(result)) return this.finished(running);
    // What is over within the call needs no timer.
    if (gear.running === running && running.timer === undefined) this.#arm(running);
    if (result === running) return;
    const failed = (error: unknown): void => this.finished(running, { error });
    (result as PromiseLike<unknown>).then(() => this.finished(running), failed);
  }

  /** Announce has no work of its own: it lasts until its time is over, so that load balancers notice. */
  #announce(running: RunningPhase): Promise<void> | undefined {
    if (running.remaining() <= 0) return undefined;
    return new Promise((resolve) => onAbort(running.signal, () => resolve()));
  }

  #stepFailed(running: RunningPhase, error: unknown): void {
    const name = `${running.phase} of ${this.name}`;
    this.farewell.hook({ name, duration: now() - running.start, ended: "failed" });
    this.fault(error, "error");
  }

  #arm(running: RunningPhase): void {
    running.timer = startTimer(running.deadline - now(), phaseIsOver, running);
  }

  /** Its time is over. */
  late(running: RunningPhase): void {
    // Announce is over when its time is: that is no force.
    if (running.phase === "announce") return this.finished(running);
    const limit = Math.round(running.deadline - running.start);
    const message = `Cannot finish phase ${running.phase} of the ${this.name}: ${limit} ms have passed`;
    const reason = new TimeoutError(message, { timeout: limit });
    this.#dispatch({ type: "deadline", phase: running.phase, reason });
  }

  #rearm(): void {
    const { budget, running } = this.#gear;
    if (running === undefined) return;
    const deadline = Math.min(running.deadline, budget!.deadline(running.phase, running.start));
    if (deadline === running.deadline) return;
    running.timer?.cancel();
    running.deadline = deadline;
    this.#arm(running);
  }

  /** The step of a phase is done, or has failed: that counts while it runs. */
  finished(running: RunningPhase, failure?: { readonly error: unknown }): void {
    if (this.#gear.running !== running) return;
    if (failure !== undefined) this.#stepFailed(running, failure.error);
    this.#record(running, "done");
    this.#dispatch({ type: "done", phase: running.phase });
  }

  #leave(by: "deadline" | "force", reason: unknown): void {
    const { running } = this.#gear;
    if (running === undefined) return;
    // Release is never skipped: cutting it tells the running hook to hurry, and the next one starts.
    if (running.phase === "release" && by === "force") {
      running.cutHook(reason);
      return;
    }
    this.#record(running, by === "force" ? "cut" : "deadline", reason);
    running.cut(reason);
  }

  #record(running: RunningPhase, ended: PhaseReport["ended"], reason?: unknown): void {
    const gear = this.#gear;
    running.timer?.cancel();
    gear.running = undefined;
    const time = now();
    this.farewell.phase({
      phase: running.phase,
      at: running.start - gear.start,
      duration: time - running.start,
      budget: running.deadline - running.start,
      ended,
      ...(ended === "done" ? {} : { reason }),
    });
  }

  #settle(): void {
    const core = this.#core;
    const gear = this.#gear;
    for (const link of gear.links ?? []) link.unlink();
    gear.links = undefined;
    if (!core.hard) (gear.hard ??= new LateSignal()).abort(gear.soft!.reason);
    const farewell = this.farewell.build({
      cause: core.cause!,
      reason: gear.reason,
      startedAt: gear.startedAt,
      duration: now() - gear.start,
      forced: core.forced,
      lost: core.lost,
      parts: this.#report(),
    });
    this.emit({ type: "farewell", farewell }, farewell.outcome === "clean" ? "info" : "warn");
    gear.hub?.end();
    gear.ended = farewell;
    gear.closed?.resolve(farewell);
    this.#options.onClosed?.(farewell, this.owner);
  }

  /** A report that throws must not keep anybody waiting. */
  #report(): FarewellParts {
    try {
      return this.#options.report?.(this.owner) ?? {};
    } catch (error) {
      this.farewell.hook({ name: `report of ${this.name}`, duration: 0, ended: "failed" });
      this.fault(error, "error");
      return {};
    }
  }
}
