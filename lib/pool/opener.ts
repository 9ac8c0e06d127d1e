import { ClosedError } from "../errors.ts";
import { backoffDelay } from "../flow/backoff.ts";
import { onAbort } from "../lifecycle/abort.ts";
import type { Endpoint } from "../lifecycle/endpoint.ts";
import type { MemberNews } from "../lifecycle/events.ts";
import type { Farewell } from "../lifecycle/farewell.ts";
import { limited } from "../lifecycle/limit.ts";
import { now } from "../lifecycle/timer.ts";
import type { TimerWheel } from "../lifecycle/wheel.ts";
import type { PoolSettings } from "./options.ts";
import type { Moment } from "./proof.ts";

/** Who is told what comes of the attempts. */
export interface OpenerHost<T extends Endpoint> {
  readonly settings: PoolSettings<T>;
  readonly wheel: TimerWheel;
  /** Forces the end of a member that comes about too late. */
  readonly hard: AbortSignal;
  nextId(): number;
  moment(): Moment;
  /** Members that should be in the making. */
  wanted(): number;
  /** Members that may be in the making. */
  room(): number;
  tell(id: number, news: Omit<MemberNews, "member">): void;
  fault(error: unknown): void;
  opened(id: number, endpoint: T, began: Moment): void;
  failed(error: unknown): void;
  /** One came about that nobody wanted any longer, and has ended. */
  late(farewell: Farewell): void;
  /** An attempt has left its place. */
  vacated(): void;
}

/** One place for a member, while it is being opened. */
interface Opening {
  readonly id: number;
  readonly abort: AbortController;
}

/**
 * Opens members: in each place one attempt after the other. After a failure there is one attempt at a time for the whole
 * pool, after a wait that grows; a failure that is terminal ends all attempts until `retry`.
 */
export class Opener<T extends Endpoint> {
  readonly #host: OpenerHost<T>;
  readonly #openings: Set<Opening> = new Set();
  /** Failures in a row; those of attempts that were under way at the same time are one. */
  #failures = 0;
  /** Members in a row that were of no use as soon as they were open. */
  #flaps = 0;
  #lastFlap = -Infinity;
  /** No attempt begins before. */
  #notBefore = -Infinity;
  #refused: { readonly error: unknown } | undefined = undefined;
  #stopped = false;
  /** End the waits of attempts that have not begun. */
  readonly #pauses: Set<() => void> = new Set();
  /** The last failure, while it is the last thing that has happened. */
  failure: unknown = undefined;

  constructor(host: OpenerHost<T>) {
    this.#host = host;
  }

  /** Places that are taken. */
  get size(): number {
    return this.#openings.size;
  }

  get failing(): boolean {
    return this.#failures > 0;
  }

  /** Failures in a row. */
  get failures(): number {
    return this.#failures;
  }

  /** The failure after which there are no attempts. */
  get refused(): { readonly error: unknown } | undefined {
    return this.#refused;
  }

