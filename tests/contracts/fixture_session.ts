import { ConnectionLostError, PeerError } from "../../lib/errors.ts";
import { abortable } from "../../lib/lifecycle/abort.ts";
import { LivingEndpoint } from "../../lib/lifecycle/base.ts";
import { type Deferred, deferred, ignoreRejection } from "../../lib/lifecycle/deferred.ts";
import type { FarewellParts } from "../../lib/lifecycle/farewell.ts";
import { Lifecycle, type Step } from "../../lib/lifecycle/lifecycle.ts";
import { limited } from "../../lib/lifecycle/limit.ts";
import type { AbortOptions } from "../../lib/lifecycle/mod.ts";
import type { Network, TransportTarget } from "../../lib/net/mod.ts";
import { Line, type Listener, type Verb } from "./fixture_line.ts";

/** How a session is opened. */
export interface SessionOptions extends AbortOptions {
  /** Milliseconds for the call. @default {5_000} */
  readonly timeout?: number | undefined;
}

/** Milliseconds that the next attempt waits for what the one before has left at the other end. */
const abandonment = 1_000;

/**
 * Opens a session on a stream. One that is `owned` belongs to the session from the call on and ends with it, also when
 * the call rejects; one that is borrowed stays as it is. Either way the other end is told.
 */
export async function openSession(
  line: Line,
  { owned, signal, timeout = 5_000 }: SessionOptions & { readonly owned: boolean },
): Promise<Session> {
  const session = new Session(line, { id: line.nextId(), owned });
  await session.open({ signal, timeout });
  return session;
}

/** Dials, and opens a session that owns the stream. */
export async function connectSession(
  network: Network,
  target: TransportTarget,
  { signal, timeout = 5_000 }: SessionOptions,
): Promise<Session> {
  return await limited({ signal, timeout, action: "connect a session" }, async (bounded) => {
    const transport = await network.dial(target, { signal: bounded });
    return await openSession(new Line(transport), { owned: true, signal: bounded, timeout: Infinity });
  });
}

/** A session that the other end has asked for. The stream belongs to whoever has accepted it. */
export function acceptSession(line: Line, id: string): Session {
  const session = new Session(line, { id, owned: false, name: "accepted session" });
  session.accept();
  return session;
}

/**
 * A session of the smallest protocol that has a hello and a goodbye, written as a protocol is to be written: whose the
 * stream is decides about sockets only, and an opening that fails is an end like any other.
 */
export class Session extends LivingEndpoint implements Listener {
  readonly id: string;
  readonly line: Line;
  readonly #owned: boolean;
  readonly #lifecycle: Lifecycle;
  readonly #pings: Deferred<void>[] = [];
  /** The other end has made the session, or will not. */
  readonly #made: Deferred<void> = deferred();
  /** The other end has said its goodbye, or is gone. */
  readonly #answered: Deferred<void> = deferred();
  /** We have said hello. */
  #asked = false;
  /** The other end has the session. */
  #there = false;
  #byeSaid = false;
  #told = false;
  #freed = false;

