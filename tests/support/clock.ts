/** How a {@linkcode TestClock} tells the time. */
export interface ClockOptions {
  /**
   * Time stands still until nothing else is left to do, then jumps to the next timer: 20 s pass in no time, and what waits
   * for something that never comes is found at once. For programs whose only other source of events is a network in
   * memory. Without it real timers are counted, and nothing more.
   */
  readonly virtual: boolean;
  /** Virtual milliseconds of one turn of the event loop that had something to do. @default {0} */
  readonly turn?: number | undefined;
  /** Told before each callback of a timer. */
  onFire?(): void;
}

/** Nothing is left to do, no timer is set, and what was waited for has not happened. */
export class StuckError extends Error {
  override readonly name = "StuckError";
}

/**
 * Replaces the timers of this process, counts those that are set, and, if it is virtual, the time itself. Between
 * `install` and `uninstall` nothing else may run in the process.
 */
export class TestClock {
  readonly #options: ClockOptions;
  readonly #timers: Map<number, Timer> = new Map();
  readonly #immediates: Set<unknown> = new Set();
  #time = 0;
  #ids = firstId;
  #installed = false;
  #before: Partial<typeof globalThis> = {};

  constructor(options: ClockOptions) {
    this.#options = options;
  }

  /** Timers that are set, as `delay ms` each. */
  get timers(): string[] {
    return [...this.#timers.values()].map(({ delay }) => `${Math.round(delay)} ms`);
  }

  /** Virtual milliseconds that have passed. */
  get time(): number {
    return this.#time;
  }

  install(): void {
    if (this.#installed) throw new TypeError("Cannot install a clock: it is installed");
    this.#installed = true;
    const { setTimeout, clearTimeout, setImmediate, clearImmediate } = globalThis;
    this.#before = { setTimeout, clearTimeout, setImmediate, clearImmediate };
    globalThis.setTimeout = this.#set as typeof setTimeout;
    globalThis.clearTimeout = this.#clear as typeof clearTimeout;
    globalThis.setImmediate = this.#setImmediate as typeof setImmediate;
    globalThis.clearImmediate = this.#clearImmediate as typeof clearImmediate;
    if (this.#options.virtual) performance.now = () => this.#time;
  }

  uninstall(): void {
    if (!this.#installed) return;
    this.#installed = false;
    Object.assign(globalThis, this.#before);
    if (real.ownNow === undefined) Reflect.deleteProperty(performance, "now");
    else Object.defineProperty(performance, "now", real.ownNow);
    for (const { handle } of this.#timers.values()) if (handle !== undefined) real.clearTimeout(handle);
    this.#timers.clear();
  }

  /** Lets everything happen that needs no time. With real time: what happens within a few turns. */
  async idle(): Promise<void> {
    for (let quiet = 0, turns = 0; quiet < 2; turns++) {
      if (turns > turnLimit) {
        throw new StuckError(`Nothing comes to rest within ${turnLimit} turns of the event loop`);
      }
      await new Promise<void>((resolve) => void real.setImmediate(resolve));
      quiet = this.#immediates.size === 0 ? quiet + 1 : 0;
    }
  }

  /**
   * Waits for a promise and lets the time pass that it needs, at most `budget` milliseconds.
   *
   * @throws {StuckError} it cannot settle any more, or not within the budget.
   */
  async until<T>(promise: PromiseLike<T>, budget = 120_000, what = "it"): Promise<T> {
    let settled = false;
    const settle = (): void => void (settled = true);
    promise.then(settle, settle);
    if (this.#options.virtual) await this.#drive(() => settled, this.#time + budget, what);
    else await this.#wait(() => settled, budget, what);
    return await promise;
  }

  async #drive(done: () => boolean, deadline: number, what: string): Promise<void> {
    const { turn = 0 } = this.#options;
    for (let quiet = 0; !done();) {
      await new Promise<void>((resolve) => void real.setImmediate(resolve));
      quiet = this.#immediates.size === 0 ? quiet + 1 : 0;
      if (done()) return;
      // Two quiet turns: Deno runs what an immediate has resolved only before the one after the next.
      if (quiet < 2) {
        this.#time += turn;
        if (turn > 0) this.#fireDue();
      } else {
        const next = this.#next();
        if (next === undefined) {
          throw new StuckError(`Waited in vain for ${what}: nothing is left that could bring it`);
        }
        this.#time = Math.max(this.#time, next.due);
        this.#fire(next);
        quiet = 0;
      }
      if (this.#time > deadline) {
        throw new StuckError(`Waited in vain for ${what}: its time has passed at ${this.#time} ms`);
      }
    }
  }

  async #wait(done: () => boolean, budget: number, what: string): Promise<void> {
    const start = performance.now();
    for (let turns = 0; !done(); turns++) {
      if (performance.now() - start > budget) {
        throw new StuckError(`Waited in vain for ${what}: ${budget} ms have passed`);
      }
      if (turns < 50) await new Promise<void>((resolve) => void real.setImmediate(resolve));
      else await new Promise<void>((resolve) => void real.setTimeout(resolve, 1));
    }
  }

  #next(): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of this.#timers.values()) if (next === undefined || timer.due < next.due) next = timer;
    return next;
  }

  #fireDue(): void {
    for (let next = this.#next(); next !== undefined && next.due <= this.#time; next = this.#next()) {
      this.#fire(next);
    }
  }

  #fire(timer: Timer): void {
    this.#timers.delete(timer.id);
    this.#options.onFire?.();
    timer.callback();
  }

  readonly #set = (callback: (...args: unknown[]) => void, delay = 0, ...args: unknown[]): Handle => {
    const id = this.#ids++;
    // No timer of a runtime is due at once.
    const timer: Timer = {
      id,
      delay,
      due: this.#time + Math.max(1, delay),
      callback: () => callback(...args),
      handle: undefined,
    };
    this.#timers.set(id, timer);
    if (!this.#options.virtual) {
      timer.handle = real.setTimeout(() => this.#fire(timer), delay);
    }
    const handle: Handle = {
      ref: () => handle,
      unref: () => handle,
      hasRef: () => true,
      [Symbol.toPrimitive]: () => id,
    };
    return handle;
  };

  readonly #clear = (handle: unknown): void => {
    if (handle === undefined || handle === null) return;
    const id = typeof handle === "object" && Symbol.toPrimitive in handle ? Number(handle) : handle as number;
    const timer = this.#timers.get(id);
    if (timer === undefined) {
      // One that was set before this clock was installed.
      if (id < firstId) real.clearTimeout(handle as Parameters<typeof clearTimeout>[0]);
      return;
    }
    this.#timers.delete(id);
    if (timer.handle !== undefined) real.clearTimeout(timer.handle);
  };

  readonly #setImmediate = (callback: (...args: unknown[]) => void, ...args: unknown[]): NodeJS.Immediate => {
    const handle = real.setImmediate(() => {
      this.#immediates.delete(handle);
      callback(...args);
    });
    this.#immediates.add(handle);
    return handle;
  };

  readonly #clearImmediate = (handle: NodeJS.Immediate): void => {
    this.#immediates.delete(handle);
    real.clearImmediate(handle);
  };
}

interface Timer {
  readonly id: number;
  readonly delay: number;
  readonly due: number;
  readonly callback: () => void;
  handle: ReturnType<typeof setTimeout> | undefined;
}

interface Handle {
  ref(): Handle;
  unref(): Handle;
  hasRef(): boolean;
  [Symbol.toPrimitive](): number;
}

/** Far from what the runtimes give to their own timers. */
const firstId = 1_000_000_000;
const turnLimit = 100_000;

/** Taken before anybody can replace them. */
const real = {
  setTimeout: globalThis.setTimeout,
  clearTimeout: globalThis.clearTimeout,
  setImmediate: globalThis.setImmediate,
  clearImmediate: globalThis.clearImmediate,
  ownNow: Object.getOwnPropertyDescriptor(performance, "now"),
};