  get ids(): number[] {
    return [...this.#openings].map(({ id }) => id);
  }

  /** Begins attempts that are wanted. Those that are under way go on, even if somebody has given a member back meanwhile. */
  adjust(): void {
    if (this.#stopped || this.#refused !== undefined) return;
    const wanted = this.#host.wanted();
    const most = this.failing ? Math.min(1, wanted) : wanted;
    while (this.#active().length < most && this.size < this.#host.room()) this.#start();
  }

  /** Somebody has left: calls off attempts that nobody else needs. */
  trim(): void {
    const needless = this.#active().slice(this.#host.wanted());
    for (const { abort } of needless) {
      abort.abort(new ClosedError("Nobody needs it any longer", { state: "opening" }));
    }
  }

  /** A member that was opened at that time was of no use from the start: that counts like a failure. */
  flap(since: number): void {
    const { backoff } = this.#host.settings;
    const time = now();
    // Members that were opened side by side are one.
    if (since < this.#lastFlap) return;
    const forgotten = time - this.#lastFlap > 2 * (backoff.max ?? 10_000) + steady;
    this.#flaps = forgotten ? 1 : this.#flaps + 1;
    this.#lastFlap = time;
    this.#wait();
  }

  /** Whether another attempt would come to the same. */
  isTerminal(error: unknown): boolean {
    try {
      return this.#host.settings.terminal(error);
    } catch (fault) {
      this.#host.fault(fault);
      return false;
    }
  }

  /** Lets attempts be made again after a terminal failure, and at once. */
  retry(): void {
    this.#refused = undefined;
    this.#failures = this.#flaps = 0;
    this.#notBefore = -Infinity;
    for (const wake of [...this.#pauses]) wake();
    this.adjust();
  }

  /** Calls everything off, for good. */
  stop(reason: unknown): void {
    this.#stopped = true;
    for (const { abort } of this.#openings) abort.abort(reason);
  }

  #active(): Opening[] {
    return [...this.#openings].filter(({ abort }) => !abort.signal.aborted);
  }

  #start(): void {
    const opening = { id: this.#host.nextId(), abort: new AbortController() };
    this.#openings.add(opening);
    // It never rejects.
    void this.#run(opening);
  }

  async #run(opening: Opening): Promise<void> {
    const { id, abort: { signal } } = opening;
    const host = this.#host;
    do {
      await this.#pause(signal);
      if (signal.aborted || this.#refused !== undefined) break;
      const before = this.#failures;
      const began = host.moment();
      host.tell(id, { change: "opening" });
      try {
        const endpoint = await this.#attempt(signal);
        if (signal.aborted) {
          host.late(await endpoint.goodbye({ reason: signal.reason, grace: lateGrace, signal: host.hard }));
          break;
        }
        this.#failures = 0;
        this.failure = undefined;
        // Somebody was let in after all.
        this.#refused = undefined;
        this.#openings.delete(opening);
        host.opened(id, endpoint, began);
        return;
      } catch (error) {
        if (signal.aborted) break;
        this.#failed(opening, error, before);
      }
    } while (!signal.aborted);
    this.#openings.delete(opening);
    if (signal.reason !== over) host.tell(id, { change: "closed", by: "pool", error: signal.reason });
    host.vacated();
  }

  async #attempt(owner: AbortSignal): Promise<T> {
    const { open, openTimeout, probe } = this.#host.settings;
    const limits = { timeout: openTimeout, owner, action: "open a member" };
    const endpoint = await limited(limits, async (signal) => await open(signal));
    const wrong = flawOf(endpoint, probe === undefined);
    if (wrong === undefined) return endpoint;
    if (typeof (endpoint as Partial<Endpoint> | undefined)?.goodbye === "function") await endpoint.goodbye();
    throw new TypeError(`Cannot keep what "open" has opened: ${wrong}`);
  }

  #failed(opening: Opening, error: unknown, before: number): void {
    const host = this.#host;
    // The first refusal is the one that is told.
    if (this.#refused === undefined) this.failure = error;
    if (this.#failures === before) {
      this.#failures++;
      this.#wait();
    }
    if (this.isTerminal(error)) {
      this.#refused ??= { error };
      opening.abort.abort(over);
      host.tell(opening.id, { change: "refused", error });
    } else {
      // One of them goes on.
      const again = this.#refused === undefined && this.#active().length === 1 && host.wanted() > 0;
      if (!again) opening.abort.abort(over);
      const delay = Math.max(0, this.#notBefore - now());
      host.tell(opening.id, { change: "failed", error, ...(again ? { delay } : {}) });
    }
    host.failed(error);
  }

  #wait(): void {
    const delay = backoffDelay(this.#failures + this.#flaps, this.#host.settings.backoff);
    this.#notBefore = Math.max(this.#notBefore, now() + delay);
  }

  /** Waits until an attempt may begin; without anything to wait for, until this turn is over. */
  async #pause(signal: AbortSignal): Promise<void> {
    await undefined;
    while (!signal.aborted && now() < this.#notBefore) {
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          this.#pauses.delete(wake);
          link.unlink();
          timer.cancel();
          resolve();
        };
        const link = onAbort(signal, wake);
        const timer = this.#host.wheel.add(this.#notBefore - now(), { onDeadline: wake });
        this.#pauses.add(wake);
      });
    }
  }
}

/** The place is left because its attempt has failed, which was told. */
const over: unique symbol = Symbol("over");
/** A member that lives shorter was of no use. */
export const steady = 1_000;
/** Milliseconds for the goodbye of a member that comes about too late. */
const lateGrace = 1_000;

/** What keeps a value from being a member. */
function flawOf(value: unknown, needsPing: boolean): string | undefined {
  const { closed, draining, events, goodbye, ping } = (value ?? {}) as Partial<Endpoint> & { ping?: unknown };
  const endpoint = typeof goodbye === "function" && typeof events === "function" &&
    draining instanceof AbortSignal && closed instanceof Promise;
  if (!endpoint) return "it is no endpoint";
  if (needsPing && typeof ping !== "function") return 'it has no ping(), and there is no option "probe"';
  return undefined;
}
