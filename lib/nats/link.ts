import { delay } from "@std/async/delay";
import { PermissionViolationError, type Status } from "@nats-io/nats-core/internal";
import { ConnectionLostError, PeerError } from "../errors.ts";
import { backoffDelay } from "../flow/backoff.ts";
import { abortable } from "../lifecycle/abort.ts";
import { type Deferred, deferred } from "../lifecycle/deferred.ts";
import type { ConnectionCounts } from "../lifecycle/farewell.ts";
import { LateSignal } from "../lifecycle/late_signal.ts";
import { limited } from "../lifecycle/limit.ts";
import type { RunningPhase } from "../lifecycle/running.ts";
import { now } from "../lifecycle/timer.ts";
import type { WheelTimer } from "../lifecycle/wheel.ts";
import { AuthenticatorError, officialOptions } from "./credentials.ts";
import { failureOf, lossOf, noneOf } from "./failure.ts";
import { Interests } from "./interests.ts";
import type { LinkOptions, LinkServer, PongHandler } from "./link_options.ts";
import { Protocol } from "./protocol.ts";
import { Room } from "./room.ts";
import { Wire } from "./wire.ts";

export type { LinkHandler, LinkOptions, LinkServer, PongHandler } from "./link_options.ts";

/** Milliseconds for one attempt, where nothing else is said. */
const attemptTimeout = 5_000;
/** Why work is given up when the link ends; nobody is told. */
const stopped = "the link ends";
/** A connection that lives shorter counts as another failure: a server that lets us in only to drop us is not pestered. */
const steady = 1_000;

