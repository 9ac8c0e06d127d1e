import { ClosedError, ConnectionLostError, OverflowError, ProtocolError, TimeoutError } from "../errors.ts";
import { LivingEndpoint } from "../lifecycle/base.ts";
import { type Deferred, deferred } from "../lifecycle/deferred.ts";
import type { AbortOptions } from "../lifecycle/endpoint.ts";
import type { Farewell, FarewellParts } from "../lifecycle/farewell.ts";
import { runHook, settleCutHooks } from "../lifecycle/hooks.ts";
import { Lifecycle, type LifecycleOptions, type Step } from "../lifecycle/lifecycle.ts";
import { phaseLimits } from "../lifecycle/phases.ts";
import type { RunningPhase } from "../lifecycle/running.ts";
import { now } from "../lifecycle/timer.ts";
import type { Transport } from "../net/transport.ts";
import type { ConnectionHandler, ConnectionPhase, ServerConnection } from "./connection.ts";
import type { ConnectionInspection } from "./server.ts";
import { type IdleOptions, type IdleOwner, IdleWatch } from "./idle.ts";
import type { Loudness } from "./loudness.ts";
import { type ConnectionPart, PhaseSteps } from "./steps.ts";
import { Wire, type WireOwner } from "./wire.ts";
import { ChunkWriter } from "./writer.ts";

/** The server, as its connections see it. */
export interface ConnectionHost extends IdleOptions {
  /** What the lifecycles of its connections are made of. */
  readonly plan: LifecycleOptions<AcceptedConnection>;
  /** An error was contained. */
  fault(error: unknown): void;
  /** A connection is closed. */
  left(connection: AcceptedConnection, farewell: Farewell): void;
}

/** How all connections of a server end with it. */
export interface ServerEnd {
  readonly reason: unknown;
  /** What the signals of the server carry. */
  readonly why: unknown;
  /** Milliseconds for what each has to drain. */
  readonly drain: number;
  /** Resolves when all have drained: then they say their goodbyes. */
  readonly turn: Promise<void>;
  /** One more has drained, or has no time for it. */
  onDrained(): void;
}

/** A connection that a server has accepted. There may be thousands: what it may never need is made when it does. */
export class AcceptedConnection extends LivingEndpoint implements ServerConnection, WireOwner, IdleOwner {
  readonly id: number;
  readonly #host: ConnectionHost;
  readonly #wire: Wire;
  readonly #lifecycle: Lifecycle<AcceptedConnection>;
  readonly #steps: PhaseSteps<AcceptedConnection>;
  readonly #since: number = now();
  readonly #idle: IdleWatch | undefined;
  #writer: ChunkWriter | undefined = undefined;
  /** Errors that this connection has made: when its own handler fails with one of them, that is no news. */
  #made: WeakSet<object> | undefined = undefined;
  /** The handler is done. */
  #handled = false;
  #onHandled: Deferred<void> | undefined = undefined;
  #drained = false;
  #serverEnd: ServerEnd | undefined = undefined;
  #endsWithServer = false;
  #loss: Error | undefined = undefined;

  constructor(id: number, transport: Transport, host: ConnectionHost) {
    const lifecycle = new Lifecycle(host.plan);
    super(lifecycle);
    lifecycle.owner = this;
    this.id = id;
    this.#host = host;
    this.#lifecycle = lifecycle;
    this.#steps = new PhaseSteps(lifecycle);
    this.#wire = new Wire(transport, this);
    this.#idle = host.idleTimeout === Infinity ? undefined : new IdleWatch(this.#wire, this, host);
  }

