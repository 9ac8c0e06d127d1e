import { ConnectError, type OverflowError } from "../errors.ts";
import { LivingEndpoint } from "../lifecycle/base.ts";
import { type Deferred, deferred } from "../lifecycle/deferred.ts";
import type { EndpointNews, EventLevel } from "../lifecycle/events.ts";
import type { Farewell, FarewellParts } from "../lifecycle/farewell.ts";
import { type Hook, type HookContext, runHooks } from "../lifecycle/hooks.ts";
import { Lifecycle, type Step } from "../lifecycle/lifecycle.ts";
import { phaseLimits, within } from "../lifecycle/phases.ts";
import { TimerWheel } from "../lifecycle/wheel.ts";
import { targetText } from "../net/mod.ts";
import type { ListenAddress, Listener, Transport } from "../net/transport.ts";
import { AcceptedConnection, type ConnectionHost } from "./accepted.ts";
import { Admission } from "./admission.ts";
import type { ServerEnd } from "./departure.ts";
import { Loudness } from "./loudness.ts";
import type { ServeSettings } from "./options.ts";
import type { Server, ServerInspection } from "./server.ts";

/** What is built on a server: a handler, or a protocol. */
export interface ServerOwner {
  /** Starts the life of a connection that was accepted. It must not throw. */
  serve(connection: AcceptedConnection): void;
  /** Nothing is accepted any longer, and the connections are about to drain. It must not throw. */
  intake?(): void;
  /** Counters of its own for the Farewell, when everything is released. */
  report?(): FarewellParts;
}

/** A server, from before it listens until everything it held is free. */
export class RunningServer extends LivingEndpoint implements Server {
  readonly #settings: ServeSettings;
  readonly #owner: ServerOwner;
  readonly #lifecycle: Lifecycle;
  readonly #admission: Admission;
  readonly #wheel: TimerWheel = new TimerWheel();
  readonly #loudness: Loudness = new Loudness();
  readonly #connections: Set<AcceptedConnection> = new Set();
  readonly #host: ConnectionHost;
  /** Sockets that were refused and are not closed. */
  #leaving = 0;
  /** Resolves when nobody is left; only while somebody waits. */
  #empty: Deferred<void> | undefined = undefined;
  readonly #hooks: Hook[] = [];
  /** The connections that have drained say their goodbye. */
  readonly #turn: { come: boolean } = { come: false };
  #listener!: Listener;
  #listening = false;
  #accepting = true;
  #full = false;
  #released = false;
  #accepted = 0;
  #refused = 0;
  #faults = 0;

  constructor(settings: ServeSettings, owner: ServerOwner) {
    const { announce, grace, name } = settings;
    const lifecycle = new Lifecycle({
      name,
      ...(grace === undefined ? {} : { grace }),
      limits: { announce },
      steps: {
        intake: () => this.#stopListening(),
        drain: (step) => this.#drain(step),
        goodbye: (step) => this.#goodbye(step),
        force: (step) => this.#force(step),
        release: (step) => this.#release(step),
      },
      report: () => this.#report(),
    });
    super(lifecycle);
    this.#settings = settings;
    this.#owner = owner;
    this.#lifecycle = lifecycle;
    this.#admission = new Admission(settings.limits);
    this.#host = {
      plan: AcceptedConnection.plan(lifecycle, this.#loudness),
      wheel: this.#wheel,
      idleTimeout: settings.limits.idleTimeout,
      fault: (error) => this.#fault(error),
      left: (connection, farewell) => this.#left(connection, farewell),
    };
  }

