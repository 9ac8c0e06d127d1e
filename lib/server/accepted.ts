import { ClosedError, ConnectionLostError, OverflowError, ProtocolError, TimeoutError } from "../errors.ts";
import { LivingEndpoint } from "../lifecycle/base.ts";
import { abortable, onAbort } from "../lifecycle/abort.ts";
import { type Deferred, deferred } from "../lifecycle/deferred.ts";
import type { AbortOptions } from "../lifecycle/endpoint.ts";
import type { FarewellParts } from "../lifecycle/farewell.ts";
import { runHook } from "../lifecycle/hooks.ts";
import { Lifecycle, type Step } from "../lifecycle/lifecycle.ts";
import { type PhaseLimits, phaseLimits } from "../lifecycle/phases.ts";
import { now } from "../lifecycle/timer.ts";
import type { TimerWheel } from "../lifecycle/wheel.ts";
import type { Transport } from "../net/transport.ts";
import type { ConnectionHandler, ConnectionPhase, ServerConnection } from "./connection.ts";
import type { ConnectionInspection } from "./server.ts";
import { IdleWatch } from "./idle.ts";
import { PhaseSteps } from "./steps.ts";
import { Wire } from "./wire.ts";
import { ChunkWriter } from "./writer.ts";

/** What a connection gets from its server. */
export interface AcceptedOptions {
  readonly id: number;
  readonly transport: Transport;
  readonly wheel: TimerWheel;
  /** Milliseconds without a byte of the peer. */
  readonly idleTimeout: number;
  /** Tells the server of an error that was contained. */
  onFault(error: unknown): void;
}

/** A connection that a server has accepted. */
export class AcceptedConnection extends LivingEndpoint implements ServerConnection {
  readonly id: number;
  readonly #options: AcceptedOptions;
  readonly #wire: Wire;
  readonly #writer: ChunkWriter;
  readonly #idle: IdleWatch;
  readonly #lifecycle: Lifecycle;
  readonly #steps: PhaseSteps;
  readonly #limits: { -readonly [phase in keyof PhaseLimits]: number };
  readonly #drained: Deferred<void> = deferred();
  readonly #handled: Deferred<void> = deferred();
  /** Errors that this connection has made: when its own handler fails with one of them, that is no news. */
  readonly #made: WeakSet<object> = new WeakSet();
  readonly #since: number = now();
  #turn: Promise<void> | undefined = undefined;
  #endsWithServer = false;
  #loss: Error | undefined = undefined;