  constructor(
    line: Line,
    { id, owned, name = "session" }: { id: string; owned: boolean; name?: string },
  ) {
    const lifecycle = new Lifecycle({
      name,
      steps: {
        drain: (step) => this.#drain(step),
        goodbye: (step) => this.#goodbye(step),
        force: () => this.#free(),
        release: () => this.#free(),
      },
      report: () => this.#report(),
    });
    super(lifecycle);
    this.id = id;
    this.line = line;
    this.#owned = owned;
    this.#lifecycle = lifecycle;
    ignoreRejection(this.#made.promise);
  }

  /** Says hello, when nothing of an earlier attempt is left at the other end, and waits for the answer. */
  async open({ signal, timeout = Infinity }: SessionOptions = {}): Promise<void> {
    const onOwner = (): Error => this.#lifecycle.refusal("open a session", "unknown");
    const limits = { signal, timeout, action: "open a session", owner: this.draining, onOwner };
    try {
      await limited(limits, (bounded) => this.#hello(bounded));
    } catch (error) {
      await this.#lifecycle.end({ cause: "aborted", reason: error, forced: true });
      throw error;
    }
  }

  accept(): void {
    this.#asked = this.#there = true;
    this.line.attach(this.id, this);
    this.line.send("welcome", this.id);
    this.#lifecycle.opened();
  }

  /** Asks for a sign of life. */
  async ping({ signal }: AbortOptions = {}): Promise<void> {
    signal?.throwIfAborted();
    if (this.#lifecycle.ending) throw this.#lifecycle.refusal("ping");
    const pong: Deferred<void> = deferred();
    ignoreRejection(pong.promise);
    this.#pings.push(pong);
    this.line.send("ping", this.id);
    await abortable(pong.promise, signal);
  }

  said(verb: Verb, text: string): void {
    if (verb === "welcome") {
      this.#there = true;
      this.#made.resolve();
    } else if (verb === "refused") {
      this.#asked = false;
      this.line.detach(this.id);
      this.#made.reject(new PeerError("Cannot open a session: refused", { status: 1, description: text }));
    } else if (verb === "ping") {
      this.line.send("pong", this.id);
    } else if (verb === "pong") {
      this.#pings.shift()?.resolve();
    } else if (verb === "bye") {
      this.#told = true;
      this.#answered.resolve();
      void this.#lifecycle.end({ cause: "peer-goodbye" });
    }
  }

  gone(error: Error | undefined): void {
    const loss = (): Error =>
      new ConnectionLostError("The stream of the session is gone", { cause: error, outcome: "unknown" });
    this.#answered.resolve();
    this.#made.reject(loss());
    for (const pong of this.#pings.splice(0)) pong.reject(loss());
    if (this.#told || this.#freed || this.#lifecycle.state === "opening") return;
    if (this.#lifecycle.ending) this.#lifecycle.lost();
    else void this.#lifecycle.end({ cause: "lost", reason: loss(), lost: true });
  }

  async #hello(signal: AbortSignal): Promise<void> {
    await abortable(this.line.quiet(), signal);
    this.#asked = true;
    this.line.attach(this.id, this);
    this.line.send("hello", this.id);
    await abortable(this.#made.promise, signal);
    this.#lifecycle.opened();
  }

  async #drain(step: Step): Promise<void> {
    await abortable(Promise.allSettled(this.#pings.map(({ promise }) => promise)), step.signal)
      .catch(() => {});
  }

  async #goodbye(step: Step): Promise<void> {
    this.#bye();
    await abortable(this.#answered.promise, step.signal).catch(() => {});
    if (!this.#owned || step.signal.aborted) return;
    this.line.transport.end();
    await abortable(this.line.closed, step.signal).catch(() => {});
  }

  /** The same for every session, whosever the stream is. */
  #bye(): void {
    if (this.#byeSaid || !this.#asked) return;
    this.#byeSaid = true;
    this.line.send("bye", this.id);
  }

  /** Nobody waits for the other end here; it is told nevertheless. */
  async #free(): Promise<void> {
    const halfMade = this.#asked && !this.#there && !this.line.over;
    if (!this.#freed) {
      this.#freed = true;
      for (const pong of this.#pings.splice(0)) pong.reject(this.#lifecycle.refusal("ping", "unknown"));
      if (halfMade && !this.#owned) return this.line.abandon(this.#undo());
      this.#bye();
      this.line.detach(this.id);
      if (this.#owned) this.line.transport.destroy();
    }
    if (this.#owned) await this.line.closed;
  }

  /** The other end may still make what it was asked for: then it is told at once, and an attempt that follows waits. */
  async #undo(): Promise<void> {
    const told = this.#made.promise.then(() => {
      this.#bye();
      return this.#answered.promise;
    }).catch(() => {}).then(() => this.line.detach(this.id));
    const limits = { timeout: abandonment, action: "undo a session" };
    await limited(limits, (signal) => abortable(told, signal)).catch(() => {});
  }

  #report(): FarewellParts {
    return { residue: { sockets: this.#owned && !this.line.transport.destroyed ? 1 : 0 } };
  }
}
