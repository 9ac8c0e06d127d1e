import { delay } from "@std/async/delay";
import { ConnectError, ConnectionLostError, PeerError } from "../errors.ts";
import { backoffDelay } from "../flow/backoff.ts";
import { abortable } from "../lifecycle/abort.ts";
import { type Deferred, deferred } from "../lifecycle/deferred.ts";
import type { ConnectionCounts } from "../lifecycle/farewell.ts";
import type { Lifecycle, Step } from "../lifecycle/lifecycle.ts";
import { limited } from "../lifecycle/limit.ts";
import { now } from "../lifecycle/timer.ts";
import { leaveSession, successorOf } from "./departure.ts";
import { lossOf, wordsOf } from "./failure.ts";
import { openSession, SetupRefusal } from "./opening.ts";
import type { Route } from "./route.ts";
import type { Session, SessionContext, SessionEnd } from "./session.ts";
import type { Server } from "./url.ts";
import type { Packet, Purpose } from "./wire/mod.ts";

/** What a {@linkcode Link} is for, and who is told what happens on it. */
export interface LinkHandler {
  /** Makes a fresh session ready for use, after its hello: subscribes, listens. A PeerError ends the link. */
  setup(session: Session, signal: AbortSignal): Promise<void>;
  /** A session is ready; from now on it is the one to write to. */
  opened(session: Session): void;
  packet(packet: Packet, session: Session): void;
  /** As that of a session. */
  confirmed?(seqNumber: number): boolean;
  full(session: Session): void;
  drain(session: Session): void;
  /** The session takes nothing new, and still answers what it has. */
  leaving(session: Session): void;
  /** It is kept after all. */
  staying(session: Session): void;
  /** Resolves when the session, which nothing new is written to, has settled what it has. */
  quiet(session: Session): Promise<unknown>;
  /** A session is gone. */
  lost(session: Session, cause: Error): void;
  /** There will be no session any more. */
  terminal(error: Error): void;
}

/** What a {@linkcode Link} is made of. */
export interface LinkOptions {
  readonly context: SessionContext;
  readonly route: Route;
  readonly purpose: Purpose;
  readonly group: string;
  readonly lifecycle: Lifecycle;
  readonly handler: LinkHandler;
}

/** Milliseconds for one attempt, where nothing else is said. */
const attemptTimeout = 5_000;
/** A session that lives shorter counts as another failure: a server that lets us in only to drop us is not pestered. */
const steady = 1_000;
/** Milliseconds after a renewal that failed before the next is tried. */
const renewalPause = 10_000;

/**
 * One logical connection to one of several servers: it makes sessions, one after the other, and never holds more than
 * the one in use and those that are being left. Attempt n+1 starts when attempt n holds nothing.
 */
export class Link {
  /** Every session that came about is counted once more when it ends. */
  readonly counts: Record<keyof Omit<ConnectionCounts, "refused">, number> = {
    opened: 0,
    clean: 0,
    forced: 0,
    lost: 0,
  };
  readonly #options: LinkOptions;
  readonly #stop = new AbortController();
  readonly #retiring: Set<Session> = new Set();
  /** Reconnects, moves and retirements under way. */
  readonly #works: Set<Promise<void>> = new Set();
  #session: Session | undefined = undefined;
  /** The session whose server has said goodbye, while its successor is sought. */
  #moving: Session | undefined = undefined;
  /** The renewal whose session is sought, and why the session that it is to replace was lost meanwhile. */
  #renewal: { readonly session: Session; loss: Error | undefined } | undefined = undefined;
  /** Not before, in the time of `now`. */
  #renewable = -Infinity;
  /** There while a renewed session is being left; resolved when the one after it is to be renewed as well. */
  #parting: Deferred<void> | undefined = undefined;
  /** The session that is renewed once that is over. */
  #due: Session | undefined = undefined;
  /** How the last one ended. */
  #last: SessionEnd | undefined = undefined;
  #forced = false;
  #epoch = 0;
  #opening = 0;
  #flaps = 0;

