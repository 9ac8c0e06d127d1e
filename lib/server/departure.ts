import { runHook, settleCutHooks } from "../lifecycle/hooks.ts";
import type { PhaseLimits } from "../lifecycle/phases.ts";
import type { RunningPhase } from "../lifecycle/running.ts";
import type { AnyLifecycle, PhaseSteps, StepsOwner } from "./steps.ts";
import type { Wire } from "./wire.ts";

/** How all connections of a server end with it. */
export interface ServerEnd {
  readonly reason: unknown;
  /** What the signals of the server carry. */
  readonly why: unknown;
  /** Milliseconds for what each has to drain. */
  readonly drain: number;
  /** The most each phase may take. */
  readonly limits: PhaseLimits;
  /** `come` when all have drained: then they say their goodbyes. */
  readonly turn: { readonly come: boolean };
  /** One more has drained, or has no time for it. */
  onDrained(): void;
}

/** A connection, as its departure sees it. */
export interface Departing {
  readonly steps: PhaseSteps;
  readonly wire: Wire;
  /** Its handler is done, or has started the transport and may well wait for `closed`. */
  readonly handled: boolean;
  /** Nothing can be written any longer. */
  closeWriter(): void;
}

/**
 * The phases of the end of one connection. Made when the end begins; it waits for one thing at a time, and needs no promise
 * for that: ten thousand may be under way at once.
 */
export class Departure implements StepsOwner {
  readonly #lifecycle: AnyLifecycle;
  readonly #connection: Departing;
  /** The server took the connection along. */
  withServer = false;
  #serverEnd: ServerEnd | undefined = undefined;
  #drained = false;
  /** The phase that waits, and for what. What comes of a phase that was cut meanwhile changes nothing. */
  #step: RunningPhase | undefined = undefined;
  #awaits: "handler" | "turn" | "stream" | undefined = undefined;

  constructor(lifecycle: AnyLifecycle, connection: Departing) {
    this.#lifecycle = lifecycle;
    this.#connection = connection;
  }

  /** It ends in step with all others of its server. */
  follow(end: ServerEnd): void {
    if (this.#drained) return end.onDrained();
    this.#serverEnd = end;
  }

  intake(step: RunningPhase): RunningPhase {
    return this.#run("intake", step);
  }

  /** Waits for the steps and for the handler, then for the steps that were added meanwhile. */
  drain(step: RunningPhase): RunningPhase {
    this.#connection.steps.close("intake");
    return this.#run("drain", step);
  }

  goodbye(step: RunningPhase): RunningPhase {
    this.#onDrained();
    if (this.withServer && this.#serverEnd?.turn.come === false) return this.#wait(step, "turn");
    return this.#say(step);
  }

  /** Waits for the handler too: it was told to stop, and what it uses is freed next. */
  force(step: RunningPhase): RunningPhase {
    this.#cut();
    this.#untilGone(step);
    return step;
  }

  release(step: RunningPhase): Promise<void> | undefined {
    this.#cut();
    const { steps, wire } = this.#connection;
    return wire.gone ? steps.release(step) : this.#releaseLate(step);
  }

  stepsDone(step: RunningPhase): void {
    if (step.phase === "goodbye") return this.#leave(step);
    if (step.phase === "drain" && !this.#connection.handled) return void this.#wait(step, "handler");
    if (step.phase === "drain") this.#onDrained();
    else this.#connection.steps.close("intake");
    step.done();
  }

  /** The connection's part in a phase is done, where it has returned the step. */
  resume(step: RunningPhase): void {
    if (step.phase !== "release" && step.phase !== "force" && step.phase !== "announce") {
      this.#run(step.phase, step);
    }
  }

  /** The handler is done. */
  onHandled(): void {
    const step = this.#take("handler");
    if (step?.phase === "drain") this.#run("drain", step);
    else step?.done();
  }

  /** The server lets all say their goodbyes. */
  onTurn(): void {
    const step = this.#take("turn");
    if (step !== undefined) this.#say(step);
  }

  /** Nothing is left of the stream. */
  onGone(): void {
    const step = this.#take("stream");
    if (step !== undefined) this.#untilGone(step);
  }

  #run(phase: "intake" | "drain" | "goodbye", step: RunningPhase): RunningPhase {
    this.#connection.steps.run(phase, step, this);
    return step;
  }

  #wait(step: RunningPhase, what: "handler" | "turn" | "stream"): RunningPhase {
    this.#step = step;
    this.#awaits = what;
    return step;
  }

  #take(what: "handler" | "turn" | "stream"): RunningPhase | undefined {
    if (this.#awaits !== what) return undefined;
    const step = this.#step;
    this.#step = this.#awaits = undefined;
    return step;
  }

  #onDrained(): void {
    this.#connection.steps.close("drain");
    if (this.#drained) return;
    this.#drained = true;
    this.#serverEnd?.onDrained();
  }

  #say(step: RunningPhase): RunningPhase {
    if (!this.#connection.wire.destroyed) return this.#run("goodbye", step);
    this.#leave(step);
    return step;
  }

  /** The goodbye is said: FIN follows. */
  #leave(step: RunningPhase): void {
    if (step.aborted) return;
    const { steps, wire } = this.#connection;
    steps.close("goodbye");
    try {
      if (!wire.destroyed) wire.finish();
    } catch (error) {
      return step.failed(error);
    }
    this.#connection.closeWriter();
    this.#untilGone(step);
  }

  #untilGone(step: RunningPhase): void {
    if (!this.#connection.wire.settled) this.#wait(step, "stream");
    else if (step.phase === "force" && !this.#connection.handled) this.#wait(step, "handler");
    else step.done();
  }

  #cut(): void {
    const { steps, wire } = this.#connection;
    steps.close("goodbye");
    this.#onDrained();
    if (!wire.destroyed) wire.destroy();
    this.#connection.closeWriter();
  }

  /** The time of force was too short for the runtime. Half of this phase is for the steps in any case. */
  async #releaseLate(step: RunningPhase): Promise<void> {
    const { steps, wire } = this.#connection;
    const { farewell } = this.#lifecycle;
    const socket = { name: "close of the socket", run: () => wire.closed };
    await runHook(socket, step, step.remaining() / 2, farewell);
    await steps.release(step);
    await settleCutHooks(step, farewell);
  }
}