  /** Resolves when it listens. When it rejects, nothing of it is left. */
  async listen(): Promise<void> {
    const { limits: { handshakeTimeout }, network, signal, target } = this.#settings;
    this.#listener = await network.listen(target, {
      connection: (transport) => this.#accept(transport),
      handshakeError: (error) => this.#handshakeFailed(error),
      refused: () => void this.#refused++,
      acceptError: (error) => this.#fault(error),
    }, { signal, handshakeTimeout });
    this.#listening = true;
    void this.#listener.closed.then((error) => this.#onListenerClosed(error));
    if (signal?.aborted) {
      await this.goodbye({ reason: signal.reason, grace: 0 });
      throw signal.reason;
    }
    this.#lifecycle.opened();
    this.#lifecycle.govern(signal);
  }

  get address(): ListenAddress {
    return this.#listener.address;
  }
  get url(): string {
    const { target } = this.#settings;
    const scheme = "path" in target ? "unix:" : target.tls === undefined ? "tcp://" : "tls://";
    return `${scheme}${targetText(this.address)}`;
  }
  get connections(): number {
    return this.#connections.size;
  }

  /** Tells something about what is built on it. */
  emit(news: EndpointNews, level: EventLevel): void {
    this.#lifecycle.emit(news, level);
  }

  inspect(): ServerInspection {
    return {
      name: this.#lifecycle.name,
      state: this.state,
      url: this.url,
      connections: [...this.#connections].map((connection) => connection.inspect()),
      accepted: this.#accepted,
      refused: this.#refused,
      faults: this.#faults,
    };
  }

  onRelease(name: string, run: (context: HookContext) => unknown): void {
    if (typeof run !== "function") {
      throw new TypeError(`Cannot add release hook "${name}": expected a function, got ${typeof run}`);
    }
    if (!this.#released) {
      this.#hooks.push({ name, run });
      return;
    }
    const { reason, signal } = this.#lifecycle;
    // What it would free is there nevertheless, and nobody else will.
    void Promise.resolve().then(() => run({ reason, signal })).catch((error: unknown) => this.#fault(error));
    throw this.#lifecycle.refusal(`add release hook "${name}"`);
  }

  #accept(transport: Transport): void {
    if (!this.#accepting) return this.#refuse(transport);
    const overflow = this.#admission.enter(transport);
    if (overflow !== undefined) return this.#refuse(transport, overflow);
    this.#full = false;
    const connection = new AcceptedConnection(++this.#accepted, transport, this.#host);
    this.#connections.add(connection);
    this.#owner.serve(connection);
  }

  #left(connection: AcceptedConnection, farewell: Farewell): void {
    this.#connections.delete(connection);
    this.#admission.leave(connection.transport);
    if (connection.endsWithServer) this.#lifecycle.farewell.child(farewell);
    else this.#lifecycle.farewell.guest(farewell);
    this.#lookIfEmpty();
  }

  #refuse(transport: Transport, overflow?: OverflowError): void {
    this.#refused++;
    transport.reset();
    this.#leaving++;
    void transport.closed.then(() => {
      this.#leaving--;
      this.#lookIfEmpty();
    });
    // Once until there is room again: a flood of connections must not become a flood of events.
    if (overflow !== undefined && !this.#full) this.#tell(overflow);
    if (overflow !== undefined) this.#full = true;
  }

  /** Resolves when every connection has left, and every socket that was refused. */
  #allLeft(): Promise<void> {
    const { promise } = this.#empty ??= deferred();
    this.#lookIfEmpty();
    return promise;
  }

  #lookIfEmpty(): void {
    if (this.#empty === undefined || this.#connections.size + this.#leaving > 0) return;
    this.#empty.resolve();
    this.#empty = undefined;
  }

  #handshakeFailed(error: Error): void {
    this.#refused++;
    this.#tell(error);
  }

  #fault(error: unknown): void {
    this.#faults++;
    if (this.state !== "closed") this.#lifecycle.farewell.error(error);
    this.#tell(error);
  }

  #tell(error: unknown): void {
    this.#lifecycle.emit({ type: "fault", error }, this.#loudness.of("warn"));
  }

  #onListenerClosed(error: Error | undefined): void {
    this.#listening = false;
    if (!this.#accepting) return;
    const address = targetText(this.address);
    const reason = error ?? new ConnectError(`The listener on ${address} has stopped by itself`, { address });
    this.#faults++;
    this.#lifecycle.fault(reason);
    void this.#lifecycle.end({ cause: "listener-error", reason });
  }

  async #stopListening(): Promise<void> {
    if (this.#accepting) this.#owner.intake?.();
    this.#accepting = false;
    await this.#listener.close();
    this.#listening = false;
  }

  async #drain(step: Step): Promise<void> {
    const connections = [...this.#connections];
    const drained = deferred();
    let left = connections.length;
    if (left === 0) return;
    const drain = within(step);
    // The wait for the turn counts as goodbye. The server keeps the time of that: see `takeTurn`.
    const goodbye = drain + phaseLimits.goodbye;
    const limits = { ...phaseLimits, intake: Math.min(phaseLimits.intake, drain / 4), drain, goodbye };
    const end: ServerEnd = {
      reason: step.reason,
      why: this.draining.reason,
      drain,
      limits,
      turn: this.#turn,
      onDrained: () => void (--left === 0 && drained.resolve()),
    };
    for (const connection of connections) connection.endWithServer(end);
    await drained.promise;
  }

  async #goodbye(step: Step): Promise<void> {
    this.#turn.come = true;
    for (const connection of this.#connections) connection.takeTurn(within(step));
    await this.#allLeft();
  }

  async #force(step: Step): Promise<void> {
    for (const connection of this.#connections) connection.cut(this.signal.reason, within(step));
    await Promise.all([this.#stopListening(), this.#allLeft()]);
  }

  async #release(step: Step): Promise<void> {
    const { farewell } = this.#lifecycle;
    for (const { name } of this.#connections) farewell.hook({ name, duration: 0, ended: "timeout" });
    do await runHooks(this.#hooks, step, farewell); while (this.#hooks.length > 0);
    this.#released = true;
  }

  #report(): FarewellParts {
    const sockets = [...this.#connections].filter(({ gone }) => !gone).length;
    const { residue, ...parts } = this.#owner.report?.() ?? {};
    const timers = this.#wheel.size + (residue?.timers ?? 0);
    return {
      ...parts,
      connections: { refused: this.#refused },
      residue: { sockets, listeners: this.#listening ? 1 : 0, timers },
    };
  }
}