  /** One for all connections of a server. */
  static plan(server: Lifecycle, loudness: Loudness): LifecycleOptions<AcceptedConnection> {
    return {
      name: ({ id, remote }) => `connection ${id} from ${remote}`,
      parent: server,
      onEnding: (connection) => connection.#ending(),
      steps: {
        intake: (step, connection) => connection.#intake(step),
        drain: (step, connection) => connection.#drain(step),
        goodbye: (step, connection) => connection.#goodbye(step),
        force: (_step, connection) => connection.#force(),
        release: (step, connection) => connection.#release(step),
      },
      report: (connection) => connection.#report(),
      onClosed: (farewell, connection) => connection.#host.left(connection, farewell),
      // A peer that vanishes is what servers live with, and no warning.
      level: ({ type }, level, connection) =>
        type === "farewell" && connection.#loss !== undefined ? "info" : loudness.of(level),
    };
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

  /** The server took it along: its outcome is one of the server's end. */
  get endsWithServer(): boolean {
    return this.#endsWithServer;
  }

  write(bytes: Uint8Array, options?: AbortOptions): Promise<void> {
    const writer = this.#writer ??= new ChunkWriter(this.#wire);
    if (this.#wire.ended || this.#wire.destroyed) this.#closeWriter();
    return writer.write(bytes, options);
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
    if (!this.#open()) return;
    this.#handle(handler).then(() => this.#onHandlerDone(), (error: unknown) => {
      this.failed(error);
      this.#onHandlerDone();
    });
  }

  /** Starts its life with a protocol in the place of a handler: it goes on until that calls `finish`. */
  serveAs(make: () => ConnectionPart): void {
    if (!this.#open()) return;
    try {
      this.#steps.part = make();
    } catch (error) {
      this.failed(error);
      this.finish();
    }
  }

  /** The protocol has nothing more to do here: as when a handler has returned. */
  finish(): void {
    queueMicrotask(() => this.#onHandlerDone());
  }

  /** False: whoever was told that it is open has ended it on the spot. */
  #open(): boolean {
    this.#idle?.start();
    this.#lifecycle.opened();
    this.#handled = this.#lifecycle.ending;
    return !this.#handled;
  }

  /**
   * Ends it with its server, as a part of the server's drain; then it waits for its turn. A connection that ends already
   * goes on as it is.
   */
  endWithServer(end: ServerEnd): void {
    if (this.#drained) return end.onDrained();
    this.#serverEnd = end;
    if (this.#lifecycle.ending) return;
    const { reason, drain, why } = end;
    this.#endsWithServer = true;
    // The wait for the turn counts as goodbye. The server keeps the time of that: see `hurry`.
    const goodbye = drain + phaseLimits.goodbye;
    const limits = { intake: Math.min(phaseLimits.intake, drain / 4), drain, goodbye };
    void this.#lifecycle.end({ cause: "parent", reason, why, limits, grace: drain + goodbye });
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

  /** A function of the user: whatever it is, and does, becomes a promise. */
  #handle(handler: ConnectionHandler): Promise<unknown> {
    try {
      return Promise.resolve(handler(this));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #onHandlerDone(): void {
    this.#handled = true;
    this.#onHandled?.resolve();
    void this.#lifecycle.end({ cause: "handler-done" });
  }

  failed(error: unknown): void {
    const lifecycle = this.#lifecycle;
    if (lifecycle.ending && this.#isEcho(error)) return;
    const protocol = error instanceof ProtocolError;
    if (lifecycle.state !== "closed") lifecycle.fault(error, protocol ? "warn" : "error");
    this.#host.fault(error);
    void lifecycle.end({ cause: protocol ? "protocol-error" : "handler-error", reason: error });
  }

  /** Only the end of the connection itself, as its handler sees it. */
  #isEcho(error: unknown): boolean {
    if (typeof error === "object" && error !== null && this.#made?.has(error)) return true;
    return error === this.#lifecycle.reason || error === this.draining.reason || error === this.signal.reason;
  }

  #ending(): void {
    this.#idle?.stop();
    this.#wire.endReading();
  }

  #intake(step: RunningPhase): Promise<void> | undefined {
    const close = (): void => this.#steps.close("intake");
    const work = this.#steps.run("intake", step);
    if (work !== undefined) return work.then(close);
    close();
    return undefined;
  }

  #drain(step: RunningPhase): Promise<void> | undefined {
    const work = this.#steps.run("drain", step);
    if (work !== undefined || !this.#isHandledOrStarted) return this.#untilDrained(step, work);
    this.#onDrained();
    return undefined;
  }

  async #untilDrained(step: RunningPhase, work: Promise<void> | undefined): Promise<void> {
    await work;
    await step.within(this.#handledOrStarted());
    await this.#steps.run("drain", step);
    this.#onDrained();
  }

  #onDrained(): void {
    this.#steps.close("drain");
    if (this.#drained) return;
    this.#drained = true;
    this.#serverEnd?.onDrained();
  }

  async #goodbye(step: RunningPhase): Promise<void> {
    if (this.#endsWithServer && this.#serverEnd !== undefined) await step.within(this.#serverEnd.turn);
    if (!this.#wire.destroyed) await this.#steps.run("goodbye", step);
    if (step.aborted) return;
    this.#steps.close("goodbye");
    if (!this.#wire.destroyed) this.#wire.finish();
    this.#closeWriter();
    await this.#untilGone();
  }

  /** Waits for the handler too: it was told to stop, and what it uses is freed next. */
  async #force(): Promise<void> {
    this.#cutWire();
    await this.#untilGone();
    await this.#handledOrStarted();
  }

  /** A handler that has started the transport may well wait for `closed`: its steps say what there is to wait for. */
  async #handledOrStarted(): Promise<void> {
    if (!this.#isHandledOrStarted) await (this.#onHandled ??= deferred()).promise;
  }

  get #isHandledOrStarted(): boolean {
    return this.#handled || this.#wire.started;
  }

  async #untilGone(): Promise<void> {
    if (!this.#wire.gone) await this.#wire.closed;
  }

  #release(step: RunningPhase): Promise<void> | undefined {
    this.#cutWire();
    return this.#wire.gone ? this.#steps.release(step) : this.#releaseLate(step);
  }

  /** The time of force was too short for the runtime. Half of this phase is for the steps in any case. */
  async #releaseLate(step: RunningPhase): Promise<void> {
    const socket = { name: "close of the socket", run: () => this.#wire.closed };
    await runHook(socket, step, step.remaining() / 2, this.#lifecycle.farewell);
    await this.#steps.release(step);
    await settleCutHooks(step, this.#lifecycle.farewell);
  }

  #cutWire(): void {
    this.#steps.close("goodbye");
    this.#onDrained();
    if (!this.#wire.destroyed) this.#wire.destroy();
    this.#closeWriter();
  }

  roomMade(): void {
    this.#writer?.drained();
  }

  wireClosed(error: Error | undefined): void {
    const lifecycle = this.#lifecycle;
    this.#idle?.stop();
    if (error === undefined || this.#wire.cut) {
      this.#wire.endReading();
      this.#closeWriter();
      if (lifecycle.ending) return;
      if (!this.#wire.cut) return void lifecycle.end({ cause: "peer-goodbye" });
      const cause = error === undefined ? "handler-done" : "handler-error";
      return void lifecycle.end({ cause, reason: error, forced: true });
    }
    this.#loss = error;
    this.#wire.failReading(() => this.#refuse("unknown"));
    this.#closeWriter();
    // A peer that has got everything and answers with a reset has said its goodbye, in its own way.
    if (this.#wire.told || lifecycle.state === "releasing" || lifecycle.state === "closed") return;
    lifecycle.emit({ type: "lost", error });
    if (!lifecycle.ending) return void lifecycle.end({ cause: "lost", reason: error, lost: true });
    lifecycle.lost();
    lifecycle.force(error);
  }

  /** The error of a read or a write that comes to nothing; each gets one of its own. */
  #refuse(outcome: "not-sent" | "unknown"): Error {
    const { ending, name, state } = this.#lifecycle;
    const error = this.#loss !== undefined
      ? new ConnectionLostError(`Lost the ${name}: ${this.#loss.message}`, { cause: this.#loss, outcome })
      : ending
      ? this.#lifecycle.refusal("write", outcome)
      : new ClosedError(`Cannot write: the ${name} was ended by its handler`, { state, outcome });
    (this.#made ??= new WeakSet()).add(error);
    return error;
  }

  #closeWriter(): void {
    this.#writer?.close((outcome) => this.#refuse(outcome));
  }

  idled(): void {
    const timeout = this.#host.idleTimeout;
    const reason = new TimeoutError(`The ${this.#lifecycle.name} was idle: no byte in ${timeout} ms`, {
      timeout,
    });
    void this.#lifecycle.end({ cause: "idle-timeout", reason });
  }

  flooded(discarded: number): void {
    const message =
      `Cannot end the ${this.#lifecycle.name}: it has sent ${discarded} bytes after the goodbye`;
    this.#lifecycle.force(new OverflowError(message, { capacity: discarded }));
  }

  #report(): FarewellParts {
    const end = this.#loss !== undefined ? "lost" : this.#wire.cut ? "forced" : "clean";
    return {
      connections: { opened: 1, [end]: 1 },
      residue: { sockets: this.#wire.gone ? 0 : 1, timers: this.#idle?.watching ? 1 : 0 },
    };
  }
}
