import { ClosedError, ConnectionLostError, OverflowError, ProtocolError, TimeoutError } from "../errors.ts";
import { LivingEndpoint } from "../lifecycle/base.ts";
import type { AbortOptions } from "../lifecycle/endpoint.ts";
import type { Farewell, FarewellParts } from "../lifecycle/farewell.ts";
import { Lifecycle, type LifecycleOptions, type Step } from "../lifecycle/lifecycle.ts";
import type { RunningPhase } from "../lifecycle/running.ts";
import { now } from "../lifecycle/timer.ts";
import type { WheelTarget, WheelTimer } from "../lifecycle/wheel.ts";
import type { Transport } from "../net/transport.ts";
import type { ConnectionHandler, ConnectionPhase, ServerConnection } from "./connection.ts";
import { type Departing, Departure, type ServerEnd } from "./departure.ts";
import type { ConnectionInspection } from "./server.ts";
import { type IdleOptions, patienceWith } from "./idle.ts";
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

/** A connection that a server has accepted. There may be thousands: what it may never need is made when it does. */
export class AcceptedConnection extends LivingEndpoint
  implements ServerConnection, Departing, WireOwner, WheelTarget {
  readonly id: number;
  readonly wire: Wire;
  readonly #host: ConnectionHost;
  readonly #lifecycle: Lifecycle<AcceptedConnection>;
  /** Whole milliseconds: a number with a fraction takes an object of its own. */
  readonly #since: number = Math.floor(now());
  /** The watch for silence. */
  #idle: WheelTimer | undefined = undefined;
  #steps: PhaseSteps | undefined = undefined;
  /** Since somebody had to wait for room. */
  #writer: ChunkWriter | undefined = undefined;
  /** The handler is done. */
  #done = false;
  #departure: Departure | undefined = undefined;
  /** Errors that this connection has made: when its own handler fails with one of them, that is no news. */
  #made: WeakSet<object> | undefined = undefined;
  #loss: Error | undefined = undefined;

  constructor(id: number, transport: Transport, host: ConnectionHost) {
    const lifecycle = new Lifecycle(host.plan);
    super(lifecycle);
    lifecycle.owner = this;
    this.id = id;
    this.#host = host;
    this.#lifecycle = lifecycle;
    this.wire = new Wire(transport, this);
  }

  /** One for all connections of a server. */
  static plan(server: Lifecycle, loudness: Loudness): LifecycleOptions<AcceptedConnection> {
    return {
      name: ({ id, remote }) => `connection ${id} from ${remote}`,
      parent: server,
      onEnding: (connection) => connection.#ending(),
      steps: {
        intake: (step, { departure }) => departure.intake(step),
        drain: (step, { departure }) => departure.drain(step),
        goodbye: (step, { departure }) => departure.goodbye(step),
        force: (step, { departure }) => departure.force(step),
        release: (step, { departure }) => departure.release(step),
      },
      report: (connection) => connection.#report(),
      onClosed: (farewell, connection) => connection.#host.left(connection, farewell),
      // A peer that vanishes is what servers live with, and no warning.
      level: ({ type }, level, connection) =>
        type === "farewell" && connection.#loss !== undefined ? "info" : loudness.of(level),
    };
  }

  get remote(): string {
    return this.wire.remote;
  }
  get local(): string {
    return this.wire.local;
  }
  get transport(): Transport {
    return this.wire;
  }
  get readable(): AsyncIterable<Uint8Array> {
    return this.wire.reader;
  }

  get name(): string {
    return this.#lifecycle.name;
  }

  /** Nothing of its stream is left. */
  get gone(): boolean {
    return this.wire.gone;
  }

  /** The server took it along: its outcome is one of the server's end. */
  get endsWithServer(): boolean {
    return this.#departure?.withServer === true;
  }

  /** Its end; made for it. */
  get departure(): Departure {
    return this.#departure ??= new Departure(this.#lifecycle, this);
  }

  get steps(): PhaseSteps {
    return this.#steps ??= new PhaseSteps(this.#lifecycle);
  }

  get handled(): boolean {
    return this.#done || this.wire.started;
  }

  write(bytes: Uint8Array, options?: AbortOptions): Promise<void> {
    const writer = this.#writer ?? new ChunkWriter(this.wire);
    if (this.wire.ended || this.wire.destroyed) writer.close((outcome) => this.#refuse(outcome));
    const written = writer.write(bytes, options);
    if (writer.waiting) this.#writer = writer;
    return written;
  }

  onPhase(phase: ConnectionPhase, run: (step: Step) => unknown): void {
    this.steps.add(phase, run);
  }

  inspect(): ConnectionInspection {
    const { remote, bytesIn, bytesOut } = this.wire;
    const age = Math.floor(now()) - this.#since;
    return { id: this.id, remote, state: this.state, age, bytesIn, bytesOut };
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
      this.steps.part = make();
    } catch (error) {
      this.failed(error);
      this.finish();
    }
  }

  /** The protocol has nothing more to do here: as when a handler has returned. */
  finish(): void {
    if (this.#lifecycle.ending && this.handled) return;
    queueMicrotask(() => this.#onHandlerDone());
  }

  /** False: whoever was told that it is open has ended it on the spot. */
  #open(): boolean {
    this.#watch(this.#host.idleTimeout);
    this.#lifecycle.opened();
    this.#done = this.#lifecycle.ending;
    return !this.#done;
  }

  /**
   * Ends it with its server, as a part of the server's drain; then it waits for its turn. A connection that ends already
   * goes on as it is.
   */
  endWithServer(end: ServerEnd): void {
    const { departure } = this;
    departure.follow(end);
    if (this.#lifecycle.ending) return;
    const { reason, drain, limits, why } = end;
    departure.withServer = true;
    this.#lifecycle.ask({ cause: "parent", reason, why, limits, grace: drain + limits.goodbye });
  }

  /** The server lets it say its goodbye, and allows no more than `grace` milliseconds for that. */
  takeTurn(grace: number): void {
    this.#lifecycle.ask({ cause: "parent", grace });
    this.#departure?.onTurn();
  }

  /** The server cuts it, and wants to have it closed in `tail` milliseconds. */
  cut(reason: unknown, tail: number): void {
    this.departure.withServer = true;
    this.#lifecycle.ask({ cause: "parent", reason, forced: true, tail });
  }

  /** The peer has not begun as its protocol wants it to, and has had its time for that: nobody is there to be told. */
  stranded(reason: unknown): void {
    this.#lifecycle.ask({ cause: "handshake-timeout", reason, grace: 0 });
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
    this.#done = true;
    this.#departure?.onHandled();
    this.#lifecycle.ask({ cause: "handler-done" });
  }

  failed(error: unknown): void {
    const lifecycle = this.#lifecycle;
    if (lifecycle.ending && this.#isEcho(error)) return;
    const protocol = error instanceof ProtocolError;
    if (lifecycle.state !== "closed") lifecycle.fault(error, protocol ? "warn" : "error");
    this.#host.fault(error);
    lifecycle.ask({ cause: protocol ? "protocol-error" : "handler-error", reason: error });
  }

  /** Only the end of the connection itself, as its handler sees it. */
  #isEcho(error: unknown): boolean {
    if (typeof error === "object" && error !== null && this.#made?.has(error)) return true;
    return error === this.#lifecycle.reason || error === this.draining.reason || error === this.signal.reason;
  }

  #ending(): void {
    this.#unwatch();
    this.wire.endReading();
  }

  /** The part of a protocol in a phase is done, where it has returned the step. */
  resume(step: RunningPhase): void {
    this.departure.resume(step);
  }

  roomMade(): void {
    this.#writer?.drained();
  }

  wireClosed(error: Error | undefined): void {
    this.#unwatch();
    if (error === undefined || this.wire.cut) this.#streamEnded(error);
    else this.#streamLost(error);
  }

  wireSettled(): void {
    this.#departure?.onGone();
  }

  #streamEnded(error: Error | undefined): void {
    const lifecycle = this.#lifecycle;
    this.wire.endReading();
    this.closeWriter();
    if (lifecycle.ending) return;
    if (!this.wire.cut) return lifecycle.ask({ cause: "peer-goodbye" });
    const cause = error === undefined ? "handler-done" : "handler-error";
    lifecycle.ask({ cause, reason: error, forced: true });
  }

  #streamLost(error: Error): void {
    const lifecycle = this.#lifecycle;
    this.#loss = error;
    this.wire.failReading(() => this.#refuse("unknown"));
    this.closeWriter();
    // A peer that has got everything and answers with a reset has said its goodbye, in its own way.
    if (this.wire.told || lifecycle.state === "releasing" || lifecycle.state === "closed") {
      return lifecycle.ending ? undefined : lifecycle.ask({ cause: "peer-goodbye" });
    }
    lifecycle.emit({ type: "lost", error });
    if (!lifecycle.ending) return lifecycle.ask({ cause: "lost", reason: error, lost: true });
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

  closeWriter(): void {
    this.#writer?.close((outcome) => this.#refuse(outcome));
  }

  #watch(delay: number): void {
    if (delay !== Infinity) this.#idle = this.#host.wheel.add(delay, this);
  }

  /** Silence means nothing any longer. */
  #unwatch(): void {
    this.#idle?.cancel();
    this.#idle = undefined;
  }

  /** It may have been silent for too long. */
  onDeadline(): void {
    const timeout = this.#host.idleTimeout;
    const left = patienceWith(this.wire, timeout);
    if (left > 0) return this.#watch(left);
    this.#idle = undefined;
    const reason = new TimeoutError(`The ${this.#lifecycle.name} was idle: no byte in ${timeout} ms`, {
      timeout,
    });
    this.#lifecycle.ask({ cause: "idle-timeout", reason });
  }

  flooded(discarded: number): void {
    const message =
      `Cannot end the ${this.#lifecycle.name}: it has sent ${discarded} bytes after the goodbye`;
    this.#lifecycle.force(new OverflowError(message, { capacity: discarded }));
  }

  #report(): FarewellParts {
    const end = this.#loss !== undefined ? "lost" : this.wire.cut ? "forced" : "clean";
    return {
      connections: { opened: 1, [end]: 1 },
      residue: { sockets: this.wire.gone ? 0 : 1, timers: this.#idle === undefined ? 0 : 1 },
    };
  }
}