/** One logical connection to one of several servers. Attempt n+1 starts when attempt n holds nothing. */
export class Link {
  readonly protocol: Protocol;
  /** What it is subscribed to. */
  readonly interests: Interests;
  /** Of the transport in use. */
  readonly room: Room = new Room(() => this.#patience());
  /** Every connection that came about is counted once more when it ends. */
  readonly counts: Record<keyof Omit<ConnectionCounts, "refused">, number> = {
    opened: 0,
    clean: 0,
    forced: 0,
    lost: 0,
  };
  epoch = 0;
  /** The server has said that it is about to go. */
  leaving = false;
  readonly #options: LinkOptions;
  readonly #stop: LateSignal = new LateSignal();
  /** Reconnects under way. */
  readonly #works: Set<Promise<void>> = new Set();
  #up = false;
  #opening = 0;
  #flaps = 0;
  #since = 0;
  #paused = false;
  #announced: boolean;
  /** Keeps the server from taking silence for death while nothing is read. */
  #beat: WheelTimer | undefined = undefined;
  /** How the connection in use ends: as lost, unless we end it. */
  #end: "clean" | "forced" | "lost" = "lost";
  #waiters: Deferred<void> | undefined = undefined;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#announced = options.silent !== true;
    const { network, tls } = options.options;
    const servers = options.servers.map(({ listen }) => listen);
    this.protocol = new Protocol(
      officialOptions(options.options, servers, (error) => this.protocol.wire.destroy(error)),
      {
        wire: () => new Wire({ network, tls, full: () => this.#full(), drain: () => this.#drain() }),
        up: () => this.#opened(),
        down: (error) => this.#down(error),
        status: (status) => this.#status(status),
        closed: () => this.#closedBySomebody(),
      },
    );
    this.interests = new Interests(this.protocol, () => this.#up);
    const named = new Map(options.servers.map(({ listen, tlsName }) => [listen, tlsName]));
    for (const server of this.protocol.servers.getServers()) server.tlsName = named.get(server.listen) ?? "";
  }

  /** The server can be written to. */
  get up(): boolean {
    return this.#up;
  }

  get sockets(): number {
    return this.#opening + (this.#up ? 1 : 0);
  }

  /** Host and port of the server in use, or of the last one. */
  get server(): string {
    return this.protocol.servers.getCurrentServer().listen;
  }

  /** The servers that are known, the one in use first. */
  get servers(): readonly LinkServer[] {
    const list = this.protocol.servers.getServers();
    const at = Math.max(0, list.indexOf(this.protocol.servers.getCurrentServer()));
    return [...list.slice(at), ...list.slice(0, at)].map(({ listen, tlsName }) => ({ listen, tlsName }));
  }

  /** The largest payload with headers that the server takes, in bytes. */
  get maxPayload(): number {
    return this.protocol.info?.max_payload ?? this.#maxPayload;
  }
  #maxPayload = Infinity;

  /** Whether the server takes headers. */
  get headers(): boolean {
    return this.protocol.info?.headers ?? this.#headers;
  }
  #headers = true;

  /**
   * Makes the first connection: each server is tried once, in order, with its share of the time. Create-or-nothing.
   * `timeout`: the milliseconds after which `signal` aborts by itself.
   */
  start(signal: AbortSignal, timeout: number): Promise<void> {
    const started = this.#start(signal, timeout);
    const work = started.catch(() => {}).finally(() => this.#works.delete(work));
    this.#works.add(work);
    return started;
  }

  async #start(signal: AbortSignal, timeout: number): Promise<void> {
    const { lifecycle, servers } = this.#options;
    const address = servers.map(({ listen }) => listen).join(", ");
    const deadline = now() + timeout;
    const errors: Error[] = [];
    for (let left = servers.length; left > 0; left--) {
      const share = left === 1 ? Infinity : Math.min(attemptTimeout, Math.max(0, deadline - now()) / left);
      try {
        await this.#attempt(left === servers.length ? undefined : "next", share, signal);
        return;
      } catch (error) {
        if (signal.aborted && Object.is(error, signal.reason)) throw error;
        if (this.#stop.aborted) throw lifecycle.refusal(`connect to ${address}`);
        if (error instanceof AuthenticatorError) throw error;
        errors.push(error as Error);
      }
    }
    throw noneOf(address, errors);
  }

  /** Resolves when the server can be written to. */
  async whenUp(signal: AbortSignal): Promise<void> {
    if (this.#up) return;
    this.#waiters ??= deferred();
    await abortable(this.#waiters.promise, signal);
  }

  /** Sends a PING behind everything that was written. */
  ping(pong: PongHandler): void {
    if (!this.#up) {
      return pong.reject(new ConnectionLostError("There is no connection", { outcome: "not-sent" }));
    }
    const { wire } = this;
    // Heartbeats and the raw connection flush the same way: answers come in the order of the questions.
    this.protocol.pongs.push(pong as never);
    wire.writer.ping();
    wire.outbox.touch();
  }

  /** Resolves when the server has processed everything that was written; rejects when the connection is lost before. */
  async settled(signal: AbortSignal): Promise<void> {
    const answer = deferred();
    this.ping(answer);
    await abortable(answer.promise, signal);
  }

  /** What the client has buffered itself goes first: the order on the wire is the order of the calls. */
  #orderly(): void {
    const { outbound } = this.protocol;
    if (outbound.length() > 0) this.protocol.flushPending();
  }

  /** The writer of the wire: what is put into it leaves with the end of the tick, after `touch`. */
  get wire(): Wire {
    this.#orderly();
    return this.protocol.wire;
  }

  pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    if (this.#up) this.#hush();
  }

  /** Reads no more. What logs in must read: a connection that comes back is quiet when it is there. */
  #hush(): void {
    this.protocol.wire.pause();
    this.protocol.heartbeats.cancel();
    this.#keepAlive();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#beat?.cancel();
    if (!this.#up) return;
    this.protocol.heartbeats.start();
    this.protocol.wire.resume();
  }

  /** Says goodbye: all that was written is processed, then the connection is closed. False: the server does not know. */
  async goodbye(step: RunningPhase): Promise<boolean> {
    this.#stop.abort(stopped);
    await Promise.all(this.#works);
    if (this.#up) this.resume();
    const told = this.#up && await this.#told(step);
    if (!step.aborted) {
      this.#end = told ? "clean" : this.#end;
      await this.protocol.end();
    }
    return told;
  }

  /** As `settled`, without a signal that only it would need. */
  async #told(step: RunningPhase): Promise<boolean> {
    const answer = deferred();
    this.ping(answer);
    const leave = step.onCut((reason) => answer.reject(reason));
    return await answer.promise.then(() => true, () => false).finally(leave);
  }

  /** It is closed, and nothing of it is left. */
  get over(): boolean {
    return this.#stop.aborted && !this.#up && this.#works.size === 0 && this.protocol.isClosed();
  }

  /** Frees everything at once. */
  async force(): Promise<void> {
    this.#stop.abort(stopped);
    if (this.#end === "lost" && this.#up) this.#end = "forced";
    await this.protocol.end();
    this.#beat?.cancel();
    await Promise.all(this.#works);
  }

  #keepAlive(): void {
    const { wheel, options: { heartbeat } } = this.#options;
    this.#beat = wheel.add(heartbeat, {
      onDeadline: () => {
        if (!this.#up || !this.#paused) return;
        this.ping({ resolve() {}, reject() {} });
        this.#keepAlive();
      },
    });
  }

  async #attempt(which: "next" | undefined, timeout: number, signal: AbortSignal): Promise<void> {
    const { servers } = this.protocol;
    const list = servers.getServers();
    const at = list.indexOf(servers.getCurrentServer());
    const server = which === "next" ? list[(at + 1) % list.length]! : list[Math.max(0, at)]!;
    servers.setCurrent(server);
    this.protocol.server = server;
    this.#opening++;
    try {
      await limited(
        { signal, timeout, action: `connect to ${server.listen}` },
        async (bounded) => {
          try {
            await this.protocol.attempt(server, bounded);
          } catch (error) {
            throw error instanceof AuthenticatorError ? error : failureOf(error, server.listen, bounded);
          }
        },
      );
    } finally {
      this.#opening--;
    }
  }

  #opened(): void {
    const { handler } = this.#options;
    this.#up = true;
    this.#since = now();
    this.#end = "lost";
    this.leaving = false;
    // An attempt that has failed may have filled it.
    this.room.free();
    this.#maxPayload = this.protocol.info?.max_payload ?? Infinity;
    this.#headers = this.protocol.info?.headers ?? false;
    this.epoch++;
    this.counts.opened++;
    if (this.#paused) this.#hush();
    handler.opened(this.epoch);
    this.#waiters?.resolve();
    this.#waiters = undefined;
    if (this.#announced) this.announce();
  }

  /** It is ready for use. */
  announce(): void {
    const { lifecycle } = this.#options;
    this.#announced = true;
    lifecycle.opened();
    lifecycle.emit({ type: "connected", epoch: this.epoch, remote: this.protocol.wire.remote });
  }

  #down(error: Error | undefined): void {
    const { handler, lifecycle } = this.#options;
    this.#up = false;
    this.#beat?.cancel();
    this.room.free();
    this.counts[this.#end]++;
    // Ended by us: whoever still waited has been told.
    if (this.#end !== "lost") return;
    const cause = lossOf(error, this.server);
    if (this.#announced) {
      if (lifecycle.phase === "drain") lifecycle.lost();
      lifecycle.emit({ type: "lost", error: cause }, this.leaving ? "info" : "warn");
    }
    handler.lost(cause, this.epoch);
    if (this.#stop.aborted || !this.#announced) return;
    this.#flaps = now() - this.#since < steady ? this.#flaps + 1 : 0;
    this.#begin(this.#reconnect(cause));
  }

  #begin(work: Promise<void>): void {
    // A failure of the work itself would be a mistake of this file: it ends the link, and is not lost.
    const guarded = work.catch((error: unknown) => {
      if (!this.#stop.aborted) this.#options.handler.terminal(error as Error);
    }).finally(() => this.#works.delete(guarded));
    this.#works.add(guarded);
  }

  async #reconnect(cause: Error): Promise<void> {
    const { handler, lifecycle, options: { reconnect } } = this.#options;
    const { signal } = this.#stop;
    if (reconnect === false) return handler.terminal(cause);
    const { attempts = Infinity, timeout = attemptTimeout } = reconnect;
    lifecycle.reconnecting();
    let error: unknown = cause;
    let refusals = 0;
    for (let attempt = 1; attempt <= attempts; attempt++) {
      const wait = backoffDelay(attempt + Math.max(0, this.#flaps - 1), reconnect);
      lifecycle.emit({ type: "retry", attempt, delay: wait, error });
      try {
        await delay(wait, { signal });
        await this.#attempt("next", timeout, signal);
        return;
      } catch (failure) {
        if (signal.aborted) return;
        if (failure instanceof AuthenticatorError) return handler.terminal(failure);
        // Servers that are not there say nothing: they do not take back what the others have said.
        if (failure instanceof PeerError) refusals++;
        // Refused more often than there are servers: other credentials are what it takes.
        if (refusals > this.protocol.servers.length()) return handler.terminal(failure as PeerError);
        error = failure;
      }
    }
    const message =
      `The connection to ${this.server} was lost, and ${attempts} attempts to get it back have failed`;
    handler.terminal(new ConnectionLostError(message, { outcome: "unknown", cause: error }));
  }

  /** While nothing is read no heartbeat tells that the server is frozen: that it takes nothing does. */
  #patience(): WheelTimer {
    const { wheel, options: { heartbeat, missedHeartbeats } } = this.#options;
    const time = heartbeat * (missedHeartbeats + 1);
    const onDeadline = (): void => {
      this.protocol.wire.destroy(new Error(`the server has taken nothing for ${time} ms`));
    };
    return wheel.add(time, { onDeadline });
  }

  #full(): void {
    this.room.fill();
    this.#options.handler.full();
  }

  #drain(): void {
    this.room.free();
    this.#options.handler.drain();
  }

  #status(status: Status): void {
    const { handler, lifecycle } = this.#options;
    if (status.type === "ldm" && !this.leaving) {
      this.leaving = true;
      lifecycle.emit({ type: "leaving", remote: this.protocol.wire.remote });
    } else if (status.type === "error" && status.error instanceof PermissionViolationError) {
      if (status.error.operation === "publish") handler.denied(status.error);
    }
  }

  #closedBySomebody(): void {
    if (this.#stop.aborted) return;
    this.#stop.abort(stopped);
    const message = `The connection to ${this.server} was closed through its raw connection`;
    this.#options.handler.terminal(new ConnectionLostError(message, { outcome: "unknown" }));
  }
}
