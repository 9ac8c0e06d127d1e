import { onAbort } from "./abort.ts";
import { type Deferred, deferred } from "./deferred.ts";
import { LivingEndpoint } from "./base.ts";
import type { Endpoint } from "./endpoint.ts";
import { type Hook, runHook, settleCutHooks, shareOf } from "./hooks.ts";
import { Lifecycle, type Step } from "./lifecycle.ts";
import { checkNames, checkSignal } from "./option.ts";
import { childBudget } from "./phases.ts";
import { checkDuration, now, startTimer } from "./timer.ts";

/** What {@linkcode createScope} takes. */
export interface ScopeOptions {
  /** Governs the life of the scope: its abort begins the goodbye, with that reason. */
  readonly signal?: AbortSignal | undefined;
  /** What it is, for people. @default {"scope"} */
  readonly name?: string | undefined;
  /** Milliseconds for all resources together before force. @default {14_000} */
  readonly grace?: number | undefined;
}

/**
 * The owner of a tree of resources. It has the methods of `AsyncDisposableStack`, and ends what it owns in reverse
 * order, one after the other, in bounded time: an endpoint says its goodbye with its share of the budget, any other
 * disposer has a deadline of its own. One that throws or hangs is reported in the Farewell and keeps nobody else from
 * being freed (a native stack would wait for it for ever).
 */
export interface Scope extends Endpoint {
  /** The end has begun: nothing can be added. */
  readonly disposed: boolean;
  /** Owns a resource and hands it back. A scope that has ended frees it at once and throws a ClosedError. */
  use<T extends AsyncDisposable | Disposable | null | undefined>(resource: T): T;
  /** Owns a value with a function that frees it. */
  adopt<T>(value: T, onDispose: (value: T) => unknown): T;
  /** Runs a function at the end. */
  defer(onDispose: () => unknown): void;
  /** Hands everything to a new scope; this one is left empty and ends clean. */
  move(): Scope;
  /** The same as `goodbye()`, under the name that AsyncDisposableStack gives it. */
  disposeAsync(): Promise<void>;
}

/**
 * Makes a {@linkcode Scope}.
 *
 * @example
 * ```ts
 * import { createScope } from "gracewire/lifecycle";
 *
 * const scope = createScope({ grace: 5_000 });
 * try {
 *   scope.defer(() => console.log("freed last"));
 *   scope.defer(() => console.log("freed first"));
 * } finally {
 *   const farewell = await scope.goodbye();
 *   console.log(farewell.outcome); // clean
 * }
 * ```
 *
 * @throws {TypeError | RangeError} for options that are wrong, or that there are not.
 */
export function createScope(options: ScopeOptions = {}): Scope {
  checkNames(options, ["signal", "name", "grace"]);
  const { grace, name, signal } = options;
  if (grace !== undefined) checkDuration("grace", grace);
  checkSignal(signal);
  if (name !== undefined && typeof name !== "string") {
    throw new TypeError(`Cannot use option "name": expected a text, got ${typeof name}`);
  }
  return new ResourceScope(options, []);
}

/** What a scope owns. */
type Resource = OwnedEndpoint | { readonly hook: Hook };
type OwnedEndpoint = { readonly endpoint: Endpoint };

class ResourceScope extends LivingEndpoint implements Scope {
  readonly #options: ScopeOptions;
  readonly #resources: Resource[];
  readonly #lifecycle: Lifecycle;
  #unwinding: Promise<void> = Promise.resolve();

  constructor(options: ScopeOptions, resources: Resource[]) {
    const lifecycle = new Lifecycle({
      name: options.name ?? "scope",
      ...(options.grace === undefined ? {} : { grace: options.grace }),
      limits: { drain: Infinity, goodbye: 0 },
      steps: {
        drain: (step) => this.#unwind(step, "graceful"),
        release: (step) => this.#unwind(step, "forced"),
      },
    });
    super(lifecycle);
    this.#options = options;
    this.#resources = resources;
    this.#lifecycle = lifecycle;
    lifecycle.opened();
    lifecycle.govern(options.signal);
  }

  get disposed(): boolean {
    return this.#lifecycle.ending;
  }

  disposeAsync(): Promise<void> {
    return this[Symbol.asyncDispose]();
  }

  use<T extends AsyncDisposable | Disposable | null | undefined>(resource: T): T {
    if (resource === null || resource === undefined) return resource;
    this.#add(isEndpoint(resource) ? { endpoint: resource } : { hook: disposerOf(resource) });
    return resource;
  }