  constructor(options: LinkOptions) {
    this.#options = options;
  }

  /** The session in use. */
  get session(): Session | undefined {
    return this.#session;
  }

  get sockets(): number {
    return this.#retiring.size + this.#opening + (this.#session === undefined ? 0 : 1);
  }

  /**
   * Makes the first session: each server is tried once, in order, with its share of the time. Create-or-nothing.
   * `timeout`: the milliseconds after which `signal` aborts by itself.
   */
  start(signal: AbortSignal, timeout: number): Promise<void> {
    const started = this.#start(signal, timeout);
    // A message may end the subscription before anybody has it: that end waits until this holds nothing.
    const work = started.catch(() => {}).finally(() => this.#works.delete(work));
    this.#works.add(work);
    return started;
  }

  async #start(signal: AbortSignal, timeout: number): Promise<void> {
    const { lifecycle, route } = this.#options;
    const address = route.text;
    const deadline = now() + timeout;
    const errors: Error[] = [];
    for (let left = route.size; left > 0; left--) {
      const share = left === 1 ? Infinity : Math.min(attemptTimeout, Math.max(0, deadline - now()) / left);
      try {
        this.#adopt(await this.#attempt(route.current, share, signal));
        return;
      } catch (error) {
        if (signal.aborted && Object.is(error, signal.reason)) throw error;
        if (this.#stop.signal.aborted) throw lifecycle.refusal(`connect to ${address}`);
        if (error instanceof SetupRefusal) throw error.error;
        errors.push(error as Error);
      }
      route.next();
    }
    if (errors.length === 1) throw errors[0];
    const why = errors.map(({ message }) => message).join("; ");
    const cause = new AggregateError(errors, why);
    throw new ConnectError(`Cannot connect to any of ${address}: ${why}`, { address, cause });
  }

  /**
   * Says goodbye on all sessions. Resolves with whether the server was told: that of the one in use or, where there is
   * none, of the last one.
   */
  async goodbye(step: Step): Promise<boolean> {
    this.#stop.abort();
    await Promise.all(this.#works);
    const current = this.#session;
    const retiring = [...this.#retiring].map((session) => session.goodbye(step));
    const told = current === undefined ? undefined : await current.goodbye(step);
    const others = await Promise.all(retiring);
    if (told !== undefined) return told;
    return others.length > 0 ? others.every(Boolean) : this.#last === "clean";
  }

  /** Frees everything at once. */
  async force(): Promise<void> {
    this.#stop.abort();
    this.#forced = true;
    for (const session of this.#held()) session.destroy();
    await Promise.all(this.#works);
    await Promise.all(this.#held().map((session) => session.closed));
  }

  /**
   * Leaves the session in use for a fresh one at the same server; where that cannot be had, it stays. One renewed session
   * is being left at a time: the next renewal waits for it.
   */
  renew(): void {
    const session = this.#session;
    const { lifecycle } = this.#options;
    if (session === undefined || this.#moving !== undefined) return;
    if (lifecycle.ending || this.#stop.signal.aborted || now() < this.#renewable) return;
    if (this.#parting !== undefined) {
      this.#due = session;
      this.#parting.resolve();
      return;
    }
    this.#moving = session;
    this.#renewal = { session, loss: undefined };
    this.#age(session);
    this.#begin(this.#renew(session, this.#renewal));
  }

  async #renew(session: Session, renewal: { readonly loss: Error | undefined }): Promise<void> {
    const next = await this.#succeed(this.#options.route.current);
    if (next === "over") return;
    this.#renewal = undefined;
    this.#moving = undefined;
    const there = session === this.#session;
    if (next === undefined) {
      this.#renewable = now() + renewalPause;
      if (!there) await this.#reconnect(renewal.loss ?? lossOf(undefined, session.server.text));
      else if (session.dismissal !== undefined) this.#leaving(session, session.dismissal);
      return;
    }
    if (there) this.#retiring.add(session);
    this.#adopt(next);
    if (there) await this.#part(session);
  }

  /**
   * Leaves a renewed session. What is never answered there is why it was renewed: that runs to its own time limit, and is
   * no fault. Where the next renewal waits for that, it gets no longer than with any session that is left.
   */
  async #part(session: Session): Promise<void> {
    const { handler } = this.#options;
    const { signal } = this.#stop;
    const parting = this.#parting = deferred();
    const settled = Promise.race([handler.quiet(session), session.closed, parting.promise]);
    await abortable(settled, signal).catch(() => {});
    await leaveSession(session, signal, () => handler.quiet(session), () => {});
    this.#parting = undefined;
    const due = this.#due;
    this.#due = undefined;
    if (due !== undefined && due === this.#session) this.renew();
  }

  #held(): Session[] {
    return this.#session === undefined ? [...this.#retiring] : [this.#session, ...this.#retiring];
  }

  async #attempt(server: Server, timeout: number, signal: AbortSignal): Promise<Session> {
    const { context, purpose, group, handler } = this.#options;
    const action = `connect to ${server.text}`;
    this.#opening++;
    try {
      return await limited(
        { signal, timeout, action, owner: this.#stop.signal },
        (bounded) =>
          openSession(server, {
            context,
            purpose,
            group,
            epoch: ++this.#epoch,
            handler: {
              packet: (packet, session) => handler.packet(packet, session),
              confirmed: (seqNumber) => handler.confirmed?.(seqNumber) === true,
              full: (session) => handler.full(session),
              drain: (session) => handler.drain(session),
              leaving: (session, packet) => this.#leaving(session, packet),
              ended: (session, error) => this.#ended(session, error),
            },
            setup: (session, until) => handler.setup(session, until),
          }, bounded),
      );
    } finally {
      this.#opening--;
    }
  }

  #adopt(session: Session): void {
    const { handler, lifecycle } = this.#options;
    this.#session = session;
    this.counts.opened++;
    handler.opened(session);
    lifecycle.opened();
    lifecycle.emit({ type: "connected", epoch: session.epoch, remote: session.remote });
    // What happened to it before anybody was told.
    if (this.#forced) session.destroy();
    if (session.ended) this.#ended(session, undefined);
    else if (session.dismissal !== undefined) this.#leaving(session, session.dismissal);
  }

  #ended(session: Session, error: Error | undefined): void {
    const { handler, lifecycle } = this.#options;
    const retired = this.#retiring.delete(session);
    // One that was never ready for use: whoever opens it knows.
    if (!retired && session !== this.#session) return;
    const end = session.end ?? "lost";
    const cause = lossOf(error, session.server.text);
    this.counts[end]++;
    this.#last = end;
    if (!retired) this.#session = undefined;
    if (end === "lost") {
      if (!retired && lifecycle.phase === "drain") lifecycle.lost();
      // A server that has said goodbye may end the stream as it likes.
      const orderly = session.dismissal !== undefined && error === undefined;
      lifecycle.emit({ type: "lost", error: cause }, orderly ? "info" : "warn");
    }
    handler.lost(session, cause);
    if (this.#renewal?.session === session && !this.#stop.signal.aborted) {
      // Its successor is sought already, but for now there is none.
      this.#renewal.loss = cause;
      if (this.#options.context.options.reconnect === false) handler.terminal(cause);
      else lifecycle.reconnecting();
    }
    if (retired || this.#moving === session || this.#stop.signal.aborted) return;
    this.#age(session);
    this.#begin(this.#reconnect(cause));
  }

  #age(session: Session): void {
    this.#flaps = now() - session.since < steady ? this.#flaps + 1 : 0;
  }

  #begin(work: Promise<void>): void {
    // A failure of the work itself would be a mistake of this file: it ends the link, and is not lost.
    const guarded = work.catch((error: unknown) => {
      if (!this.#stop.signal.aborted) this.#options.handler.terminal(error as Error);
    }).finally(() => this.#works.delete(guarded));
    this.#works.add(guarded);
  }

  async #reconnect(cause: Error): Promise<void> {
    const { context, handler, lifecycle, route } = this.#options;
    const { reconnect } = context.options;
    const { signal } = this.#stop;
    if (reconnect === false) return handler.terminal(cause);
    const { attempts = Infinity, timeout = attemptTimeout } = reconnect;
    lifecycle.reconnecting();
    let error: unknown = cause;
    for (let attempt = 1; attempt <= attempts; attempt++) {
      const wait = backoffDelay(attempt + Math.max(0, this.#flaps - 1), reconnect);
      lifecycle.emit({ type: "retry", attempt, delay: wait, error });
      try {
        await delay(wait, { signal });
        this.#adopt(await this.#attempt(route.next(), timeout, signal));
        return;
      } catch (failure) {
        if (signal.aborted) return;
        if (failure instanceof SetupRefusal) return handler.terminal(failure.error);
        error = failure;
      }
    }
    const message =
      `The connection to ${route.text} was lost, and ${attempts} attempts to get it back have failed`;
    handler.terminal(new ConnectionLostError(message, { outcome: "unknown", cause: error }));
  }

  /** The server wants us to go: to another server where one is known, else away until it is back. */
  #leaving(session: Session, packet: Packet): void {
    const { handler, lifecycle } = this.#options;
    // It is about to be left anyway: an end of ours takes less time than the server gives.
    if (lifecycle.ending || this.#stop.signal.aborted) return;
    if (session !== this.#session || this.#moving !== undefined) return;
    const { code, description } = packet;
    if (code !== 0) {
      const words = wordsOf(description);
      const message = `The server ${session.server.text} said goodbye with status ${code}${words}`;
      lifecycle.fault(new PeerError(message, { status: code, description }));
    }
    this.#moving = session;
    this.#age(session);
    handler.leaving(session);
    this.#begin(this.#move(session, packet));
  }

  async #move(session: Session, packet: Packet): Promise<void> {
    const { context, handler, lifecycle, route } = this.#options;
    const { reconnect, tls } = context.options;
    const { signal } = this.#stop;
    const next = await this.#succeed(successorOf(session, packet, route, tls, lifecycle));
    if (next === "over") return;
    this.#moving = undefined;
    // It may have ended while its successor was sought.
    const there = session === this.#session;
    const cause = new ConnectionLostError(`The server ${session.server.text} said goodbye`, {
      outcome: "unknown",
    });
    if (next === undefined && reconnect === false) {
      if (!there) return handler.terminal(cause);
      handler.staying(session);
      void lifecycle.end({ cause: "peer-goodbye", reason: cause });
      return;
    }
    if (there) this.#retiring.add(session);
    this.#session = undefined;
    if (next === undefined) lifecycle.reconnecting();
    else this.#adopt(next);
    if (there) {
      await leaveSession(session, signal, () => handler.quiet(session), (error) => lifecycle.fault(error));
    }
    if (next === undefined && !signal.aborted) await this.#reconnect(cause);
  }

  /** Opens the session that takes the place of one that is left; "over" when nothing is to follow any more. */
  async #succeed(server: Server | undefined): Promise<Session | "over" | undefined> {
    const { context, handler, lifecycle } = this.#options;
    const { signal } = this.#stop;
    if (server === undefined) return undefined;
    const { reconnect } = context.options;
    const { timeout = attemptTimeout, ...backoff } = reconnect === false ? {} : reconnect;
    try {
      if (this.#flaps > 1) await delay(backoffDelay(this.#flaps - 1, backoff), { signal });
      return await this.#attempt(server, timeout, signal);
    } catch (error) {
      if (signal.aborted) return "over";
      if (!(error instanceof SetupRefusal)) {
        lifecycle.fault(error);
        return undefined;
      }
      handler.terminal(error.error);
      return "over";
    }
  }
}