  constructor(options: AcceptedOptions) {
    const limits = { ...phaseLimits };
    const lifecycle = new Lifecycle({
      name: `connection ${options.id} from ${options.transport.remote}`,
      limits,
      steps: {
        intake: (step) => this.#intake(step),
        drain: (step) => this.#drain(step),
        goodbye: (step) => this.#goodbye(step),
        force: () => this.#force(),
        release: (step) => this.#release(step),
      },
      report: () => this.#report(),
    });
    super(lifecycle);
    this.id = options.id;
    this.#options = options;
    this.#lifecycle = lifecycle;
    this.#limits = limits;
    this.#steps = new PhaseSteps(this.#lifecycle);
    this.#wire = new Wire(options.transport, {
      failed: (error) => this.#failed(error),
      drained: () => this.#writer.drained(),
      flooded: (discarded) => this.#flooded(discarded),
    });
    this.#writer = new ChunkWriter(this.#wire);
    const { idleTimeout: timeout, wheel } = options;
    this.#idle = new IdleWatch(this.#wire, { wheel, timeout, onIdle: () => this.#idled() });
    void this.#wire.closed.then((error) => this.#onWireClosed(error));
    onAbort(this.draining, () => {
      this.#idle.stop();
      this.#wire.reader.end();
    });
  }

  get remote(): string {
    return this.#wire.remote;
  }
  get local(): string {
    return this.#wire.local;
  }
  get transport(): Transport {
    return this.#wire;
  }
  get readable(): AsyncIterable<Uint8Array> {
    return this.#wire.reader;
  }

  get name(): string {
    return this.#lifecycle.name;
  }

  /** Nothing of its stream is left. */
  get gone(): boolean {
    return this.#wire.gone;
  }

  /** Resolves when nothing is left to drain, or no time for it. */
  get drained(): Promise<void> {
    return this.#drained.promise;
  }

  /** The server took it along: its outcome is one of the server's end. */
  get endsWithServer(): boolean {
    return this.#endsWithServer;
  }

  write(bytes: Uint8Array, options?: AbortOptions): Promise<void> {
    if (this.#wire.ended || this.#wire.destroyed) this.#writer.close(this.#refuse);
    return this.#writer.write(bytes, options);
  }

  onPhase(phase: ConnectionPhase, run: (step: Step) => unknown): void {
    this.#steps.add(phase, run);
  }

  inspect(): ConnectionInspection {
    const { remote, bytesIn, bytesOut } = this.#wire;
    return { id: this.id, remote, state: this.state, age: now() - this.#since, bytesIn, bytesOut };
  }

  /** Starts its life. What the handler throws is contained. */
  serve(handler: ConnectionHandler): void {
    this.#lifecycle.opened();
    this.#idle.start();
    void this.#handle(handler);
  }

  /**
   * Ends it with its server, as a part of the server's drain: `drain` milliseconds for its own, then it waits for its
   * `turn`, when all connections have drained. A connection that ends already goes on as it is.
   */
  endWithServer(options: { reason: unknown; drain: number; turn: Promise<void> }): void {
    if (this.#lifecycle.ending) return;
    const { reason, drain, turn } = options;
    this.#endsWithServer = true;
    this.#turn = turn;
    // The wait for the turn counts as goodbye. The server keeps the time of that: see `hurry`.
    this.#limits.intake = Math.min(phaseLimits.intake, drain / 4);
    this.#limits.drain = drain;
    this.#limits.goodbye = drain + phaseLimits.goodbye;
    void this.#lifecycle.end({ cause: "parent", reason, grace: this.#limits.drain + this.#limits.goodbye });
  }

  /** The server allows no more than `grace` milliseconds for the goodbye. */
  hurry(grace: number): void {
    void this.#lifecycle.end({ cause: "parent", grace });
  }

  /** The server cuts it, and wants to have it closed in `tail` milliseconds. */
  cut(reason: unknown, tail: number): void {
    this.#endsWithServer = true;
    void this.#lifecycle.end({ cause: "parent", reason, forced: true, tail });
  }

  async #handle(handler: ConnectionHandler): Promise<void> {
    try {
      await handler(this);
    } catch (error) {
      this.#failed(error);
    }
    this.#handled.resolve();
    void this.#lifecycle.end({ cause: "handler-done" });
  }

  #failed(error: unknown): void {
    const lifecycle = this.#lifecycle;
    if (lifecycle.ending && this.#isEcho(error)) return;
    const protocol = error instanceof ProtocolError;
    if (lifecycle.state !== "closed") lifecycle.fault(error, protocol ? "warn" : "error");
    this.#options.onFault(error);
    void lifecycle.end({ cause: protocol ? "protocol-error" : "handler-error", reason: error });
  }

  /** Only the end of the connection itself, as its handler sees it. */
  #isEcho(error: unknown): boolean {
    if (typeof error === "object" && error !== null && this.#made.has(error)) return true;
    return error === this.#lifecycle.reason || error === this.draining.reason || error === this.signal.reason;
  }

  async #intake(step: Step): Promise<void> {
    await this.#steps.run("intake", step);
    this.#steps.close("intake");
  }

  async #drain(step: Step): Promise<void> {
    await this.#steps.run("drain", step);
    await abortable(this.#handledOrStarted(), step.signal).catch(() => {});
    await this.#steps.run("drain", step);
    this.#steps.close("drain");
    this.#drained.resolve();
  }

  async #goodbye(step: Step): Promise<void> {
    if (this.#turn !== undefined) await abortable(this.#turn, step.signal).catch(() => {});
    if (!this.#wire.destroyed) await this.#steps.run("goodbye", step);
    if (step.signal.aborted) return;
    this.#steps.close("goodbye");
    if (!this.#wire.destroyed) this.#wire.finish();
    this.#writer.close(this.#refuse);
    await this.#wire.closed;
  }

  /** Waits for the handler too: it was told to stop, and what it uses is freed next. */
  async #force(): Promise<void> {
    this.#cutWire();
    await this.#wire.closed;
    await this.#handledOrStarted();
  }

  /** A handler that has started the transport may well wait for `closed`: its steps say what there is to wait for. */
  async #handledOrStarted(): Promise<void> {
    if (!this.#wire.started) await this.#handled.promise;
  }

  async #release(step: Step): Promise<void> {
    this.#cutWire();
    if (!this.#wire.gone) {
      // The time of force was too short for the runtime. Half of this phase is for the steps in any case.
      const socket = { name: "close of the socket", run: () => this.#wire.closed };
      await runHook(socket, step, step.remaining() / 2, this.#lifecycle.farewell);
    }
    await this.#steps.release(step);
  }

  #cutWire(): void {
    this.#steps.close("intake", "drain", "goodbye");
    this.#drained.resolve();
    if (!this.#wire.destroyed) this.#wire.destroy();
    this.#writer.close(this.#refuse);
  }

  #onWireClosed(error: Error | undefined): void {
    const lifecycle = this.#lifecycle;
    this.#idle.stop();
    if (error === undefined || this.#wire.cut) {
      this.#wire.reader.end();
      this.#writer.close(this.#refuse);
      if (lifecycle.ending) return;
      if (!this.#wire.cut) return void lifecycle.end({ cause: "peer-goodbye" });
      const cause = error === undefined ? "handler-done" : "handler-error";
      return void lifecycle.end({ cause, reason: error, forced: true });
    }
    this.#loss = error;
    this.#wire.reader.fail(() => this.#refuse("unknown"));
    this.#writer.close(this.#refuse);
    // A peer that has got everything and answers with a reset has said its goodbye, in its own way.
    if (this.#wire.told || lifecycle.state === "releasing" || lifecycle.state === "closed") return;
    lifecycle.emit({ type: "lost", error });
    if (!lifecycle.ending) return void lifecycle.end({ cause: "lost", reason: error, lost: true });
    lifecycle.lost();
    lifecycle.force(error);
  }

  /** The error of a read or a write that comes to nothing; each gets one of its own. */
  readonly #refuse = (outcome: "not-sent" | "unknown"): Error => {
    const { ending, name, state } = this.#lifecycle;
    const error = this.#loss !== undefined
      ? new ConnectionLostError(`Lost the ${name}: ${this.#loss.message}`, { cause: this.#loss, outcome })
      : ending
      ? this.#lifecycle.refusal("write", outcome)
      : new ClosedError(`Cannot write: the ${name} was ended by its handler`, { state, outcome });
    this.#made.add(error);
    return error;
  };

  #idled(): void {
    const timeout = this.#options.idleTimeout;
    const reason = new TimeoutError(`The ${this.#lifecycle.name} was idle: no byte in ${timeout} ms`, {
      timeout,
    });
    void this.#lifecycle.end({ cause: "idle-timeout", reason });
  }

  #flooded(discarded: number): void {
    const message =
      `Cannot end the ${this.#lifecycle.name}: it has sent ${discarded} bytes after the goodbye`;
    this.#lifecycle.force(new OverflowError(message, { capacity: discarded }));
  }

  #report(): FarewellParts {
    const end = this.#loss !== undefined ? "lost" : this.#wire.cut ? "forced" : "clean";
    return {
      connections: { opened: 1, [end]: 1 },
      residue: { sockets: this.#wire.gone ? 0 : 1, timers: this.#idle.watching ? 1 : 0 },
    };
  }
}