  adopt<T>(value: T, onDispose: (value: T) => unknown): T {
    checkFunction("adopt", onDispose);
    this.#add({ hook: { name: onDispose.name || "adopted value", run: () => onDispose(value) } });
    return value;
  }

  defer(onDispose: () => unknown): void {
    checkFunction("defer", onDispose);
    this.#add({ hook: { name: onDispose.name || "deferred function", run: () => onDispose() } });
  }

  move(): Scope {
    if (this.disposed) throw this.#lifecycle.refusal("move the resources of a scope");
    const moved = new ResourceScope(this.#options, this.#resources.splice(0));
    void this.#lifecycle.end({ cause: "goodbye" });
    return moved;
  }

  #add(resource: Resource): void {
    if (!this.disposed) {
      this.#resources.push(resource);
      return;
    }
    // It came too late to be owned, but it is there: it must not be left behind.
    const { reason } = this.#lifecycle;
    const free = (): unknown =>
      "endpoint" in resource
        ? resource.endpoint.goodbye({ reason })
        : resource.hook.run({ signal: this.signal, reason });
    Promise.resolve().then(free).catch((error: unknown) => this.#lifecycle.fault(error, "error"));
    throw this.#lifecycle.refusal("add a resource to a scope");
  }

  /** The loop of the end: after a cut, release takes it up where drain has left it. */
  #unwind(step: Step, mode: "graceful" | "forced"): Promise<void> {
    const before = this.#unwinding;
    this.#unwinding = before.then(() => this.#endAll(step, mode));
    return this.#unwinding;
  }

  async #endAll(step: Step, mode: "graceful" | "forced"): Promise<void> {
    while (this.#resources.length > 0 && (mode === "forced" || !step.signal.aborted)) {
      const share = shareOf(step, this.#resources.length);
      const resource = this.#resources.pop()!;
      if ("hook" in resource) await runHook(resource.hook, step, share, this.#lifecycle.farewell);
      else await this.#endEndpoint(resource, step, share, mode);
    }
    if (mode === "forced") await settleCutHooks(step, this.#lifecycle.farewell);
  }

  /**
   * The endpoint keeps to its budget by itself; in case it does not, nobody waits for it longer than that. When drain is
   * cut, release asks again, harder.
   */
  async #endEndpoint(
    resource: OwnedEndpoint,
    step: Step,
    share: number,
    mode: "graceful" | "forced",
  ): Promise<void> {
    const { farewell } = this.#lifecycle;
    const start = now();
    const over: Deferred<"timeout" | "cut"> = deferred();
    const timer = startTimer(share, () => over.resolve("timeout"));
    const link = onAbort(step.signal, () => over.resolve("cut"));
    const within = share - Math.min(reaction, share / 10);
    // The hard signal has been aborted when release finds something left: its reason reaches the child as it is.
    const budget = mode === "forced" ? { grace: 0, tail: within, signal: this.signal } : childBudget(within);
    try {
      const ended = await Promise.race([
        resource.endpoint.goodbye({ reason: step.reason, ...budget }),
        over.promise,
      ]);
      if (typeof ended === "object") farewell.child(ended);
      else if (ended === "cut" && mode === "graceful") this.#resources.push(resource);
      else farewell.hook({ name: nameOf(resource.endpoint), duration: now() - start, ended: "timeout" });
    } catch (error) {
      // An endpoint never rejects; what only looks like one may.
      farewell.hook({ name: nameOf(resource.endpoint), duration: now() - start, ended: "failed" });
      this.#lifecycle.fault(error, "error");
    } finally {
      link.unlink();
      timer.cancel();
    }
  }
}

/** Milliseconds that an endpoint may be late before its owner goes on without it. */
const reaction = 250;

function isEndpoint(resource: AsyncDisposable | Disposable): resource is Endpoint {
  const { goodbye, closed } = resource as Partial<Endpoint>;
  return typeof goodbye === "function" && closed instanceof Promise;
}

function disposerOf(resource: AsyncDisposable | Disposable): Hook {
  const owner = resource as Partial<AsyncDisposable & Disposable>;
  const dispose = owner[Symbol.asyncDispose] ?? owner[Symbol.dispose];
  if (typeof dispose !== "function") {
    throw new TypeError(
      "Cannot use a resource: expected [Symbol.asyncDispose] or [Symbol.dispose], got neither",
    );
  }
  return { name: nameOf(resource), run: () => dispose.call(resource) };
}

function nameOf(resource: object): string {
  return resource.constructor?.name || "resource";
}

function checkFunction(method: string, value: unknown): void {
  if (typeof value !== "function") {
    throw new TypeError(`Cannot ${method} a resource: expected a function, got ${typeof value}`);
  }
}
