import { ConnectError, ConnectionLostError, PeerError, TimeoutError } from "../../lib/errors.ts";
import { abortable } from "../../lib/lifecycle/abort.ts";
import { LivingEndpoint } from "../../lib/lifecycle/base.ts";
import { Lifecycle } from "../../lib/lifecycle/lifecycle.ts";
import { limited } from "../../lib/lifecycle/limit.ts";
import type { Pingable } from "../../lib/pool/mod.ts";
import type { OpenMember, PoolFixture, PoolWorld } from "./pool_kit.ts";

/** The smallest members there are, and a server of nothing but variables. */
export const memoryPool: PoolFixture = {
  virtual: true,
  holes: 500,
  open: () => Promise.resolve(new MemoryServer()),
};

/** What it does. */
type Mood = "well" | "frozen" | "dead";

export class MemoryServer implements PoolWorld {
  readonly options: object = { nothing: { but: ["this"] } };
  readonly sessions: Set<MemoryMember> = new Set();
  mood: Mood = "well";
  /** Whoever comes is not answered. */
  cold = false;
  locked = false;
  /** The number of the server that is in use: it changes when one leaves. */
  generation = 0;
  /** Those whose peer takes nothing in. */
  readonly deaf: Set<unknown> = new Set();
  #dials = 0;
  #peak = 0;
  /** Connections that are being opened. */
  #opening = 0;
  #changed: Set<() => void> = new Set();

  async open(signal: AbortSignal, { reconnect = false }: OpenMember = {}): Promise<MemoryMember> {
    await this.connect(signal);
    return new MemoryMember(this, reconnect);
  }

  /** Resolves when the server has let somebody in. */
  async connect(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.#dials++;
    this.#opening++;
    this.#peak = Math.max(this.#peak, this.connections());
    try {
      await abortable(this.#until(() => !this.cold && this.mood !== "frozen"), signal);
      if (this.mood === "dead") {
        throw new ConnectError("Cannot connect: nobody is there", { address: "memory" });
      }
      if (this.locked) throw new PeerError("Cannot connect: the credentials are refused", { status: 1 });
    } finally {
      this.#opening--;
    }
  }

  /** Resolves when the server has answered. */
  answer(member: MemoryMember): Promise<void> {
    return this.#until(() => this.mood === "well" && !this.deaf.has(member));
  }

  async use(member: Pingable): Promise<void> {
    await member.ping();
  }

  enter(member: MemoryMember): void {
    this.sessions.add(member);
    this.#peak = Math.max(this.#peak, this.connections());
  }

  connections(): number {
    return this.sessions.size + this.#opening;
  }
  peak(): number {
    return this.#peak;
  }
  dials(): number {
    return this.#dials;
  }

  kill(): void {
    this.#set({ mood: "dead" });
    for (const member of [...this.sessions]) this.lose(member);
  }

  restart(): void {
    this.#set({ mood: "well" });
  }

  freeze(): void {
    this.#set({ mood: "frozen" });
  }

  thaw(): void {
    if (this.mood === "frozen") this.#set({ mood: "well" });
  }

  cool(): void {
    this.#set({ cold: true });
  }

  warm(): void {
    this.#set({ cold: false });
  }

  swallow(member: unknown): Promise<{ readonly received: () => number }> {
    this.deaf.add(member);
    let received = 0;
    return Promise.resolve({ received: () => ++received });
  }

  leave(): void {
    this.generation++;
    for (const member of this.sessions) member.announce();
  }

  lock(locked: boolean): void {
    this.#set({ locked });
  }

  lose(member: unknown): void {
    (member as MemoryMember).lose();
  }

  end(): Promise<void> {
    return Promise.resolve();
  }

  #set(change: Partial<Pick<MemoryServer, "mood" | "cold" | "locked">>): void {
    Object.assign(this, change);
    for (const look of [...this.#changed]) look();
  }

  #until(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (!condition()) return;
        this.#changed.delete(look);
        resolve();
      };
      this.#changed.add(look);
      queueMicrotask(look);
    });
  }
}

/** A connection without bytes. */
export class MemoryMember extends LivingEndpoint implements Pingable {
  readonly #server: MemoryServer;
  readonly #generation: number;
  readonly #lifecycle: Lifecycle;
  readonly #reconnect: boolean;
  #told = false;
  #loss = new AbortController();

  constructor(server: MemoryServer, reconnect: boolean) {
    const lifecycle: Lifecycle = new Lifecycle({
      name: "memory member",
      steps: {
        goodbye: async (step) => {
          await abortable(server.answer(this), step.signal).catch(() => {});
          this.#told = !step.signal.aborted;
        },
        release: () => void server.sessions.delete(this),
      },
      report: () => ({ connections: { opened: 1, [this.#told ? "clean" : "lost"]: 1 } }),
    });
    super(lifecycle);
    this.#lifecycle = lifecycle;
    this.#server = server;
    this.#generation = server.generation;
    this.#reconnect = reconnect;
    server.enter(this);
    lifecycle.opened();
  }

  get leaving(): boolean {
    return this.#generation < this.#server.generation;
  }

  async ping(
    { signal, timeout = 5_000 }: { signal?: AbortSignal | undefined; timeout?: number } = {},
  ): Promise<void> {
    const lost = (): Error => new ConnectionLostError("Cannot ping: no connection", { outcome: "unknown" });
    if (this.state !== "open" && this.state !== "draining") throw lost();
    const loss = this.#loss.signal;
    await limited(
      { signal, timeout, action: "ping", owner: loss, onOwner: lost },
      (until) => abortable(this.#server.answer(this), until),
    );
  }

  announce(): void {
    this.#lifecycle.emit({ type: "leaving", remote: "memory" });
  }

  lose(): void {
    this.#server.sessions.delete(this);
    this.#loss.abort();
    const reason = new ConnectionLostError("The connection was lost", { outcome: "unknown" });
    if (!this.#reconnect) return void this.#lifecycle.end({ cause: "lost", reason, lost: true });
    if (this.state !== "open") return;
    this.#lifecycle.reconnecting();
    void this.#comeBack(reason);
  }

  async #comeBack(lost: Error): Promise<void> {
    let error: unknown = lost;
    for (let attempt = 1; !this.draining.aborted; attempt++) {
      this.#lifecycle.emit({ type: "retry", attempt, delay: 5, error });
      try {
        await limited(
          { timeout: 5, owner: this.draining, action: "wait" },
          (signal) => abortable(new Promise<never>(() => {}), signal),
        ).catch((reason: unknown) => {
          if (!(reason instanceof TimeoutError)) throw reason;
        });
        await this.#server.connect(this.draining);
      } catch (failure) {
        error = failure;
        continue;
      }
      if (this.draining.aborted) return;
      this.#loss = new AbortController();
      this.#server.enter(this);
      this.#lifecycle.opened();
      return;
    }
  }
}
